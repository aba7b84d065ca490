"""An audit as the display rows of a message: what changed, and what is worst, on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from auditor.findings.score import is_incomplete
from auditor.model.drift import Drift, ScopeChangeKind
from auditor.model.report import Audit, Report
from reports.conclusion import (
    NAMED,
    conclude,
    count_severities,
    describe_gap,
    describe_waived,
    warn,
)
from reports.drift_rows import DriftDisplay
from reports.drift_view import arrange_drift
from reports.layout import MAIL
from reports.rows import Fact, Notice, SeverityCount, Tone, Verdict, Worst
from reports.text import count, show_name, show_text, show_title
from reports.times import describe_minute
from reports.view import UNNAMED
from reports.worst import pick_worst

TITLE = "NetworkPolicy audit"

_ELSEWHERE = frozenset({"exceptions", "gaps", "rules"})
"""Notices that stand in lists of their own."""

_LONGEST_LINK = 500

_MOST = 5
"""Findings, connections and gaps of a kind that a message lists."""


class SentReport(NamedTuple):
    """The report that an audience was sent before."""

    run: str
    """The run's id."""
    date: str
    """When the run was taken: ISO 8601, UTC."""


class Undelivered(NamedTuple):
    """An earlier report that did not reach an audience."""

    period: str
    run: str
    reason: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a message is about beside the audit: to whom, for when, and what goes with it."""

    period: str
    """As `2026-W47`."""
    audience: str
    """Its name."""
    whole: bool
    """Whether the audience gets everything."""
    previous: SentReport | None = None
    """None: it is the first report to this audience."""
    undelivered: Sequence[Undelivered] = ()
    attached: Sequence[str] = ()
    """Names of files."""
    left_out: Sequence[str] = ()
    """Names of files that would have made the message too large."""
    report_url: str = ""
    """Of the whole report: a link for those alone who get everything."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A titled list of lines, and how many more there are."""

    title: str
    lines: tuple[str, ...]
    rest: str = ""


@dataclass(frozen=True, slots=True)
class MailDisplay:
    """Everything that a message lays out. Every text is inert and visible."""

    subject: str
    title: str
    cluster: str
    about: str
    """For whom, and when it was taken."""
    verdict: Verdict
    notices: tuple[Notice, ...]
    severities: tuple[SeverityCount, ...]
    waived: str
    since: str
    """The heading of what changed."""
    absent: str
    """Why nothing is compared; empty where something is."""
    changes: DriftDisplay | None
    worst: Worst
    waivers: Lines
    unseen: Lines
    """Gaps, and rules that could not be evaluated."""
    notes: tuple[str, ...]
    """What is attached, and that it is an extract."""
    identity: tuple[Fact, ...]
    link: str
    """An address on the web; empty where there is none."""


def arrange_mail(
    audit: Audit, drift: Drift | None, occasion: Occasion, *, most: int = _MOST
) -> MailDisplay:
    """Arrange a message. ``drift``: since the audience was last sent a report."""
    report = audit.report
    titles = {page.id: show_title(page.title) for page in audit.pages}
    notices = warn(report, titles)
    limits = replace(MAIL, opened=most, closed=most, findings=most, scope=most)
    seen = None if drift is None else _urgent_first(drift)
    # what is new is new since the last report to this audience, be it the last run's or not
    audit = msgspec.structs.replace(audit, report=msgspec.structs.replace(report, drift=drift))
    return MailDisplay(
        subject=word_subject(report, drift, occasion),
        title=f"{TITLE} {show_name(occasion.period)}",
        cluster=show_name(report.cluster.name or UNNAMED),
        about=_about(report, occasion),
        verdict=conclude(report),
        notices=(
            *(one for one in notices if one.anchor not in _ELSEWHERE),
            *_on_delivery(occasion),
        ),
        severities=count_severities(report.findings),
        waived=describe_waived(report.summary.waived_by_severity),
        since=_since(occasion),
        absent="" if drift is not None else explain_missing(occasion),
        changes=None
        if seen is None
        else arrange_drift(
            seen,
            limits,
            opened=seen.connections.opened,
            closed=seen.connections.closed,
            titles=titles,
        ),
        worst=pick_worst(audit, titles, most),
        waivers=Lines("Waivers", _lines_of(notices, "exceptions")),
        unseen=_unseen(report, notices, most),
        notes=tuple(_notes(occasion)),
        identity=tuple(_identity(audit)),
        link=_link(occasion.report_url) if occasion.whole else "",
    )


def word_subject(report: Report, drift: Drift | None, occasion: Occasion) -> str:
    """Return `[cluster] NetworkPolicy audit 2026-W47: 3 new, 12 open`, without control characters.

    It is shorter than 200 characters, however long the names are.
    """
    cluster = shorten(report.cluster.name or UNNAMED, 60)
    opened = sum(one.total for one in count_severities(report.findings))
    if not opened:
        headline = conclude(report).headline
        state = f"{headline[:1].lower()}{headline[1:]}"
    else:
        state = f"{opened:,} open"
    if drift is not None and (new := len(drift.findings.new)):
        state = f"{new:,} new, {state}"
    elif drift is None and occasion.previous is not None:
        state = f"{state}, not compared"
    return f"[{cluster}] {TITLE} {shorten(occasion.period, 30)}: {state}"


def shorten(text: str, length: int) -> str:
    """Return a name as it may be shown, of so many characters at most."""
    shown = show_name(text)
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def explain_missing(occasion: Occasion) -> str:
    """Say why a message tells of no change: that is not the same as no change."""
    if occasion.previous is None:
        return "This is the first report to these readers: there is none to compare with."
    return (
        f"Not compared with the report of {describe_minute(occasion.previous.date)} (run "
        f"{show_name(occasion.previous.run)}): it could not be read. Whether anything changed is "
        "not known."
    )


def _since(occasion: Occasion) -> str:
    if occasion.previous is None:
        return "Changes"
    return f"Since the last report, of {describe_minute(occasion.previous.date)}"


def _about(report: Report, occasion: Occasion) -> str:
    scope = report.scope.namespaces
    what = f"the whole cluster, {count(scope.in_scope, 'namespace')}"
    if not occasion.whole:
        what = f"{count(scope.in_scope, 'namespace')} of {show_name(occasion.audience)}"
    return f"{what} · {describe_minute(report.run.finished_at)}"


_URGENT = (
    ScopeChangeKind.CNI_CHANGED,
    ScopeChangeKind.NOT_JUDGED_ANY_MORE,
    ScopeChangeKind.GAP_ADDED,
    ScopeChangeKind.SELECTOR_CHANGED,
    ScopeChangeKind.IP_BLOCK_READING_CHANGED,
)


def _urgent_first(drift: Drift) -> Drift:
    """What limits the result first: that enforcement was lost must not fall off the end."""
    order = {kind: number for number, kind in enumerate(_URGENT)}
    scope = sorted(drift.scope, key=lambda one: order.get(one.change, len(order)))
    return msgspec.structs.replace(drift, scope=tuple(scope))


def _lines_of(notices: Sequence[Notice], anchor: str) -> tuple[str, ...]:
    return tuple(f"{one.title}: {one.text}" for one in notices if one.anchor == anchor)


def _unseen(report: Report, notices: Sequence[Notice], most: int) -> Lines:
    """The gaps, and what the notices say of rules that were not evaluated, or failed."""
    gaps = report.scope.gaps
    rules = _lines_of(notices, "rules")
    rest = f"{count(len(gaps) - most, 'further gap')}." if len(gaps) > most else ""
    incomplete = sum(map(is_incomplete, report.rules))
    title = ", ".join(
        filter(
            None,
            (
                count(len(gaps), "gap") if gaps else "",
                f"{count(incomplete, 'rule')} not fully evaluated" if incomplete else "",
            ),
        )
    )
    lines = (*rules, *(describe_gap(one) for one in gaps[:most]))
    return Lines(f"Not everything was seen: {title}" if title else "", lines, rest)


def _on_delivery(occasion: Occasion) -> Iterator[Notice]:
    """What did not reach these readers before, and what does not reach them now."""
    if missed := occasion.undelivered:
        named = "; ".join(
            f"{show_name(one.period)} (run {show_name(one.run)}): {show_text(one.reason)}"
            for one in missed[:NAMED]
        )
        rest = f"; and {len(missed) - NAMED:,} more" if len(missed) > NAMED else ""
        verb = "was" if len(missed) == 1 else "were"
        title = f"{count(len(missed), 'earlier report')} {verb} not delivered"
        yield Notice(Tone.WARN, title, f"{named}{rest}.")
    if occasion.left_out:
        names = ", ".join(map(show_name, occasion.left_out))
        yield Notice(Tone.WARN, "Attachments are left out", f"{names}: the message was too large.")


def _notes(occasion: Occasion) -> Iterator[str]:
    if occasion.attached:
        yield f"Attached: {', '.join(map(show_name, occasion.attached))}."
    if not occasion.whole:
        yield (
            "This message is about the namespaces of its readers alone. Whoever gets the whole "
            "report can say more."
        )


def _identity(audit: Audit) -> Iterator[Fact]:
    report = audit.report
    yield Fact("Run", show_name(report.run.id), exact=True)
    yield Fact("Report digest (SHA-256)", show_name(report.digest), exact=True)
    if audit.extract is not None:
        yield Fact("Extract of the report with digest", show_name(audit.extract.digest), exact=True)
    yield Fact("Tool", show_name(f"{report.tool.name} {report.tool.version}"))


def _link(url: str) -> str:
    """The address, where it is one of the web: another would be no link to a report."""
    shown = show_text(url.strip())
    is_web = shown.lower().startswith(("https://", "http://"))
    return shown if is_web and len(shown) < _LONGEST_LINK else ""
