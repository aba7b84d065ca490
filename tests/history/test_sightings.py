"""Since when findings are seen: an edit is named, and is not carried on."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from auditor.history.engine import open_database, writing
from auditor.history.store import Store
from auditor.history.verify import verify_chain
from auditor.model.evidence import BrokenLink, Fault
from auditor.model.report import FindingRecord
from tests.history.conftest import OpenStore
from tests.history.runs import CLUSTER, make_run, make_snapshot, time_of
from tests.reports.audits import make_finding

ID = make_finding(1).id


def keep_seen(store: Store, started: int, since: int | None) -> None:
    """Keep a run with a finding, recorded to be seen since an hour; None: without a finding."""
    found: list[FindingRecord] = []
    if since is not None:
        found = [make_finding(1, first_seen=time_of(since))]
    store.keep(make_run(started, found), make_snapshot(started))


def change(place: OpenStore, statement: str) -> None:
    """Change the database as anyone can who may write it."""
    database = open_database(place.url, create=False)
    with database.engine.connect() as connection, writing(connection).begin():
        assert connection.execute(text(statement)).rowcount
    database.engine.dispose()


@pytest.mark.parametrize("said", [time_of(3), time_of(0), "x"])
def test_an_edited_sighting_is_named(place: OpenStore, said: str) -> None:
    """Be it later or earlier; the next audit goes by what was recorded all the same."""
    with place() as store:
        for number in (1, 2, 3):
            keep_seen(store, number, 1)
        assert verify_chain(store, CLUSTER).broken is None
        change(place, f"UPDATE sightings SET first_seen = '{said}'")  # noqa: S608  our own words
        assert {ID: time_of(1)} == store.first_seen(CLUSTER)
        link = BrokenLink("run-0001", 1, Fault.SIGHTING, ID, time_of(1), said)
        assert link == verify_chain(store, CLUSTER).broken


def test_a_sighting_that_is_gone_is_named(place: OpenStore) -> None:
    """Every finding that is kept was seen; of one that the newest run lacks, too."""
    with place() as store:
        keep_seen(store, 1, 1)
        keep_seen(store, 2, None)
        change(place, "DELETE FROM sightings")
        link = BrokenLink("run-0001", 1, Fault.SIGHTING, ID, time_of(1), None)
        assert link == verify_chain(store, CLUSTER).broken
        assert {} == store.first_seen(CLUSTER)


def test_a_finding_that_comes_back_is_seen_since_it_first_was(store: Store) -> None:
    """Though the newest run does not have it, and though the run that had it was pruned."""
    keep_seen(store, 1, 1)
    keep_seen(store, 2, None)
    store.prune(keep_days=None, keep_runs=1, now=time_of(9))
    assert {ID: time_of(1)} == store.first_seen(CLUSTER)
    keep_seen(store, 3, 1)
    assert verify_chain(store, CLUSTER).broken is None


@pytest.mark.parametrize("since", [1, 2])
def test_two_writers_at_once_are_no_edit(store: Store, since: int) -> None:
    """The run that was started first is kept second, and then pruned: it moved the beginning."""
    keep_seen(store, 2, 2)
    keep_seen(store, 1, since)
    assert verify_chain(store, CLUSTER).broken is None
    keep_seen(store, 3, 2)  # it asked before the second was kept
    assert verify_chain(store, CLUSTER).broken is None
    store.prune(keep_days=None, keep_runs=1, now=time_of(9))
    assert verify_chain(store, CLUSTER).broken is None
