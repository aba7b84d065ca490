"""How much a format shows: the view cuts and counts, the templates only lay out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditor.model.findings import Severity


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """How much of a drift a format shows, and where it says that the rest stands."""

    opened: int
    """Connections listed."""
    closed: int
    groups: int
    """Pairs of namespaces listed."""
    policies: int
    """Policies listed of those added, of those removed, and of those changed."""
    fields: int
    """Fields listed of a policy."""
    value_length: int
    """Characters shown of a field's value."""
    findings: int
    """Findings listed of the new, of the resolved, and of those that cannot be compared."""
    scope: int
    rows_elsewhere: str
    """Where connections stand that are not listed here."""
    lists_elsewhere: str
    """Where all else stands that is not listed here."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The limits of a format. What a limit cuts is counted, and the reader is told where it is."""

    group_above: int
    """Findings in all above which groups are of one namespace too, and none is shown in full."""
    group_rows: int
    """Findings of a group that are listed in a line each."""
    full_rows: int
    """Findings shown with evidence and remediation; the rest is brief."""
    full_each: int
    """Findings of a group among these."""
    full_severity: Severity
    """The least severity of which findings are shown in full."""
    finding_rows: int
    """Findings listed at all."""
    open_rows: int
    """Findings above which a group is folded, however bad."""
    manifest_lines: int
    """Lines shown of a manifest."""
    manifest_columns: int
    """Characters shown of a manifest's line."""
    changed_rows: int
    """Connections shown of those that a remediation closes, and of those that it opens."""
    controls_once: bool
    """The controls of a rule are named at its first group alone."""
    gap_rows: int
    excluded_rows: int
    waiver_rows: int
    """Waivers listed of each state."""
    drift: DriftLimits
    trend_rows: int
    """Runs listed of the trend."""
    full_in: str = "report.html and report.json hold"
    """What holds in full what is cut here, and the verb."""
    every_in: str = "report.html, report.json and findings.csv hold"
    """What holds every finding, and the verb."""
    rest_in: str = "report.json holds"
    """What holds every gap and waiver, and the verb."""


def for_extract(layout: Layout) -> Layout:
    """The layout of an extract, whose readers get neither report.html nor report.json."""
    drift = replace(layout.drift, rows_elsewhere=_NOT_LISTED, lists_elsewhere=_NOT_LISTED)
    return replace(
        layout,
        full_in=_CSV_HOLDS,
        every_in=_CSV_HOLDS,
        rest_in="the whole report holds",
        drift=drift,
    )


NO_LIMIT = 1 << 62
_NOT_LISTED = "not listed here"
_CSV_HOLDS = "findings.csv holds"

SCREEN = Layout(
    group_above=5000,
    group_rows=200,
    full_rows=NO_LIMIT,
    full_each=NO_LIMIT,
    full_severity=Severity.INFO,
    finding_rows=NO_LIMIT,
    open_rows=10,
    manifest_lines=NO_LIMIT,
    manifest_columns=NO_LIMIT,
    changed_rows=NO_LIMIT,
    controls_once=False,
    gap_rows=2000,
    excluded_rows=2000,
    waiver_rows=2000,
    drift=DriftLimits(
        opened=1000,
        closed=1000,
        groups=500,
        policies=500,
        fields=50,
        value_length=1000,
        findings=500,
        scope=500,
        rows_elsewhere="netpol-auditor diff -o json lists all",
        lists_elsewhere="report.json holds all",
    ),
    trend_rows=52,
    every_in="report.json and findings.csv hold",
)
"""The HTML file: everything, grouped above 5,000 findings so that a browser stays quick."""

PAPER = Layout(
    group_above=NO_LIMIT,
    group_rows=100,
    full_rows=25,
    full_each=3,
    full_severity=Severity.MEDIUM,
    finding_rows=1000,
    open_rows=NO_LIMIT,
    manifest_lines=120,
    manifest_columns=300,
    changed_rows=8,
    controls_once=True,
    gap_rows=200,
    excluded_rows=100,
    waiver_rows=100,
    drift=DriftLimits(
        opened=40,
        closed=20,
        groups=30,
        policies=30,
        fields=8,
        value_length=200,
        findings=30,
        scope=30,
        rows_elsewhere="report.json holds the first 1,000, netpol-auditor diff -o json lists all",
        lists_elsewhere="report.json holds all",
    ),
    trend_rows=12,
)
"""The PDF: a document to file and to sign; its cost grows faster than its rows."""

_JSON_LISTS_ALL = "-o json lists all"

TERMINAL = DriftLimits(
    opened=1_000,
    closed=1_000,
    groups=50,
    policies=50,
    fields=20,
    value_length=200,
    findings=50,
    scope=50,
    rows_elsewhere=_JSON_LISTS_ALL,
    lists_elsewhere=_JSON_LISTS_ALL,
)
"""A drift printed for people."""

COMMENT = replace(TERMINAL, opened=200, closed=100, policies=100, fields=10, findings=100)
"""A drift as a comment on a merge request: more than fits is cut by size there."""

MAIL = replace(
    TERMINAL,
    opened=5,
    closed=5,
    groups=0,
    policies=0,
    fields=0,
    findings=5,
    scope=5,
    rows_elsewhere=_NOT_LISTED,
    lists_elsewhere=_NOT_LISTED,
)
"""A drift in a message: what is news, and how much."""

PAGE = replace(SCREEN.drift, rows_elsewhere=_JSON_LISTS_ALL, lists_elsewhere=_JSON_LISTS_ALL)
"""A drift as a page of its own."""
