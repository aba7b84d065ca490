"""Findings → the report, with the population, its gaps, and the picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import auditor
from auditor.findings.annotations import read_annotations
from auditor.findings.run import Judgement, judge
from auditor.findings.scope import Judged, Scope
from auditor.findings.score import score
from auditor.findings.waive import OPEN, WAIVED, Book, day_of, list_uses
from auditor.findings.waivers import Waiver
from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import (
    REPORT_SCHEMA,
    Audit,
    ClusterRecord,
    CniRecord,
    FindingRecord,
    NamespacesRecord,
    Report,
    RunRecord,
    ScopeRecord,
    SummaryRecord,
    ToolRecord,
    record_gap,
)
from auditor.model.selector_syntax import spell_selector
from auditor.model.snapshot import Blind
from auditor.reachability.picture import count_matrix
from auditor.reachability.view import View
from auditor.rules import RULES
from auditor.settings import RuleSettings


class Acceptance(NamedTuple):
    """What a user accepts, and what they change about the rules; each for a stated reason."""

    rules: Mapping[str, RuleSettings] = {}
    waivers: tuple[Waiver, ...] = ()
    """Those of files."""
    honoured: tuple[str, ...] = ()
    """The rules of which annotations may waive findings."""


NOTHING_ACCEPTED = Acceptance()


def audit(
    view: View, scope: Scope, run: RunRecord, acceptance: Acceptance = NOTHING_ACCEPTED
) -> Audit:
    """Judge a view and put together all that the renderers need.

    Waivers hold, or have expired, on the day on which the run started. The frameworks and the
    findings' controls are left out, and the digest is left empty.
    """
    judged = Judged(view, scope)
    rule_ids = tuple(one.id for one in RULES)
    annotated = read_annotations(view, judged, honoured=acceptance.honoured, rule_ids=rule_ids)
    book = Book((*acceptance.waivers, *annotated.waivers), day_of(run.started_at))
    judgement = judge(view, judged, settings=acceptance.rules, book=book)
    report = Report(
        schema=REPORT_SCHEMA,
        tool=ToolRecord(name="netpol-auditor", version=auditor.__version__),
        run=run,
        cluster=_cluster(view),
        scope=_scope(view, judged),
        summary=_summary(judgement, judged.count_subjects()),
        rules=judgement.rules,
        findings=judgement.findings,
        waivers=list_uses(book, judgement.matched, judgement.rules, judged),
        refused_waivers=annotated.refused,
        frameworks=(),
        drift=None,
        digest="",
    )
    return Audit(
        report=report,
        matrix=count_matrix(view, _rank_namespaces(judged, judgement)),
        pages=tuple(one.page for one in RULES),
        production=frozenset(
            name for name, one in view.recognition.environments.items() if one.production
        ),
        judged=judged.namespaces,
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
    return ScopeRecord(
        namespaces=_namespaces(view, judged),
        pods=sum(view.pods_per_namespace.values()),
        policies={"NetworkPolicy": len(snapshot.policies), **dict(sorted(kinds.items()))},
        gaps=tuple(record_gap(one) for one in (*snapshot.gaps, *view.gaps)),
        selector=None if judged.selector is None else spell_selector(judged.selector),
    )


def _namespaces(view: View, judged: Judged) -> NamespacesRecord:
    bare = [one for one in judged.namespaces if one not in view.policies_in]
    unread = {one for one in bare if _may_hold_policies(view, one)}
    return NamespacesRecord(
        total=len(view.snapshot.namespaces),
        in_scope=len(judged.namespaces),
        excluded=judged.excluded,
        without_policy=tuple(one for one in bare if one not in unread),
        policies_unread=tuple(one for one in bare if one in unread),
    )


def _may_hold_policies(view: View, namespace: str) -> bool:
    """Whether a gap hides NetworkPolicies of a namespace; other kinds of policies are not asked."""
    return any(
        one.kind == "NetworkPolicy" or one.blind is Blind.OBJECTS
        for one in view.blind_spots(namespace, Blind.POLICIES)
    )


def _summary(judgement: Judgement, subjects: int) -> SummaryRecord:
    findings = judgement.findings
    statuses = Counter(one.status for one in judgement.rules)
    return SummaryRecord(
        by_severity=_count_severities(one for one in findings if one.status == OPEN),
        waived_by_severity=_count_severities(one for one in findings if one.status == WAIVED),
        by_status={one.value: statuses[one] for one in RuleStatus},
        score=score((one.severity for one in findings), judgement.rules, subjects=subjects),
    )


def _count_severities(findings: Iterable[FindingRecord]) -> dict[str, int]:
    severities = Counter(one.severity for one in findings)
    return {one.value: severities[one] for one in Severity}


def _rank_namespaces(judged: Judged, judgement: Judgement) -> tuple[str, ...]:
    """The namespaces judged, those with the worst findings first."""
    worst: dict[str, tuple[int, int]] = {}
    for finding in judgement.findings:
        namespace = finding.subject.namespace
        if namespace is not None:
            rank, count = worst.get(namespace, (finding.severity.rank, 0))
            worst[namespace] = (min(rank, finding.severity.rank), count - 1)
    return tuple(
        sorted(judged.namespaces, key=lambda one: (worst.get(one, (len(Severity), 0)), one))
    )
