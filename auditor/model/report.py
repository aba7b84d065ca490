"""The Audit contract: `netpol-auditor/report/v1`. What is not built yet is null."""

from __future__ import annotations

from typing import Any

from auditor.model.findings import Record, Remediation, RuleStatus, Severity, Witness
from auditor.model.snapshot import Gap

REPORT_SCHEMA = "netpol-auditor/report/v1"


class ToolRecord(Record, frozen=True):
    """Which program made the report."""

    name: str
    version: str


class RunRecord(Record, frozen=True):
    """Which run: times are ISO 8601, UTC."""

    id: str
    started_at: str
    finished_at: str
    settings_digest: str


class CniRecord(Record, frozen=True):
    """The CNI that was recognised, and whether it enforces policies (None: not known)."""

    name: str | None
    enforces: bool | None
    evidence: tuple[str, ...]


class ClusterRecord(Record, frozen=True):
    """Which cluster."""

    name: str | None
    uid: str | None
    version: str | None
    cni: CniRecord


class ExcludedNamespace(Record, frozen=True):
    """A namespace that was evaluated and is not judged."""

    name: str
    reason: str


class NamespacesRecord(Record, frozen=True):
    """The population of namespaces."""

    total: int
    in_scope: int
    excluded: tuple[ExcludedNamespace, ...]


class GapSourceRecord(Record, frozen=True):
    """Where a gap arose."""

    file: str | None
    document: str | None
    field: str | None


class GapRecord(Record, frozen=True):
    """A gap (`auditor.model.snapshot.Gap`) as reported."""

    kind: str | None
    namespace: str | None
    name: str | None
    source: GapSourceRecord | None
    reason: str
    effect: str


class ScopeRecord(Record, frozen=True):
    """What was read and what was not."""

    namespaces: NamespacesRecord
    pods: int
    policies: dict[str, int]
    gaps: tuple[GapRecord, ...]
    selector: str | None = None
    """The labels of pods to which the run was narrowed (`-l`); null where it was not."""


class SummaryRecord(Record, frozen=True):
    """Open findings by severity, rules by status."""

    by_severity: dict[str, int]
    by_status: dict[str, int]
    score: None = None


class RuleRecord(Record, frozen=True):
    """What became of a rule; ``reason`` lists the subjects that could not be evaluated."""

    id: str
    status: RuleStatus
    declared_only: bool
    reason: str | None


class SubjectRecord(Record, frozen=True):
    """What a finding is about; ``namespace`` is null for the Cluster and for Environments."""

    namespace: str | None
    kind: str
    name: str


class FindingRecord(Record, frozen=True):
    """A finding as reported. ``policies`` are object keys `namespace/kind/name`."""

    id: str
    rule: str
    severity: Severity
    severity_reason: str | None
    system: bool
    status: str
    subject: SubjectRecord
    detail: str | None
    message: str
    hint: str
    controls: None
    evidence: dict[str, Any]
    witness: Witness | None
    policies: tuple[str, ...]
    remediation: Remediation | None
    first_seen: str | None
    last_seen: str | None


class Report(Record, frozen=True):
    """report.json. ``digest`` is the SHA-256 of its canonical JSON without run and digest."""

    schema: str
    tool: ToolRecord
    run: RunRecord
    cluster: ClusterRecord
    scope: ScopeRecord
    summary: SummaryRecord
    rules: tuple[RuleRecord, ...]
    findings: tuple[FindingRecord, ...]
    drift: None
    digest: str


class RulePage(Record, frozen=True):
    """A rule's page, from its docstring: a title and Markdown-free paragraphs by heading."""

    id: str
    severity: Severity
    title: str
    sections: tuple[tuple[str, str], ...]


class MatrixCell(Record, frozen=True):
    """Traffic from one namespace group to another: pairs that may connect, out of how many."""

    allowed: int
    """Workload pairs that may connect on at least one port."""
    unrestricted: int
    """Of those, the pairs that may connect on every port."""
    total: int


class Matrix(Record, frozen=True):
    """Who reaches whom, namespace by namespace: at most 40 names, the rest grouped as the last.

    ``cells[i][j]`` is the traffic from ``names[i]`` to ``names[j]``. The last two names are
    `other namespaces (n)`, where there are any, and `external addresses`.
    """

    names: tuple[str, ...]
    cells: tuple[tuple[MatrixCell, ...], ...]
    grouped: int
    """Namespaces that stand in the group of the rest."""


class Audit(Record, frozen=True):
    """Everything that the renderers need: the report, the picture and the rules' pages."""

    report: Report
    matrix: Matrix
    pages: tuple[RulePage, ...]


def record_gap(gap: Gap) -> GapRecord:
    """A gap as the contracts have it."""
    source = gap.source
    return GapRecord(
        kind=gap.kind,
        namespace=gap.namespace,
        name=gap.name,
        source=None
        if source is None
        else GapSourceRecord(file=source.file, document=source.document, field=source.field),
        reason=gap.reason,
        effect=gap.effect,
    )
