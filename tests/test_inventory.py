"""The tree is what it says: sizes, rooms, rules and their cases."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES_AT_MOST = 400
SOURCES = sorted(
    path
    for package in ("auditor", "reports", "tests")
    for path in (ROOT / package).rglob("*.py")
    if "__pycache__" not in path.parts
)
RULE_FILES = sorted(
    path for path in (ROOT / "auditor" / "rules").glob("*.py") if not path.name.startswith("_")
)
CASES = ROOT / "tests" / "rules" / "cases"


def ids_of_rule_files() -> list[str]:
    """Return the ids that the files under ``auditor/rules`` stand for."""
    return sorted(path.stem.replace("_", "-") for path in RULE_FILES)


def floors() -> list[set[str]]:
    """Return import-linter's floors from high to low, each as the modules that stand on it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["id"] == "floors")
    return [{name.strip(" ()") for name in layer.split("|")} for layer in layers]


def test_no_file_is_longer_than_the_ceiling() -> None:
    """A Python file of the product or of its tests has at most 400 lines."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in SOURCES
    }
    assert lengths, "no Python file was found"
    assert {} == {name: lines for name, lines in lengths.items() if lines > LINES_AT_MOST}


def test_every_room_stands_on_a_floor() -> None:
    """Each module and package directly under ``auditor`` is named in the contract of floors."""
    rooms = {
        f"auditor.{path.stem}"
        for path in (ROOT / "auditor").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file())
        and not path.name.startswith("__")
    }
    assert rooms, "auditor has no rooms"
    assert set() == rooms - set().union(*floors())


def test_every_package_is_a_package() -> None:
    """A folder that holds Python files has an ``__init__.py``: else the wheel's users miss it."""
    folders = {path.parent for path in SOURCES if "tests" not in path.relative_to(ROOT).parts[:1]}
    assert [] == sorted(
        str(folder.relative_to(ROOT))
        for folder in folders
        if not (folder / "__init__.py").is_file()
    )


def test_the_list_of_rules_holds_every_rule_file_once() -> None:
    """The ids in ``auditor.rules.RULES`` are those of the files beside it, each once."""
    from auditor.rules import RULES

    assert RULE_FILES, "auditor/rules holds no rule"
    assert ids_of_rule_files() == sorted(rule.id for rule in RULES)


def test_every_rule_has_a_file_of_cases_and_no_case_lacks_its_rule() -> None:
    """``tests/rules/cases`` holds ``<id>.yaml`` for each rule, and nothing else."""
    assert ids_of_rule_files() == sorted(path.stem for path in CASES.glob("*.yaml"))


def test_rules_md_is_what_the_docstrings_say() -> None:
    """RULES.md is generated: `make rules` writes it anew after a docstring has changed."""
    from auditor.rules import RULES
    from reports.rule_pages import list_pages_markdown

    generated = list_pages_markdown(tuple(one.page for one in RULES))
    assert generated == (ROOT / "RULES.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", RULE_FILES, ids=lambda path: path.stem)
def test_a_rule_file_is_named_in_snake_case(path: Path) -> None:
    """A rule's file name is lower-case words joined by ``_``, so that its id reads as a slug."""
    words = path.stem.split("_")
    assert all(word.isalnum() and word == word.lower() for word in words), path.stem
