"""`history`: past runs listed, asked about, and dropped."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.history.store import open_store
from auditor.model.findings import SubjectRecord
from tests.cli.conftest import Run
from tests.history.runs import CLUSTER, make_run, make_snapshot, time_of
from tests.history.tampering import OTHER, PRUNED, Kept, keep_store
from tests.reports.audits import make_finding


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A store in the default place, below the folder in which the command runs."""
    folder = tmp_path / "out"
    folder.mkdir()
    kept = keep_store(folder)
    kept.change("UPDATE clusters SET name = 'other' WHERE key = ?", OTHER)
    return kept


def table(out: bytes) -> list[list[str]]:
    """The rows of a table whose cells hold no spaces."""
    return [line.split() for line in out.decode().splitlines()]


def rows(out: bytes) -> list[dict[str, str]]:
    """The rows of a CSV."""
    return list(csv.DictReader(io.StringIO(out.decode("utf-8-sig"))))


# The list


@pytest.mark.usefixtures("kept")
def test_past_runs_are_listed_newest_first(run: Run) -> None:
    """Of all clusters, from the store in the output folder; a pruned run has no numbers."""
    ran = run("history")
    assert (0, "") == (ran.code, ran.err)
    head, *lines, total = table(ran.out)
    assert ["STARTED", "RUN", "CLUSTER", "NUMBER", "SCORE", "CRITICAL", "HIGH"] == head[:7]
    assert ["10", "runs"] == total
    assert (
        sorted(ran.out.decode().splitlines()[1:-1], reverse=True)
        == (ran.out.decode().splitlines()[1:-1])
    )
    by_run = {line[1]: dict(zip(head, line, strict=True)) for line in lines}
    assert {"SCORE": "-", "HIGH": "-", "PODS": "-", "CONTENT": "pruned"}.items() <= (
        by_run[PRUNED].items()
    )
    assert {
        "NUMBER": "3",
        "HIGH": "2",
        "PODS": "21",
        "POLICIES": "18",
        "SIGNED": "no",
        "CONTENT": "kept",
    }.items() <= by_run["run-0003"].items()


@pytest.mark.usefixtures("kept")
def test_the_newest_runs_of_one_cluster_can_be_asked_for(run: Run) -> None:
    """By name or key; that others are left out is said."""
    for name in ("other", OTHER):
        ran = run("history", "--cluster-name", name, "--limit", "2", "-o", "json")
        assert ["run-0105", "run-0104"] == [one["id"] for one in ran.json]
        assert "3 older runs are not listed\n" == ran.err


@pytest.mark.usefixtures("kept")
def test_the_list_is_json_and_csv_too(run: Run) -> None:
    """With all that is known of each run; what is not known of a pruned one is null, or empty."""
    listed = {one["id"]: one for one in run("history", "-o", "json").json}
    assert (5, {"critical": 0, "high": 2, "medium": 0, "low": 0, "info": 0}) == (
        listed["run-0005"]["sequence"],
        listed["run-0005"]["by_severity"],
    )
    assert (True, None, None) == tuple(
        listed[PRUNED][one] for one in ("is_pruned", "by_severity", "score")
    )
    written = {one["id"]: one for one in rows(run("history", "-o", "csv").out)}
    assert set(listed) == set(written)
    assert ("2", "no", "21") == tuple(written["run-0005"][o] for o in ("high", "pruned", "pods"))
    assert ("", "yes", "") == tuple(written[PRUNED][one] for one in ("high", "pruned", "score"))
    assert listed["run-0005"]["hash"] == written["run-0005"]["hash"]


def test_hostile_names_are_shown_inert(run: Run, tmp_path: Path) -> None:
    """No colours, no line breaks, no formulas: what a cluster is called is anyone's to say."""
    name = "=cmd|' /C calc'!A0\x1b[31m\nrun-fake"
    new = make_run(1, [make_finding(1, subject=SubjectRecord("=1+1", "Deployment", "web"))])
    cluster = msgspec.structs.replace(new.report.cluster, name=name)
    report = msgspec.structs.replace(new.report, cluster=cluster)
    new = msgspec.structs.replace(new, report=report, cluster="name:hostile", judged=("=1+1",))
    with open_store(str(tmp_path / "store.sqlite"), create=True) as store:
        store.keep(new, make_snapshot(1))
    out = run("history", "--store", "store.sqlite").out
    assert b"\x1b" not in out
    assert 3 == len(out.splitlines())
    (row,) = rows(run("history", "--store", "store.sqlite", "-o", "csv").out)
    assert row["cluster_name"].startswith("'=cmd")
    since = ("--since", "2026-01-01", "--store", "store.sqlite")
    (row,) = [
        one
        for one in rows(run("history", "interval", *since, "-o", "csv").out)
        if one["state"] == "unsatisfied-at-some-run"
    ]
    assert "'=1+1" == row["namespace"]


@pytest.mark.parametrize(
    "change",
    [
        "header = '{}'",
        "header = 'no JSON'",
        "header = CAST(x'ff' AS TEXT)",
        "header = x'ff'",
        "started_at = x'ff'",
        "cluster = x'ff'",
        "sequence = 'x'",
        "hash = x'ff'",
    ],
)
def test_a_run_that_was_altered_is_not_listed_as_if_it_were_sound(
    run: Run, kept: Kept, change: str
) -> None:
    """It is an error of the history, in one line; `verify` says more."""
    kept.change(f"UPDATE runs SET {change} WHERE id = 'run-0003'")  # noqa: S608
    for form in ("table", "json", "csv"):
        ran = run("history", "-o", form)
        assert (1, b"", 2) == (ran.code, ran.out, ran.err.count("\n"))
        assert ran.err.startswith("error: run run-0003 is not as it was kept")
    for form in ("table", "json"):
        ran = run("verify", "-o", form)
        assert (1, "") == (ran.code, ran.err)
        assert b"run-0003" in ran.out


@pytest.mark.parametrize("verb", [(), ("interval", "--since", "2026-01-01"), ("prune",)])
def test_a_store_that_is_not_there_is_an_error(run: Run, verb: tuple[str, ...]) -> None:
    """Nothing is made where one only reads; without a history there is nothing to ask."""
    keep = ("--keep-runs", "1") if verb == ("prune",) else ()
    ran = run("history", *verb, *keep, "--store", "none.sqlite")
    assert (1, b"") == (ran.code, ran.out)
    assert ran.err.startswith("error: there is no history at none.sqlite\nhint: ")
    assert not Path("none.sqlite").exists()
    ran = run("history", *verb, *keep, "--store", "none")
    assert (2, "error: no history is kept\nhint: name it with --store\n") == (ran.code, ran.err)


@pytest.mark.usefixtures("kept")
def test_names_that_the_history_does_not_hold_are_usage(run: Run) -> None:
    """With near ones; where one cluster is asked about, several are too many."""
    ran = run("history", "--cluster-name", "othr")
    assert 2 == ran.code
    assert "error: cluster othr is unknown to the history\nhint: did you mean other?\n" == ran.err
    ran = run("history", "interval", "--since", "2026-01-01")
    assert 2 == ran.code
    assert "error: the history holds several clusters\nhint: name one with --cluster-name: " in (
        ran.err
    )


@pytest.mark.usefixtures("kept")
def test_flags_of_the_list_do_not_stand_before_a_verb(run: Run) -> None:
    """They would be lost there."""
    ran = run("history", "--store", "other.sqlite", "prune", "--keep-runs", "1")
    assert 2 == ran.code
    assert "error: flag --store stands before prune\n" in ran.err
    assert "hint: write it after: history prune --store\n" in ran.err


def test_a_password_on_the_command_line_is_refused(run: Run) -> None:
    """Everyone on the machine could read it; it is not repeated."""
    ran = run("history", "--store", "postgresql+psycopg://a:hunter2@127.0.0.1:1/h")
    assert 2 == ran.code
    assert ran.err.startswith("error: flag --store holds a password\nhint: put the URL into NETPOL")
    assert "hunter2" not in ran.err


def test_the_store_may_be_a_setting(
    run: Run, tmp_path: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file, or of the environment, with the cluster's name."""
    kept.folder.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("NETPOL_AUDITOR_STORE", "elsewhere/history.sqlite")
    (tmp_path / "netpol-auditor.yaml").write_text("cluster_name: other", encoding="utf-8")
    assert 5 == len(run("history", "-o", "json").json)


# The interval view


def interval(run: Run, *arguments: str) -> Any:
    """The interval view of the cluster with the pruned run, as JSON."""
    return run("history", "interval", "--cluster-name", CLUSTER, *arguments, "-o", "json").json


@pytest.mark.usefixtures("kept")
def test_the_interval_view_says_what_was_seen(run: Run) -> None:
    """Per namespace and rule, with how densely the period was sampled."""
    view = interval(run, "--since", "2026-01-01", "--until", "2026-01-01")
    assert (4, 1, time_of(2), time_of(5)) == tuple(
        view[one] for one in ("runs", "pruned", "first_run_at", "last_run_at")
    )
    assert (3600.0, 19 * 3600.0 - 1) == (
        view["median_interval_seconds"],
        view["longest_interval_seconds"],
    )
    states = {(one["namespace"], one["rule"]): one["state"] for one in view["rows"]}
    assert "unsatisfied-at-some-run" == states["shop-dev", "namespace-lacks-default-deny"]
    assert "always-satisfied" == states["shop-prod", "namespace-lacks-default-deny"]


@pytest.mark.usefixtures("kept")
def test_the_interval_view_is_a_table_and_csv_too(run: Run) -> None:
    """The table says first how densely was sampled; a period without runs has no rows."""
    period = ("--cluster-name", CLUSTER, "--since", time_of(2), "--until", "2026-01-01")
    lines = run("history", "interval", *period).out.decode().splitlines()
    assert [
        f"cluster {CLUSTER}, {time_of(2)} to 2026-01-01T23:59:59Z",
        f"sampled by 4 runs: the first at {time_of(2)}, the last at {time_of(5)}",
        "median time between runs: 60.0 minutes",
        "longest time without a run: 19.0 hours; nothing is known of what was between runs",
        "",
    ] == lines[:5]
    shown = {tuple(line.split()[1:3]): line.split() for line in lines[6:]}
    found = shown["shop-dev", "namespace-lacks-default-deny"]
    assert ["4", "4", "0", "0", time_of(2), time_of(5)] == found[3:]
    assert "always-satisfied" == shown["(cluster)", "environments-can-talk"][0]
    written = rows(run("history", "interval", *period, "-o", "csv").out)
    assert len(shown) == len(written)
    none = run(
        "history",
        "interval",
        "--cluster-name",
        CLUSTER,
        "--since",
        "2020-01-01",
        "--until",
        "2020-01-02",
    ).out.decode()
    assert "sampled by 0 runs\nnothing is known of this period: " in none
    assert "STATE" not in none


@pytest.mark.usefixtures("kept")
def test_a_pruned_run_of_the_period_is_told(run: Run) -> None:
    """It was there, and nothing is known of it."""
    period = ("--cluster-name", CLUSTER, "--since", "2026-01-01")
    out = run("history", "interval", *period).out.decode()
    assert "1 more run of the period: pruned, so not counted here\n" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "error: flag --since is missing"),
        (("--since", "monday"), "--since monday is no date or time"),
        (("--since", "2026-01-02", "--until", "2026-01-01"), "the period ends before it begins"),
        (("--since", "9999-01-01"), "the period ends before it begins"),
    ],
)
@pytest.mark.usefixtures("kept")
def test_what_is_no_period_is_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, with the forms."""
    ran = run("history", "interval", "--cluster-name", CLUSTER, *arguments)
    assert 2 == ran.code
    assert message in ran.err


# Pruning


def test_old_runs_are_dropped(run: Run, kept: Kept) -> None:
    """Those beyond the limit, of every cluster; what is dropped is said."""
    before = len(kept.snapshots)
    ran = run("history", "prune", "--keep-runs", "3")
    assert (0, "") == (ran.code, ran.err)
    assert (
        f"cluster {OTHER}:\n"
        f"  run run-0101 of {time_of(101)}\n"
        f"  run run-0102 of {time_of(102)}\n"
        f"cluster {CLUSTER}:\n"
        f"  run run-0002 of {time_of(2)}\n"
        "3 runs and 3 snapshots dropped from out/history.sqlite\n"
    ) == ran.out.decode()
    assert before - 3 == len(kept.snapshots)
    assert kept.verify().is_intact
    assert 3 == sum(one["is_pruned"] for one in run("history", "-o", "json").json) - 1


@pytest.mark.usefixtures("kept")
def test_a_trial_drops_nothing(run: Run) -> None:
    """It says what would go."""
    ran = run("history", "prune", "--keep-days", "1", "--dry-run")
    assert ran.out.decode().endswith("would be dropped from out/history.sqlite\n")
    assert 1 == sum(one["is_pruned"] for one in run("history", "-o", "json").json)


@pytest.mark.usefixtures("kept")
def test_one_cluster_alone_can_be_pruned(run: Run) -> None:
    """And the limits may be settings."""
    Path("netpol-auditor.yaml").write_text("keep_runs: 1", encoding="utf-8")
    out = run("history", "prune", "--cluster-name", "other").out.decode()
    assert "4 runs and 4 snapshots dropped" in out
    assert CLUSTER not in out


@pytest.mark.usefixtures("kept")
def test_without_a_limit_nothing_is_pruned(run: Run) -> None:
    """Nobody means to drop everything; nor to keep nothing."""
    ran = run("history", "prune")
    assert (2, b"") == (ran.code, ran.out)
    assert "error: it is not said which runs to keep\nhint: give --keep-days or" in ran.err
    for value, reason in (("0", "it is less than 1"), ("x", "")):
        ran = run("history", "prune", "--keep-runs", value)
        assert 2 == ran.code
        assert f"error: flag --keep-runs is malformed: {reason}" in ran.err
    assert 1 == sum(one["is_pruned"] for one in run("history", "-o", "json").json)


@pytest.mark.usefixtures("kept")
def test_of_a_period_without_runs_nothing_is_known(run: Run) -> None:
    """It is said plainly, and not by an empty table; where a program reads it, on stderr."""
    said = "nothing is known of this period: no run whose content is kept was started in it"
    asked = ("history", "interval", "--cluster-name", CLUSTER, "--since", "2025-01-01")
    ran = run(*asked, "--until", "2025-12-31")
    assert (0, "") == (ran.code, ran.err)
    assert ["sampled by 0 runs", said] == ran.out.decode().splitlines()[1:]
    for form in ("json", "csv"):
        ran = run(*asked, "--until", "2025-12-31", "-o", form)
        assert (0, f"warning: {said}\n") == (ran.code, ran.err)
