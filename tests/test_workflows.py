"""The workflows, which run elsewhere: what can be held about them here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent.parent / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*"))
NAMES = [path.name for path in FILES]
USES = re.compile(r"^ *(?:- )?uses: (?P<action>\S+)(?P<rest>.*)$", flags=re.MULTILINE)
PINNED = re.compile(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40}")
VERSION = re.compile(r" # v\d+\.\d+\.\d+")


def read(path: Path) -> dict[str, Any]:
    """Return a workflow's content."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the steps of all jobs."""
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_there_is_one_for_changes_and_one_for_releases() -> None:
    """Nothing else lies in the folder, whose every file GitHub would run."""
    assert NAMES == ["ci.yml", "release.yml"]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_action_is_pinned_by_its_commit_with_the_version_beside(path: Path) -> None:
    """A tag can be moved to other code; a commit cannot."""
    found = [
        (match["action"], match["rest"])
        for match in USES.finditer(path.read_text(encoding="utf-8"))
    ]
    assert len(found) == sum("uses" in step for step in steps(read(path)))
    assert found
    assert [] == [x for x in found if not (PINNED.fullmatch(x[0]) and VERSION.fullmatch(x[1]))]


def test_an_action_is_the_same_commit_everywhere() -> None:
    """Updating an action in one place only is an oversight."""
    commits: dict[str, set[str]] = {}
    for path in FILES:
        for match in USES.finditer(path.read_text(encoding="utf-8")):
            action, _, commit = match["action"].partition("@")
            commits.setdefault(action, set()).add(commit + match["rest"])
    assert {} == {action: found for action, found in commits.items() if len(found) > 1}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_permissions_are_stated_and_nothing_is_written_by_default(path: Path) -> None:
    """The token may read; a job that may do more says so itself, and lists it."""
    workflow = read(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert all(isinstance(job.get("permissions", {}), dict) for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_runs_do_not_overlap_and_no_job_runs_for_hours(path: Path) -> None:
    """GitHub's own limit is six hours."""
    workflow = read(path)
    assert set(workflow["concurrency"]) == {"group", "cancel-in-progress"}
    assert all(job["timeout-minutes"] <= 60 for job in workflow["jobs"].values())


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_scripts_take_values_from_the_environment_only(path: Path) -> None:
    """An expression in a script is pasted into it: a branch's name could be code."""
    assert [] == [step["run"] for step in steps(read(path)) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_token_does_not_stay_in_the_checkout(path: Path) -> None:
    """What later steps run could read it from the repository's configuration."""
    kept = [
        step
        for step in steps(read(path))
        if step.get("uses", "").startswith("actions/checkout@")
        and step.get("with", {}).get("persist-credentials") is not False
    ]
    assert kept == []
