"""Rules → findings: every rule is run, and a rule that raises is an error, never a pass."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from auditor.findings.fingerprint import fingerprint
from auditor.findings.scope import Judged
from auditor.findings.waive import NO_WAIVERS, OPEN, WAIVED, Book
from auditor.model.collector import uncollected
from auditor.model.findings import Hit, RuleStatus, Severity, SubjectRecord, Unevaluated
from auditor.model.report import FindingRecord, RuleRecord, SeverityOverrideRecord
from auditor.reachability.view import View
from auditor.rules import ENFORCEMENT, RULES
from auditor.rules._rule import Rule
from auditor.settings import RuleSettings

ENFORCEMENT_RULE = ENFORCEMENT.id
"""The rule whose findings say that policies are not enforced, or not in full."""

_LOGGER = logging.getLogger(__name__)


class Judgement(NamedTuple):
    """What the rules stated within the scope, worst first, and what became of each rule."""

    findings: tuple[FindingRecord, ...]
    rules: tuple[RuleRecord, ...]
    matched: Mapping[str, int]
    """How many findings each waiver matched, by the waiver's id."""


class _Outcome(NamedTuple):
    """What one rule stated, and how it failed, if it did."""

    findings: list[FindingRecord]
    unevaluated: list[Unevaluated]
    failure: str | None = None


@uncollected()
def judge(
    view: View,
    judged: Judged,
    rules: Sequence[Rule] = RULES,
    *,
    settings: Mapping[str, RuleSettings] = {},
    book: Book = NO_WAIVERS,
) -> Judgement:
    """Run the rules over a view, as the settings change them, and waive what the book accepts.

    What passes while policies are not enforced, wholly or in part, is only declared: also where
    that finding is waived, or its rule disabled.
    """
    outcomes = [_run(one, view, judged, settings.get(one.id)) for one in rules]
    waived = book.waive(finding for one in outcomes for finding in one.findings)
    statuses = Counter((one.rule, one.status) for one in waived.findings)
    declared_only = view.recognition.cni.enforces is False or any(
        one.rule == ENFORCEMENT_RULE for one in waived.findings
    )
    records = tuple(
        _conclude(
            rule,
            outcome,
            judged,
            settings.get(rule.id),
            statuses,
            declared_only=declared_only,
        )
        for rule, outcome in zip(rules, outcomes, strict=True)
    )
    order = {rule.id: number for number, rule in enumerate(rules)}
    findings = sorted(
        waived.findings,
        key=lambda one: (
            one.system,
            one.severity.rank,
            order[one.rule],
            one.subject.namespace or "",
            one.subject.kind,
            one.subject.name,
            one.detail or "",
        ),
    )
    return Judgement(tuple(findings), records, waived.matched)


def _run(rule: Rule, view: View, judged: Judged, setting: RuleSettings | None) -> _Outcome:
    outcome = _Outcome([], [])
    if setting is not None and not setting.enabled:
        return outcome
    try:
        for one in rule.check(view):
            if judged.holds(one.subject):
                match one:
                    case Hit():
                        outcome.findings.append(_record(rule, view, one, setting))
                    case Unevaluated():
                        outcome.unevaluated.append(one)
    except Exception as error:  # a rule that fails must not take the others with it
        _LOGGER.debug("rule %s failed", rule.id, exc_info=True)
        return outcome._replace(failure=f"{type(error).__name__}: {error}")
    return outcome


def _conclude(
    rule: Rule,
    outcome: _Outcome,
    judged: Judged,
    setting: RuleSettings | None,
    statuses: Counter[tuple[str, str]],
    *,
    declared_only: bool,
) -> RuleRecord:
    """What became of a rule; ``statuses`` counts findings by rule and status."""
    reason = _reason(outcome) or ("no namespace is in scope" if judged.is_empty else None)
    if setting is not None and not setting.enabled:
        status, reason = RuleStatus.DISABLED, setting.reason
    elif outcome.failure is not None:
        status = RuleStatus.ERROR
    elif statuses[rule.id, OPEN]:
        status = RuleStatus.FAIL
    elif outcome.unevaluated or judged.is_empty:
        status = RuleStatus.NOT_EVALUATED
    else:
        status = RuleStatus.WAIVED if statuses[rule.id, WAIVED] else RuleStatus.PASS
    override = None
    if setting is not None and setting.severity is not None:
        override = SeverityOverrideRecord(rule.severity, setting.severity, setting.reason)
    return RuleRecord(
        id=rule.id,
        status=status,
        declared_only=declared_only and status is RuleStatus.PASS,
        reason=reason,
        severity_override=override,
        not_evaluated=tuple(sorted({str(one.subject) for one in outcome.unevaluated})),
    )


def _reason(outcome: _Outcome) -> str | None:
    """Why the rule failed, and the subjects that it could not judge, by reason."""
    by_reason: dict[str, list[str]] = {}
    for subject, reason in outcome.unevaluated:
        by_reason.setdefault(reason, []).append(str(subject))
    unseen = "; ".join(
        f"{', '.join(sorted(set(subjects)))}: {reason}"
        for reason, subjects in sorted(by_reason.items())
    )
    if outcome.failure:
        return f"the rule failed: {outcome.failure}" + (
            f"; not evaluated: {unseen}" if unseen else ""
        )
    return unseen or None


def _record(rule: Rule, view: View, hit: Hit, setting: RuleSettings | None) -> FindingRecord:
    subject = hit.subject
    system = subject.namespace in view.recognition.system_namespaces
    severity, severity_reason = _grade(rule, hit, setting, system=system)
    return FindingRecord(
        id=fingerprint(rule.id, subject, hit.detail),
        rule=rule.id,
        severity=severity,
        severity_reason=severity_reason,
        system=system,
        status=OPEN,
        waiver=None,
        subject=SubjectRecord(
            namespace=subject.namespace or None, kind=subject.kind, name=subject.name
        ),
        detail=hit.detail,
        message=hit.message,
        hint=hit.hint,
        controls=(),
        evidence=dict(hit.evidence),
        witness=hit.witness,
        policies=tuple(str(one) for one in hit.policies),
        remediation=hit.remediation,
        first_seen=None,
        last_seen=None,
    )


def _grade(
    rule: Rule, hit: Hit, setting: RuleSettings | None, *, system: bool
) -> tuple[Severity, str | None]:
    """The severity of a finding and its reason, as the settings change them.

    What the rule grades milder than its default, for its own reason, is not made worse by the
    settings, nor is what stands in a system namespace.
    """
    own = hit.severity or rule.severity
    if setting is None or setting.severity is None:
        return own, hit.severity_reason
    wanted = setting.severity
    if (system or own.rank > rule.severity.rank) and own.rank >= wanted.rank:
        return own, hit.severity_reason
    by_itself = f"; by itself {own}: {hit.severity_reason}" if hit.severity_reason else ""
    return wanted, f"the settings make it {wanted}: {setting.reason}{by_itself}"
