"""The Audit contract: `netpol-auditor/report/v1`. What is not built yet is null."""

from __future__ import annotations

from typing import Any

from auditor.model.drift import Drift
from auditor.model.findings import (
    Record,
    Remediation,
    RuleStatus,
    Severity,
    SubjectRecord,
    Witness,
)
from auditor.model.frameworks import FrameworkRecord
from auditor.model.history import Trend
from auditor.model.snapshot import Gap, Snapshot
from auditor.model.waivers import RefusedWaiverRecord, WaiverRecord, WaiverUseRecord

REPORT_SCHEMA = "netpol-auditor/report/v1"
UNSEALED = ("run", "digest")
"""Fields that the digest leaves out: it is the same for the same input and the same history."""


class ToolRecord(Record, frozen=True):
    """Which program made the report."""

    name: str
    version: str


class EvidenceRecord(Record, frozen=True):
    """The link of a run in the chain of its cluster's runs (`auditor.history.chain`)."""

    cluster: str
    """The key under which the runs of the cluster are kept."""
    sequence: int
    """1 for the first run of the cluster, counted on without holes."""
    hash: str
    """SHA-256 (hex) of everything kept of the run that later runs do not change."""
    previous_hash: str | None
    """That of the run before; null for the first."""


class ListedRecord(Record, frozen=True):
    """A list as it was read of the API server (`auditor.model.snapshot.ListRecord`)."""

    kind: str
    namespace: str | None
    """Null: cluster-wide."""
    resource_version: str
    pages: int
    items: int
    started_at: str
    finished_at: str
    inconsistent: bool


class CollectionRecord(Record, frozen=True):
    """When a cluster was read, and the moment of it that each list shows."""

    started_at: str
    finished_at: str
    lists: tuple[ListedRecord, ...]


class RunRecord(Record, frozen=True):
    """Which run: times are ISO 8601, UTC.

    ``evidence`` is null where no history is kept, ``collection`` where no API server was read.
    """

    id: str
    started_at: str
    finished_at: str
    settings_digest: str
    evidence: EvidenceRecord | None = None
    collection: CollectionRecord | None = None


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
    """The population of namespaces. Lists of names are sorted, and hold those in scope alone."""

    total: int
    in_scope: int
    excluded: tuple[ExcludedNamespace, ...]
    without_policy: tuple[str, ...] = ()
    """They hold no NetworkPolicy object."""
    policies_unread: tuple[str, ...] = ()
    """No NetworkPolicy was read in them, and some could not be: they may hold one."""


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


class ScoreRecord(Record, frozen=True):
    """The score, with all that it is worked out from. Waived findings weigh as open ones do."""

    value: float | None
    """0 to 100, to one decimal, rounded down; null where nothing was judged."""
    formula: str
    """The formula in words, with its weights: to be printed beside the value."""
    subjects: int
    """S of the formula: the workloads that were judged, and the namespaces that hold pods."""
    weight: int
    """W of the formula: the sum of the weights of all findings, open and waived."""
    rules_not_evaluated: int
    """Rules that failed to run, or could not judge all their subjects: they may hide findings."""
    rules_disabled: int
    reason: str | None
    """Why there is no value."""


class SummaryRecord(Record, frozen=True):
    """Open findings by severity, waived ones by severity, rules by status, the score."""

    by_severity: dict[str, int]
    waived_by_severity: dict[str, int]
    by_status: dict[str, int]
    score: ScoreRecord


class SeverityOverrideRecord(Record, frozen=True):
    """The settings give a rule another severity than its default, for a reason."""

    default: Severity
    severity: Severity
    reason: str


class RuleRecord(Record, frozen=True):
    """What became of a rule.

    ``reason`` lists the subjects that could not be evaluated; of a disabled rule it is the reason
    that the settings give. ``not_evaluated`` holds the keys of these subjects, sorted.
    """

    id: str
    status: RuleStatus
    declared_only: bool
    reason: str | None
    severity_override: SeverityOverrideRecord | None = None
    not_evaluated: tuple[str, ...] = ()


class FindingRecord(Record, frozen=True):
    """A finding as reported. ``policies`` are object keys `namespace/kind/name`.

    ``status`` is `open` or `waived`. ``waiver`` is the one that holds for it; on an open finding
    it is the one that held until it expired.
    ``controls`` are the controls of frameworks that it touches, as `PCI DSS 4.0.1 6.5.3`.
    """

    id: str
    rule: str
    severity: Severity
    severity_reason: str | None
    system: bool
    status: str
    waiver: WaiverRecord | None
    subject: SubjectRecord
    detail: str | None
    message: str
    hint: str
    controls: tuple[str, ...]
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
    waivers: tuple[WaiverUseRecord, ...]
    refused_waivers: tuple[RefusedWaiverRecord, ...]
    frameworks: tuple[FrameworkRecord, ...]
    drift: Drift | None
    """Since the last run of the cluster that is kept; null where there is none."""
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


class Extract(Record, frozen=True):
    """Of a report that holds no more than one audience may see."""

    audience: str
    digest: str
    """The digest of the whole report."""


class Audit(Record, frozen=True):
    """Everything that the renderers need: the report, the picture and the rules' pages."""

    report: Report
    matrix: Matrix
    pages: tuple[RulePage, ...]
    production: frozenset[str] = frozenset()
    """The namespaces that are production."""
    judged: tuple[str, ...] = ()
    """The namespaces that were judged, sorted."""
    trend: Trend | None = None
    """Of the cluster's runs, this one included; None where no history is kept."""
    history: str | None = None
    """Where the runs are kept, for people, without secrets; or why this one was not."""
    extract: Extract | None = None
    """None: it is the whole report."""


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


def record_collection(snapshot: Snapshot) -> CollectionRecord | None:
    """How consistent a snapshot is; None of manifests, and where it does not say."""
    if snapshot.finished_at is None:
        return None
    lists = tuple(
        ListedRecord(
            kind=one.kind,
            namespace=one.namespace,
            resource_version=one.resource_version,
            pages=one.pages,
            items=one.items,
            started_at=one.started_at,
            finished_at=one.finished_at,
            inconsistent=one.inconsistent,
        )
        for one in snapshot.lists
    )
    return CollectionRecord(snapshot.taken_at, snapshot.finished_at, lists)
