"""Several programs that write one store at the same time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.errors import HistoryError
from auditor.history.snapshots import SnapshotPlace
from auditor.history.store import open_store
from auditor.history.verify import verify_chain
from tests.history.conftest import OpenStore
from tests.history.programs import start_programs
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot, time_of
from tests.reports.audits import make_finding

WRITERS = 4
RUNS = 6
OTHER = "name:other"


def write(url: str, writer: int) -> list[int]:
    """Keep runs, each in a store opened for it: the places that they were given."""
    places = []
    for one in range(RUNS):
        number = 10 * one + writer
        findings = [make_finding(0), make_finding(number + 1)]
        with open_store(url, create=True) as store:
            evidence = store.keep(make_run(number, findings=findings), make_snapshot(number))
            places.append(evidence.sequence)
            keep_runs(store, 1000 + number, cluster=OTHER)
    return places


def test_writers_at_once_make_one_chain(place: OpenStore) -> None:
    """Though all of them find no store when they begin: each run has a place, and one link."""
    with start_programs(WRITERS) as programs:
        places = [
            place
            for got in programs.map(write, [place.url] * WRITERS, range(WRITERS))
            for place in got
        ]
    assert list(range(1, WRITERS * RUNS + 1)) == sorted(places)
    with place(create=False) as store:
        for cluster in (CLUSTER, OTHER):
            result = verify_chain(store, cluster)
            assert (WRITERS * RUNS, None) == (result.runs, result.broken)
        assert all(len(store.find(one.id).findings) == 2 for one in store.entries())
        seen = store.first_seen(CLUSTER)
        assert time_of(0) == seen[make_finding(0).id]
        assert {time_of(n) for n in range(WRITERS)} <= set(seen.values())


class Interrupted:
    """A place of snapshots, in which something happens after the first is written."""

    def __init__(self, place: SnapshotPlace, happening: Callable[[], object]) -> None:
        self._place = place
        self._happenings = [happening]
        self.where = place.where
        self.has, self.read, self.remove = place.has, place.read, place.remove

    def write(self, digest: str, content: bytes) -> None:
        """Write it, and have it happen."""
        self._place.write(digest, content)
        while self._happenings:
            self._happenings.pop()()


def test_pruning_does_not_take_what_is_being_kept(place: OpenStore) -> None:
    """A snapshot that is pruned before the run that refers to it is kept is put there again."""
    with place() as store, place() as other:

        def prune() -> None:
            went.append(other.prune(keep_days=None, keep_runs=None, now=time_of(600)).snapshots)

        went: list[int] = []
        store.snapshots = Interrupted(store.snapshots, prune)
        keep_runs(store, 1)
        assert [1] == went
        assert verify_chain(store, CLUSTER).broken is None
        assert make_snapshot(1) == store.load_snapshot(store.find("run-0001"))


def test_a_snapshot_that_does_not_stay_keeps_the_run_out(tmp_path: Path) -> None:
    """Whatever else removes it: a run without its snapshot is no evidence."""
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        there = store.snapshots

        class Leaking(Interrupted):
            def write(self, digest: str, content: bytes) -> None:
                there.write(digest, content)
                there.remove([digest])

        store.snapshots = Leaking(there, lambda: None)
        with pytest.raises(HistoryError, match="snapshot of run run-0001 does not stay in"):
            keep_runs(store, 1)
        assert () == store.entries()


def test_a_reader_is_not_kept_waiting(tmp_path: Path) -> None:
    """Nor does it see a run in part: it sees what was there when it began."""
    url = str(tmp_path / "history.db")
    with open_store(url, create=True) as store, open_store(url, create=False) as reader:
        keep_runs(store, 1)
        seen: list[int] = []

        def look(_: bytes) -> tuple[str, str]:
            seen.append(len(reader.entries()))
            return "signature", "key"

        store.keep(make_run(2), make_snapshot(2), sign=look)
        assert [1] == seen
        assert 2 == len(reader.entries())
