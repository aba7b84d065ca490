"""Command lines that are wrong: exit 2, one error, a hint with near matches, and no report."""

from pathlib import Path

import pytest

from tests.bad_input.conftest import Say
from tests.conftest import FindCluster

WRONG = {
    "adit": ("verb adit is unknown", "did you mean audit?"),
    "audit --fial-on high": ("flag --fial-on is unknown", "did you mean --fail-on"),
    "audit --fail-on huge": ("'huge' is not one of", "audit --help"),
    "audit -o json": ("json is a format", "use --print json|table"),
    "audit --print html": ("'html' is not one of", "audit --help"),
    "audit extra": ("unexpected extra argument (extra)", "audit --help"),
    "audit -n shop-prd": ("namespace shop-prd is unknown", "did you mean shop-prod"),
    "connections -n shop-prd": ("namespace shop-prd is unknown", "did you mean shop-prod"),
    "connections -n shop-prod -n shop": ("namespace shop is unknown", "did you mean shop-"),
    "audit -n zzz": ("namespace zzz is unknown", "did you mean "),
    "audit -A -n shop-prod": ("-A and -n contradict each other", "leave one"),
    "audit -q -v": ("-q and -v contradict each other", "leave one"),
    "audit -l a=b=c": ("--selector is malformed", "kubectl's syntax"),
    "audit --request-timeout soon": ("--request-timeout is malformed", "30s"),
    "audit --config absent.yaml": ("settings file absent.yaml cannot be read", "--config"),
    "audit --waivers absent.yaml": ("waiver file absent.yaml cannot be read", "name a readable"),
    "waivers check absent.yaml": ("waiver file absent.yaml cannot be read", "name a readable"),
    "waivers check": ("is missing", "waivers check --help"),
    "audit --ip-blocks-match-pods maybe": ("'maybe' is not one of", "audit --help"),
    "connections -o yaml": ("'yaml' is not one of", "connections --help"),
    "connections --port 70000": ("port '70000' is out of range", "1 to 65535"),
    "connections --port nope": ("nope", ""),
    "connections --from shop-pro": ("namespace shop-pro is unknown", "did you mean shop-prod"),
    "connections --to shop-prod/Deployment/wep": ("wep is unknown", "shop-prod/Deployment/web"),
    "explain shop-dev/Deployment/web": ("DESTINATION is missing", "explain --help"),
    "explain shop-dev/web shop-prod/redis": ("pod shop-dev/web is unknown", "Deployment/web"),
    "explain 300.0.0.1 shop-prod/StatefulSet/db": ("'300.0.0.1' names no", "an address"),
    "snapshot -o json": ("json is a format", "./json"),
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_line_is_one_error(
    line: str,
    say: Say,
    cluster: FindCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is wrong and what is meant perhaps; nothing on stdout, and no file."""
    monkeypatch.chdir(tmp_path)
    said = say(*line.split(), "-f", cluster("shop"))
    problem, advice = WRONG[line]
    error, *hints = said.complaint.splitlines()
    assert (2, b"") == (said.exit_code, said.output)
    assert error.startswith("error: ")
    assert problem in error
    assert advice in "".join(hints)
    assert len(hints) <= 1
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("rule", ["datbase-open-to-all-pods", "database_open_to_all_pods"])
def test_an_unknown_rule_is_answered_with_the_one_that_is_meant(rule: str, say: Say) -> None:
    """Exit 2, and the id that is near."""
    said = say("rules", "show", rule)
    error, hint = said.complaint.splitlines()
    assert (2, b"", f"error: rule {rule} is unknown") == (said.exit_code, said.output, error)
    assert hint.startswith("hint: did you mean database-open-to-all-pods")


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "-f", ""),
        ("audit", "-f", "a.yaml", "-o", ""),
        ("connections", "-f", "a.yaml", "-f", ""),
        ("connections", "-f", "a.yaml", "--output-file", ""),
        ("snapshot", "-f", "a.yaml", "-o", ""),
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    arguments: tuple[str, ...], say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-f "$FOLDER"` without a FOLDER audits nothing, and `-o ""` litters nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    said = say(*arguments)
    assert (2, b"") == (said.exit_code, said.output)
    assert "is empty" in said.complaint.splitlines()[0]
    assert ["a.yaml"] == [path.name for path in tmp_path.iterdir()]


def test_standard_input_is_read_once(say: Say) -> None:
    """`-f -` twice cannot mean anything."""
    said = say("connections", "-f", "-", "-f", "-")
    assert (2, b"") == (said.exit_code, said.output)
    assert "error: -f - is given twice" == said.complaint.splitlines()[0]
