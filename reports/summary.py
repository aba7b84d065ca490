"""What `audit` says on a terminal: the conclusion first, the worst findings, gaps, the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from auditor.model.findings import Severity
from auditor.model.report import Audit, GapRecord, Report
from reports.conclusion import conclude, count_severities, describe_gap, warn
from reports.finding_rows import build_row, pick_worst, sort_findings
from reports.paint import Paint
from reports.text import count, show_name, show_title

_GAPS_SHOWN = 5

SEVERITY_COLORS: Mapping[Severity, str] = {
    Severity.CRITICAL: "magenta",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFO: "blue",
}
"""Colours of severities on a terminal, beside their names."""


def render_summary(audit: Audit, paths: Sequence[str], paint: Paint) -> str:
    """Render the summary: what a reader must know before opening a file."""
    return "".join(f"{line}\n" for line in _summary(audit, paths, paint))


def render_findings(audit: Audit, paint: Paint) -> str:
    """Render a line per finding, worst first, in aligned columns."""
    rows = [build_row(one, {}, None) for one in sort_findings(audit.report.findings)]
    table = [("SEVERITY", "RULE", "SUBJECT", "DETAIL", "STATUS", "SYSTEM", "MESSAGE")]
    table += [
        (
            one.severity.value,
            one.rule,
            one.subject,
            one.detail or "-",
            one.status,
            "yes" if one.system else "no",
            one.message,
        )
        for one in rows
    ]
    colors = ["", *(SEVERITY_COLORS[one.severity] for one in rows)]
    return "".join(f"{line}\n" for line in align(table, colors, paint))


def align(rows: Sequence[Sequence[str]], colors: Sequence[str], paint: Paint) -> Iterator[str]:
    """Align columns; the first is painted in the row's colour, the last is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, color in zip(rows, colors, strict=True):
        first, *others = (f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False))
        yield "  ".join((paint(first, color) if color else first, *others, row[-1]))


def _summary(audit: Audit, paths: Sequence[str], paint: Paint) -> Iterator[str]:
    report = audit.report
    titles = {page.id: show_title(page.title) for page in audit.pages}
    conclusion = conclude(report)
    yield paint(conclusion.headline, "white")
    yield conclusion.paragraph
    yield ""
    for one in count_severities(report.findings):
        system = f"  ({one.system:,} in system namespaces)" if one.system else ""
        yield f"  {_label(one.severity, paint)} {one.total:>6,}{system}"
    yield from _worst(report, titles, paint)
    for notice in warn(report, titles):
        if notice.anchor != "gaps":
            yield ""
            yield f"{paint('note', 'yellow')}: {notice.title}. {notice.text}"
    yield from _gaps(report.scope.gaps, paint)
    if paths:
        yield ""
        yield "written:"
        yield from (f"  {show_name(path)}" for path in paths)


def _worst(report: Report, titles: Mapping[str, str], paint: Paint) -> Iterator[str]:
    worst = pick_worst(report.findings, titles)
    if worst:
        yield ""
        yield "worst findings:"
    for row in worst:
        found = row.finding
        more = f"  (and {row.more:,} more)" if row.more else ""
        yield f"  {_label(found.severity, paint)} {found.rule}: {found.subject}{more}"
        if found.witness:
            yield f"           {found.witness}"


def _gaps(gaps: Sequence[GapRecord], paint: Paint) -> Iterator[str]:
    if not gaps:
        return
    yield ""
    yield f"{paint(count(len(gaps), 'gap'), 'yellow')}: not everything was seen"
    yield from (f"  {describe_gap(one)}" for one in gaps[:_GAPS_SHOWN])
    if len(gaps) > _GAPS_SHOWN:
        yield f"  and {len(gaps) - _GAPS_SHOWN:,} more: the report lists them"


def _label(severity: Severity, paint: Paint) -> str:
    return paint(f"{severity:<8}", SEVERITY_COLORS[severity])
