"""Rules → controls: what the rules found on each control of each framework.

A control is never compliant by this: rules evidence it in part. It fails where a rule that speaks
to it found something; it is not evaluated where one could not judge everything, or is disabled,
and none failed; then it is waived, and only then it passes. Where no rule speaks to it, or they
give context alone, it is not covered: neither good nor bad is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from auditor.frameworks.data import ControlData, Framework, Reading
from auditor.model.findings import RuleStatus
from auditor.model.frameworks import (
    ControlRecord,
    ControlStatus,
    Coverage,
    FrameworkRecord,
    ReadingRecord,
)
from auditor.model.report import Report, RuleRecord, ScopeRecord

_READINGS: Mapping[Reading, str] = {
    "literal": "each namespace in scope holds at least one NetworkPolicy object",
    "strict": "each namespace in scope is closed but for what is allowed, by the policies' effect",
}
"""What each reading asks for, in our words."""

_UNJUDGED = frozenset({RuleStatus.DISABLED, RuleStatus.ERROR, RuleStatus.NOT_EVALUATED})
"""What such a rule would have found, nobody knows: a control must not pass by its silence."""


def map_controls(report: Report, frameworks: Sequence[Framework]) -> Report:
    """Fill in the frameworks of a report, and the controls of its findings."""
    controls = name_controls(frameworks)
    rules = {one.id: one for one in report.rules}
    return msgspec.structs.replace(
        report,
        findings=tuple(
            msgspec.structs.replace(one, controls=controls.get(one.rule, ()))
            for one in report.findings
        ),
        frameworks=tuple(_map_framework(one, rules, report.scope) for one in frameworks),
    )


def name_controls(frameworks: Iterable[Framework]) -> Mapping[str, tuple[str, ...]]:
    """The controls that each rule evidences in part, in the order of the frameworks."""
    found: dict[str, list[str]] = {}
    for framework in frameworks:
        for control in framework.data.controls:
            if control.coverage is Coverage.PARTIAL:
                for rule in framework.rules_of(control):
                    found.setdefault(rule, []).append(framework.spell(control))
    return {rule: tuple(controls) for rule, controls in found.items()}


def _map_framework(
    framework: Framework, rules: Mapping[str, RuleRecord], scope: ScopeRecord
) -> FrameworkRecord:
    data = framework.data
    return FrameworkRecord(
        id=framework.id,
        framework=data.framework,
        edition=data.edition,
        note=data.note,
        controls=tuple(_map_control(framework, one, rules, scope) for one in data.controls),
    )


def _map_control(
    framework: Framework,
    control: ControlData,
    rules: Mapping[str, RuleRecord],
    scope: ScopeRecord,
) -> ControlRecord:
    mapped = framework.rules_of(control)
    status = _judge(control, [rules.get(one) for one in mapped])
    disabled = [one for one in mapped if one in rules and rules[one].status is RuleStatus.DISABLED]
    return ControlRecord(
        id=control.id,
        title=control.title,
        rules=mapped,
        coverage=control.coverage,
        source=control.source or framework.data.source,
        verified=control.verified,
        note=_note(control, status, disabled),
        status=status,
        declared_only=status is ControlStatus.PASS
        and any(rules[one].declared_only for one in mapped),
        readings=tuple(
            ReadingRecord(
                id=one,
                title=_READINGS[one],
                status=_read_literally(scope) if one == "literal" else status,
            )
            for one in control.readings
        ),
    )


def _judge(control: ControlData, rules: Iterable[RuleRecord | None]) -> ControlStatus:
    """The status of a control. A rule without a record was not run: it is not evaluated."""
    if control.coverage is Coverage.CONTEXT:
        return ControlStatus.NOT_COVERED
    statuses = {RuleStatus.NOT_EVALUATED if one is None else one.status for one in rules}
    if not statuses:
        return ControlStatus.NOT_COVERED
    if RuleStatus.FAIL in statuses:
        return ControlStatus.FAIL
    if statuses & _UNJUDGED:
        return ControlStatus.NOT_EVALUATED
    return ControlStatus.WAIVED if RuleStatus.WAIVED in statuses else ControlStatus.PASS


def _note(control: ControlData, status: ControlStatus, disabled: Sequence[str]) -> str | None:
    """The control's own note, and which rules are disabled where it is not evaluated."""
    if status is not ControlStatus.NOT_EVALUATED or not disabled:
        return control.note
    verb = "is" if len(disabled) == 1 else "are"
    said = f"{', '.join(disabled)} {verb} disabled"
    return f"{control.note}; {said}" if control.note else said


def _read_literally(scope: ScopeRecord) -> ControlStatus:
    """Whether every namespace holds a NetworkPolicy. A namespace that nobody read may hold none."""
    namespaces = scope.namespaces
    if namespaces.without_policy:
        return ControlStatus.FAIL
    unread = any(one.kind in (None, "Namespace") for one in scope.gaps)
    if not namespaces.in_scope or namespaces.policies_unread or unread:
        return ControlStatus.NOT_EVALUATED
    return ControlStatus.PASS
