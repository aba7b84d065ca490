"""Findings in sections and groups: the worst first, cut to a format's limits, all counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.model.findings import Severity
from auditor.model.report import FindingRecord, Report
from reports.controls import ControlNames
from reports.finding_rows import OPEN, Company, build_row, find_place, sort_findings
from reports.layout import Layout
from reports.rows import Fact, FindingGroup, FindingRow, FindingSection
from reports.sightings import Sightings
from reports.text import count, join_words, show_name, show_text


def build_sections(
    report: Report, titles: Mapping[str, str], layout: Layout
) -> tuple[FindingSection, ...]:
    """Build the sections of a format: open, in system namespaces, waived (where there are any)."""
    ordered = sort_findings(report)
    parts = {
        "findings": [one for one in ordered if one.status == OPEN and not one.system],
        "system-findings": [one for one in ordered if one.status == OPEN and one.system],
        "waived-findings": [one for one in ordered if one.status != OPEN],
    }
    builder = _Builder(report, ordered, titles, layout)
    return tuple(
        builder.build_section(anchor, records)
        for anchor, records in parts.items()
        if records or anchor == "findings"
    )


@dataclass
class _Budget:
    """What may still be shown."""

    full: int
    lines: int


class _Builder:
    """Builds the sections in order, each from what the ones before it left to show."""

    def __init__(
        self,
        report: Report,
        ordered: Sequence[FindingRecord],
        titles: Mapping[str, str],
        layout: Layout,
    ) -> None:
        self._titles = titles
        self._layout = layout
        self._names = ControlNames(report.frameworks)
        self._named: set[str] = set()
        self._company = Company(ordered, titles)
        self._sightings = Sightings(report)
        self._is_crowded = len(ordered) > layout.group_above
        self._left = _Budget(full=layout.full_rows, lines=layout.finding_rows)

    def build_section(self, anchor: str, records: Sequence[FindingRecord]) -> FindingSection:
        title, introduction = _head(anchor, len(records))
        groups: list[FindingGroup] = []
        left_out: Counter[Severity] = Counter()
        for _, members in groupby(records, key=self._key):
            group = self._group(list(members))
            groups.append(group)
            left_out[group.severity] += group.omitted
        every_in = self._layout.every_in
        if self._is_crowded and groups:
            omitted = _omitted_of_groups(groups, every_in)
        else:
            omitted = _omitted(left_out, every_in)
        return FindingSection(anchor, title, introduction, len(records), tuple(groups), omitted)

    def _key(self, one: FindingRecord) -> tuple[str, str, str]:
        namespace = one.subject.namespace or "" if self._is_crowded else ""
        return one.severity, one.rule, namespace

    def _group(self, members: Sequence[FindingRecord]) -> FindingGroup:
        first, layout = members[0], self._layout
        full = self._count_full(first, len(members))
        self._left.full -= full
        shown = min(len(members), full + layout.group_rows, self._left.lines)
        self._left.lines -= shown
        is_minor = first.severity.rank >= Severity.LOW.rank
        return FindingGroup(
            rule=show_name(first.rule),
            title=self._titles.get(first.rule, show_name(first.rule)),
            severity=first.severity,
            system=first.system,
            namespace=show_name(first.subject.namespace or "") if self._is_crowded else "",
            total=len(members),
            extent=self._extent(members),
            hint=show_text(first.hint),
            controls=self._controls(members),
            rows=tuple(
                build_row(one, self._titles, layout, self._company, self._sightings)
                for one in members[:full]
            ),
            listed=tuple(
                build_row(one, self._titles, None, sightings=self._sightings)
                for one in members[full:shown]
            ),
            omitted=len(members) - shown,
            folded=is_minor or first.status != OPEN or len(members) > layout.open_rows,
        )

    def _extent(self, members: Sequence[FindingRecord]) -> str:
        places = {find_place(one.subject) for one in members} - {None}
        found = count(len(members), "finding")
        where = f" in {count(len(places), 'namespace')}" if len(places) > 1 else ""
        new = sum(self._sightings.is_new(one) for one in members)
        return f"{found}{where}{f', {new:,} new' if new else ''}"

    def _controls(self, members: Sequence[FindingRecord]) -> tuple[Fact, ...]:
        rule = members[0].rule
        if self._layout.controls_once and rule in self._named:
            return ()
        self._named.add(rule)
        return self._names.group(members)

    def _count_full(self, first: FindingRecord, total: int) -> int:
        """How many of a group are shown in full. A waived one is accepted: it stays brief."""
        layout = self._layout
        if self._is_crowded or first.severity.rank > layout.full_severity.rank:
            return 0
        if first.status != OPEN and layout.full_severity is not Severity.INFO:
            return 0
        return min(total, layout.full_each, self._left.full, self._left.lines)


def _head(anchor: str, total: int) -> tuple[str, str]:
    match anchor:
        case "findings":
            text = "" if total else "No open finding outside of system namespaces."
            return "Findings", text
        case "system-findings":
            text = (
                "Namespaces that the cluster itself needs. They are judged as all others are, "
                "graded low, and listed apart."
            )
            return "Findings in system namespaces", text
        case _:
            return "Waived findings", (
                "Accepted by a waiver, for a reason and until a day. They are not open, and a "
                "waived finding never counts as pass."
            )


def _omitted(left_out: Mapping[Severity, int], every_in: str) -> str:
    total = sum(left_out.values())
    if not total:
        return ""
    words = join_words(f"{left_out[one]:,} {one}" for one in Severity if left_out[one])
    return (
        f"{count(total, 'further finding')} ({words}) {'is' if total == 1 else 'are'} not listed "
        f"here: {every_in} every finding."
    )


def _omitted_of_groups(groups: Sequence[FindingGroup], every_in: str) -> str:
    return (
        "There are too many findings to show each in full: those of one rule, severity and "
        f"namespace are grouped ({count(len(groups), 'group')}). "
        f"{every_in} every finding, with evidence and remediation."
    )


def describe_listing(sections: Sequence[FindingSection], layout: Layout) -> str:
    """Say how a format shows the findings, where it does not show each in full."""
    rows: list[FindingRow] = [row for one in sections for group in one.groups for row in group.rows]
    total = sum(one.total for one in sections)
    if len(rows) == total:
        return ""
    return (
        f"{count(len(rows), 'finding')} {'is' if len(rows) == 1 else 'are'} shown with evidence "
        f"and remediation: the first {layout.full_each} of each rule down to severity "
        f"{layout.full_severity}, the worst first. The others are listed in a line each, as far as "
        f"there is room. {layout.full_in} all {total:,} in full."
    )
