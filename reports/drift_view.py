"""A drift as display rows: sorted, worded, cut to a format's limits, and all counted."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from auditor.model.drift import (
    ChangedRow,
    ConnectionGroup,
    Drift,
    FieldChange,
    PolicyChange,
    ScopeChange,
    ScopeChangeKind,
    Uncompared,
)
from auditor.model.ports import describe_ports
from auditor.model.report import Audit
from reports.drift_rows import (
    Changes,
    ConnectionLine,
    Cut,
    DriftDisplay,
    FieldLine,
    FindingLine,
    GroupLine,
    PolicyLine,
    ScopeLine,
    Tally,
)
from reports.drift_words import (
    SAME,
    SCOPE_CHANGES,
    describe_cause,
    describe_endpoint,
    describe_namespace,
    describe_scope_change,
    describe_sides,
    describe_totals,
    describe_value,
    explain_absence,
    explain_unevaluated,
    is_same,
    name_scope_object,
    name_uncompared,
    sum_up,
)
from reports.finding_rows import describe_subject
from reports.layout import DriftLimits, Layout
from reports.rows import Tone
from reports.text import MINUS, count, group_digits, show_name, show_text
from reports.times import describe_minute

Source = TypeVar("Source")
Line = TypeVar("Line")

CAUSES_SHOWN = 3
"""Causes named of a row or a group; the rest is counted."""


def arrange_changes(
    audit: Audit, titles: Mapping[str, str], layout: Layout, listed: Container[str]
) -> Changes:
    """Arrange a report's drift. ``listed`` are the ids of findings that can be linked to."""
    drift = audit.report.drift
    if drift is None:
        return Changes(explain_absence(audit), "", "", None)
    rows = drift.connections
    display = arrange_drift(
        drift, layout.drift, opened=rows.opened, closed=rows.closed, titles=titles, listed=listed
    )
    since = describe_minute(drift.previous.taken_at)
    return Changes("", since, "; ".join(sum_up(drift)), display)


def arrange_drift(
    drift: Drift,
    limits: DriftLimits,
    *,
    opened: Iterable[ChangedRow],
    closed: Iterable[ChangedRow],
    titles: Mapping[str, str],
    listed: Container[str] = (),
) -> DriftDisplay:
    """Arrange a drift within limits. Of the rows no more are drawn than are shown."""
    totals, policies, findings = drift.connections.totals, drift.policies, drift.findings
    same = is_same(drift)
    added = [one for one in drift.scope if one.change is ScopeChangeKind.NAMESPACE_ADDED]
    others = [one for one in drift.scope if one.change is not ScopeChangeKind.NAMESPACE_ADDED]

    def describe_finding(identifier: str) -> FindingLine:
        return _finding(drift, identifier, titles, listed)

    def cut_findings(identifiers: Sequence[str]) -> Cut[FindingLine]:
        ordered = _sort_findings(drift, identifiers)
        return _cut(ordered, limits.findings, describe_finding, lists)

    def describe_policy(one: PolicyChange) -> PolicyLine:
        return _policy(one, limits)

    lists, rows = limits.lists_elsewhere, limits.rows_elsewhere
    return DriftDisplay(
        sides=describe_sides(drift),
        headline=SAME if same else _capital(f"{describe_totals(drift)}."),
        is_same=same,
        unchanged=_describe_unchanged(findings.unchanged),
        tallies=_count(drift),
        not_compared=_cut(drift.connections.not_compared, limits.scope, _uncompared, lists),
        new_namespaces=_cut(added, limits.scope, _scope, lists),
        groups=_cut(drift.connections.groups, limits.groups, _group, lists),
        opened=_rows(opened, totals.opened, limits.opened, rows),
        closed=_rows(closed, totals.closed, limits.closed, rows),
        policies_added=_cut(policies.added, limits.policies, show_name, lists),
        policies_removed=_cut(policies.removed, limits.policies, show_name, lists),
        policies_changed=_cut(policies.changed, limits.policies, describe_policy, lists),
        policies_unevaluated=explain_unevaluated(policies),
        findings_new=cut_findings(findings.new),
        findings_resolved=cut_findings(findings.resolved),
        findings_incomparable=cut_findings(findings.incomparable),
        scope=_cut(others, limits.scope, _scope, lists),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _describe_unchanged(unchanged: int) -> str:
    return f"{count(unchanged, 'finding')} {'is' if unchanged == 1 else 'are'} as before."


def _count(drift: Drift) -> tuple[Tally, ...]:
    totals, findings = drift.connections.totals, drift.findings
    numbers = (
        (totals.opened, "+", "connection opened", "connections opened", Tone.BAD),
        (totals.closed, MINUS, "connection closed", "connections closed", Tone.UNKNOWN),
        (len(findings.new), "+", "new finding", "new findings", Tone.BAD),
        (len(findings.resolved), MINUS, "finding resolved", "findings resolved", Tone.GOOD),
        (len(findings.incomparable), "", "not comparable", "not comparable", Tone.WARN),
    )
    return tuple(
        Tally(
            f"{sign if number else ''}{group_digits(number)}",
            one if number == 1 else many,
            tone if number else Tone.UNKNOWN,
        )
        for number, sign, one, many, tone in numbers
    )


def _cut(
    found: Sequence[Source], limit: int, describe: Callable[[Source], Line], elsewhere: str
) -> Cut[Line]:
    shown = tuple(describe(one) for one in found[:limit])
    return Cut(len(found), shown, _rest(len(found) - len(shown), elsewhere))


def _rows(
    found: Iterable[ChangedRow], total: int, limit: int, elsewhere: str
) -> Cut[ConnectionLine]:
    shown = tuple(map(describe_row, islice(found, limit)))
    return Cut(total, shown, _rest(total - len(shown), elsewhere))


def _rest(number: int, elsewhere: str) -> str:
    return f"{group_digits(number)} more: {elsewhere}." if number > 0 else ""


def describe_row(row: ChangedRow) -> ConnectionLine:
    """Word one connection."""
    causes = _name_causes([describe_cause(one) for one in row.causes], 0)
    return ConnectionLine(
        describe_endpoint(row.source),
        describe_endpoint(row.destination),
        show_name(describe_ports(row.ports)),
        causes,
    )


def _name_causes(causes: Sequence[str], omitted: int) -> tuple[str, ...]:
    rest = len(causes) - CAUSES_SHOWN + omitted
    if len(causes) <= CAUSES_SHOWN:
        rest = omitted
    shown = tuple(causes[:CAUSES_SHOWN])
    return (*shown, f"and {count(rest, 'further cause')}") if rest else shown


def _group(group: ConnectionGroup) -> GroupLine:
    return GroupLine(
        describe_namespace(group.source),
        describe_namespace(group.destination),
        group.opened,
        group.closed,
        _name_causes([describe_cause(one) for one in group.causes], group.causes_omitted),
    )


def _policy(change: PolicyChange, limits: DriftLimits) -> PolicyLine:
    def describe(field: FieldChange) -> FieldLine:
        return _field(field, limits.value_length)

    return PolicyLine(
        show_name(change.key),
        show_name(change.manager or ""),
        _cut(change.fields, limits.fields, describe, limits.lists_elsewhere),
    )


def _field(field: FieldChange, length: int) -> FieldLine:
    previous, current = (
        "" if value is None else describe_value(value, length)
        for value in (field.previous, field.current)
    )
    change = "changed" if previous and current else "removed" if previous else "added"
    return FieldLine(show_name(field.path), change, previous, current)


def _sort_findings(drift: Drift, identifiers: Sequence[str]) -> list[str]:
    """Outside before inside system namespaces, worst first, as reports list findings."""
    details = drift.findings.details

    def order(identifier: str) -> tuple[object, ...]:
        brief = details[identifier]
        subject = brief.subject
        place = (subject.namespace or "", subject.kind, subject.name, brief.detail or "")
        return brief.system, brief.severity.rank, brief.rule, place, identifier

    return sorted(identifiers, key=order)


def _finding(
    drift: Drift, identifier: str, titles: Mapping[str, str], listed: Container[str]
) -> FindingLine:
    brief = drift.findings.details[identifier]
    return FindingLine(
        id=show_name(identifier),
        anchor=show_name(identifier) if identifier in listed else "",
        title=titles.get(brief.rule, show_name(brief.rule)),
        severity=brief.severity,
        system=brief.system,
        subject=describe_subject(brief.subject),
        detail=show_name(brief.detail or ""),
        message=show_text(brief.message),
        reason=show_text(brief.reason or ""),
    )


def _uncompared(one: Uncompared) -> ScopeLine:
    return ScopeLine("connections not compared", name_uncompared(one), show_text(one.reason))


def _scope(change: ScopeChange) -> ScopeLine:
    return ScopeLine(
        SCOPE_CHANGES[change.change], name_scope_object(change), describe_scope_change(change)
    )
