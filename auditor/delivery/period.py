"""The period in which nobody is sent two reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, assert_never

PeriodKind = Literal["run", "day", "week", "month"]


def period_of(kind: PeriodKind, now: str, run: str) -> str:
    """The period of a time (ISO 8601), in UTC: `2026-W47`, `2026-11-21`, `2026-11`, or the run."""
    moment = datetime.fromisoformat(now).astimezone(UTC)
    match kind:
        case "run":
            return run
        case "day":
            return moment.strftime("%Y-%m-%d")
        case "week":
            year, week, _ = moment.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return moment.strftime("%Y-%m")
        case _:
            assert_never(kind)
