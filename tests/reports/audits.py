"""Audits to render: a small realistic one, and the extremes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from auditor.findings.score import score
from auditor.model.findings import (
    ChangedConnection,
    ChangedConnections,
    Remediation,
    RuleStatus,
    Severity,
    SubjectRecord,
    Witness,
)
from auditor.model.report import (
    REPORT_SCHEMA,
    Audit,
    ClusterRecord,
    CniRecord,
    ExcludedNamespace,
    FindingRecord,
    GapRecord,
    GapSourceRecord,
    Matrix,
    MatrixCell,
    NamespacesRecord,
    Report,
    RulePage,
    RuleRecord,
    RunRecord,
    ScopeRecord,
    SummaryRecord,
    ToolRecord,
)
from reports.json import digest

DENY_INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny-ingress
  namespace: shop-dev
spec:
  podSelector: {}
  policyTypes:
  - Ingress
  ingress: []
"""

DATABASE = "shop-dev/StatefulSet/db"

RULES = (
    ("namespace-lacks-default-deny", Severity.HIGH, "A namespace lacks a default deny"),
    ("database-open-to-all-pods", Severity.HIGH, "A database is open to all pods"),
    ("egress-is-unrestricted", Severity.HIGH, "A workload's egress is unrestricted"),
    ("egress-to-whole-internet", Severity.MEDIUM, "A workload reaches the whole internet"),
    ("environments-can-talk", Severity.HIGH, "Environments can talk to each other"),
)

NAMESPACES = ("shop-dev", "shop-test", "shop-prod", "monitoring", "ingress-nginx", "kube-system")


def make_finding(number: int, **changes: object) -> FindingRecord:
    """Make a finding; ``changes`` replace its fields."""
    return msgspec.structs.replace(
        FindingRecord(
            id=f"{number:016x}",
            rule="namespace-lacks-default-deny",
            severity=Severity.HIGH,
            severity_reason=None,
            system=False,
            status="open",
            waiver=None,
            subject=SubjectRecord(namespace=None, kind="Namespace", name="shop-dev"),
            detail="ingress",
            message="shop-dev lacks a default deny for ingress: a new pod accepts every connection",
            hint="add a policy that selects every pod and allows no ingress",
            controls=(),
            evidence={"pods": 6, "policies_that_open_it": []},
            witness=None,
            policies=(),
            remediation=Remediation(
                manifest=DENY_INGRESS,
                closes=ChangedConnections(
                    total=42,
                    connections=(
                        ChangedConnection(
                            "shop-dev/Deployment/web", "shop-dev/Deployment/api", "every port"
                        ),
                        ChangedConnection(
                            "shop-test/Deployment/web", "shop-dev/StatefulSet/db", "every port"
                        ),
                    ),
                    omitted=40,
                ),
            ),
            first_seen=None,
            last_seen=None,
        ),
        **changes,
    )


def _shop_findings() -> Iterable[FindingRecord]:
    yield make_finding(1)
    yield make_finding(2, detail="egress", message="shop-dev lacks a default deny for egress")
    yield make_finding(
        3,
        rule="database-open-to-all-pods",
        subject=SubjectRecord(namespace="shop-dev", kind="StatefulSet", name="db"),
        detail="cluster",
        message=f"mysql database {DATABASE} accepts connections from every pod of the cluster",
        hint="allow only the workloads that need the database",
        evidence={
            "engine": "mysql",
            "recognised_by": ["image mysql", "port 3306"],
            "share_of_pods": {"reaching": 17, "total": 21},
            "namespaces": list(NAMESPACES),
        },
        witness=Witness("monitoring/Deployment/prometheus", "shop-dev/StatefulSet/db", "TCP", 3306),
    )
    yield make_finding(
        4,
        rule="environments-can-talk",
        subject=SubjectRecord(namespace=None, kind="Environments", name="dev→prod"),
        detail=None,
        message="dev reaches prod: 3 workload pairs may connect",
        hint="take the namespaces of other environments out of the peers of the policies named",
        severity_reason="one end is production",
        witness=Witness("shop-dev/Deployment/api", "shop-prod/StatefulSet/db", "TCP", 3306),
        policies=("shop-prod/NetworkPolicy/api-everywhere", "shop-prod/NetworkPolicy/debug"),
        remediation=Remediation(
            steps=(
                "add a namespaceSelector for the production namespaces beside podSelector role=api",
                "delete shop-prod/NetworkPolicy/debug if nobody needs it",
            )
        ),
    )
    for number, name in enumerate(("web", "api", "db"), start=5):
        kind = "StatefulSet" if name == "db" else "Deployment"
        yield make_finding(
            number,
            rule="egress-is-unrestricted",
            subject=SubjectRecord(namespace="shop-dev", kind=kind, name=name),
            detail=None,
            message=f"shop-dev/{kind}/{name} may send to every external address on every port",
            hint="allow the destinations that it needs, and deny the rest",
            witness=Witness(f"shop-dev/{kind}/{name}", "1.1.1.1-1.1.1.1", None, None),
        )
    yield make_finding(
        8,
        rule="egress-to-whole-internet",
        severity=Severity.MEDIUM,
        subject=SubjectRecord(namespace="shop-prod", kind="Deployment", name="web"),
        detail="IPv4",
        message="shop-prod/Deployment/web may send to every public IPv4 address",
        policies=("shop-prod/NetworkPolicy/web-out",),
    )
    for number, direction in enumerate(("ingress", "egress"), start=9):
        yield make_finding(
            number,
            severity=Severity.LOW,
            severity_reason="system namespace",
            system=True,
            subject=SubjectRecord(namespace=None, kind="Namespace", name="kube-system"),
            detail=direction,
            message=f"kube-system lacks a default deny for {direction}",
        )


GAPS = (
    GapRecord(
        kind="pods",
        namespace="payments",
        name=None,
        source=None,
        reason="forbidden: the account may not list pods here",
        effect="rules that need these pods are not evaluated in payments",
    ),
    GapRecord(
        kind="NetworkPolicy",
        namespace="shop-test",
        name="broken",
        source=GapSourceRecord(
            file="policies/test.yaml",
            document="document 2, line 31",
            field="spec.ingress[0].ports[0].endPort",
        ),
        reason="endPort 80 is below port 443",
        effect="the policy is left out",
    ),
)


def make_page(identifier: str, severity: Severity, title: str) -> RulePage:
    """Make a rule's page with every kind of block."""
    return RulePage(
        id=identifier,
        severity=severity,
        title=title,
        sections=(
            (
                "What it means",
                "Nothing isolates a new pod, whatever its labels.\n\nSee `podSelector`.",
            ),
            (
                "How to fix",
                "Apply a policy:\n\n    kind: NetworkPolicy\n    spec: {}\n\n- one\n- two\n  lines",
            ),
            ("When to waive", "Hardly ever."),
        ),
    )


def make_matrix(names: Sequence[str], grouped: int = 0) -> Matrix:
    """Make a matrix with every level of colour, with and without pairs open on every port."""
    size = len(names)
    cells = tuple(
        tuple(
            MatrixCell(
                allowed=0 if (i + j) % 3 == 0 else (i * 7 + j * 5) % 13,
                unrestricted=0 if (i + j) % 3 == 0 or i % 2 else (i * 7 + j * 5) % 13 // 2,
                total=0 if i == j == size - 1 else 12,
            )
            for j in range(size)
        )
        for i in range(size)
    )
    return Matrix(names=tuple(names), cells=cells, grouped=grouped)


def make_audit(
    findings: Iterable[FindingRecord] = (),
    *,
    rules: Sequence[RuleRecord] | None = None,
    gaps: Sequence[GapRecord] = (),
    matrix: Matrix | None = None,
    cluster: ClusterRecord | None = None,
    pages: Sequence[RulePage] | None = None,
) -> Audit:
    """Make an audit, sealed with its digest."""
    found = tuple(findings)
    failed = {one.rule for one in found if one.status == "open"}
    statuses = tuple(
        RuleRecord(
            id=identifier,
            status=RuleStatus.FAIL if identifier in failed else RuleStatus.PASS,
            declared_only=False,
            reason=None,
        )
        for identifier, _, _ in RULES
    )
    ruled = statuses if rules is None else tuple(rules)
    severities = Counter(one.severity for one in found if one.status == "open")
    waived = Counter(one.severity for one in found if one.status == "waived")
    by_status = Counter(rule.status for rule in ruled)
    report = Report(
        schema=REPORT_SCHEMA,
        tool=ToolRecord("netpol-auditor", "0.1.0"),
        run=RunRecord(
            "2026-11-21T14-03-07Z-5f1c9a", "2026-11-21T14:03:05Z", "2026-11-21T14:03:07Z", "ab" * 32
        ),
        cluster=cluster
        or ClusterRecord(
            "shop-cluster",
            "6f2b5a0e-77f1-4c55-9d0e-0c6e5b6d3a11",
            "v1.36.1",
            CniRecord("Calico", enforces=True, evidence=("DaemonSet kube-system/calico-node",)),
        ),
        scope=ScopeRecord(
            namespaces=NamespacesRecord(
                8, 7, (ExcludedNamespace("sandbox", "--exclude-namespace"),)
            ),
            pods=21,
            policies={"NetworkPolicy": 17, "CiliumNetworkPolicy.cilium.io": 1},
            gaps=tuple(gaps),
        ),
        summary=SummaryRecord(
            by_severity={one.value: severities[one] for one in Severity},
            waived_by_severity={one.value: waived[one] for one in Severity},
            by_status={one.value: by_status[one] for one in RuleStatus},
            score=score((one.severity for one in found), ruled, subjects=20),
        ),
        rules=ruled,
        findings=found,
        waivers=(),
        refused_waivers=(),
        frameworks=(),
        drift=None,
        digest="",
    )
    sealed = msgspec.structs.replace(report, digest=digest(report))
    named = (*NAMESPACES, "external addresses")
    return Audit(
        report=sealed,
        matrix=matrix or make_matrix(named),
        pages=tuple(make_page(*rule) for rule in RULES) if pages is None else tuple(pages),
    )


def make_shop() -> Audit:
    """Make a small realistic audit with findings, gaps, and a rule evaluated in part."""
    audit = make_audit(_shop_findings(), gaps=GAPS)
    first, *others = audit.report.rules
    partial = msgspec.structs.replace(
        audit.report.rules[1], reason="payments: its pods were not read"
    )
    return make_audit(_shop_findings(), gaps=GAPS, rules=(first, partial, *others[1:]))


def make_many(total: int, namespaces: int = 60) -> Audit:
    """Make an audit of many findings over some namespaces; every tenth is of a system one."""
    return make_audit(_many_findings(total, namespaces))


def _many_findings(total: int, namespaces: int) -> Iterable[FindingRecord]:
    rules = [identifier for identifier, _, _ in RULES]
    severities = list(Severity)
    for number in range(total):
        namespace, name = f"team-{number % namespaces:02}", f"service-{number:05}"
        yield make_finding(
            number,
            rule=rules[number % len(rules)],
            severity=severities[number % 4 + 1],
            system=number % 10 == 9,
            subject=SubjectRecord(namespace, "Deployment", name),
            message=f"{namespace}/Deployment/{name} may be reached by every pod of the cluster",
            witness=Witness("a/Deployment/b", f"{namespace}/Deployment/{name}", "TCP", 80),
        )
