"""Findings → the report, with the population, its gaps, and the picture."""

from __future__ import annotations

from collections import Counter

import auditor
from auditor.findings.run import Judgement, judge
from auditor.findings.scope import Judged, Scope
from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import (
    REPORT_SCHEMA,
    Audit,
    ClusterRecord,
    CniRecord,
    NamespacesRecord,
    Report,
    RunRecord,
    ScopeRecord,
    SummaryRecord,
    ToolRecord,
    record_gap,
)
from auditor.model.selector_syntax import spell_selector
from auditor.reachability.picture import count_matrix
from auditor.reachability.view import View
from auditor.rules import RULES


def audit(view: View, scope: Scope, run: RunRecord) -> Audit:
    """Judge a view and put together all that the renderers need. The digest is left empty."""
    judged = Judged(view, scope)
    judgement = judge(view, judged)
    report = Report(
        schema=REPORT_SCHEMA,
        tool=ToolRecord(name="netpol-auditor", version=auditor.__version__),
        run=run,
        cluster=_cluster(view),
        scope=_scope(view, judged),
        summary=_summary(judgement),
        rules=judgement.rules,
        findings=judgement.findings,
        drift=None,
        digest="",
    )
    return Audit(
        report=report,
        matrix=count_matrix(view, _rank_namespaces(view, judged, judgement)),
        pages=tuple(one.page for one in RULES),
    )


def _cluster(view: View) -> ClusterRecord:
    cluster, cni = view.snapshot.cluster, view.recognition.cni
    return ClusterRecord(
        name=cluster.name,
        uid=cluster.uid,
        version=cluster.version,
        cni=CniRecord(name=cni.name, enforces=cni.enforces, evidence=cni.evidence),
    )


def _scope(view: View, judged: Judged) -> ScopeRecord:
    snapshot = view.snapshot
    kinds = Counter(one.kind for one in snapshot.unevaluated_policies)
    total = len(snapshot.namespaces)
    return ScopeRecord(
        namespaces=NamespacesRecord(
            total=total, in_scope=total - len(judged.excluded), excluded=judged.excluded
        ),
        pods=sum(view.pods_per_namespace.values()),
        policies={"NetworkPolicy": len(snapshot.policies), **dict(sorted(kinds.items()))},
        gaps=tuple(record_gap(one) for one in (*snapshot.gaps, *view.gaps)),
        selector=None if judged.selector is None else spell_selector(judged.selector),
    )


def _summary(judgement: Judgement) -> SummaryRecord:
    severities = Counter(one.severity for one in judgement.findings if one.status == "open")
    statuses = Counter(one.status for one in judgement.rules)
    return SummaryRecord(
        by_severity={one.value: severities[one] for one in Severity},
        by_status={one.value: statuses[one] for one in RuleStatus},
    )


def _rank_namespaces(view: View, judged: Judged, judgement: Judgement) -> tuple[str, ...]:
    """The namespaces judged, those with the worst findings first."""
    worst: dict[str, tuple[int, int]] = {}
    for finding in judgement.findings:
        namespace = finding.subject.namespace
        if namespace is not None:
            rank, count = worst.get(namespace, (finding.severity.rank, 0))
            worst[namespace] = (min(rank, finding.severity.rank), count - 1)
    excluded = {one.name for one in judged.excluded}
    names = (one.name for one in view.snapshot.namespaces if one.name not in excluded)
    return tuple(sorted(names, key=lambda one: (worst.get(one, (len(Severity), 0)), one)))
