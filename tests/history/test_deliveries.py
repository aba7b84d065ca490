"""What was sent to whom: planned before, recorded after, and never both by two programs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from auditor.errors import HistoryError
from auditor.history.deliveries import Deliveries
from auditor.history.store import Store, open_store
from auditor.history.verify import verify_chain
from auditor.model.deliveries import Channel, Delivery, DeliveryState, Target
from tests.history.conftest import OpenStore
from tests.history.older import make_older
from tests.history.runs import CLUSTER, keep_runs, time_of
from tests.history.sql import run_sql

OTHER = "name:other"
ANN = Target("shop", Channel.MAIL, "ann@example.com", "<1@example.com>")
BOB = Target("shop", Channel.MAIL, "bob@example.com", "<1@example.com>")
HOOK = Target("security", Channel.WEBHOOK, "security", "<2@example.com>")


@pytest.fixture
def deliveries(store: Store) -> Deliveries:
    """Keep a run of two clusters, and look at the deliveries of one."""
    keep_runs(store, 1)
    keep_runs(store, 2, cluster=OTHER)
    return store.deliveries(CLUSTER)


def plan(deliveries: Deliveries, week: int, *targets: Target) -> tuple[Delivery, ...]:
    """Plan to send in a week of 2026."""
    return deliveries.plan(
        targets, run=f"run-{week:04}", period=f"2026-W{week:02}", now=time_of(168 * week)
    )


def settle(deliveries: Deliveries, planned: Delivery, state: DeliveryState) -> Delivery:
    """Record what became of a delivery, at its first attempt."""
    settled = msgspec.structs.replace(
        planned,
        state=state,
        attempts=planned.attempts + 1,
        size=1234,
        error=None if state is DeliveryState.SENT else "refused",
    )
    deliveries.record(settled)
    return settled


def test_what_was_sent_is_not_due_again(deliveries: Deliveries) -> None:
    """What failed, or was never tried, is: with the run and the attempts that there are now."""
    first, second, hook = plan(deliveries, 1, ANN, BOB, HOOK)
    assert {DeliveryState.PENDING} == {first.state, second.state, hook.state}
    sent = settle(deliveries, first, DeliveryState.SENT)
    settle(deliveries, second, DeliveryState.FAILED)
    again = deliveries.plan((HOOK, BOB, ANN), run="other", period="2026-W01", now=time_of(200))
    assert (hook.recipient, "other", 0) == (again[0].recipient, again[0].run, again[0].attempts)
    assert (DeliveryState.PENDING, "other", 1, None) == (
        again[1].state,
        again[1].run,
        again[1].attempts,
        again[1].error,
    )
    assert sent == again[2]
    assert {sent, *again[:2]} == set(deliveries.entries("2026-W01"))


def test_every_period_cluster_and_audience_is_apart(deliveries: Deliveries, store: Store) -> None:
    """Whoever is in two audiences is sent both reports, and another one in the next week."""
    settle(deliveries, plan(deliveries, 1, ANN)[0], DeliveryState.SENT)
    other = ANN._replace(audience="security")
    assert DeliveryState.PENDING == plan(deliveries, 1, other)[0].state
    assert DeliveryState.PENDING == plan(deliveries, 2, ANN)[0].state
    assert DeliveryState.PENDING == plan(store.deliveries(OTHER), 1, ANN)[0].state
    assert 1 == len(store.deliveries(OTHER).entries())
    assert ["2026-W01", "2026-W01", "2026-W02"] == [one.period for one in deliveries.entries()]


def test_what_was_not_delivered_is_known_until_something_is(deliveries: Deliveries) -> None:
    """Of each recipient the newest of other periods, be it refused or never tried."""
    first = plan(deliveries, 1, ANN, BOB, HOOK)
    settle(deliveries, first[0], DeliveryState.FAILED)
    settle(deliveries, first[2], DeliveryState.SENT)
    assert () == deliveries.undelivered("2026-W01")
    assert list(first[:2]) == [
        msgspec.structs.replace(one, state=DeliveryState.PENDING, attempts=0, size=None, error=None)
        for one in deliveries.undelivered("2026-W02")
    ]
    second = plan(deliveries, 2, ANN, BOB, HOOK)
    settle(deliveries, second[0], DeliveryState.SENT)
    settle(deliveries, second[2], DeliveryState.FAILED)
    assert [("2026-W01", "bob@example.com")] == [
        (one.period, one.recipient) for one in deliveries.undelivered("2026-W02")
    ]
    assert [("2026-W02", "security"), ("2026-W02", "bob@example.com")] == [
        (one.period, one.recipient) for one in deliveries.undelivered("2026-W03")
    ]


def test_the_last_report_of_an_audience_is_one_that_someone_was_sent(
    deliveries: Deliveries,
) -> None:
    """What changed since then is what they do not know yet."""
    assert deliveries.last_sent("shop", before="2026-W01") is None
    settle(deliveries, plan(deliveries, 1, ANN, BOB)[0], DeliveryState.SENT)
    settle(deliveries, plan(deliveries, 2, HOOK)[0], DeliveryState.SENT)
    settle(deliveries, plan(deliveries, 3, ANN)[0], DeliveryState.FAILED)
    last = [deliveries.last_sent(one, before="2026-W03") for one in ("shop", "security")]
    assert ["run-0001", "run-0002"] == [one and one.run for one in last]


def test_a_report_of_the_same_period_is_not_the_last_one(deliveries: Deliveries) -> None:
    """Who is sent it later than others is told of the same changes as they were."""
    settle(deliveries, plan(deliveries, 1, ANN, BOB)[0], DeliveryState.SENT)
    assert deliveries.last_sent("shop", before="2026-W01") is None


def test_pruning_forgets_deliveries_after_a_year_and_verifying_ignores_them(
    deliveries: Deliveries, store: Store
) -> None:
    """A run that is pruned in its week does not make its report be sent again."""
    settle(deliveries, plan(deliveries, 1, ANN)[0], DeliveryState.SENT)
    keep_runs(store, 200)
    assert 1 == len(store.prune(keep_days=None, keep_runs=1, now=time_of(300)).runs)
    assert DeliveryState.SENT == plan(deliveries, 1, ANN)[0].state
    assert verify_chain(store, CLUSTER).broken is None
    assert () == store.strays()
    store.prune(keep_days=None, keep_runs=1, now="2027-01-10T00:00:00Z")
    assert () == deliveries.entries()


def test_an_older_store_takes_deliveries(place: OpenStore, tmp_path: Path) -> None:
    """Planning brings it up to date; reading says that it is older."""
    make_older(place.url, tmp_path, 1)
    with place(create=False) as store:
        deliveries = store.deliveries(CLUSTER)
        with pytest.raises(HistoryError, match="is of an older version"):
            deliveries.entries()
        assert DeliveryState.PENDING == plan(deliveries, 1, ANN)[0].state
        assert 1 == len(deliveries.entries())


def test_a_cluster_without_runs_has_nothing_to_deliver(store: Store) -> None:
    """There is no report of it."""
    with pytest.raises(HistoryError, match="no run of this cluster is kept"):
        plan(store.deliveries(CLUSTER), 1, ANN)


def test_what_is_not_planned_cannot_be_recorded(deliveries: Deliveries, place: OpenStore) -> None:
    """Someone has taken it out of the store, and it must not be thought to be kept."""
    (planned,) = plan(deliveries, 1, ANN)
    run_sql(place.url, "DELETE FROM deliveries")
    with pytest.raises(HistoryError, match=r"ann@example\.com cannot be recorded"):
        settle(deliveries, planned, DeliveryState.SENT)


def test_an_altered_delivery_is_an_error(deliveries: Deliveries, place: OpenStore) -> None:
    """It is not read as something that was sent, or was not."""
    plan(deliveries, 1, ANN)
    run_sql(place.url, "UPDATE deliveries SET state = 'perhaps'")
    altered = r"delivery to ann@example\.com is not as it was kept"
    with pytest.raises(HistoryError, match=altered):
        deliveries.entries()
    with pytest.raises(HistoryError, match=altered):
        plan(deliveries, 1, ANN)


def hold_until_told(url: str, told: Connection) -> None:
    """Hold the lock in a process of its own."""
    with open_store(url, create=True) as store, store.deliveries(CLUSTER).held() as still_held:
        told.send("held")
        told.recv()
        still_held()


@pytest.fixture
def holder(place: OpenStore) -> Iterator[tuple[int, Connection]]:
    """Start a program that holds the lock: its process id, and how to tell it to end."""
    with place() as store:
        keep_runs(store, 1)
    context = get_context("forkserver")
    context.set_forkserver_preload(["auditor.history.store", "tests.history.runs"])
    ours, theirs = context.Pipe()
    process = context.Process(target=hold_until_told, args=(place.url, theirs))
    process.start()
    theirs.close()
    assert "held" == ours.recv()
    assert process.pid is not None
    yield process.pid, ours
    ours.close()
    process.kill()
    process.join()
    process.close()


def test_two_programs_do_not_send_at_once(place: OpenStore, holder: tuple[int, Connection]) -> None:
    """The second one waits, and then says who sends; other clusters do not wait."""
    pid, told = holder
    with place(wait_seconds=0.3) as store:
        started = time.monotonic()
        with (
            pytest.raises(HistoryError, match=f"netpol-auditor, process {pid} on ") as caught,
            store.deliveries(CLUSTER).held(),
        ):
            pytest.fail("both hold it")
        assert 0.3 <= time.monotonic() - started < 5
        assert "is not sent again" in caught.value.hint
        with store.deliveries(OTHER).held() as still_held:
            still_held()
        assert () == store.deliveries(CLUSTER).entries()
        told.send("end")
    with place() as store, store.deliveries(CLUSTER).held() as still_held:
        still_held()


def test_the_lock_goes_with_its_program(place: OpenStore, holder: tuple[int, Connection]) -> None:
    """However it ends: nobody has to clear up after it."""
    os.kill(holder[0], signal.SIGKILL)
    with place(wait_seconds=10) as store, store.deliveries(CLUSTER).held() as still_held:
        still_held()


def test_a_lock_that_the_server_took_back_is_noticed(postgresql_url: str) -> None:
    """Before the next message is sent, and not only when all are."""
    with open_store(postgresql_url, create=True) as store:
        keep_runs(store, 1)
        with store.deliveries(CLUSTER).held() as still_held:
            still_held()
            run_sql(
                postgresql_url,
                "SELECT pg_terminate_backend(pid) FROM pg_locks "
                "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()",
            )
            with pytest.raises(HistoryError, match="terminating connection"):
                still_held()
        assert () == store.deliveries(CLUSTER).entries()


def test_a_folder_that_cannot_be_written_gives_no_lock(tmp_path: Path) -> None:
    """It is said why; nothing is sent then."""
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        keep_runs(store, 1)
        with store.deliveries(CLUSTER).held():
            (file,) = tmp_path.glob("history.db-delivering-*")
        file.unlink()
        file.mkdir()
        with (
            pytest.raises(HistoryError, match=r"history\.db-delivering-.* cannot be opened"),
            store.deliveries(CLUSTER).held(),
        ):
            pytest.fail("it is held")


def test_of_the_same_second_what_was_sent_counts(deliveries: Deliveries) -> None:
    """Two runs may be that quick: who was sent the second report lacks none."""
    for number, state in ((9, DeliveryState.FAILED), (1, DeliveryState.SENT)):
        (one,) = plan(deliveries, number, ANN)
        deliveries.record(msgspec.structs.replace(one, state=state, at=time_of(0)))
    assert () == deliveries.undelivered("2026-W30")
