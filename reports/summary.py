"""What `audit` says on a terminal: the conclusion first, the worst findings, gaps, the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from auditor.model.findings import Severity
from auditor.model.report import Audit, GapRecord, Report, ScoreRecord
from auditor.model.waivers import WaiverState, WaiverUseRecord
from reports.conclusion import conclude, count_severities, describe_gap, warn
from reports.drift_words import explain_absence, sum_up
from reports.finding_rows import build_row, sort_findings
from reports.paint import Paint
from reports.scoring import describe_score
from reports.text import count, group_digits, join_words, show_name, show_text, show_title
from reports.times import describe_minute
from reports.worst import pick_worst

_GAPS_SHOWN = 5
_WAIVERS_SHOWN = 5
_HASH_SHOWN = 12

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
    rows = [build_row(one, {}, None) for one in sort_findings(audit.report)]
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
    yield from _accepted(report, paint)
    yield from _changes(audit, paint)
    yield ""
    yield from _score(report.summary.score)
    yield from _worst(audit, titles, paint)
    for notice in warn(report, titles):
        if notice.anchor not in ("gaps", "exceptions"):
            yield ""
            yield f"{paint('note', 'yellow')}: {notice.title}. {notice.text}"
    yield from _gaps(report.scope.gaps, paint)
    if paths:
        yield ""
        yield "written:"
        yield from (f"  {show_name(path)}" for path in paths)
    yield from _history(audit)


def _changes(audit: Audit, paint: Paint) -> Iterator[str]:
    """What changed since the last run that is kept: what opened is the news."""
    drift = audit.report.drift
    if drift is None:
        if audit.report.run.evidence is not None:
            yield ""
            yield explain_absence(audit)
        return
    yield ""
    since = f"since {describe_minute(drift.previous.taken_at)}"
    opened = drift.connections.totals.opened
    yield f"{paint(since, 'yellow') if opened else since}: {'; '.join(sum_up(drift))}"


def _history(audit: Audit) -> Iterator[str]:
    """Where the run is kept, and the hash that a reader may write down; or why it is not kept."""
    evidence = audit.report.run.evidence
    if evidence is None and audit.history is None:
        return
    yield ""
    where = show_text(audit.history or "kept")
    if evidence is None:
        yield f"history: {where}"
    else:
        run = f"run {group_digits(evidence.sequence)}"
        yield f"history: {where}, {run}, hash {show_name(evidence.hash[:_HASH_SHOWN])}…"


def _accepted(report: Report, paint: Paint) -> Iterator[str]:
    """What is waived, which is counted apart from the open findings, and what became of waivers."""
    waived = report.summary.waived_by_severity
    if total := sum(waived.values()):
        words = join_words(f"{waived[one]:,} {one}" for one in Severity if waived[one])
        yield f"  {'waived':<8} {total:>6,}  ({words}; not among those above)"
    for line in describe_waivers(report.waivers):
        yield f"  {paint('waivers', 'yellow')}: {line}"
    if refused := len(report.refused_waivers):
        yield (
            f"  {paint('waivers', 'yellow')}: {count(refused, 'annotation')} "
            f"{'means' if refused == 1 else 'mean'} to waive and {'is' if refused == 1 else 'are'} "
            "not honoured: report.json says why"
        )


def describe_waivers(uses: Sequence[WaiverUseRecord]) -> Iterator[str]:
    """Describe the waivers that somebody must look after, a line each; the rest is counted."""
    wanted = [one for one in uses if one.state is not WaiverState.USED or one.expires_soon]
    for one in sorted(wanted, key=lambda one: one.expires_in_days)[:_WAIVERS_SHOWN]:
        waiver = one.waiver
        what = f"{show_name(waiver.rule)} for {show_name(waiver.subject)}"
        if one.state is WaiverState.EXPIRED:
            again = count(one.findings, "finding")
            yield (
                f"{what} expired on {show_name(waiver.expires)}: {again} "
                f"{'is' if one.findings == 1 else 'are'} open again"
            )
            continue
        if one.state is WaiverState.NOT_YET_VALID:
            yield f"{what} is not valid yet: it begins on {show_name(waiver.created)}"
            continue
        ends = f"expires on {show_name(waiver.expires)}, in {count(one.expires_in_days, 'day')}"
        if one.state is WaiverState.USED:
            yield f"{what} {ends}"
        else:
            why = f" ({show_text(one.reason)})" if one.reason else ""
            yield f"{what} is unused{why}" + (f"; it {ends}" if one.expires_soon else "")
    if len(wanted) > _WAIVERS_SHOWN:
        more = len(wanted) - _WAIVERS_SHOWN
        yield f"{more:,} more are expired, not valid yet, unused or about to expire"


def _score(record: ScoreRecord) -> Iterator[str]:
    """The score with its formula, and what may be missing from it."""
    score = describe_score(record)
    yield f"score: {score.value} ({score.numbers})"
    yield f"  {score.formula}"
    if score.omits:
        yield f"  {score.omits}"


def _worst(audit: Audit, titles: Mapping[str, str], paint: Paint) -> Iterator[str]:
    worst = pick_worst(audit, titles)
    if worst.rows:
        yield ""
        yield "worst findings:"
    for row in worst.rows:
        found = row.finding
        more = f"  (and {row.more:,} more)" if row.more else ""
        new = f"  {paint('new', 'red')}" if found.is_new else ""
        yield f"  {_label(found.severity, paint)} {found.rule}: {found.subject}{new}{more}"
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
