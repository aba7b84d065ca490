"""Trends: which runs become points, and how the newest differs from earlier ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HistoryError
from auditor.history.trend import LONG_AGO_DAYS, MOST_POINTS, read_points, work_out_trend
from auditor.model.history import RunEntry, Trend, TrendPoint, TrendStep

START = datetime(2026, 1, 1, 6, tzinfo=UTC)


def point(hours: float, score: float | None = 50.0, high: int = 0, gaps: int = 0) -> TrendPoint:
    """A point so many hours from the start."""
    started_at = (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return TrendPoint(started_at=started_at, score=score, by_severity={"high": high}, gaps=gaps)


def every(hours: float, runs: int) -> list[TrendPoint]:
    """Runs at equal distances."""
    return [point(hours * number, high=number) for number in range(runs)]


def test_few_runs_are_points_themselves() -> None:
    """As they were kept, oldest first, up to 52."""
    points = every(1, MOST_POINTS)
    trend = work_out_trend(points)
    assert (tuple(points), MOST_POINTS, TrendStep.RUN) == (trend.points, trend.runs, trend.step)


def test_a_cluster_without_runs_has_no_trend() -> None:
    """Nothing to tell is no error."""
    assert Trend(points=(), runs=0) == work_out_trend(())


def test_many_runs_become_a_point_a_day() -> None:
    """The last of each day; a day without a run has none."""
    points = [one for one in every(6, 4 * 40) if not one.started_at.startswith("2026-01-20")]
    trend = work_out_trend(points)
    assert (TrendStep.DAY, len(points)) == (trend.step, trend.runs)
    days = [one.started_at[:10] for one in trend.points]
    assert sorted({one.started_at[:10] for one in points}) == days
    # from 06:00 on, every six hours: midnight begins the next day
    assert {"T18:00:00Z"} == {one.started_at[10:] for one in trend.points[:-1]}
    assert points[-1] == trend.points[-1]


def test_many_days_become_a_point_a_week() -> None:
    """Of the weeks, the 52 newest; the newest run is always the last point."""
    points = every(24, 500)
    trend = work_out_trend(points)
    assert (TrendStep.WEEK, 500, MOST_POINTS) == (trend.step, trend.runs, len(trend.points))
    assert points[-1] == trend.points[-1]
    days = [date.fromisoformat(one.started_at[:10]) for one in trend.points[:-1]]
    assert {6} == {one.weekday() for one in days}
    assert {7} == {(later - day).days for day, later in pairwise(days)}


def test_the_newest_run_is_compared_with_one_long_ago_and_the_one_before() -> None:
    """Oldest first: the newest that is at least four weeks older, and the one just before."""
    points = [
        point(-24 * 60, 10.0, high=9),
        point(-24 * LONG_AGO_DAYS, 20.1, high=7, gaps=1),
        point(-24 * LONG_AGO_DAYS + 1, 30.0, high=6),
        point(-1, None, high=5),
        point(0, 70.3, high=2, gaps=3),
    ]
    assert (points[1], points[3]) == work_out_trend(points).compared
    assert "2025-12-04T06:00:00Z" == points[1].started_at


def test_the_run_before_is_compared_also_where_it_is_no_point() -> None:
    """Of many runs the last of each day are points; the run before is one of the same day."""
    points = every(1, 100)
    trend = work_out_trend(points)
    assert TrendStep.DAY == trend.step
    assert points[-2] not in trend.points
    assert (points[-2],) == trend.compared


def test_many_runs_of_one_day_are_points_themselves() -> None:
    """One point would be no trend: the 52 newest are kept."""
    points = every(0.1, 60)
    trend = work_out_trend(points)
    assert (tuple(points[-MOST_POINTS:]), 60, TrendStep.RUN) == (
        trend.points,
        trend.runs,
        trend.step,
    )


def test_one_comparison_is_not_told_twice() -> None:
    """The run before may be the one long ago; the first run is compared with none."""
    assert 1 == len(work_out_trend([point(-24 * 31), point(0)]).compared)
    assert () == work_out_trend([point(0)]).compared


def test_a_clock_that_was_set_back_breaks_nothing() -> None:
    """Each day has its point, and the newest run is still compared with the one before."""
    points = every(1, 60)
    trend = work_out_trend([*points[30:], *points[:30]])
    assert (60, 3) == (trend.runs, len(trend.points))
    assert (point(0),) == work_out_trend([point(0), point(-24 * 40)]).compared


def test_a_time_that_is_none_is_an_error_of_the_store() -> None:
    """Not of the program."""
    with pytest.raises(HistoryError, match="start of a run is no time: never"):
        work_out_trend([msgspec.structs.replace(point(0), started_at="never")])


@given(st.lists(st.integers(0, 24 * 7 * 60), min_size=1, max_size=200, unique=True))
def test_points_are_the_last_of_their_steps(hours: list[int]) -> None:
    """Never more than 52, the newest among them, and each the last of its run, day or week."""
    points = [point(one) for one in sorted(hours)]
    trend = work_out_trend(points)
    assert 1 <= len(trend.points) <= MOST_POINTS
    assert points[-1] == trend.points[-1]
    last = {_step(one, trend.step): one for one in points}
    assert tuple(last.values())[-MOST_POINTS:] == trend.points


def _step(one: TrendPoint, step: TrendStep) -> object:
    day = date.fromisoformat(one.started_at[:10])
    return {
        TrendStep.RUN: one.started_at,
        TrendStep.DAY: day,
        TrendStep.WEEK: day.isocalendar()[:2],
    }[step]


ENTRY = RunEntry(
    id="run-1",
    cluster="uid:1",
    cluster_name="shop",
    sequence=1,
    started_at="2026-01-01T00:00:00Z",
    hash="ab" * 32,
    is_signed=False,
    is_pruned=False,
    tool_version="0.1.0",
    score=81.5,
    by_severity={"high": 2},
    waived=1,
    gaps=3,
    namespaces=4,
    pods=5,
    policies=6,
)


def test_a_run_that_was_pruned_has_no_point() -> None:
    """Nothing is known of it: it is no run without findings."""
    pruned = msgspec.structs.replace(ENTRY, is_pruned=True, score=None, by_severity=None, gaps=None)
    assert (TrendPoint("2026-01-01T00:00:00Z", 81.5, {"high": 2}, 3),) == read_points(
        [pruned, ENTRY]
    )
