"""A period of time as an auditor names it: from a day, or a time, to another; UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import NamedTuple

from auditor.errors import HistoryError, UsageError

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FORMS = "write 2026-03-31, or 2026-03-31T14:00:00Z"


class Period(NamedTuple):
    """From a time to another, both within it."""

    since: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        """Whether a time lies in the period; fractions of a second are not counted."""
        return self.since <= moment.replace(microsecond=0) <= self.until


def parse_period(since: str, until: str, *, now: str) -> Period:
    """Read a period. A day as ``until`` is meant to its end; a time without a zone is UTC.

    What lies ahead of ``now`` (ISO 8601) is no part of it: nothing could be seen there.

    Raises:
        UsageError: one of them is no date or time, or the period ends before it begins.
    """
    last = _parse(until, "until", time(23, 59, 59))
    period = Period(_parse(since, "since", time.min), min(last, read_time(now, "now")))
    if period.until < period.since:
        raise UsageError(
            f"the period ends before it begins: {spell_time(period.since)} to "
            f"{spell_time(period.until)}",
            hint="give the earlier date with --since",
        )
    return period


def read_time(text: str, what: str) -> datetime:
    """Read a time that was kept, ISO 8601; ``what`` says of what it is.

    Raises:
        HistoryError: it is none.
    """
    try:
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise HistoryError(
            f"{what} is no time: {text}", hint="`netpol-auditor verify` says what was altered"
        ) from error


def spell_time(moment: datetime) -> str:
    """Spell a time as ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse(text: str, flag: str, of_day: time) -> datetime:
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(datetime.fromisoformat(text), of_day, UTC)
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--{flag} {text} is no date or time", hint=_FORMS) from error


def _in_utc(moment: datetime) -> datetime:
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return known.astimezone(UTC)
