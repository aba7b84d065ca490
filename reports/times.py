"""Moments and spans in words. Every moment is shown in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from reports.text import count, show_name

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def parse_time(moment: str) -> datetime | None:
    """Read an ISO 8601 time, in UTC where it names no zone; None for anything else."""
    try:
        parsed = datetime.fromisoformat(moment)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):  # the first day of year 1 has no name in every zone
        return None


def describe_time(moment: str) -> str:
    """Return `2026-11-21 14:03:07 UTC`; what is no ISO 8601 time is shown as it stands."""
    parsed = parse_time(moment)
    return f"{parsed:%Y-%m-%d %H:%M:%S} UTC" if parsed else show_name(moment)


def describe_minute(moment: str) -> str:
    """Return `2026-11-21 14:03 UTC`; what is no ISO 8601 time is shown as it stands."""
    parsed = parse_time(moment)
    return f"{parsed:%Y-%m-%d %H:%M} UTC" if parsed else show_name(moment)


def describe_span(seconds: float) -> str:
    """Return `45 seconds`, `90 minutes`, `36 hours` or `7 days`: whole, at least two of a unit."""
    whole = round(abs(seconds))
    for size, unit in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if whole >= 2 * size:
            return count(whole // size, unit)
    return count(whole, "second")


def describe_distance(previous: str, current: str) -> str:
    """Return how long after ``previous`` ``current`` is: `7 days later`; empty if unknown."""
    before, after = parse_time(previous), parse_time(current)
    if before is None or after is None:
        return ""
    seconds = (after - before).total_seconds()
    if round(seconds) == 0:
        return "at the same time"
    return f"{describe_span(seconds)} {'later' if seconds > 0 else 'earlier'}"
