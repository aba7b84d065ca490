"""Runs to keep, and snapshots of them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from auditor.history.header import NewRun
from auditor.history.store import Store
from auditor.model.objects import Metadata, Namespace
from auditor.model.report import EvidenceRecord, FindingRecord
from auditor.model.snapshot import ClusterIdentity, Snapshot
from reports.json import digest
from tests.reports.audits import NAMESPACES, make_audit, make_finding

CLUSTER = "uid:3a5c0000-0000-4000-8000-000000000001"


def time_of(number: int) -> str:
    """The ``number``-th hour of 2026: ISO 8601, UTC."""
    return f"2026-{1 + number // 672:02}-{1 + number // 24 % 28:02}T{number % 24:02}:00:00Z"


def make_snapshot(number: int, namespaces: Iterable[str] = NAMESPACES) -> Snapshot:
    """A snapshot of a cluster without pods, taken in the ``number``-th hour of 2026."""
    return Snapshot(
        origin="cluster",
        taken_at=time_of(number),
        cluster=ClusterIdentity(name="shop", uid="3a5c0000-0000-4000-8000-000000000001"),
        namespaces=tuple(Namespace(Metadata(name=name)) for name in sorted(namespaces)),
    )


def make_run(
    number: int, findings: Iterable[FindingRecord] | None = None, cluster: str = CLUSTER
) -> NewRun:
    """The run with the id `run-NNNN`, started in the ``number``-th hour of 2026."""
    found = [make_finding(1), make_finding(2)] if findings is None else findings
    report = make_audit(found).report
    run = msgspec.structs.replace(
        report.run,
        id=f"run-{number:04}",
        started_at=time_of(number),
        finished_at=time_of(number),
        evidence=None,
    )
    report = msgspec.structs.replace(report, run=run)
    return NewRun(
        cluster=cluster,
        report=msgspec.structs.replace(report, digest=digest(report)),
        judged=tuple(sorted(NAMESPACES)),
        settings={"namespaces": [], "selector": ""},
        rules_digest="0" * 64,
        taken_at=time_of(number),
    )


def keep_runs(store: Store, *numbers: int, cluster: str = CLUSTER) -> list[EvidenceRecord]:
    """Keep runs of these numbers, in this order."""
    return [
        store.keep(make_run(number, cluster=cluster), make_snapshot(number)) for number in numbers
    ]
