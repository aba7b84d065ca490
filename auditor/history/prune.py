"""Dropping the content of old runs. What remains of each is its link in the chain."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, bindparam, delete, exists, select

from auditor.errors import HistoryError
from auditor.history.deliveries import forget_deliveries
from auditor.history.engine import Database, writing
from auditor.history.header import RunHeader
from auditor.history.migrate import lock_store
from auditor.history.schema import (
    FINDINGS,
    RECORDS,
    RULE_RESULTS,
    RUNS,
    SNAPSHOTS,
    TOMBSTONES,
)
from auditor.history.snapshots import SnapshotPlace
from auditor.history.stored import HINT_VERIFY, decode

_ORPHAN_AGE = timedelta(days=1)
"""A snapshot that no run refers to may be that of a run which is being kept just now."""


class Retention(NamedTuple):
    """Which runs keep their content: those that both limits allow. None is no limit."""

    keep_days: int | None
    keep_runs: int | None
    now: str
    """ISO 8601, UTC."""

    def allows(self, age_in_runs: int, started_at: str) -> bool:
        """Whether a run keeps its content; 0 runs old is the newest, which always does."""
        if age_in_runs == 0:
            return True
        if self.keep_runs is not None and age_in_runs >= self.keep_runs:
            return False
        return self.keep_days is None or (
            (_time(self.now) - _time(started_at)) / timedelta(days=1) <= self.keep_days
        )


class PrunedRun(NamedTuple):
    """A run whose content was dropped."""

    id: str
    cluster: str
    sequence: int
    started_at: str


class PruneResult(NamedTuple):
    """What was dropped, or would be."""

    runs: tuple[PrunedRun, ...]
    """By cluster, oldest first."""
    snapshots: int
    """Of these runs, and those that runs which were never kept have left behind."""


def choose(
    connection: Connection, retention: Retention, cluster: str | None
) -> tuple[PrunedRun, ...]:
    """The runs whose content is to be dropped, of one cluster or of all.

    Of each cluster they are the oldest by their place in the chain, up to the first that is to be
    kept: where clocks were set back, a run stays for the sake of one before it. So a tombstone
    behind a run that is kept is never ours.
    """
    runs = select(RUNS.c.id, RUNS.c.cluster, RUNS.c.sequence, RUNS.c.started_at)
    if cluster is not None:
        runs = runs.where(RUNS.c.cluster == cluster)
    chains: dict[str, list[PrunedRun]] = {}
    for row in connection.execute(runs.order_by(RUNS.c.sequence)):
        run = PrunedRun(row.id, row.cluster, row.sequence, row.started_at)
        chains.setdefault(row.cluster, []).append(run)
    chosen: list[PrunedRun] = []
    for _, chain in sorted(chains.items()):
        ages = range(len(chain) - 1, -1, -1)
        chosen += (
            one
            for one, _ in takewhile(
                lambda pair: not retention.allows(pair[1], pair[0].started_at),
                zip(chain, ages, strict=True),
            )
        )
    return tuple(chosen)


def prune(
    database: Database, place: SnapshotPlace, retention: Retention, cluster: str | None
) -> PruneResult:
    """Drop the content of runs, and then of snapshots that no run refers to.

    The runs go as a whole. Whoever is killed after that leaves snapshots behind, which the next
    pruning takes away.
    """
    with database.engine.connect() as connection, writing(connection).begin():
        lock_store(connection, exclusive=True)
        chosen = choose(connection, retention, cluster)
        own = frozenset(_bury(connection, one.id, retention.now) for one in chosen)
        forget_deliveries(connection, retention.now)
        if chosen:
            connection.execute(
                delete(RECORDS).where(~exists().where(FINDINGS.c.record == RECORDS.c.digest))
            )
    # Apart from the above: were it undone, runs would refer to snapshots that are gone.
    with database.engine.connect() as connection, writing(connection).begin():
        lock_store(connection, exclusive=True)
        orphans = _orphans(connection, own, retention.now)
        place.remove(orphans)
        if orphans:
            connection.execute(
                delete(SNAPSHOTS).where(SNAPSHOTS.c.digest == bindparam("orphan")),
                [{"orphan": one} for one in orphans],
            )
    if database.path is not None:
        _shrink(database)
    return PruneResult(chosen, len(orphans))


def count_snapshots(
    connection: Connection, retention: Retention, chosen: tuple[PrunedRun, ...]
) -> int:
    """How many snapshots would go with these runs."""
    ids = {one.id for one in chosen}
    rows = connection.execute(select(RUNS.c.id, RUNS.c.snapshot)).all()
    kept = {row.snapshot for row in rows if row.id not in ids}
    going = {row.snapshot for row in rows if row.id in ids} - kept
    return len(going) + len(_orphans(connection, frozenset(), retention.now))


def _bury(connection: Connection, run: str, now: str) -> str:
    """Leave a tombstone in place of a run; its snapshot's digest is returned."""
    row = connection.execute(select(RUNS).where(RUNS.c.id == run)).one()
    header = decode(row.header, RunHeader, f"run {run}")
    for table in (RULE_RESULTS, FINDINGS):
        connection.execute(delete(table).where(table.c.run == run))
    connection.execute(delete(RUNS).where(RUNS.c.id == run))
    remains: dict[str, Any] = {
        column.name: row._mapping[column.name]  # noqa: SLF001  a Row's public name for it
        for column in TOMBSTONES.c
        if column.name in RUNS.c
    }
    connection.execute(TOMBSTONES.insert(), {**remains, "report": header.report, "pruned_at": now})
    return str(row.snapshot)


def _orphans(connection: Connection, own: frozenset[str], now: str) -> list[str]:
    """Snapshots that no run refers to: those of runs just buried, and any that lie for a day."""
    alone = select(SNAPSHOTS.c.digest, SNAPSHOTS.c.stored_at).where(
        ~exists().where(RUNS.c.snapshot == SNAPSHOTS.c.digest)
    )
    return sorted(
        row.digest
        for row in connection.execute(alone)
        if row.digest in own or _time(now) - _time(row.stored_at) > _ORPHAN_AGE
    )


def _shrink(database: Database) -> None:
    """Have SQLite give pages that it no longer needs back to the file system.

    Only as a script it gives all of them: as a statement, one for each row that is fetched.
    """
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        try:
            cast("sqlite3.Connection", raw).executescript("PRAGMA incremental_vacuum")
        except sqlite3.OperationalError as error:
            # What is pruned is pruned; while another program writes, it takes free pages first.
            if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                raise


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise HistoryError(f"time {text} in the history is none", hint=HINT_VERIFY) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
