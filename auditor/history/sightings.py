"""Since when findings are seen: what later runs change, held against what kept runs have recorded.

No hash covers the sightings, and every run records in its findings, which are covered, since when
they are seen. That holds of a finding from then on; only a run that was started before, and kept
after another one that has it, moves it back: to its own start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from auditor.history.reading import newest_run
from auditor.history.schema import FINDINGS, RECORDS, RUNS, SIGHTINGS, TOMBSTONES
from auditor.history.stored import decode
from auditor.model.findings import Record


class AlteredSighting(NamedTuple):
    """A finding that has another beginning than kept runs say."""

    run: str
    """The oldest kept run that has the finding."""
    sequence: int
    finding: str
    recorded: str
    found: str | None
    """None: the sighting is gone."""


class _Recorded(Record, frozen=True):
    first_seen: str | None


def read_first_seen(connection: Connection, cluster: str) -> Mapping[str, str]:
    """Finding id → since when it is seen: as the newest kept run has recorded it.

    Of a finding that this run does not have: when the first run that had it was started.

    Raises:
        HistoryError: a record is missing or damaged.
    """
    first = dict(_sightings(connection, cluster))
    newest = newest_run(connection, cluster)
    if newest is None:
        return first
    records = (
        select(FINDINGS.c.finding, RECORDS.c.record)
        .join(RECORDS, RECORDS.c.digest == FINDINGS.c.record, isouter=True)
        .where(FINDINGS.c.run == newest.id)
    )
    for finding, record in connection.execute(records, execution_options={"yield_per": 500}):
        what = f"finding {finding} of run {newest.id}"
        recorded = decode(record or "", _Recorded, what).first_seen
        if recorded is not None:
            first[finding] = recorded
    return first


def find_altered_sighting(connection: Connection, cluster: str) -> AlteredSighting | None:
    """The first finding, by id, that is said to be seen since another time than was recorded.

    What no kept run has recorded cannot be compared.

    Raises:
        HistoryError: a record is damaged.
    """
    said = dict(_sightings(connection, cluster))
    since: dict[str, str] = {}
    oldest: dict[str, int] = {}
    for finding, record, started_at, sequence in _records(connection, cluster):
        recorded = decode(record, _Recorded, f"finding {finding}").first_seen
        if recorded is not None:
            since[finding] = min(since.get(finding, recorded), recorded, started_at)
            oldest[finding] = min(oldest.get(finding, sequence), sequence)
    started = _pruned_starts(connection, cluster)
    for finding in sorted(since):
        recorded, found = since[finding], said.get(finding)
        # the run that moved it back may have been pruned
        if found != recorded and not (found in started and str(found) < recorded):
            place = RUNS.c.cluster == cluster, RUNS.c.sequence == oldest[finding]
            run = connection.execute(select(RUNS.c.id).where(*place)).scalar_one()
            shown = None if found is None else str(found)
            return AlteredSighting(run, oldest[finding], finding, recorded, shown)
    return None


def _sightings(connection: Connection, cluster: str) -> list[tuple[str, str]]:
    seen = select(SIGHTINGS.c.finding, SIGHTINGS.c.first_seen)
    return [(row[0], row[1]) for row in connection.execute(seen.where(_of(SIGHTINGS, cluster)))]


def _records(connection: Connection, cluster: str) -> Any:
    """Of every record that kept runs share: finding, text, and of the runs the earliest and first.

    Each is read once, however many runs have it.
    """
    return connection.execute(
        select(
            FINDINGS.c.finding,
            RECORDS.c.record,
            func.min(RUNS.c.started_at),
            func.min(RUNS.c.sequence),
        )
        .join(RUNS, RUNS.c.id == FINDINGS.c.run)
        .join(RECORDS, RECORDS.c.digest == FINDINGS.c.record)
        .where(_of(RUNS, cluster))
        .group_by(FINDINGS.c.finding, RECORDS.c.digest),
        execution_options={"yield_per": 500},
    )


def _pruned_starts(connection: Connection, cluster: str) -> frozenset[str]:
    starts = select(TOMBSTONES.c.started_at).where(_of(TOMBSTONES, cluster))
    return frozenset(connection.execute(starts).scalars())


def _of(table: Any, cluster: str) -> Any:
    return table.c.cluster == cluster
