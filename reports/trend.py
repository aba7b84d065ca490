"""The trend of a cluster's runs: the chart, the figures, and the runs as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.findings import Severity
from auditor.model.history import Trend, TrendPoint, TrendStep
from auditor.model.report import Audit
from reports.drift_rows import Cut
from reports.text import MINUS, count, group_digits
from reports.times import describe_minute
from reports.trend_chart import NOTHING, Chart, draw_trend

if TYPE_CHECKING:
    from pandas import Series

LONG_AGO_DAYS = 28


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of this run, against the run before and against the run of four weeks ago."""

    label: str
    now: str
    before: str
    change: str
    long_ago: str
    long_change: str


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run: when, its score, its open findings worst severity first, its gaps."""

    started: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrendDisplay:
    """The section of a report. Without a chart the text says why there is none."""

    text: str
    chart: Chart | None
    figures: tuple[Figure, ...]
    columns: tuple[str, ...]
    """What the numbers of a run are called."""
    runs: Cut[RunLine]


_COLUMNS = ("Score", *(one.value.capitalize() for one in Severity), "Gaps")


def arrange_trend(audit: Audit, limit: int) -> TrendDisplay:
    """Arrange the trend; at most ``limit`` runs are listed, the newest first."""
    trend = audit.trend
    if trend is None or not trend.points:
        return _without_chart(
            "No trend: an extract has none."
            if audit.extract
            else "No trend: this run has no history."
        )
    if len(trend.points) == 1:
        return _without_chart(
            "No trend yet: this is the only run of the cluster that is kept."
            if trend.runs == 1
            else f"No trend: of the {group_digits(trend.runs)} runs that are kept, only this one "
            "has its numbers."
        )
    newest = tuple(reversed(trend.points))
    rest = trend.runs - len(newest[:limit])
    return TrendDisplay(
        text=_introduce(trend),
        chart=draw_trend(trend.points),
        figures=tuple(compare_runs((*trend.compared, trend.points[-1]))),
        columns=_COLUMNS,
        runs=Cut(
            trend.runs,
            tuple(map(_run, newest[:limit])),
            f"{group_digits(rest)} {'older' if trend.step is TrendStep.RUN else 'more'}: "
            "netpol-auditor history lists all."
            if rest > 0
            else "",
        ),
    )


def _without_chart(text: str) -> TrendDisplay:
    return TrendDisplay(text, None, (), _COLUMNS, Cut(0, (), ""))


def _introduce(trend: Trend) -> str:
    shown = len(trend.points)
    if trend.step is not TrendStep.RUN:
        runs = f"{count(trend.runs, 'run')} of the cluster, this one included"
        return f"{runs}: the last of each {trend.step.value} is shown, {shown:,} in all."
    if trend.runs > shown:
        return (
            f"The last {shown:,} of {count(trend.runs, 'run')} of the cluster, this one included."
        )
    return f"The {count(shown, 'run')} of the cluster, this one included."


def _run(point: TrendPoint) -> RunLine:
    findings = (group_digits(point.by_severity.get(one, 0)) for one in Severity)
    score = NOTHING if point.score is None else f"{point.score:.1f}"
    numbers = (score, *findings, group_digits(point.gaps))
    return RunLine(describe_minute(point.started_at), numbers)


def compare_runs(points: Sequence[TrendPoint]) -> Iterator[Figure]:
    """Compare the newest run with the one before, and with the last that is four weeks older."""
    import pandas as pd

    frame = pd.DataFrame(
        [
            (one.score, *(one.by_severity.get(severity, 0) for severity in Severity), one.gaps)
            for one in points
        ],
        columns=list(_COLUMNS),
        dtype="float64",
    )
    started = pd.Series([one.started_at for one in points])
    # A time that is none is no time: such a run is never the one of four weeks ago.
    times = pd.to_datetime(started, utc=True, format="ISO8601", errors="coerce")
    long_ago = frame[times <= times.iloc[-1] - pd.Timedelta(days=LONG_AGO_DAYS)]
    changes = frame.diff().iloc[-1]
    now, before = frame.iloc[-1], frame.iloc[-2]
    old = long_ago.iloc[-1] if len(long_ago) else None
    for column in _COLUMNS:
        yield Figure(
            label=column,
            now=_spell(column, now),
            before=_spell(column, before),
            change=_spell_change(column, changes),
            long_ago=NOTHING if old is None else _spell(column, old),
            long_change=NOTHING if old is None else _spell_change(column, now - old),
        )


def _spell(column: str, row: Series[float]) -> str:
    value = row[column]
    return NOTHING if math.isnan(value) else _number(column, value)


def _spell_change(column: str, row: Series[float]) -> str:
    value = row[column]
    if math.isnan(value):
        return NOTHING
    if value == 0:
        return "0"
    return f"{'+' if value > 0 else MINUS}{_number(column, abs(value))}"


def _number(column: str, value: float) -> str:
    return f"{value:,.1f}" if column == "Score" else f"{value:,.0f}"
