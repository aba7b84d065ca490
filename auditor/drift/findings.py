"""Findings by id: new, resolved, unchanged, and those that cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.drift.compared import Compared
from auditor.drift.coverage import Coverage
from auditor.model.drift import FindingBrief, FindingDrift
from auditor.model.report import FindingRecord


def compare_findings(previous: Compared, current: Compared) -> FindingDrift:
    """Compare the findings of two runs. Open or waived, a finding is the same.

    Resolved is what the current run evaluated again and does not state; new, what the previous run
    evaluated and did not state. What is stated where something was not read that the other run did
    read may be stated for that alone: it is neither. Ids stand in the order of the findings, worst
    first.
    """
    before = {one.id: one for one in previous.findings}
    now = {one.id: one for one in current.findings}
    resolved, lost = _split(
        (one for one in previous.findings if one.id not in now),
        Coverage(previous, current, "previous"),
        Coverage(current, previous, "current"),
    )
    new, found = _split(
        (one for one in current.findings if one.id not in before),
        Coverage(current, previous, "current"),
        Coverage(previous, current, "previous"),
    )
    return FindingDrift(
        new=tuple(new),
        resolved=tuple(resolved),
        incomparable=(*found, *lost),
        unchanged=len(before.keys() & now.keys()),
        details={**new, **resolved, **found, **lost},
    )


def _split(
    findings: Iterable[FindingRecord], own: Coverage, other: Coverage
) -> tuple[dict[str, FindingBrief], dict[str, FindingBrief]]:
    """Findings of one run that the other would have stated, and those about which it is silent."""
    comparable: dict[str, FindingBrief] = {}
    incomparable: dict[str, FindingBrief] = {}
    for one in findings:
        reason = other.reason_against(one) or own.reason_to_doubt(one)
        (comparable if reason is None else incomparable)[one.id] = _brief(one, reason)
    return comparable, incomparable


def _brief(finding: FindingRecord, reason: str | None) -> FindingBrief:
    return FindingBrief(
        rule=finding.rule,
        severity=finding.severity,
        system=finding.system,
        subject=finding.subject,
        detail=finding.detail,
        message=finding.message,
        reason=reason,
    )
