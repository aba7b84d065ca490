"""Exceptions: the waivers of a run as display rows, those that somebody must look after first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from auditor.model.report import Report
from auditor.model.waivers import RefusedWaiverRecord, WaiverRecord, WaiverState, WaiverUseRecord
from reports.layout import Layout
from reports.rows import Fact, Notice, Tone
from reports.text import count, join_words, show_name, show_text

NAMED = 3
"""Waivers named in a notice; the rest is counted."""


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """A waiver, and what became of it. ``accountable`` and ``dates`` are labelled values."""

    rule: str
    subject: str
    detail: str
    origin: str
    """`waivers.yaml, line 2`, or the object that bears it as an annotation."""
    reason: str
    control: str
    """The compensating control; empty where none is stated."""
    accountable: tuple[Fact, ...]
    dates: tuple[Fact, ...]
    findings: str
    note: str
    """Why it may be unused; empty where nothing is to be said."""


@dataclass(frozen=True, slots=True)
class WaiverGroup:
    """Waivers in the same state: all are counted, the first are listed."""

    title: str
    tone: Tone
    explanation: str
    total: int
    rows: tuple[WaiverRow, ...]
    omitted: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """An annotation that means to waive, and waives nothing."""

    where: str
    annotation: str
    reason: str


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The waivers of a run, by state, and the annotations that were not honoured."""

    total: int
    groups: tuple[WaiverGroup, ...]
    refused: tuple[RefusedRow, ...]
    refused_total: int
    refused_omitted: str


@dataclass(frozen=True, slots=True)
class _State:
    """A state of waivers as it is shown; a waiver is of the first state that it fits."""

    title: str
    tone: Tone
    explanation: str
    fits: Callable[[WaiverUseRecord], bool]


_STATES = (
    _State(
        "Expired",
        Tone.BAD,
        "They hold no longer: the findings that they waived are open again.",
        lambda one: one.state is WaiverState.EXPIRED,
    ),
    _State(
        "Not valid yet",
        Tone.WARN,
        "They begin after the day of this run, and waive nothing so far.",
        lambda one: one.state is WaiverState.NOT_YET_VALID,
    ),
    _State(
        "Expiring within 30 days",
        Tone.WARN,
        "They hold today. Renew them, or mend what they accept.",
        lambda one: one.expires_soon,
    ),
    _State(
        "In use",
        Tone.UNKNOWN,
        "They hold, and accept what they name. The risk is accepted, not removed.",
        lambda one: one.state is WaiverState.USED,
    ),
    _State(
        "Unused",
        Tone.UNKNOWN,
        "They waive no finding of this run. Take out those that are needed no more.",
        lambda one: one.state is WaiverState.UNUSED,
    ),
)


def list_exceptions(report: Report, layout: Layout) -> Exceptions:
    """Arrange the waivers in the order of their states; in each, the first to expire first."""
    uses = sorted(report.waivers, key=_urgency)
    groups: list[WaiverGroup] = []
    for state in _STATES:
        members = [one for one in uses if state.fits(one)]
        uses = [one for one in uses if not state.fits(one)]
        if members:
            groups.append(_group(state, members, layout))
    refused = report.refused_waivers[: layout.waiver_rows]
    return Exceptions(
        total=len(report.waivers),
        groups=tuple(groups),
        refused=tuple(map(_refused, refused)),
        refused_total=len(report.refused_waivers),
        refused_omitted=_omitted(
            len(report.refused_waivers) - len(refused), "annotation", layout.rest_in
        ),
    )


def _urgency(one: WaiverUseRecord) -> tuple[int, str, str, str]:
    return one.expires_in_days, one.waiver.rule, one.waiver.subject, one.waiver.id


def _group(state: _State, members: Sequence[WaiverUseRecord], layout: Layout) -> WaiverGroup:
    shown = members[: layout.waiver_rows]
    return WaiverGroup(
        title=state.title,
        tone=state.tone,
        explanation=state.explanation,
        total=len(members),
        rows=tuple(map(_row, shown)),
        omitted=_omitted(len(members) - len(shown), "waiver", layout.rest_in),
    )


def _omitted(number: int, noun: str, rest_in: str) -> str:
    return f"{count(number, f'further {noun}')}: {rest_in} every one." if number else ""


def _row(one: WaiverUseRecord) -> WaiverRow:
    waiver = one.waiver
    return WaiverRow(
        rule=show_name(waiver.rule),
        subject=show_name(waiver.subject),
        detail=show_name(waiver.detail or ""),
        origin=_origin(waiver),
        reason=show_text(waiver.reason),
        control=show_text(waiver.compensating_control or ""),
        accountable=(
            Fact("Owner", show_name(waiver.owner)),
            Fact("Approved by", show_name(waiver.approved_by)),
            Fact("Ticket", show_name(waiver.ticket)),
        ),
        dates=(
            Fact("Created", show_name(waiver.created)),
            Fact("Expired" if one.expires_in_days < 0 else "Expires", _expiry(one)),
        ),
        findings=_findings(one),
        note=_note(one),
    )


def _origin(waiver: WaiverRecord) -> str:
    if waiver.annotated is not None:
        return f"annotation of {show_name(waiver.annotated)}"
    line = f", line {waiver.line}" if waiver.line else ""
    return f"{show_name(waiver.file or 'not known')}{line}"


def _expiry(one: WaiverUseRecord) -> str:
    days = one.expires_in_days
    if days == 0:
        when = "today is its last day"
    else:
        when = f"{count(-days, 'day')} ago" if days < 0 else f"in {count(days, 'day')}"
    return f"{show_name(one.waiver.expires)} ({when})"


def _findings(one: WaiverUseRecord) -> str:
    what = "open again" if one.state is WaiverState.EXPIRED else "waived"
    return f"{one.findings:,} {what}" if one.findings else "none"


def _note(one: WaiverUseRecord) -> str:
    if one.state is WaiverState.NOT_YET_VALID:
        return ""
    if one.reason:
        return f"It may be unused for another reason: {show_text(one.reason)}."
    if one.state is WaiverState.UNUSED and one.expires_soon:
        return "It waives no finding of this run."
    return ""


def _refused(one: RefusedWaiverRecord) -> RefusedRow:
    return RefusedRow(show_name(one.annotated), show_name(one.annotation), show_text(one.reason))


def describe_terms(waiver: WaiverRecord) -> str:
    """Word a waiver in a line, for the finding that bears it: until when, and who answers."""
    parts = (
        f"until {show_name(waiver.expires)}",
        f"owner {show_name(waiver.owner)}",
        f"approved by {show_name(waiver.approved_by)}",
        f"ticket {show_name(waiver.ticket)}",
    )
    return ", ".join(parts)


def warn_of_waivers(report: Report) -> Iterable[Notice]:
    """State which waivers expired, which will soon, and which annotations were not honoured."""
    uses = sorted(report.waivers, key=_urgency)
    expired = [one for one in uses if one.state is WaiverState.EXPIRED]
    again = sum(one.findings for one in expired)
    if again:
        yield Notice(
            Tone.BAD,
            f"{count(len(expired), 'waiver')} expired: {count(again, 'finding')} "
            f"{'is' if again == 1 else 'are'} open again",
            _name_waivers(expired),
            "exceptions",
        )
    soon = [one for one in uses if one.expires_soon]
    if soon:
        yield Notice(
            Tone.WARN,
            f"{count(len(soon), 'waiver')} {'expires' if len(soon) == 1 else 'expire'} "
            "within 30 days",
            _name_waivers(soon),
            "exceptions",
        )
    refused = len(report.refused_waivers)
    if refused:
        named = [show_name(one.annotated) for one in report.refused_waivers[:NAMED]]
        more = [f"{refused - NAMED:,} more"] if refused > NAMED else []
        yield Notice(
            Tone.WARN,
            f"{count(refused, 'annotation')} {'means' if refused == 1 else 'mean'} to waive and "
            f"{'is' if refused == 1 else 'are'} not honoured",
            f"On {join_words([*named, *more])}.",
            "exceptions",
        )


def _name_waivers(uses: Sequence[WaiverUseRecord]) -> str:
    named = "; ".join(
        f"{show_name(one.waiver.rule)} for {show_name(one.waiver.subject)}: {_expiry(one)}"
        for one in uses[:NAMED]
    )
    return f"{named}; and {len(uses) - NAMED:,} more" if len(uses) > NAMED else f"{named}."
