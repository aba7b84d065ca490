"""Rules as display rows: what became of each, why, and its open findings by severity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import Report, RuleRecord
from reports.finding_rows import OPEN
from reports.rows import Fact, RuleRow, Tone
from reports.text import show_name, show_text

STATUS_LABELS: Mapping[RuleStatus, tuple[str, Tone]] = {
    RuleStatus.ERROR: ("failed to run", Tone.BAD),
    RuleStatus.FAIL: ("fail", Tone.BAD),
    RuleStatus.NOT_EVALUATED: ("not evaluated", Tone.WARN),
    RuleStatus.WAIVED: ("waived", Tone.UNKNOWN),
    RuleStatus.PASS: ("pass", Tone.GOOD),
    RuleStatus.DISABLED: ("disabled", Tone.UNKNOWN),
}
"""A word and a tone for each status, worst first."""

_REASON_LABELS: Mapping[RuleStatus, str] = {
    RuleStatus.ERROR: "Failed to run",
    RuleStatus.DISABLED: "Disabled",
}
"""What the reason of a rule explains; with any other status, what was not evaluated."""


def list_rules(report: Report, titles: Mapping[str, str]) -> Iterable[RuleRow]:
    """List the rules, worst status first, then by their open findings."""
    order = list(STATUS_LABELS)
    counts: dict[str, list[int]] = {}
    for one in report.findings:
        if one.status == OPEN:
            counts.setdefault(one.rule, [0] * len(Severity))[one.severity.rank] += 1
    none = [0] * len(Severity)

    def worst_first(position: int) -> tuple[int, list[int], int]:
        rule = report.rules[position]
        return order.index(rule.status), [-n for n in counts.get(rule.id, none)], position

    for position in sorted(range(len(report.rules)), key=worst_first):
        rule = report.rules[position]
        yield _row(rule, titles, counts.get(rule.id, none))


def _row(rule: RuleRecord, titles: Mapping[str, str], found: Sequence[int]) -> RuleRow:
    label, tone = STATUS_LABELS[rule.status]
    return RuleRow(
        id=show_name(rule.id),
        title=titles.get(rule.id, show_name(rule.id)),
        status=label,
        tone=Tone.WARN if rule.declared_only and tone is Tone.GOOD else tone,
        declared_only=rule.declared_only,
        notes=tuple(_notes(rule)),
        counts=tuple(found),
        total=sum(found),
    )


def _notes(rule: RuleRecord) -> Iterable[Fact]:
    """Explain the status, and the severity that the settings give."""
    if rule.reason:
        yield Fact(_REASON_LABELS.get(rule.status, "Not evaluated"), show_text(rule.reason))
    override = rule.severity_override
    if override is not None:
        yield Fact(
            f"Severity {override.severity} by the settings, {override.default} by default",
            show_text(override.reason),
        )
