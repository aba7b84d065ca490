"""The header of a run: everything kept of it but its rule results, findings and snapshot."""

from __future__ import annotations

from typing import Any

from auditor.model.findings import Record
from auditor.model.report import (
    ClusterRecord,
    Report,
    RunRecord,
    ScopeRecord,
    SummaryRecord,
    ToolRecord,
)

RUN_SCHEMA = "netpol-auditor/run/v1"


class NewRun(Record, frozen=True):
    """A run that is to be kept."""

    cluster: str
    """The key of its cluster (`Store.key_of`)."""
    report: Report
    """With its digest; ``run.evidence`` is null still."""
    judged: tuple[str, ...]
    """The names of the namespaces that were judged, sorted."""
    settings: dict[str, Any]
    """As `auditor.settings.evident_settings` gives them."""
    rules_digest: str
    taken_at: str
    """When the snapshot was taken: ISO 8601, UTC."""


class RunHeader(Record, frozen=True):
    """A run's header as stored. A later version may only add fields that have a default."""

    schema: str
    run: RunRecord
    """Without evidence: the hash in it covers this very header."""
    tool: ToolRecord
    rules_digest: str
    cluster_key: str
    cluster: ClusterRecord
    taken_at: str
    settings: dict[str, Any]
    scope: ScopeRecord
    judged: tuple[str, ...]
    summary: SummaryRecord
    snapshot: str
    """The digest of the snapshot (`auditor.sources.archive.digest_snapshot`)."""
    report: str
    """The digest of the report."""
    sequence: int
    previous_hash: str | None


def head_run(new: NewRun, *, snapshot: str, sequence: int, previous_hash: str | None) -> RunHeader:
    """The header of a new run at its place in the chain. ``snapshot`` is the digest."""
    report = new.report
    return RunHeader(
        schema=RUN_SCHEMA,
        run=report.run,
        tool=report.tool,
        rules_digest=new.rules_digest,
        cluster_key=new.cluster,
        cluster=report.cluster,
        taken_at=new.taken_at,
        settings=new.settings,
        scope=report.scope,
        judged=new.judged,
        summary=report.summary,
        snapshot=snapshot,
        report=report.digest,
        sequence=sequence,
        previous_hash=previous_hash,
    )
