"""The chart of a trend: lanes of bars, one below the other, drawn by a template as SVG.

Each lane has a name, a scale and a number of its own: colour adds nothing that words do not say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from auditor.model.findings import Severity
from auditor.model.history import TrendPoint
from reports.text import count
from reports.times import describe_minute

NOTHING = "\N{EN DASH}"
"""Where there is no number."""

WIDTH = 660
"""Of the chart, in its own units; a lane is as wide as the chart without labels and values."""
LABELS = 96
VALUES = 54
LANE = 38
SPACE = 8
FOOT = 18


@dataclass(frozen=True, slots=True)
class Bar:
    """A run in a lane: a bar from the bottom of the lane; ``title`` says what it stands for."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One figure over the runs, on a scale of its own."""

    name: str
    """`score`, or a severity: it decides about the colour."""
    label: str
    scale: str
    """`0 to 100`."""
    value: str
    """That of this run."""
    y: float
    """Of its top."""
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Lanes one below the other, a bar for each run, the oldest on the left."""

    title: str
    text: str
    """What the chart shows, for whoever cannot see it."""
    width: int
    height: int
    left: int
    right: int
    lane: int
    """Height of a lane."""
    lanes: tuple[Lane, ...]
    first: str
    last: str


def draw_trend(points: Sequence[TrendPoint]) -> Chart:
    """Draw the score, and the open findings of each severity that was found in one of the runs."""
    lanes: list[Lane] = []

    def add(
        name: str, values: Sequence[float | None], top: float, spell: Callable[..., str]
    ) -> None:
        y = len(lanes) * (LANE + SPACE)
        bars = tuple(_bars(points, values, top, y, spell))
        now = values[-1]
        value = NOTHING if now is None else spell(now)
        label = name.capitalize()
        lanes.append(Lane(name, label, f"0 to {top:,.0f}", value, y, bars))

    add("score", [one.score for one in points], 100, "{:.1f}".format)
    for severity in Severity:
        values = [one.by_severity.get(severity, 0) for one in points]
        if top := max(values):
            add(severity.value, values, top, "{:,.0f}".format)
    first, last = (describe_minute(points[at].started_at) for at in (0, -1))
    names = ", ".join(one.label.lower() for one in lanes)
    return Chart(
        title=f"Score and open findings over {count(len(points), 'run')}",
        text=f"A bar for each run from {first} to {last}, evenly spaced. Lanes: {names}. "
        "The tables below hold the numbers.",
        width=WIDTH,
        height=len(lanes) * (LANE + SPACE) + FOOT,
        left=LABELS,
        right=WIDTH - VALUES,
        lane=LANE,
        lanes=tuple(lanes),
        first=first,
        last=last,
    )


def _bars(
    points: Sequence[TrendPoint],
    values: Sequence[float | None],
    top: float,
    y: float,
    spell: Callable[[float], str],
) -> Iterator[Bar]:
    """Where there is no number there is no bar; a number that is not 0 can be seen."""
    step = (WIDTH - LABELS - VALUES) / len(points)
    for place, (point, value) in enumerate(zip(points, values, strict=True)):
        if value is None:
            continue
        height = max(1.0, LANE * min(value, top) / top) if value > 0 else 0.0
        width = min(step * 0.8, 40.0)
        yield Bar(
            x=round(LABELS + place * step + (step - width) / 2, 2),
            y=round(y + LANE - height, 2),
            width=round(width, 2),
            height=round(height, 2),
            title=f"{describe_minute(point.started_at)}: {spell(value)}",
        )
