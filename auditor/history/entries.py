"""The list of runs: of each what one line needs, and no more is read out of its header."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from auditor.history.schema import CLUSTERS, RUNS, TOMBSTONES
from auditor.history.stored import check_row, decode
from auditor.model.findings import Record
from auditor.model.history import RunEntry


class _Tool(Record, frozen=True):
    version: str


class _Cluster(Record, frozen=True):
    name: str | None


class _Namespaces(Record, frozen=True):
    in_scope: int


class _Scope(Record, frozen=True):
    namespaces: _Namespaces
    pods: int
    policies: dict[str, int]
    gaps: tuple[dict[str, Any], ...]


class _Score(Record, frozen=True):
    value: float | None


class _Summary(Record, frozen=True):
    by_severity: dict[str, int]
    waived_by_severity: dict[str, int]
    score: _Score


class _Header(Record, frozen=True):
    """Of a header (`RunHeader`) what an entry shows."""

    tool: _Tool
    cluster: _Cluster
    scope: _Scope
    summary: _Summary


def list_entries(connection: Connection, cluster: str | None) -> tuple[RunEntry, ...]:
    """Runs and tombstones of one cluster or of all: oldest first, a cluster's in its chain's order.

    Raises:
        HistoryError: a header is damaged.
    """
    names = {row.key: row.name for row in connection.execute(select(CLUSTERS))}
    entries = [_entry_of_run(row) for row in _rows(connection, RUNS, cluster)] + [
        _entry_of_tombstone(row, names.get(row.cluster))
        for row in _rows(connection, TOMBSTONES, cluster)
    ]
    # A cluster's runs may have been started in another order than they were kept in.
    entries.sort(key=lambda one: (one.cluster, one.sequence))
    latest: dict[str, str] = {}
    keys = []
    for one in entries:
        latest[one.cluster] = max(latest.get(one.cluster, ""), one.started_at)
        keys.append((latest[one.cluster], one.cluster, one.sequence))
    return tuple(entry for _, entry in sorted(zip(keys, entries, strict=True), key=lambda x: x[0]))


def _rows(connection: Connection, table: Any, cluster: str | None) -> Any:
    rows = select(table)
    if cluster is not None:
        rows = rows.where(table.c.cluster == cluster)
    return connection.execute(rows, execution_options={"yield_per": 100})


def _entry_of_run(row: Any) -> RunEntry:
    check_row(row)
    header = decode(row.header, _Header, f"run {row.id}")
    summary, scope = header.summary, header.scope
    return RunEntry(
        id=row.id,
        cluster=row.cluster,
        cluster_name=header.cluster.name,
        sequence=row.sequence,
        started_at=row.started_at,
        hash=row.hash,
        is_signed=row.signature is not None,
        is_pruned=False,
        tool_version=header.tool.version,
        score=summary.score.value,
        by_severity=summary.by_severity,
        waived=sum(summary.waived_by_severity.values()),
        gaps=len(scope.gaps),
        namespaces=scope.namespaces.in_scope,
        pods=scope.pods,
        policies=sum(scope.policies.values()),
    )


def _entry_of_tombstone(row: Any, name: str | None) -> RunEntry:
    check_row(row)
    return RunEntry(
        id=row.id,
        cluster=row.cluster,
        cluster_name=name,
        sequence=row.sequence,
        started_at=row.started_at,
        hash=row.hash,
        is_signed=row.signature is not None,
        is_pruned=True,
        tool_version=None,
        score=None,
        by_severity=None,
        waived=None,
        gaps=None,
        namespaces=None,
        pods=None,
        policies=None,
    )
