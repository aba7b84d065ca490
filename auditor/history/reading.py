"""Questions to the store, answered as rows and as what they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, func, select

from auditor.errors import HistoryError
from auditor.history.failures import reported
from auditor.history.naming import plain
from auditor.history.schema import (
    CLUSTERS,
    FINDINGS,
    RECORDS,
    RULE_RESULTS,
    RUNS,
    SIGHTINGS,
    TOMBSTONES,
)
from auditor.history.stored import ClusterEntry, RawRun, Tombstone, decode
from auditor.model.report import FindingRecord, RuleRecord

_BATCH = 500
"""Findings in memory at once, of 2 KB each."""


def list_clusters(connection: Connection) -> tuple[ClusterEntry, ...]:
    """Every cluster that a row speaks of, sorted by key, be it listed itself or not."""
    known = connection.execute(select(CLUSTERS.c.key, CLUSTERS.c.name))
    names = {row.key: row.name for row in known}
    counts: dict[str, int] = {}
    newest: dict[str, str] = {}
    for table in (RUNS, TOMBSTONES):
        counted = select(table.c.cluster, func.count(), func.max(table.c.started_at))
        for key, count, started_at in connection.execute(counted.group_by(table.c.cluster)):
            counts[key] = counts.get(key, 0) + (count if table is RUNS else 0)
            newest[key] = max(newest.get(key, ""), str(started_at))
    return tuple(
        ClusterEntry(key, names.get(key), counts.get(key, 0), newest.get(key))
        for key in sorted(names.keys() | counts.keys(), key=str)
    )


def list_strays(connection: Connection) -> tuple[str, ...]:
    """The runs of which records remain, and no row: whoever took the row away left them."""
    return tuple(
        sorted(
            {
                str(run)
                for table in (RULE_RESULTS, FINDINGS)
                for run in connection.execute(
                    select(table.c.run).where(table.c.run.not_in(select(RUNS.c.id))).distinct()
                ).scalars()
            }
        )
    )


def find_cluster(connection: Connection, name: str) -> str | None:
    """The key of the one cluster of a name; None where there is none, or several."""
    named = select(CLUSTERS.c.key).where(CLUSTERS.c.name == name).limit(2)
    keys = connection.execute(named).scalars().all()
    return keys[0] if len(keys) == 1 else None


def newest_run(connection: Connection, cluster: str, *, before: int | None = None) -> Any:
    """The row of the newest run of a cluster that is kept; ``before`` a place in the chain."""
    runs = select(RUNS).where(RUNS.c.cluster == cluster)
    if before is not None:
        runs = runs.where(RUNS.c.sequence < before)
    return connection.execute(runs.order_by(RUNS.c.sequence.desc()).limit(1)).first()


def read_rules(connection: Connection, run: str) -> tuple[RuleRecord, ...]:
    """What became of each rule in a run, sorted by id."""
    return tuple(
        decode(record, RuleRecord, f"rule {rule} of run {run}")
        for rule, record in _read_rules(connection, run)
    )


def read_findings(connection: Connection, run: str, cluster: str) -> tuple[FindingRecord, ...]:
    """The findings of a run, sorted by id, each with when it was last seen.

    Raises:
        HistoryError: the run is no longer kept, or a record is missing or damaged.
    """
    if connection.execute(select(RUNS.c.id).where(RUNS.c.id == run)).first() is None:
        raise HistoryError(f"run {run} was pruned in the meantime", hint="name another run")
    last_seen = {row[0]: row[1] for row in connection.execute(_sightings(cluster))}
    return tuple(
        msgspec.structs.replace(
            decode(record or "", FindingRecord, f"finding {finding} of run {run}"),
            last_seen=last_seen.get(finding),
        )
        for finding, _, record in connection.execute(_findings(run))
    )


def read_raw(connection: Connection, cluster: str, where: str) -> Iterator[RawRun | Tombstone]:
    """The runs and tombstones of a cluster as stored, in the order of the chain.

    Every row comes, be its place taken twice or not; tombstones after runs then. ``where`` is the
    store, for people: what goes wrong with a run, be it when its findings are read, names both.
    """
    places = [
        (row.sequence, table is TOMBSTONES, row.id)
        for table in (RUNS, TOMBSTONES)
        for row in connection.execute(
            select(table.c.sequence, table.c.id).where(table.c.cluster == cluster)
        )
    ]
    # They are many and small: a question for each would take longer than all else.
    buried = select(TOMBSTONES).where(TOMBSTONES.c.cluster == cluster)
    graves = {row["id"]: row for row in connection.execute(buried).mappings()}
    # whoever altered the store may have put a text in a number's place: such a run comes first
    for _, is_tombstone, run in sorted(
        places, key=lambda one: (one[0] if isinstance(one[0], int) else 0, one[1], str(one[2]))
    ):
        if is_tombstone:
            yield Tombstone(**graves[run])
        else:
            within = f"{where}, read for run {plain(str(run))},"
            with reported(within):
                row = connection.execute(select(RUNS).where(RUNS.c.id == run)).mappings().one()
                rules = tuple(_read_rules(connection, run))
            findings = _stream(connection, _findings(run), within)
            yield RawRun(**row, rules=rules, findings=findings)


def _stream(
    connection: Connection, question: Select[str, str, str], where: str
) -> Iterator[tuple[str, str, str | None]]:
    with reported(where):
        yield from connection.execute(question, execution_options={"yield_per": _BATCH})


def _read_rules(connection: Connection, run: str) -> list[tuple[str, str]]:
    """Rule id and record. Sorted here: a database may sort words as its users' language does.

    By their texts: whoever altered the store may have put something else in a text's place.
    """
    rows = select(RULE_RESULTS.c.rule, RULE_RESULTS.c.record).where(RULE_RESULTS.c.run == run)
    read = [(row.rule, row.record) for row in connection.execute(rows)]
    return sorted(read, key=lambda one: str(one[0]))


def _findings(run: str) -> Select[str, str, str]:
    """Finding id, digest, record. A record that is missing is null: the join keeps its finding."""
    return (
        select(FINDINGS.c.finding, FINDINGS.c.record, RECORDS.c.record)
        .join(RECORDS, RECORDS.c.digest == FINDINGS.c.record, isouter=True)
        .where(FINDINGS.c.run == run)
        .order_by(FINDINGS.c.finding, FINDINGS.c.record)
    )


def _sightings(cluster: str) -> Select[str, str]:
    return select(SIGHTINGS.c.finding, SIGHTINGS.c.last_seen).where(SIGHTINGS.c.cluster == cluster)
