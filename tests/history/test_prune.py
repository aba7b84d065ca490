"""Pruning: what goes, what stays, and what remains of what went."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HistoryError, UnknownNameError
from auditor.history.prune import Retention
from auditor.history.store import Store, open_store
from auditor.history.stored import RawRun, Tombstone
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot, time_of
from tests.reports.audits import make_finding

DAY = 24
OTHER = "name:other"


def ids_of(store: Store, *, pruned: bool) -> list[str]:
    """The ids of the runs that were pruned, or of those that were not."""
    return [one.id for one in store.entries() if one.is_pruned is pruned]


def prune_runs(store: Store, keep_runs: int, *, now: int = 1000) -> list[str]:
    """Keep so many runs, and return the ids of those that went."""
    result = store.prune(keep_days=None, keep_runs=keep_runs, now=time_of(now))
    return [one.id for one in result.runs]


def test_the_newest_runs_keep_their_content(store: Store) -> None:
    """All but so many of each cluster are pruned, and can no longer be read."""
    keep_runs(store, 1, 2, 3)
    keep_runs(store, 4, 5, cluster=OTHER)
    assert ["run-0001"] == prune_runs(store, 2)
    assert ["run-0001"] == ids_of(store, pruned=True)
    with pytest.raises(UnknownNameError, match="run run-0001 was pruned at 2026-"):
        store.find("run-0001")
    with pytest.raises(UnknownNameError, match="run run-0001 was pruned at 2026-"):
        store.find("run-0001"[:8])
    assert ["run-0002", "run-0003", "run-0004", "run-0005"] == ids_of(store, pruned=False)
    for run in ("run-0002", "run-0003", "run-0004", "run-0005"):
        assert 2 == len(store.find(run).findings)
        assert make_snapshot(int(run[-1])) == store.load_snapshot(store.find(run))


def test_old_runs_are_pruned(store: Store) -> None:
    """By when they were started; the newest of a cluster stays, however old it is."""
    keep_runs(store, 1, 2, DAY + 1, DAY + 2)
    keep_runs(store, 3, cluster=OTHER)
    store.prune(keep_days=1, keep_runs=None, now=time_of(2 * DAY + 1))
    assert ["run-0001", "run-0002"] == ids_of(store, pruned=True)


def test_what_is_pruned_is_the_oldest_of_the_chain(store: Store) -> None:
    """Where clocks were set back, a run that is old stays behind one that is not."""
    keep_runs(store, 1, 5 * DAY, 2, 5 * DAY + 1)
    store.prune(keep_days=1, keep_runs=None, now=time_of(5 * DAY + 2))
    assert ["run-0001"] == ids_of(store, pruned=True)
    assert [Tombstone, RawRun, RawRun, RawRun] == [type(one) for one in store.raw(CLUSTER)]
    assert ["run-0120", "run-0002"] == prune_runs(store, 1)


def test_a_limit_may_be_longer_than_there_are_dates(store: Store) -> None:
    """Everything is younger then."""
    keep_runs(store, 1, 2)
    assert () == store.prune(keep_days=99999999999, keep_runs=10**30, now=time_of(600)).runs


def test_a_limit_that_is_not_set_prunes_nothing(store: Store) -> None:
    """Without either nothing goes."""
    keep_runs(store, 1, 2)
    assert () == store.prune(keep_days=None, keep_runs=None, now=time_of(600)).runs
    assert [] == ids_of(store, pruned=True)


def test_one_cluster_can_be_pruned_alone(store: Store) -> None:
    """The others keep theirs."""
    keep_runs(store, 1, 2)
    keep_runs(store, 3, 4, cluster=OTHER)
    store.prune(keep_days=None, keep_runs=1, now=time_of(600), cluster=OTHER)
    assert ["run-0003"] == ids_of(store, pruned=True)


def test_a_dry_run_says_what_pruning_does(store: Store) -> None:
    """And does nothing."""
    keep_runs(store, 1, 2, 3)
    said = store.prune(keep_days=None, keep_runs=1, now=time_of(600), dry_run=True)
    assert [] == ids_of(store, pruned=True)
    assert said == store.prune(keep_days=None, keep_runs=1, now=time_of(600))
    assert (["run-0001", "run-0002"], 2) == ([one.id for one in said.runs], said.snapshots)


def test_a_tombstone_keeps_the_link(store: Store) -> None:
    """Place, hashes and the report's digest stay, and the next run is linked as before."""
    before = keep_runs(store, 1, 2, 3)
    prune_runs(store, 1)
    (fourth,) = keep_runs(store, 4)
    links = list(store.raw(CLUSTER))
    assert [Tombstone, Tombstone, RawRun, RawRun] == [type(one) for one in links]
    assert [one.hash for one in (*before, fourth)] == [one.hash for one in links]
    assert [None, *(one.hash for one in before)] == [one.previous_hash for one in links]
    assert [1, 2, 3, 4] == [one.sequence for one in links]
    assert isinstance(links[0], Tombstone)
    assert make_run(1).report.digest == links[0].report
    assert time_of(1) == links[0].started_at


def test_a_run_whose_predecessor_was_pruned_has_the_one_before_it(store: Store) -> None:
    """None, where all before it were pruned."""
    keep_runs(store, 1, 2, 3)
    prune_runs(store, 2)
    third = store.find("run-0003")
    second = store.previous(third)
    assert second is not None
    assert store.previous(second) is None


def test_an_id_of_a_pruned_run_is_not_given_again(store: Store) -> None:
    """A report that names it must not meet another run."""
    keep_runs(store, 1, 2)
    prune_runs(store, 1)
    with pytest.raises(HistoryError, match="run run-0001 is kept already"):
        keep_runs(store, 1)


def test_findings_stay_first_seen_when_their_runs_are_gone(store: Store) -> None:
    """Pruning does not make an old fault a new one."""
    keep_runs(store, 1, 2)
    prune_runs(store, 1)
    assert {time_of(1)} == set(store.first_seen(CLUSTER).values())


def test_what_a_pruned_run_alone_needed_goes(store: Store) -> None:
    """Records that later runs share stay."""
    shared, own = make_finding(1), make_finding(2, message="only the first run has it")
    store.keep(make_run(1, findings=[shared, own]), make_snapshot(1))
    store.keep(make_run(2, findings=[shared]), make_snapshot(2))
    prune_runs(store, 1)
    store.keep(make_run(3, findings=[shared, own]), make_snapshot(3))
    assert [1, 2] == [len(store.find(run).findings) for run in ("run-0002", "run-0003")]


def test_a_snapshot_that_another_run_has_stays(store: Store) -> None:
    """The same snapshot audited twice is one, and goes with the last run that has it."""
    for number in (1, 2, 3):
        store.keep(make_run(number), make_snapshot(7 if number < 3 else 8))
    first = store.find("run-0001")
    assert prune_runs(store, 2)
    assert make_snapshot(7) == store.load_snapshot(store.find("run-0002"))
    assert prune_runs(store, 1)
    assert store.snapshots.read(first.snapshot) is None


def test_a_run_that_is_read_while_it_is_pruned_is_not_empty(store: Store) -> None:
    """Whoever holds it is told that it is gone."""
    keep_runs(store, 1, 2)
    first = store.find("run-0001")
    prune_runs(store, 1)
    with pytest.raises(HistoryError, match="run run-0001 was pruned in the meantime"):
        _ = first.findings
    with pytest.raises(HistoryError, match="snapshot of run run-0001 is not in"):
        store.load_snapshot(first)


def test_snapshots_of_runs_that_were_never_kept_go_after_a_day(store: Store) -> None:
    """Until then the run may still be on its way."""

    def sign(_: bytes) -> tuple[str, str]:
        raise HistoryError("key cannot be used")

    keep_runs(store, 1)
    with pytest.raises(HistoryError, match="key cannot be used"):
        store.keep(make_run(2), make_snapshot(2), sign=sign)
    early = store.prune(keep_days=None, keep_runs=None, now=time_of(2 + DAY))
    late = store.prune(keep_days=None, keep_runs=None, now=time_of(3 + DAY))
    assert (0, 1) == (early.snapshots, late.snapshots)
    assert make_snapshot(1) == store.load_snapshot(store.find("run-0001"))


def test_foreign_files_in_the_folder_of_snapshots_stay(tmp_path: Path) -> None:
    """Another store's snapshots, too, are not this one's to remove."""
    with (
        open_store(str(tmp_path / "a.db"), snapshots=str(tmp_path / "all"), create=True) as one,
        open_store(str(tmp_path / "b.db"), snapshots=str(tmp_path / "all"), create=True) as other,
    ):
        keep_runs(one, 1, 2)
        keep_runs(other, 3)
        (tmp_path / "all" / "notes.txt").write_text("mine", encoding="utf-8")
        assert ["run-0001"] == prune_runs(one, 1)
        assert make_snapshot(3) == other.load_snapshot(other.find("run-0003"))
        assert (tmp_path / "all" / "notes.txt").exists()


def test_sqlite_gives_room_back(tmp_path: Path) -> None:
    """A full disk is what many prune for."""
    path = tmp_path / "history.db"
    with open_store(str(path), create=True) as store:
        many = [make_finding(one, message=f"{one}" * 1000) for one in range(1000)]
        store.keep(make_run(1, findings=many), make_snapshot(1))
        keep_runs(store, 2)
    before = path.stat().st_size
    with open_store(str(path), create=False) as store:
        prune_runs(store, 1)
    assert path.stat().st_size * 10 < before


def test_a_damaged_run_is_not_pruned(tmp_path: Path) -> None:
    """Its tombstone would hide what was done to it."""
    import sqlite3

    path = tmp_path / "history.db"
    with open_store(str(path), create=True) as store:
        keep_runs(store, 1, 2)
        with sqlite3.connect(path) as raw:
            raw.execute("UPDATE runs SET header = '{}' WHERE sequence = 1")
        raw.close()
        with pytest.raises(HistoryError, match="run run-0001 is not as it was kept"):
            prune_runs(store, 1)
        assert 2 == len(list(store.raw(CLUSTER)))
        assert 0 == sum(isinstance(one, Tombstone) for one in store.raw(CLUSTER))


@given(
    hours=st.lists(st.integers(0, 600), min_size=1, max_size=12),
    keep_days=st.none() | st.integers(1, 25),
    keep=st.none() | st.integers(1, 12),
)
def test_retention_is_what_both_limits_allow(
    hours: list[int], keep_days: int | None, keep: int | None
) -> None:
    """Said of each run by itself, in hours."""
    retention = Retention(keep_days, keep, time_of(600))
    for age, hour in enumerate(hours):
        young = keep_days is None or 600 - hour <= keep_days * DAY
        few = keep is None or age < keep
        assert (age == 0 or (young and few)) is retention.allows(age, time_of(hour))


def test_evidence_of_a_signature_outlives_pruning(store: Store) -> None:
    """The tombstone bears the signature of its run."""
    store.keep(make_run(1), make_snapshot(1), sign=lambda _: ("c2ln", "key-1"))
    keep_runs(store, 2)
    prune_runs(store, 1)
    grave = next(store.raw(CLUSTER))
    assert ("c2ln", "key-1") == (grave.signature, grave.key_id)
    entry = msgspec.structs.asdict(store.entries()[0])
    assert (True, True, None, None) == (
        entry["is_signed"],
        entry["is_pruned"],
        entry["score"],
        entry["by_severity"],
    )
