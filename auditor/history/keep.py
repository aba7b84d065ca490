"""Keeping a run: whole or not at all, as the next link in the chain of its cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, case, func, literal, select, union_all

from auditor.errors import HistoryError
from auditor.history.chain import digest_text, seal_run, state_run
from auditor.history.engine import Database, writing
from auditor.history.header import NewRun, head_run
from auditor.history.migrate import lock_store
from auditor.history.naming import plain
from auditor.history.reading import newest_run
from auditor.history.schema import (
    CLUSTERS,
    FINDINGS,
    RECORDS,
    RULE_RESULTS,
    RUNS,
    SIGHTINGS,
    SNAPSHOTS,
    TOMBSTONES,
)
from auditor.history.snapshots import SnapshotPlace
from auditor.model.canonical import encode_canonical
from auditor.model.report import EvidenceRecord
from auditor.model.snapshot import Snapshot

Sign = Callable[[bytes], tuple[str, str]]
"""Bytes to sign → the signature in base64, and the id of the key."""

_ATTEMPTS = 3


def keep(
    database: Database, place: SnapshotPlace, new: NewRun, snapshot: Snapshot, sign: Sign | None
) -> EvidenceRecord:
    """Keep a run and its snapshot.

    The snapshot is there before the run that refers to it; where pruning takes it away in
    between, it is put there again.

    Raises:
        HistoryError: nothing was kept: the run is kept already, or the snapshot will not stay.
    """
    from auditor.sources.archive import pack_and_digest

    packed, digest = pack_and_digest(snapshot)
    rules = [(one.id, _text(one)) for one in new.report.rules]
    records = [
        (one.id, _text(msgspec.structs.replace(one, last_seen=None))) for one in new.report.findings
    ]
    findings = sorted({(finding, digest_text(record), record) for finding, record in records})
    for _ in range(_ATTEMPTS):
        _put(database, place, digest, packed, new.report.run.finished_at)
        with database.engine.connect() as connection, writing(connection).begin():
            lock_store(connection, exclusive=False)
            if place.has(digest):
                return _insert(
                    connection, new, snapshot=digest, rules=rules, findings=findings, sign=sign
                )
    raise HistoryError(
        f"snapshot of run {new.report.run.id} does not stay in {place.where}",
        hint="see what else removes files there",
    )


def _put(database: Database, place: SnapshotPlace, digest: str, packed: bytes, now: str) -> None:
    """Have the snapshot in its place, and the store know of it first: nothing is left unknown."""
    row = {"digest": digest, "stored_at": now}
    with database.engine.connect() as connection, writing(connection).begin():
        lock_store(connection, exclusive=False)
        connection.execute(
            insert(connection, SNAPSHOTS)
            .values(row)
            .on_conflict_do_update(index_elements=["digest"], set_={"stored_at": now})
        )
    if place.read(digest) != packed:
        place.write(digest, packed)


def _insert(
    connection: Connection,
    new: NewRun,
    *,
    snapshot: str,
    rules: list[tuple[str, str]],
    findings: list[tuple[str, str, str]],
    sign: Sign | None,
) -> EvidenceRecord:
    report = new.report
    run = report.run.id
    _lock_cluster(connection, new)
    _refuse_twice(connection, run)
    sequence, previous_hash = _next_place(connection, new.cluster)
    header = head_run(new, snapshot=snapshot, sequence=sequence, previous_hash=previous_hash)
    text = _text(header)
    seal = seal_run(
        header,
        text,
        ((rule, digest_text(record)) for rule, record in rules),
        ((finding, digest) for finding, digest, _ in findings),
    )
    seal_text = _text(seal)
    run_hash = digest_text(seal_text)
    signature, key_id = None, None
    if sign is not None:
        signature, key_id = sign(encode_canonical(state_run(seal, run_hash)))
    known = _known_records(connection, new.cluster)
    connection.execute(
        RUNS.insert(),
        {
            "id": run,
            "cluster": new.cluster,
            "sequence": sequence,
            "started_at": report.run.started_at,
            "hash": run_hash,
            "previous_hash": previous_hash,
            "snapshot": snapshot,
            "header": text,
            "seal": seal_text,
            "signature": signature,
            "key_id": key_id,
        },
    )
    _insert_all(
        connection,
        RULE_RESULTS.insert(),
        [{"run": run, "rule": rule, "record": record} for rule, record in rules],
    )
    fresh = {digest: record for _, digest, record in findings if digest not in known}
    # In order, so that two writers who keep the same records wait for each other in one order.
    _insert_all(
        connection,
        insert(connection, RECORDS).on_conflict_do_nothing(),
        [{"digest": digest, "record": fresh[digest]} for digest in sorted(fresh)],
    )
    _insert_all(
        connection,
        FINDINGS.insert(),
        [{"run": run, "finding": finding, "record": digest} for finding, digest, _ in findings],
    )
    _see(connection, new.cluster, run, report.run.started_at)
    return EvidenceRecord(
        cluster=new.cluster, sequence=sequence, hash=run_hash, previous_hash=previous_hash
    )


def insert(connection: Connection, table: Table) -> Any:
    """An insert that can say what to do about a row that is there: both databases spell it so."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite

        return insert_sqlite(table)
    from sqlalchemy.dialects.postgresql import insert as insert_postgresql

    return insert_postgresql(table)


def _lock_cluster(connection: Connection, new: NewRun) -> None:
    """Have the cluster's row, with what it is called today, and keep other writers from it."""
    cluster = new.report.cluster
    row = insert(connection, CLUSTERS).values(
        key=new.cluster, name=_column(cluster.name), uid=_column(cluster.uid)
    )
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "name": func.coalesce(row.excluded.name, CLUSTERS.c.name),
                "uid": func.coalesce(row.excluded.uid, CLUSTERS.c.uid),
            },
        )
    )


def _refuse_twice(connection: Connection, run: str) -> None:
    kept = union_all(*(select(table.c.id).where(table.c.id == run) for table in (RUNS, TOMBSTONES)))
    if connection.execute(kept).first() is not None:
        raise HistoryError(
            f"run {run} is kept already", hint="a run is kept once, under its own id"
        )


def _next_place(connection: Connection, cluster: str) -> tuple[int, str | None]:
    """The sequence of the next run, and the hash of the one before it."""
    links = union_all(
        *(
            select(table.c.sequence, table.c.hash).where(table.c.cluster == cluster)
            for table in (RUNS, TOMBSTONES)
        )
    ).subquery()
    last = connection.execute(select(links).order_by(links.c.sequence.desc()).limit(1)).first()
    return (1, None) if last is None else (last.sequence + 1, last.hash)


def _known_records(connection: Connection, cluster: str) -> frozenset[str]:
    """The records of the run before: most are those of the new one, and need no writing."""
    before = newest_run(connection, cluster)
    if before is None:
        return frozenset()
    known = select(FINDINGS.c.record).where(FINDINGS.c.run == before.id)
    return frozenset(connection.execute(known).scalars())


def _see(connection: Connection, cluster: str, run: str, started_at: str) -> None:
    """Note that the findings of a run were seen when it was started."""
    seen = (
        select(literal(cluster), FINDINGS.c.finding, literal(started_at), literal(started_at))
        .where(FINDINGS.c.run == run)
        .distinct()
    )
    row = insert(connection, SIGHTINGS).from_select(
        ["cluster", "finding", "first_seen", "last_seen"], seen
    )
    first, last = SIGHTINGS.c.first_seen, SIGHTINGS.c.last_seen
    # Of two writers at once, the one that was started first may come second.
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["cluster", "finding"],
            set_={
                "first_seen": case((first > started_at, started_at), else_=first),
                "last_seen": case((last < started_at, started_at), else_=last),
            },
        )
    )


def _insert_all(connection: Connection, statement: Any, rows: list[dict[str, str]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _text(record: object) -> str:
    return encode_canonical(record).decode()


def _column(text: str | None) -> str | None:
    return None if text is None else plain(text)
