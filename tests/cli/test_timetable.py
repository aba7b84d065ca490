"""When `watch` audits: what its flags mean, and what comes next by any clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cli.timetable import Timetable, in_utc, join_interval, read_timetable
from auditor.cli.watch import Plan
from auditor.errors import UsageError
from tests.cli.clock import Clock, set_clock

BERLIN = "Europe/Berlin"
CHANGES = tuple(
    (zone, datetime.fromisoformat(moment))
    for zone, moment in (
        (BERLIN, "2026-03-29T01:00"),
        (BERLIN, "2026-10-25T01:00"),
        ("America/New_York", "2026-03-08T07:00"),
        ("America/New_York", "2026-11-01T06:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00"),  # by half an hour
        ("Australia/Lord_Howe", "2026-10-03T15:30"),
        ("America/Santiago", "2026-09-06T04:00"),  # at midnight: the day has none
        ("Asia/Kolkata", "2026-03-29T01:00"),  # never
    )
)
"""Time zones, and when their summer time begins or ends, in UTC."""


@pytest.mark.parametrize(
    ("every", "number", "unit"),
    [
        ("6 hours", 6, "hours"),
        ("6hours", 6, "hours"),
        ("6h", 6, "hours"),
        ("hour", 1, "hours"),
        ("30m", 30, "minutes"),
        ("1 day", 1, "days"),
        ("2 Weeks", 2, "weeks"),
    ],
)
def test_an_interval_is_a_number_and_a_unit(every: str, number: int, unit: str) -> None:
    """The number may be left out, and the unit shortened where there is one."""
    assert Timetable(number, unit) == read_timetable(every, None, None)


@pytest.mark.parametrize("every", ["monday", "day", "2 days"])
def test_a_time_of_the_day_is_that_of_a_time_zone(every: str) -> None:
    """`--at` is UTC, or the time of the zone that is named."""
    assert "UTC" == read_timetable(every, "07:00", None).zone
    assert BERLIN == read_timetable(every, "07:00", BERLIN).zone


@pytest.mark.parametrize(
    ("every", "at", "zone", "message"),
    [
        ("sometimes", None, None, "--every sometimes is malformed"),
        ("0 hours", None, None, "--every 0 hours is malformed"),
        ("h", None, None, "--every h is malformed"),
        ("3 mondays", None, None, "--every 3 mondays is malformed"),
        ("30 seconds", None, None, "--every 30 seconds is malformed"),
        ("-6 hours", None, None, "--every -6 hours is malformed"),
        ("monday", None, None, "--every monday has no time of the day"),
        ("day", None, BERLIN, "--timezone is given without --at"),
        ("6 hours", "07:00", None, "--at and --every 6 hours contradict each other"),
        ("day", "24:00", None, "--at 24:00 is malformed"),
        ("day", "7:00", None, "--at 7:00 is malformed"),
        ("day", "07:00", "Europe/Berln", "time zone Europe/Berln is unknown"),
        ("day", "07:00", "localtime", "time zone localtime is unknown"),
    ],
)
def test_what_is_no_timetable_is_wrong_usage(
    every: str, at: str | None, zone: str | None, message: str
) -> None:
    """Each mistake is told in one line, with what to write instead."""
    with pytest.raises(UsageError) as caught:
        read_timetable(every, at, zone)
    assert message == caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        (["--every", "6", "hours", "-q"], ["--every", "6 hours", "-q"]),
        (["--every=6", "hours"], ["--every=6 hours"]),
        (["--every", "6h", "-o", "out"], ["--every", "6h", "-o", "out"]),
        (["--every", "6 hours"], ["--every", "6 hours"]),
        (["-o", "6", "hours"], ["-o", "6", "hours"]),
        (["--every", "6", "-q"], ["--every", "6", "-q"]),
        (["6", "hours"], ["6", "hours"]),
        ([], []),
    ],
)
def test_an_interval_needs_no_quotes(given: list[str], joined: list[str]) -> None:
    """`--every 6 hours` is one value; nothing else is put together."""
    assert joined == join_interval(given)


def expected(timetable: Timetable, now: datetime) -> datetime:
    """The next time of the day after now, minute by minute: a slow look at a wall clock.

    A time that does not exist is looked for an hour's change later; of one that comes twice,
    the first that is still to come.
    """
    zone = ZoneInfo(timetable.zone)
    moment = now.replace(tzinfo=UTC, second=0, microsecond=0)
    hour, minute = map(int, timetable.at.split(":"))
    while True:
        moment += timedelta(minutes=1)
        local = moment.astimezone(zone)
        if (local.hour, local.minute) == (hour, minute):
            return moment.replace(tzinfo=None)
        wanted = local.replace(hour=hour, minute=minute, fold=0)
        change = wanted.replace(fold=1).utcoffset() - wanted.utcoffset()  # type: ignore[operator]
        in_gap = wanted.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wanted.replace(
            tzinfo=None
        )
        if in_gap and local.replace(tzinfo=None) == wanted.replace(tzinfo=None) + abs(change):
            return moment.replace(tzinfo=None)


@settings(max_examples=200)
@given(
    change=st.sampled_from(CHANGES),
    at=st.tuples(st.integers(0, 4) | st.integers(0, 23), st.sampled_from((0, 15, 30, 59))),
    # not in the hours beside it: who starts then may wait for the next day
    minutes=st.integers(-30 * 60, -61) | st.integers(61, 4 * 60),
)
def test_a_daily_time_is_that_of_the_wall_clock(
    change: tuple[str, datetime], at: tuple[int, int], minutes: int
) -> None:
    """07:00 stays 07:00 where summer time begins or ends; what does not exist comes later."""
    zone, moment = change
    timetable = Timetable(1, "days", f"{at[0]:02}:{at[1]:02}", zone)
    clock = Clock(moment + timedelta(minutes=minutes, seconds=1))
    with pytest.MonkeyPatch.context() as patch, in_utc():
        set_clock(patch, clock.read, clock.wait)
        assert expected(timetable, clock.time) == Plan(timetable).next_run


@settings(max_examples=100)
@given(
    change=st.sampled_from(CHANGES),
    at=st.tuples(st.integers(0, 4), st.sampled_from((0, 15, 30, 59))),
    late=st.lists(st.integers(0, 90), min_size=4, max_size=4),
)
def test_no_day_has_two_runs(
    change: tuple[str, datetime], at: tuple[int, int], late: list[int]
) -> None:
    """A time that comes twice in a night is one run, however late the runs begin."""
    zone, moment = change
    timetable = Timetable(1, "days", f"{at[0]:02}:{at[1]:02}", zone)
    clock = Clock(moment - timedelta(hours=40))
    days = []
    with pytest.MonkeyPatch.context() as patch, in_utc():
        set_clock(patch, clock.read, clock.wait)
        plan = Plan(timetable)
        for minutes in late:
            clock.time = plan.next_run + timedelta(minutes=minutes)
            if planned := plan.take():
                local = planned.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
                days.append(local.date())
    assert sorted(set(days)) == days
    assert (days[-1] - days[0]).days == len(days) - 1


@pytest.mark.parametrize(
    ("at", "passed", "due"),
    [
        ("", timedelta(seconds=1), 1),
        ("", timedelta(hours=24 * 3 + 1), 4),
        ("07:00", timedelta(hours=23), 2),  # one of the nights has 23 hours
        ("07:00", timedelta(hours=22), 1),
    ],
)
def test_due_runs_are_counted_by_the_wall_clock(at: str, passed: timedelta, due: int) -> None:
    """The planned run, and those that should have followed it until now."""
    timetable = Timetable(1, "days", at, BERLIN if at else "UTC")
    planned = datetime(2026, 3, 28, 6)  # noqa: DTZ001  the evening before summer time begins
    assert due == timetable.count_due(planned, planned + passed)
