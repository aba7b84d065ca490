"""Moments and spans in words."""

import pytest

from reports.times import describe_distance, describe_minute, describe_span, describe_time


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-21T14:03:07Z", "2026-11-21 14:03:07 UTC"),
        ("2026-11-21T14:03:07+02:00", "2026-11-21 12:03:07 UTC"),
        ("2026-11-21T14:03:07", "2026-11-21 14:03:07 UTC"),
        ("yesterday\x1b", "yesterday\\x1b"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_times_are_told_in_utc(moment: str, expected: str) -> None:
    """An offset is taken off; what is no time, or none in UTC, stands as it is."""
    assert expected == describe_time(moment)


def test_a_line_of_a_summary_does_without_seconds() -> None:
    """A run is told by its minute."""
    assert "2026-11-14 09:00 UTC" == describe_minute("2026-11-14T09:00:59Z")
    assert "yesterday" == describe_minute("yesterday")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (119.6, "2 minutes"),
        (119, "119 seconds"),
        (2 * 3600, "2 hours"),
        (36 * 3600, "36 hours"),
        (48 * 3600, "2 days"),
        (-7 * 86_400, "7 days"),
        (400 * 86_400, "400 days"),
    ],
)
def test_a_span_is_told_in_the_largest_unit_of_which_there_are_two(
    seconds: float, expected: str
) -> None:
    """Whole numbers; nobody needs the seconds of a week."""
    assert expected == describe_span(seconds)


@pytest.mark.parametrize(
    ("previous", "current", "expected"),
    [
        ("2026-11-14T09:00:00Z", "2026-11-21T14:03:07Z", "7 days later"),
        ("2026-11-14T09:00:00Z", "2026-11-14T08:00:00Z", "60 minutes earlier"),
        ("2026-11-14T09:00:00Z", "2026-11-14T10:00:00.2+01:00", "at the same time"),
        ("yesterday", "2026-11-14T09:00:00Z", ""),
    ],
)
def test_the_distance_says_which_came_later(previous: str, current: str, expected: str) -> None:
    """The previous side may be the newer one; of what is no time there is no distance."""
    assert expected == describe_distance(previous, current)
