"""The image: its locked requirements, and what its Dockerfile promises.

That it builds and runs is held by `make image-check`, which needs root and a network.
"""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cronjob"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {
    "requirements.txt": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["postgresql"],
    ],
    "requirements-build.txt": PROJECT["build-system"]["requires"],
}
LOCKED = re.compile(
    r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[0-9]+(?:\.[0-9]+)*)"
    r"(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
)


def read_lock(name: str) -> str:
    """Return a file of locked requirements without its first line, which says who wrote it."""
    header, _, lock = (FOLDER / name).read_text(encoding="utf-8").partition("\n")
    assert header.startswith("# Written by `make requirements` from pyproject.toml; ")
    return lock


def read_instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, each in one line, with their arguments."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (x.partition(" ") for x in lines)]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_versions_and_hashes_and_nothing_else(name: str) -> None:
    """Each line is a version with hashes: no address, no option and no path could hide there."""
    lock = read_lock(name)
    assert lock
    assert LOCKED.sub("", lock) == ""


@pytest.mark.parametrize("name", LOCKS)
def test_what_the_project_asks_for_is_locked_within_its_range(name: str) -> None:
    """A requirement that pyproject.toml names, or moves, is not forgotten in the image."""
    versions = {match["name"]: match["version"] for match in LOCKED.finditer(read_lock(name))}
    wanted = [Requirement(text) for text in LOCKS[name]]
    outside = [
        str(one)
        for one in wanted
        if not one.specifier.contains(versions.get(canonicalize_name(one.name), "0"))
    ]
    assert outside == [], "run `make requirements`"


def test_the_lock_is_for_the_images_python() -> None:
    """The wheels whose hashes are locked are those of the interpreter that installs them."""
    (base,) = (x for word, x in read_instructions() if word == "ARG" and x.startswith("BASE="))
    lock = (FOLDER / "lock.py").read_text(encoding="utf-8")
    (python,) = re.findall(r'^PYTHON = "([0-9.]+)"$', lock, flags=re.MULTILINE)
    assert f"python:{python}-slim-" in base


def test_every_stage_stands_on_the_base_that_a_digest_pins() -> None:
    """One argument pins what all stages are made of, and the default is the tag."""
    sources = [rest.split(" ")[0] for word, rest in read_instructions() if word == "FROM"]
    assert sources == ["${BASE}${BASE_DIGEST:+@${BASE_DIGEST}}", "base", "base"]
    assert ("ARG", "BASE_DIGEST=") in read_instructions()


def test_the_image_runs_as_a_user_by_number_that_is_not_root() -> None:
    """Kubernetes' ``runAsNonRoot`` refuses names. The number is the chart's, too."""
    instructions = read_instructions()
    assert [rest for word, rest in instructions if word == "USER"] == ["65532:65532"]
    assert instructions[-1] == ("ENTRYPOINT", '["netpol-auditor"]')


def test_libraries_are_installed_by_their_hashes_as_wheels_only() -> None:
    """No step resolves, downloads or builds anything that is not locked."""
    installs = [
        command
        for word, rest in read_instructions()
        if word == "RUN"
        for command in rest.split(" && ")
        if " -m pip " in command and " install " in command
    ]
    locked = "--require-hashes --no-deps --only-binary :all:"
    assert installs
    assert [] == [one for one in installs if locked not in one and "--no-index" not in one]


def test_what_the_image_is_made_of_is_let_through_to_its_build() -> None:
    """``.dockerignore`` lets through exactly what the Dockerfile copies, and all of it is there."""
    copied = {
        path
        for word, rest in read_instructions()
        if word == "COPY" and not rest.startswith("--from")
        for path in rest.split(" ")[:-1]
    }
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied == {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert [] == [path for path in sorted(copied) if not (ROOT / path).exists()]
