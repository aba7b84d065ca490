"""The trend: lanes of bars, figures and runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.findings import Severity
from auditor.model.history import Trend, TrendPoint, TrendStep
from reports.trend import Figure, TrendDisplay, arrange_trend, compare_runs
from reports.trend_chart import LABELS, LANE, VALUES, WIDTH, draw_trend
from tests.reports.audits import make_shop
from tests.reports.drifts import make_trend

NOW = datetime(2026, 11, 21, 14, tzinfo=UTC)


def point(days_ago: float, score: float | None, gaps: int = 0, **findings: int) -> TrendPoint:
    """A run so many days before the newest."""
    started_at = (NOW - timedelta(days=days_ago)).isoformat()
    return TrendPoint(started_at, score, findings, gaps)


def figures(*points: TrendPoint) -> dict[str, Figure]:
    """The figures by name."""
    return {one.label: one for one in compare_runs(points)}


def arrange(trend: Trend | None, limit: int = 12) -> TrendDisplay:
    """The section of a report with this trend."""
    return arrange_trend(msgspec.structs.replace(make_shop(), trend=trend), limit)


def test_a_run_is_compared_with_the_one_before_and_the_one_of_four_weeks_ago() -> None:
    """The last that is at least four weeks older, whatever was in between."""
    found = figures(
        point(60, 10.0, high=9),
        point(28, 50.5, gaps=4, high=7),
        point(27.9, 1.0, high=1),
        point(7, 80.0, high=2, low=1000),
        point(0, 77.5, gaps=1, high=5, low=1000),
    )
    assert Figure("Score", "77.5", "80.0", "\N{MINUS SIGN}2.5", "50.5", "+27.0") == found["Score"]
    assert Figure("High", "5", "2", "+3", "7", "\N{MINUS SIGN}2") == found["High"]
    assert Figure("Low", "1,000", "1,000", "0", "0", "+1,000") == found["Low"]
    assert Figure("Gaps", "1", "0", "+1", "4", "\N{MINUS SIGN}3") == found["Gaps"]


def test_what_is_not_known_is_a_dash() -> None:
    """No score is not a score of nought, and no run that old is no run without findings."""
    found = figures(point(7, None, high=1), point(0, 50.0, high=1))
    dash = "\N{EN DASH}"
    assert Figure("Score", "50.0", dash, dash, dash, dash) == found["Score"]
    assert Figure("High", "1", "1", "0", dash, dash) == found["High"]


@pytest.mark.parametrize("moment", ["yesterday", "", "2026-13-01T00:00:00Z"])
def test_a_time_that_is_none_is_not_four_weeks_ago(moment: str) -> None:
    """Such a run still counts as the one before."""
    strange = TrendPoint(moment, 1.0, {}, 0)
    found = figures(point(40, 9.0), strange, point(0, 50.0))
    assert ("1.0", "9.0") == (found["Score"].before, found["Score"].long_ago)
    assert "\N{EN DASH}" == figures(point(40, 9.0), strange)["Score"].long_ago


@given(
    st.lists(
        st.tuples(
            st.integers(0, 80),
            st.none() | st.integers(0, 1000),
            st.integers(0, 99),
            st.integers(0, 9),
        ),
        min_size=2,
        max_size=20,
    )
)
def test_figures_equal_plain_arithmetic(
    runs: list[tuple[int, int | None, int, int]],
) -> None:
    """Against a loop over the runs, in the order in which they were kept."""
    points = [
        point(days, None if score is None else score / 10, gaps, high=high)
        for days, score, high, gaps in runs
    ]
    old = [one for one in runs if one[0] >= runs[-1][0] + 28]
    found = figures(*points)["High"]
    now, before = runs[-1][2], runs[-2][2]

    def signed(change: int) -> str:
        return "0" if not change else f"{change:+d}".replace("-", "\N{MINUS SIGN}")

    assert (str(now), str(before), signed(now - before)) == (found.now, found.before, found.change)
    expected = (str(old[-1][2]), signed(now - old[-1][2])) if old else ("\N{EN DASH}",) * 2
    assert expected == (found.long_ago, found.long_change)


def test_the_chart_has_a_lane_for_what_was_found_in_some_run() -> None:
    """And always one for the score; each says its scale and the value of this run."""
    chart = draw_trend([point(7, None, high=3, info=0), point(0, 61.0, high=1)])
    assert [("score", "0 to 100", "61.0"), ("high", "0 to 3", "1")] == [
        (one.name, one.scale, one.value) for one in chart.lanes
    ]
    score, high = chart.lanes
    assert 1 == len(score.bars)
    assert [LANE, round(LANE / 3, 2)] == [one.height for one in high.bars]
    assert "2026-11-14 14:00 UTC: 3" == high.bars[0].title


@given(
    st.lists(
        st.tuples(st.none() | st.floats(0, 100), st.integers(0, 10**6)), min_size=2, max_size=52
    )
)
def test_bars_stand_within_their_lanes_and_do_not_overlap(
    runs: list[tuple[float | None, int]],
) -> None:
    """From left to right; a number that is not nought can be seen."""
    chart = draw_trend([point(0, score, high=high) for score, high in runs])
    for lane in chart.lanes:
        right = float(LABELS)
        for bar in lane.bars:
            assert right - 0.02 <= bar.x
            right = bar.x + bar.width
            assert lane.y - 0.02 <= bar.y
            assert abs(bar.y + bar.height - lane.y - LANE) < 0.02
        assert right <= WIDTH - VALUES + 0.02
    if len(chart.lanes) == 2:
        assert [high > 0 for _, high in runs] == [one.height > 0 for one in chart.lanes[1].bars]


def test_runs_are_listed_newest_first_and_older_ones_counted() -> None:
    """Those that the trend does not hold are counted too."""
    display = arrange(make_trend(52, 120), 12)
    assert "The last 52 of 120 runs of the cluster, this one included." == display.text
    assert ["2026-11-21 14:03 UTC", "2026-11-14 14:03 UTC"] == [
        one.started for one in display.runs.rows[:2]
    ]
    assert 12 == len(display.runs.rows)
    assert "108 older: netpol-auditor history lists all." == display.runs.rest
    assert ("Score", *(one.value.capitalize() for one in Severity), "Gaps") == display.columns


def test_where_points_stand_for_days_or_weeks_that_is_said() -> None:
    """And this run is compared with the run before, which need not be a point."""
    before = point(0.1, 20.0, high=9)
    points = (point(2, 70.0, high=1), point(1, 60.0, high=2), point(0, 50.0, high=3))
    display = arrange(Trend(points, 99, TrendStep.DAY, (before,)), 2)
    assert (
        "99 runs of the cluster, this one included: the last of each day is shown, 3 in all."
    ) == display.text
    assert "97 more: netpol-auditor history lists all." == display.runs.rest
    high = next(one for one in display.figures if one.label == "High")
    assert ("3", "9", "\N{MINUS SIGN}6") == (high.now, high.before, high.change)


@pytest.mark.parametrize(
    ("trend", "expected"),
    [
        (None, "No trend: this run has no history."),
        (Trend((), 0), "No trend: this run has no history."),
        (make_trend(1), "No trend yet: this is the only run of the cluster that is kept."),
        (make_trend(1, 9), "No trend: of the 9 runs that are kept, only this one has its numbers."),
    ],
)
def test_without_two_runs_a_line_stands_instead(trend: Trend | None, expected: str) -> None:
    """One run is no trend; runs whose content was pruned have no numbers."""
    display = arrange(trend)
    assert (expected, None, ()) == (display.text, display.chart, display.figures)
