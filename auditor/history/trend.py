"""How the runs of a cluster moved: points for a chart, and runs to compare the newest with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from auditor.history.period import read_time
from auditor.model.history import RunEntry, Trend, TrendPoint, TrendStep

if TYPE_CHECKING:
    from pandas import DatetimeIndex

MOST_POINTS = 52
LONG_AGO_DAYS = 28

_PERIODS = {TrendStep.DAY: "D", TrendStep.WEEK: "W-SUN"}
"""Steps as pandas' periods; a week ends with Sunday."""


def read_points(entries: Iterable[RunEntry]) -> tuple[TrendPoint, ...]:
    """The points of runs, oldest first; one whose content was pruned has none."""
    return tuple(
        TrendPoint(
            started_at=one.started_at,
            score=one.score,
            by_severity=one.by_severity,
            gaps=one.gaps or 0,
        )
        for one in entries
        if one.by_severity is not None
    )


def work_out_trend(points: Sequence[TrendPoint]) -> Trend:
    """The trend of a cluster's points, oldest first, this run's the last.

    More than 52 become one for each day, the last of it, or if these are still too many, one for
    each week, of which the 52 newest are kept. A day or week without a run has no point. Of many
    runs on one day the 52 newest are points.

    Raises:
        HistoryError: a point's time is none: somebody altered it.
    """
    from pandas import DatetimeIndex

    if not points:
        return Trend(points=(), runs=0)
    times = DatetimeIndex([read_time(one.started_at, "start of a run") for one in points])
    step, kept = _thin(times)
    return Trend(
        points=tuple(points[position] for position in kept[-MOST_POINTS:]),
        runs=len(points),
        step=step,
        compared=tuple(points[position] for position in _earlier(times)),
    )


def _thin(times: DatetimeIndex) -> tuple[TrendStep, list[int]]:
    """The positions that are kept: of each step the last."""
    from pandas import Series

    every = Series(range(len(times)))
    if len(every) <= MOST_POINTS:
        return TrendStep.RUN, every.tolist()
    by_day = every.groupby(times.tz_localize(None).to_period(_PERIODS[TrendStep.DAY])).last()
    if len(by_day) == 1:
        return TrendStep.RUN, every.tolist()
    if len(by_day) <= MOST_POINTS:
        return TrendStep.DAY, by_day.tolist()
    by_week = every.groupby(times.tz_localize(None).to_period(_PERIODS[TrendStep.WEEK])).last()
    return TrendStep.WEEK, by_week.tolist()


def _earlier(times: DatetimeIndex) -> list[int]:
    """The positions with which the last is compared: one long ago, and the one before."""
    from pandas import Timedelta

    newest = len(times) - 1
    long_ago = times[newest] - Timedelta(days=LONG_AGO_DAYS)
    # clocks are set back: the newest of those that are old enough, wherever it stands
    old = [position for position in range(newest) if times[position] <= long_ago]
    return sorted({*old[-1:], *([newest - 1] if newest else [])})
