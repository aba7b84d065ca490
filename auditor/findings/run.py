"""Rules → findings: every rule is run, and a rule that raises is an error, never a pass."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from auditor.findings.fingerprint import fingerprint
from auditor.findings.scope import Judged
from auditor.model.findings import Hit, RuleStatus, Unevaluated
from auditor.model.report import FindingRecord, RuleRecord, SubjectRecord
from auditor.reachability.view import View
from auditor.rules import ENFORCEMENT, RULES
from auditor.rules._rule import Rule

ENFORCEMENT_RULE = ENFORCEMENT.id
"""The rule whose findings say that policies are not enforced, or not in full."""

_LOGGER = logging.getLogger(__name__)


class Judgement(NamedTuple):
    """What the rules stated within the scope, worst first, and what became of each rule."""

    findings: tuple[FindingRecord, ...]
    rules: tuple[RuleRecord, ...]


def judge(view: View, judged: Judged, rules: Sequence[Rule] = RULES) -> Judgement:
    """Run the rules over a view. What passes while policies are not enforced is only declared."""
    outcomes = [_run(rule, view, judged) for rule in rules]
    declared_only = any(one.hits for one in outcomes if one.rule.id == ENFORCEMENT_RULE)
    findings = [_record(one.rule, view, hit) for one in outcomes for hit in one.hits]
    order = {rule.id: number for number, rule in enumerate(rules)}
    findings.sort(
        key=lambda one: (
            one.system,
            one.severity.rank,
            order[one.rule],
            one.subject.namespace or "",
            one.subject.kind,
            one.subject.name,
            one.detail or "",
        )
    )
    records = tuple(_record_rule(one, judged, declared_only=declared_only) for one in outcomes)
    return Judgement(tuple(findings), records)


class _Outcome(NamedTuple):
    """What a rule stated within the scope, and why it failed where it did."""

    rule: Rule
    hits: tuple[Hit, ...]
    unevaluated: tuple[Unevaluated, ...]
    failure: str | None


def _run(rule: Rule, view: View, judged: Judged) -> _Outcome:
    hits: list[Hit] = []
    unevaluated: list[Unevaluated] = []
    failure: str | None = None
    try:
        for one in rule.check(view):
            if judged.holds(one.subject):
                match one:
                    case Hit():
                        hits.append(one)
                    case Unevaluated():
                        unevaluated.append(one)
    except Exception as error:  # a rule that fails must not take the others with it
        _LOGGER.debug("rule %s failed", rule.id, exc_info=True)
        failure = f"{type(error).__name__}: {error}"
    return _Outcome(rule, tuple(hits), tuple(unevaluated), failure)


def _record_rule(outcome: _Outcome, judged: Judged, *, declared_only: bool) -> RuleRecord:
    if outcome.failure is not None:
        status = RuleStatus.ERROR
    elif outcome.hits:
        status = RuleStatus.FAIL
    elif outcome.unevaluated or judged.is_empty:
        status = RuleStatus.NOT_EVALUATED
    else:
        status = RuleStatus.PASS
    return RuleRecord(
        id=outcome.rule.id,
        status=status,
        declared_only=declared_only and status is RuleStatus.PASS,
        reason=_reason(outcome.failure, outcome.unevaluated)
        or ("no namespace is in scope" if judged.is_empty else None),
    )


def _reason(failure: str | None, unevaluated: Sequence[Unevaluated]) -> str | None:
    """Why the rule failed, and the subjects that it could not judge, by reason."""
    by_reason: dict[str, list[str]] = {}
    for subject, reason in unevaluated:
        by_reason.setdefault(reason, []).append(str(subject))
    unseen = "; ".join(
        f"{', '.join(sorted(set(subjects)))}: {reason}"
        for reason, subjects in sorted(by_reason.items())
    )
    if failure:
        return f"the rule failed: {failure}" + (f"; not evaluated: {unseen}" if unseen else "")
    return unseen or None


def _record(rule: Rule, view: View, hit: Hit) -> FindingRecord:
    subject = hit.subject
    return FindingRecord(
        id=fingerprint(rule.id, subject, hit.detail),
        rule=rule.id,
        severity=hit.severity or rule.severity,
        severity_reason=hit.severity_reason,
        system=subject.namespace in view.recognition.system_namespaces,
        status="open",
        subject=SubjectRecord(
            namespace=subject.namespace or None, kind=subject.kind, name=subject.name
        ),
        detail=hit.detail,
        message=hit.message,
        hint=hit.hint,
        controls=None,
        evidence=dict(hit.evidence),
        witness=hit.witness,
        policies=tuple(str(one) for one in hit.policies),
        remediation=hit.remediation,
        first_seen=None,
        last_seen=None,
    )
