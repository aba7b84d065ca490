"""Drifts, trends and evidence to render: small realistic ones, and the extremes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from auditor.model.findings import Severity, SubjectRecord
from auditor.model.history import Trend, TrendPoint
from auditor.model.ports import PortRange, PortSet
from auditor.model.report import Audit, EvidenceRecord, FindingRecord
from reports.drift import DriftListing
from reports.json import digest
from tests.reports.audits import make_shop

POSTGRES: PortSet = (PortRange(protocol="TCP", first=5432, last=5432),)
WEB: PortSet = (
    PortRange(protocol="TCP", first=80, last=80),
    PortRange(protocol="TCP", first=8000, last=8100),
)

PREVIOUS = SideRecord("2026-11-14T09-00-00Z-1a2b3c", "2026-11-14T09:00:00Z", "cd" * 32)
CURRENT = SideRecord("2026-11-21T14-03-07Z-5f1c9a", "2026-11-21T14:03:05Z", "ef" * 32)

CHANGED = Cause(CauseKind.POLICY_CHANGED, "shop-prod/NetworkPolicy/db-in")
RELABELLED = Cause(CauseKind.LABELS_CHANGED, "Namespace/shop-test")
NEW = Cause(CauseKind.WORKLOAD_ADDED, "payments/Deployment/gateway")
GONE = Cause(CauseKind.POLICY_ADDED, "monitoring/NetworkPolicy/default-deny-ingress")


def workload(key: str, *variant: str) -> EndpointRecord:
    """An endpoint of `namespace/kind/name`."""
    namespace, kind, name = key.split("/")
    return EndpointRecord(namespace=namespace, kind=kind, name=name, variant=variant)


def external(addresses: str) -> EndpointRecord:
    """An endpoint of a range of addresses."""
    return EndpointRecord(addresses=addresses)


OPENED = (
    ChangedRow(
        workload("shop-dev/Deployment/api"),
        workload("shop-prod/StatefulSet/db"),
        POSTGRES,
        (CHANGED,),
    ),
    ChangedRow(
        workload("shop-test/Deployment/web", "tier=canary", "version=2"),
        workload("shop-prod/StatefulSet/db"),
        POSTGRES,
        (CHANGED, RELABELLED),
    ),
    ChangedRow(
        external("0.0.0.0-255.255.255.255"), workload("payments/Deployment/gateway"), "all", (NEW,)
    ),
)
CLOSED = (
    ChangedRow(
        workload("shop-dev/Deployment/web"),
        workload("monitoring/Deployment/prometheus"),
        WEB,
        (GONE,),
    ),
)

GROUPS = (
    ConnectionGroup("shop-dev", "shop-prod", 1, 0, (CHANGED,)),
    ConnectionGroup("shop-test", "shop-prod", 1, 0, (CHANGED, RELABELLED)),
    ConnectionGroup(None, "payments", 1, 0, (NEW,), 4),
    ConnectionGroup("shop-dev", "monitoring", 0, 1, (GONE,)),
)

FIELDS = (
    FieldChange("spec.ingress[0].from[0].namespaceSelector.matchLabels.environment", "prod", None),
    FieldChange("spec.ingress[0].ports[0].port", 5432, "postgres"),
    FieldChange(
        "spec.ingress[1]",
        None,
        {"from": [{"podSelector": {"matchLabels": {"role": "api"}}}], "ports": [{"port": 5432}]},
    ),
)


def brief(rule: str, severity: Severity, key: str, message: str, **more: object) -> FindingBrief:
    """What a finding id stands for."""
    namespace, kind, name = key.split("/")
    subject = SubjectRecord(namespace or None, kind, name)
    return msgspec.structs.replace(
        FindingBrief(rule, severity, system=False, subject=subject, detail=None, message=message),
        **more,
    )


FINDINGS = FindingDrift(
    new=("0000000000000004", "0000000000000003"),
    resolved=("00000000000000aa",),
    incomparable=("00000000000000bb",),
    unchanged=8,
    details={
        "0000000000000003": brief(
            "database-open-to-all-pods",
            Severity.HIGH,
            "shop-dev/StatefulSet/db",
            "mysql database shop-dev/StatefulSet/db accepts connections from every pod",
        ),
        "0000000000000004": brief(
            "environments-can-talk",
            Severity.HIGH,
            "/Environments/dev→prod",
            "dev reaches prod: 3 workload pairs may connect",
        ),
        "00000000000000aa": brief(
            "namespace-lacks-default-deny",
            Severity.HIGH,
            "/Namespace/monitoring",
            "monitoring lacks a default deny for ingress",
            detail="ingress",
        ),
        "00000000000000bb": brief(
            "database-open-to-all-pods",
            Severity.HIGH,
            "payments/StatefulSet/ledger",
            "postgresql database payments/StatefulSet/ledger accepts connections from every pod",
            reason="payments: its pods were not read in this run",
        ),
    },
)

SCOPE = (
    ScopeChange(ScopeChangeKind.NAMESPACE_ADDED, "payments", None, "no NetworkPolicy"),
    ScopeChange(ScopeChangeKind.NAMESPACE_ADDED, "checkout", None, None),
    ScopeChange(
        ScopeChangeKind.NAMESPACE_LABELS_CHANGED,
        "Namespace/shop-test",
        "environment=test",
        "environment=prod",
    ),
    ScopeChange(ScopeChangeKind.GAP_ADDED, "pods in payments", None, "forbidden"),
    ScopeChange(
        ScopeChangeKind.CNI_CHANGED,
        "Cluster/cluster",
        "Flannel does not enforce network policies",
        "Calico enforces network policies",
    ),
)


def make_drift(
    opened: Sequence[ChangedRow] = OPENED,
    closed: Sequence[ChangedRow] = CLOSED,
    **changes: object,
) -> Drift:
    """Make a drift in which something of every kind changed; ``changes`` replace its fields."""
    return msgspec.structs.replace(
        Drift(
            schema=DRIFT_SCHEMA,
            previous=PREVIOUS,
            current=CURRENT,
            policies=PolicyDrift(
                added=("monitoring/NetworkPolicy/default-deny-ingress",),
                removed=("shop-test/NetworkPolicy/isolate",),
                changed=(
                    PolicyChange("shop-prod/NetworkPolicy/db-in", FIELDS, "kubectl-client-side"),
                    PolicyChange("shop-dev/NetworkPolicy/api", FIELDS[1:2], None),
                ),
            ),
            connections=ConnectionDrift(
                opened=tuple(opened[:1000]),
                closed=tuple(closed[:1000]),
                totals=Totals(len(opened), len(closed)),
                omitted=Totals(max(0, len(opened) - 1000), max(0, len(closed) - 1000)),
                groups=GROUPS,
            ),
            findings=FINDINGS,
            scope=SCOPE,
        ),
        **changes,
    )


def make_unchanged() -> Drift:
    """Make a drift in which nothing changed."""
    return make_drift(
        (),
        (),
        policies=PolicyDrift((), (), ()),
        connections=ConnectionDrift((), (), Totals(0, 0), Totals(0, 0), ()),
        findings=FindingDrift((), (), (), 10, {}),
        scope=(),
    )


def make_rows(total: int, prefix: str = "svc") -> Iterable[ChangedRow]:
    """Make rows between many workloads; two of them are never the same."""
    for number in range(total):
        one, other = divmod(number, 1000)
        yield ChangedRow(
            workload(f"team-{one % 50:02}/Deployment/{prefix}-{one:05}"),
            workload(f"team-{other % 50:02}/Deployment/{prefix}-{other:05}"),
            (POSTGRES, WEB, "all")[number % 3],
            (CHANGED, NEW)[: number % 2 + 1],
        )


def make_large() -> Drift:
    """Make a drift of 100,000 rows, policies and findings of every kind, in 40,000 groups."""
    keys = tuple(f"team-{n % 50:02}/NetworkPolicy/policy-{n:06}" for n in range(100_000))
    ids = tuple(f"{n:016x}" for n in range(100_000))
    detail = brief("r", Severity.HIGH, "team/Deployment/x", "team/Deployment/x is open")
    rows = tuple(make_rows(1000))
    groups = tuple(
        ConnectionGroup(f"team-{n // 200:03}", f"team-{n % 200:03}", 3, 2, (CHANGED,), 7)
        for n in range(40_000)
    )
    return make_drift(
        policies=PolicyDrift(keys, keys, tuple(PolicyChange(key, FIELDS, "m") for key in keys)),
        connections=ConnectionDrift(
            rows, rows, Totals(100_000, 100_000), Totals(99_000, 99_000), groups
        ),
        findings=FindingDrift(ids, (), ids, 3, dict.fromkeys(ids, detail)),
        scope=tuple(
            ScopeChange(kind, f"team-{n:06}", "a", "b")
            for kind in (ScopeChangeKind.NAMESPACE_ADDED, ScopeChangeKind.GAP_ADDED)
            for n in range(50_000)
        ),
    )


def make_listing(
    drift: Drift | None = None,
    opened: Sequence[ChangedRow] = OPENED,
    closed: Sequence[ChangedRow] = CLOSED,
    notes: tuple[str, ...] = (),
) -> DriftListing:
    """Make a listing of a drift, or of the small one with these rows."""
    return DriftListing(
        drift or make_drift(opened, closed),
        lambda: opened,
        lambda: closed,
        "Changes in shop-cluster",
        notes,
    )


EVIDENCE = EvidenceRecord("uid:6f2b5a0e-77f1-4c55-9d0e-0c6e5b6d3a11", 3, "1a" * 32, "2b" * 32)


def make_trend(runs: int, kept: int | None = None) -> Trend:
    """Make a trend of weekly runs up to 2026-11-21, the last of which are bad."""
    first = 21 - 7 * (runs - 1)
    days = [f"{_day(first + 7 * number)}T14:03:05Z" for number in range(runs)]
    points = tuple(
        TrendPoint(
            day,
            None if number == 2 else round(max(0.0, 96.4 - 3.1 * (number % 9)), 1),
            {
                "critical": 1 if number in (4, 5) else 0,
                "high": 2 + number % 5,
                "medium": 7 + number % 3,
                "low": 14 - number % 11,
                "info": 0,
            },
            number % 2,
        )
        for number, day in enumerate(days)
    )
    earlier = [points[-number] for number in (5, 2) if number <= runs]
    return Trend(points, kept or runs, compared=tuple(earlier))


def _day(november: int) -> str:
    from datetime import date, timedelta

    return (date(2026, 11, 1) + timedelta(days=november - 1)).isoformat()


def with_history(
    audit: Audit, drift: Drift | None, trend: Trend | None, evidence: EvidenceRecord | None
) -> Audit:
    """Return an audit with these, sealed anew. What the drift calls new is seen since this run."""
    new = frozenset(drift.findings.new) if drift else frozenset[str]()

    def seen(one: FindingRecord) -> FindingRecord:
        first = CURRENT.taken_at if one.id in new else "2026-11-01T08:30:00Z"
        return msgspec.structs.replace(one, first_seen=first, last_seen=CURRENT.taken_at)

    report = msgspec.structs.replace(
        audit.report,
        run=msgspec.structs.replace(audit.report.run, evidence=evidence),
        findings=tuple(map(seen, audit.report.findings)) if evidence else audit.report.findings,
        drift=drift,
    )
    sealed = msgspec.structs.replace(report, digest=digest(report))
    return msgspec.structs.replace(
        audit, report=sealed, trend=trend, history="out/history.sqlite" if evidence else None
    )


def make_drifted() -> Audit:
    """Make the small realistic audit, with a drift, a trend of 12 runs, and evidence."""
    return with_history(make_shop(), make_drift(), make_trend(12), EVIDENCE)
