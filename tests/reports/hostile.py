"""Strings that an attacker may put into a cluster, at every place of an audit."""

import msgspec

from auditor.model.connections import EndpointRecord
from auditor.model.drift import (
    DRIFT_SCHEMA,
    Cause,
    CauseKind,
    ChangedRow,
    ConnectionDrift,
    ConnectionGroup,
    Drift,
    FieldChange,
    FindingBrief,
    FindingDrift,
    PolicyChange,
    PolicyDrift,
    ScopeChange,
    ScopeChangeKind,
    SideRecord,
    Totals,
)
from auditor.model.findings import (
    ChangedConnection,
    ChangedConnections,
    Remediation,
    RuleStatus,
    Severity,
    SubjectRecord,
    Witness,
)
from auditor.model.frameworks import (
    ControlRecord,
    ControlStatus,
    Coverage,
    FrameworkRecord,
    ReadingRecord,
)
from auditor.model.history import Trend, TrendPoint
from auditor.model.ports import PortRange
from auditor.model.report import (
    Audit,
    ClusterRecord,
    CniRecord,
    EvidenceRecord,
    ExcludedNamespace,
    GapRecord,
    GapSourceRecord,
    NamespacesRecord,
    RuleRecord,
    SeverityOverrideRecord,
)
from auditor.model.waivers import RefusedWaiverRecord, WaiverRecord, WaiverState, WaiverUseRecord
from reports.drift import DriftListing
from tests.reports.audits import make_audit, make_finding, make_matrix

STRINGS = (
    "<script>alert(1)</script>",
    '"><img src=https://evil.example/x onerror=alert(1)>',
    "</style><script src=//evil.example></script>",
    "</script><script>alert(1)</script>",
    "<!--", "]]>", "{{ 7*7 }}{% raw %}",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "url(https://evil.example/a.png)",
    "admin\u202etxt.exe\u2066\u200b",
    "two\nlines\rand\ta tab\x00\x1b[31m",
    '=HYPERLINK("https://evil.example","x")',
    "x" * 10_000,
    "surrogate \udc80 \ud800",
    "&lt;b&gt;&#x202e;",
)  # fmt: skip


def make_hostile(hostile: str) -> Audit:
    """Make an audit that carries one hostile string wherever a cluster's string may stand."""
    connection = ChangedConnection(hostile, hostile, hostile)
    changed = ChangedConnections(1, (connection,), 0)
    waiver = _waiver(hostile)
    finding = make_finding(
        1,
        subject=SubjectRecord(hostile, hostile, hostile),
        severity_reason=hostile,
        detail=hostile,
        message=hostile,
        hint=hostile,
        evidence={hostile: hostile, "list": [hostile], "nested": {hostile: {hostile: hostile}}},
        witness=Witness(hostile, hostile, hostile, 80),
        policies=(hostile,),
        remediation=Remediation(manifest=hostile, steps=(hostile,), closes=changed, opens=changed),
        first_seen=hostile,
        last_seen=hostile,
        waiver=waiver,
        controls=(hostile, f"{hostile} {hostile} {hostile}"),
    )
    gap = GapRecord(
        hostile, hostile, hostile, GapSourceRecord(hostile, hostile, hostile), hostile, hostile
    )
    audit = make_audit(
        [finding],
        rules=[
            RuleRecord(
                hostile,
                RuleStatus.ERROR,
                declared_only=True,
                reason=hostile,
                severity_override=SeverityOverrideRecord(Severity.HIGH, Severity.LOW, hostile),
            )
        ],
        gaps=[gap],
        cluster=ClusterRecord(
            hostile, hostile, hostile, CniRecord(hostile, enforces=False, evidence=(hostile,))
        ),
        matrix=make_matrix([hostile, hostile]),
    )
    scope = msgspec.structs.replace(
        audit.report.scope,
        namespaces=NamespacesRecord(
            1, 1, (ExcludedNamespace(hostile, hostile),), (hostile,), (hostile,)
        ),
        policies={hostile: 1},
        selector=hostile,
    )
    report = msgspec.structs.replace(
        audit.report,
        scope=scope,
        waivers=tuple(
            WaiverUseRecord(waiver, state, 1, days, expires_soon=days == 1, reason=hostile)
            for state, days in zip(WaiverState, (99, 1, -1, 99), strict=True)
        ),
        refused_waivers=(RefusedWaiverRecord(hostile, hostile, hostile),),
        frameworks=(_framework(hostile),),
        drift=make_hostile_drift(hostile),
        run=msgspec.structs.replace(
            audit.report.run, evidence=EvidenceRecord(hostile, 7, hostile, hostile)
        ),
    )
    points = (TrendPoint(hostile, 1.0, {"high": 1}, 0), TrendPoint(hostile, None, {hostile: 2}, 1))
    trend = Trend(points, 9, compared=points[:1])
    return msgspec.structs.replace(audit, report=report, trend=trend, history=hostile)


def make_hostile_drift(hostile: str) -> Drift:
    """Make a drift that carries one hostile string wherever a cluster's string may stand."""
    side = SideRecord(hostile, hostile, hostile)
    causes = tuple(Cause(kind, hostile) for kind in CauseKind)
    there = EndpointRecord(namespace=hostile, kind=hostile, name=hostile, variant=(hostile,) * 2)
    ports = (PortRange(protocol=hostile, first=80, last=90),)
    row = ChangedRow(there, EndpointRecord(addresses=hostile), ports, causes)
    changes = (
        FieldChange(hostile, hostile, {hostile: [hostile]}),
        FieldChange(hostile, None, [{hostile: hostile}]),
        FieldChange(hostile, hostile, None),
    )
    brief = FindingBrief(
        hostile,
        Severity.HIGH,
        system=True,
        subject=SubjectRecord(hostile, hostile, hostile),
        detail=hostile,
        message=hostile,
        reason=hostile,
    )
    return Drift(
        schema=DRIFT_SCHEMA,
        previous=side,
        current=side,
        policies=PolicyDrift(
            added=(hostile,),
            removed=(hostile,),
            changed=(PolicyChange(hostile, changes, hostile),),
        ),
        connections=ConnectionDrift(
            opened=(row,),
            closed=(row,),
            totals=Totals(1, 1),
            omitted=Totals(0, 0),
            groups=(ConnectionGroup(hostile, hostile, 1, 1, causes, 3),),
        ),
        findings=FindingDrift((hostile,), (hostile,), (hostile,), 1, {hostile: brief}),
        scope=tuple(ScopeChange(kind, hostile, hostile, hostile) for kind in ScopeChangeKind),
    )


def make_hostile_listing(hostile: str) -> DriftListing:
    """Make a listing of a hostile drift, with a hostile title and note."""
    drift = make_hostile_drift(hostile)
    rows = drift.connections
    return DriftListing(drift, lambda: rows.opened, lambda: rows.closed, hostile, (hostile,))


def _waiver(hostile: str) -> WaiverRecord:
    return WaiverRecord(
        id=hostile,
        rule=hostile,
        subject=hostile,
        detail=hostile,
        reason=hostile,
        compensating_control=hostile,
        owner=hostile,
        approved_by=hostile,
        ticket=hostile,
        created=hostile,
        expires=hostile,
        file=None,
        line=None,
        annotated=hostile,
    )


def _framework(hostile: str) -> FrameworkRecord:
    reading = ReadingRecord(hostile, hostile, ControlStatus.FAIL)
    controls = [
        ControlRecord(
            id=hostile,
            title=hostile,
            rules=(hostile,),
            coverage=Coverage.PARTIAL,
            source=source,
            verified=False,
            note=hostile,
            status=ControlStatus.FAIL,
            declared_only=False,
            readings=(reading,),
        )
        for source in (hostile, "https://framework.example")
    ]
    return FrameworkRecord(
        id=hostile, framework=hostile, edition=hostile, note=hostile, controls=tuple(controls)
    )
