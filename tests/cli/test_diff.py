"""`diff`: what the two sides may be, formats, exit codes."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.model.drift import DRIFT_SCHEMA, Drift
from tests.cli.conftest import Run
from tests.conftest import FindCluster

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: dev}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


@pytest.fixture
def sides(cluster: FindCluster, tmp_path: Path) -> tuple[Path, Path]:
    """An open cluster, and the same with the ingress of dev closed."""
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        shutil.copytree(cluster("two-namespaces", "no-policy"), folder)
    (new / "deny.yaml").write_text(DENY, encoding="utf-8")
    return old, new


def numbers(drift: Any) -> tuple[int, int]:
    """How many connections opened, and closed."""
    totals = drift["connections"]["totals"]
    return totals["opened"], totals["closed"]


def test_folders_are_compared(run: Run, sides: tuple[Path, Path]) -> None:
    """What closed one way opens the other way; the document is the contract's."""
    old, new = sides
    forth = run("diff", old, new, "-o", "json").json
    back = run("diff", new, old, "-o", "json").json
    opened, closed = numbers(forth)
    assert 0 == opened < closed
    assert (closed, opened) == numbers(back)
    assert DRIFT_SCHEMA == forth["schema"]
    drift = msgspec.convert(forth, Drift)
    assert closed == len(drift.connections.closed)
    assert (str(old), str(new)) == (drift.previous.id, drift.current.id)
    assert ("dev/NetworkPolicy/default-deny",) == drift.policies.added


def test_only_what_opened_fails_and_only_where_that_is_asked_for(
    run: Run, sides: tuple[Path, Path]
) -> None:
    """Exit code 10 with --fail-on-opened; closing is no fault."""
    old, new = sides
    assert 0 == run("diff", new, old).code
    assert 10 == run("diff", new, old, "--fail-on-opened").code
    assert 0 == run("diff", old, new, "--fail-on-opened").code


@pytest.mark.parametrize(
    ("format_", "beginning"),
    [("table", b"Changes"), ("markdown", b"#"), ("html", b"<!doctype html>")],
)
def test_formats_are_written_to_a_file_or_standard_output(
    run: Run, sides: tuple[Path, Path], tmp_path: Path, format_: str, beginning: bytes
) -> None:
    """Each names the policy."""
    ran = run("diff", *sides, "-o", format_)
    assert ran.out.startswith(beginning)
    assert b"default-deny" in ran.out
    assert b"" == run("diff", *sides, "-o", format_, "--output-file", "changes").out
    assert (tmp_path / "changes").read_bytes().startswith(beginning)


def test_a_snapshot_or_the_source_may_be_a_side(run: Run, sides: tuple[Path, Path]) -> None:
    """OLD with -f in place of NEW; a saved snapshot is as good as the folder."""
    old, new = sides
    assert 0 == run("snapshot", "-q", "-f", new, "-o", "new.snapshot").code
    expected = numbers(run("diff", old, new, "-o", "json").json)
    assert expected == numbers(run("diff", old, "new.snapshot", "-o", "json").json)
    assert expected == numbers(run("diff", old, "-f", new, "-o", "json").json)


@pytest.mark.usefixtures("fast")
def test_runs_are_compared(run: Run, sides: tuple[Path, Path], tmp_path: Path) -> None:
    """The last two where none is named; one by its id, with another or with a folder."""
    old, new = sides
    live = tmp_path / "live"
    shutil.copytree(old, live)
    run("audit", "-q", "-f", live)
    shutil.copytree(new, live, dirs_exist_ok=True)
    run("audit", "-q", "-f", live)
    expected = numbers(run("diff", old, new, "-o", "json").json)
    drift = run("diff", "-o", "json").json
    assert expected == numbers(drift)
    first, last = drift["previous"]["id"], drift["current"]["id"]
    ids = {one["id"] for one in run("history", "-o", "json").json}
    assert {first, last} == ids
    for previous, current in ((first, last), (first[:8], "latest")):
        named = run("diff", f"run:{previous}", f"run:{current}", "-o", "json").json
        assert drift["connections"] == named["connections"]
    assert expected == numbers(run("diff", f"run:{first}", new, "-o", "json").json)
    assert (0, 0) == numbers(run("diff", f"run:{last}", "-f", new, "-o", "json").json)


def test_a_baseline_is_what_git_wants(run: Run, sides: tuple[Path, Path]) -> None:
    """What the cluster has beyond it was added; what it lacks was removed."""
    old, new = sides
    beyond = run("diff", "--baseline", old, "-f", new, "-o", "json").json
    assert ["dev/NetworkPolicy/default-deny"] == beyond["policies"]["added"]
    lacking = run("diff", "--baseline", new, "-f", old, "-o", "json").json
    assert ["dev/NetworkPolicy/default-deny"] == lacking["policies"]["removed"]
    assert numbers(lacking)[0]


ROGUE = """\
{apiVersion: v1, kind: Namespace, metadata: {name: rogue}}
---
{apiVersion: v1, kind: Pod, metadata: {name: open, namespace: rogue}}
---
{apiVersion: v1, kind: Pod, metadata: {name: dns, namespace: kube-system}}
"""


def test_a_namespace_beyond_the_baseline_fails_on_opened(
    run: Run, sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """Git does not speak of it; of a system namespace it need not."""
    old, _ = sides
    rogue = tmp_path / "rogue.yaml"
    rogue.write_text(ROGUE)
    ran = run("diff", "--baseline", old, "-f", old, "-f", rogue, "--fail-on-opened", "-o", "json")
    assert 10 == ran.code
    assert [("namespace-added", "Namespace/rogue")] == [
        (one["change"], one["object"]) for one in ran.json["scope"]
    ]


def test_what_is_shown_is_narrowed(run: Run, sides: tuple[Path, Path]) -> None:
    """-n leaves rows with an end in the namespace, and its findings; a misspelt one is refused."""
    whole = run("diff", *sides, "-o", "json").json
    narrowed = run("diff", *sides, "-n", "prod", "-o", "json").json
    rows = [
        one
        for one in whole["connections"]["closed"]
        if "prod" in {one[end].get("namespace") for end in ("source", "destination")}
    ]
    assert 0 < len(rows) < len(whole["connections"]["closed"])
    assert rows == narrowed["connections"]["closed"]
    assert [] == narrowed["policies"]["added"]
    namespaces = {one["subject"]["namespace"] for one in narrowed["findings"]["details"].values()}
    assert namespaces <= {"prod", None}
    assert 2 == run("diff", *sides, "-n", "prd").code


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--baseline", "old", "old", "new"), "--baseline and OLD contradict each other"),
        (("-f", "old"), "-f is given without OLD"),
        (("old", "new", "-f", "old"), "-f is given beside OLD and NEW"),
        (("", "new"), "OLD is empty"),
        (("run:1234", "new"), "there is no history at out/history.sqlite"),
        (("old", "nowhere"), "nowhere"),
    ],
)
@pytest.mark.usefixtures("sides")
def test_what_cannot_be_compared_is_said(run: Run, arguments: tuple[str, ...], error: str) -> None:
    """In one line, with a hint, and nothing on standard output."""
    ran = run("diff", *arguments)
    assert ran.code in {1, 2, 3}
    assert b"" == ran.out
    assert error in ran.err
    assert "hint: " in ran.err


@pytest.mark.usefixtures("fast")
def test_a_run_is_needed_for_the_last_two(run: Run, sides: tuple[Path, Path]) -> None:
    """One run has none before it; an unknown one is answered with those that there are."""
    run("audit", "-q", "-f", sides[0])
    alone = run("diff")
    assert 2 == alone.code
    assert "keeps no two runs" in alone.err
    unknown = run("diff", "run:ffffffff")
    assert 2 == unknown.code
    assert "run ffffffff is unknown" in unknown.err


def test_gaps_of_either_side_are_strict(run: Run, sides: tuple[Path, Path]) -> None:
    """Exit code 4 where --strict is given and something could not be read."""
    (sides[0] / "broken.yaml").write_text("kind: [\n", encoding="utf-8")
    assert 0 == run("diff", *sides).code
    assert 4 == run("diff", *sides, "--strict").code


def test_what_one_side_could_not_read_is_not_compared(run: Run, sides: tuple[Path, Path]) -> None:
    """A policy that is broken looks like one that is gone: its namespace is left out, and named."""
    old, new = sides
    broken = DENY.replace("podSelector: {}", "podSelector: 7")
    (old / "deny.yaml").write_text(DENY, encoding="utf-8")
    (new / "deny.yaml").write_text(broken, encoding="utf-8")
    drift = run("diff", old, new, "-o", "json").json
    assert (0, 0) == numbers(drift)
    assert ["dev"] == [one["namespace"] for one in drift["connections"]["not_compared"]]
    assert [] == drift["findings"]["resolved"]
    assert 0 == run("diff", old, new).code
    assert 10 == run("diff", old, new, "--fail-on-opened").code


@pytest.mark.usefixtures("fast")
def test_the_latest_run_is_one_clusters(run: Run, sides: tuple[Path, Path]) -> None:
    """Where the store keeps several clusters and none is named, that is asked for."""
    for name in ("one", "two"):
        run("audit", "-q", "-f", sides[0], "--cluster-name", name)
    ran = run("diff", "run:latest", sides[1])
    assert 2 == ran.code
    assert "the history holds several clusters" in ran.err
    named = run("diff", "run:latest", sides[1], "--cluster-name", "one", "-o", "json").json
    ids = {one["cluster"]: one["id"] for one in run("history", "-o", "json").json}
    assert ids["name:one"] == named["previous"]["id"]
