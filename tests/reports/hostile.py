"""Strings that an attacker may put into a cluster, at every place of an audit."""

import msgspec

from auditor.model.findings import (
    ChangedConnection,
    ChangedConnections,
    Remediation,
    RuleStatus,
    Witness,
)
from auditor.model.report import (
    Audit,
    ClusterRecord,
    CniRecord,
    ExcludedNamespace,
    GapRecord,
    GapSourceRecord,
    NamespacesRecord,
    RuleRecord,
    SubjectRecord,
)
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
    )
    gap = GapRecord(
        hostile, hostile, hostile, GapSourceRecord(hostile, hostile, hostile), hostile, hostile
    )
    audit = make_audit(
        [finding],
        rules=[RuleRecord(hostile, RuleStatus.ERROR, declared_only=True, reason=hostile)],
        gaps=[gap],
        cluster=ClusterRecord(
            hostile, hostile, hostile, CniRecord(hostile, enforces=False, evidence=(hostile,))
        ),
        matrix=make_matrix([hostile, hostile]),
    )
    scope = msgspec.structs.replace(
        audit.report.scope,
        namespaces=NamespacesRecord(1, 1, (ExcludedNamespace(hostile, hostile),)),
        policies={hostile: 1},
    )
    return msgspec.structs.replace(audit, report=msgspec.structs.replace(audit.report, scope=scope))
