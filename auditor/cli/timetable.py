"""When `watch` audits: `--every`, `--at` and `--timezone`, as the library `schedule` has them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from time import tzset
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from auditor.errors import UsageError

if TYPE_CHECKING:
    from schedule import Job, Scheduler

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = ("minutes", "hours", "days", "weeks")
_SHORT = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WHEN = re.compile(r"(?:(\d{1,4})\s*)?([a-z]+)")
_AT = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

_NO_ZONES = {"Factory", "localtime"}
"""Of the system's data alone: the library does not know them."""

_FORMS = "write for instance `6 hours`, `30m`, `day` or `monday`"

_CLOCK_CHANGE = timedelta(hours=1)
"""How much farther off than its interval a run may be where summer time begins or ends."""

_SLACK = timedelta(minutes=1)


class Timetable(NamedTuple):
    """An interval, or a time of the day in a time zone."""

    number: int
    unit: str
    """`minutes`, `hours`, `days` or `weeks`, or the day of the week."""
    at: str = ""
    """`HH:MM`; empty: counted from the start."""
    zone: str = "UTC"

    @property
    def period(self) -> timedelta:
        """From one run to the next, as clocks on the wall show it."""
        unit = "weeks" if self.unit in _WEEKDAYS else self.unit
        return timedelta(**{unit: self.number})

    def plan(self, scheduler: Scheduler, run: Callable[[], object]) -> Job:
        """Have the scheduler do ``run``. Its times are those of `in_utc`."""
        job: Job = getattr(scheduler.every(self.number), self.unit)
        if self.at:
            job = job.at(self.at, self.zone)
        job.do(run)
        return job

    def correct(self, planned: datetime, now: datetime) -> datetime:
        """The time of the day nearest to what the library planned (UTC, naive), after now.

        Planned on the very day on which summer time begins, after the missing hour, a time
        within that hour is off by it. What does not exist comes later, by the change.
        """
        if not self.at:
            return planned
        days = (self._on_the_wall(planned).date() + timedelta(days=one) for one in (-1, 0, 1))
        moments = (one for day in days for one in self._moments(day) if one > now)
        return min(moments, key=lambda one: abs(one - planned))

    def _moments(self, day: date) -> Iterator[datetime]:
        """When the time of the day is on a day: twice in autumn, and later where it is missing."""
        at, zone = time.fromisoformat(self.at), ZoneInfo(self.zone)
        for fold in (0, 1):
            local = datetime.combine(day, at.replace(fold=fold), zone)
            moment = local.astimezone(UTC).replace(tzinfo=None)
            if fold == 0 or self._on_the_wall(moment).time() == at:
                yield moment

    def show(self, moment: datetime) -> str:
        """A moment (UTC, naive) as people of the time zone write it."""
        local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.zone))
        return local.isoformat(sep=" ", timespec="minutes")

    def count_due(self, planned: datetime, now: datetime) -> int:
        """How many runs were due from the planned one until now: 1 where it is in time."""
        passed = self._on_the_wall(now) - self._on_the_wall(planned)
        return 1 + max(0, passed // self.period)

    def is_doubled(self, planned: datetime, former: datetime | None) -> bool:
        """Whether a planned run is that of the former once more: 02:30 comes twice in autumn."""
        if not self.at or former is None:
            return False
        return self._on_the_wall(planned).date() == self._on_the_wall(former).date()

    def is_too_far(self, planned: datetime, now: datetime) -> bool:
        """Whether a planned run is farther off than it can be, unless the clock was set back."""
        return planned - now > self.period + (_CLOCK_CHANGE if self.at else _SLACK)

    def _on_the_wall(self, moment: datetime) -> datetime:
        if not self.at:
            return moment
        return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)


def read_timetable(every: str, at: str | None, zone: str | None) -> Timetable:
    """The timetable that the flags ask for.

    Raises:
        UsageError: they are malformed, or contradict each other.
    """
    number, unit = _read_interval(every)
    if at is None:
        if unit in _WEEKDAYS:
            raise UsageError(f"--every {unit} has no time of the day", hint="add --at 07:00")
        if zone is not None:
            raise UsageError("--timezone is given without --at", hint="add --at, or leave it out")
        return Timetable(number, unit)
    if unit not in (*_WEEKDAYS, "days"):
        raise UsageError(
            f"--at and --every {every} contradict each other",
            hint="a time of the day goes with `day`, `2 days` or a day of the week",
        )
    if not _AT.fullmatch(at):
        raise UsageError(f"--at {at} is malformed", hint="write it as 07:00")
    return Timetable(number, unit, at, _read_zone(zone or "UTC"))


def _read_interval(every: str) -> tuple[int, str]:
    """A number and its unit; a day of the week stands by itself.

    Raises:
        UsageError: it is no interval.
    """
    match = _WHEN.fullmatch(every.strip().lower())
    if not every.strip():
        raise UsageError("--every is empty", hint=_FORMS)
    if match is None:
        raise UsageError(f"--every {every} is malformed", hint=_FORMS)
    number, word = match.groups()
    if word in _WEEKDAYS and number is None:
        return 1, word
    unit = _SHORT.get(word, word if word.endswith("s") else f"{word}s")
    count = int(number or 1)
    if unit not in _UNITS or count < 1 or (number is None and word in _SHORT):
        raise UsageError(f"--every {every} is malformed", hint=_FORMS)
    return count, unit


def _read_zone(name: str) -> str:
    """A time zone by its name.

    Raises:
        UsageError: there is none of that name.
    """
    known = available_timezones() - _NO_ZONES
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, known)
        hint = f"did you mean {' or '.join(near)}?" if near else "write it as Europe/Berlin"
        raise UsageError(f"time zone {name} is unknown", hint=hint)
    return name


def join_interval(arguments: Sequence[str]) -> list[str]:
    """The command line in which `--every 6 hours` is one value, with quotes or without."""
    joined: list[str] = []
    for one in arguments:
        number = joined[-1].removeprefix("--every=") if joined else ""
        is_value = joined[-2:-1] == ["--every"] or number != (joined or [""])[-1]
        if number.isdecimal() and is_value and one.isalpha():
            joined[-1] += f" {one}"
        else:
            joined.append(one)
    return joined


@contextmanager
def in_utc() -> Iterator[None]:
    """Have this process's local time be UTC.

    `schedule` compares times of this kind. Where summer time ends, those of other zones come
    twice, and a run would come an hour too early or too late, or twice.
    """
    former = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    tzset()
    try:
        yield
    finally:
        if former is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = former
        tzset()
