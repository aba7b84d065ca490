"""Waivers on a terminal and as JSON: what each accepts, until when, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from auditor.findings.waive import Remaining, count_days, day_of, word_beginning
from auditor.findings.waivers import Waiver
from auditor.model.findings import Record
from auditor.model.waivers import WaiverRecord, WaiverState, WaiverUseRecord
from reports.json import format_json
from reports.paint import Paint
from reports.summary import align
from reports.text import count, show_name, show_text

VALID = "valid"
"""The state of a waiver that holds today, where nothing was judged."""

_COLORS: Mapping[str, str] = {
    VALID: "green",
    WaiverState.USED: "green",
    WaiverState.UNUSED: "yellow",
    WaiverState.NOT_YET_VALID: "yellow",
    WaiverState.EXPIRED: "red",
}


class CheckedWaiver(Record, frozen=True):
    """A waiver as `waivers check` shows it."""

    waiver: WaiverRecord
    state: str
    """That of a report; without a source `valid` in place of `used` and `unused`."""
    findings: int | None
    """Null where nothing was judged."""
    expires_in_days: int
    expires_soon: bool
    reason: str | None


def check_uses(uses: Iterable[WaiverUseRecord]) -> tuple[CheckedWaiver, ...]:
    """The waivers of files, as they were used in an audit."""
    return tuple(
        CheckedWaiver(
            waiver=one.waiver,
            state=one.state.value,
            findings=one.findings,
            expires_in_days=one.expires_in_days,
            expires_soon=one.expires_soon,
            reason=one.reason,
        )
        for one in uses
        if one.waiver.file is not None
    )


def check_dates(waivers: Iterable[Waiver], now: str) -> tuple[CheckedWaiver, ...]:
    """Waivers of which only the dates are asked; ``now`` is ISO 8601, UTC."""
    today = day_of(now)
    checked: list[CheckedWaiver] = []
    for one in waivers:
        left = count_days(one, today)
        checked.append(
            CheckedWaiver(
                waiver=one.record,
                state=_state(left),
                findings=None,
                expires_in_days=left.days,
                expires_soon=left.is_soon,
                reason=None if left.begins is None else word_beginning(left.begins),
            )
        )
    return tuple(checked)


def _state(left: Remaining) -> str:
    if left.is_expired:
        return WaiverState.EXPIRED.value
    return VALID if left.begins is None else WaiverState.NOT_YET_VALID.value


def list_waivers_json(waivers: Sequence[CheckedWaiver]) -> bytes:
    """The waivers as a list."""
    return format_json(waivers)


def list_waivers_text(waivers: Sequence[CheckedWaiver], paint: Paint) -> str:
    """A line per waiver, and the count."""
    table = [("STATE", "EXPIRES", "DAYS", "FINDINGS", "RULE", "SUBJECT", "DETAIL", "WHERE")]
    table += [
        (
            one.state,
            one.waiver.expires,
            f"{one.expires_in_days:,}",
            "-" if one.findings is None else f"{one.findings:,}",
            show_name(one.waiver.rule),
            show_name(one.waiver.subject),
            show_name(one.waiver.detail or "-"),
            f"{show_name(one.waiver.file or '')}:{one.waiver.line or '?'}"
            + (f" ({show_text(one.reason)})" if one.reason else ""),
        )
        for one in waivers
    ]
    colors = ["", *(_COLORS[one.state] for one in waivers)]
    states = Counter(one.state for one in waivers)
    parts = [f"{states[one]:,} {one}" for one in _COLORS if states[one]]
    if soon := sum(one.expires_soon for one in waivers):
        parts.append(f"{soon:,} within 30 days of expiry")
    total = ": ".join(filter(None, (count(len(waivers), "waiver"), ", ".join(parts))))
    lines = [*align(table, colors, paint), total] if waivers else [total]
    return "".join(f"{line}\n" for line in lines)
