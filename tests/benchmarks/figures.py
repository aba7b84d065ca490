"""What the benchmarks found: medians, ratios and targets, and their JSON form."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

SCHEMA = "netpol-auditor/benchmarks/v1"


class Measurement(msgspec.Struct, frozen=True):
    """One run of one stage in a process of its own."""

    seconds: float
    cpu_seconds: float
    """Time of the processor: what other programs of the machine slow down less."""
    peak_mebibytes: float
    """The most memory that the process held, the reading of its input included."""
    details: dict[str, float] = {}
    """Counts, and seconds of the parts."""


class Figure(msgspec.Struct, frozen=True):
    """The median of several runs. ``at_most`` None: there is no target."""

    name: str
    seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    runs: int
    details: dict[str, float] = {}
    seconds_at_most: float | None = None
    mebibytes_at_most: float | None = None

    @property
    def verdict(self) -> str:
        """`met` or `missed`; empty without a target."""
        limits = (
            (self.seconds, self.seconds_at_most),
            (self.peak_mebibytes, self.mebibytes_at_most),
        )
        stated = [value <= limit for value, limit in limits if limit is not None]
        return judge(all(stated)) if stated else ""


class Size(msgspec.Struct, frozen=True):
    """All stages of one size of cluster."""

    pods: int
    namespaces: int
    policies: int
    stages: tuple[Figure, ...]


class Ratio(msgspec.Struct, frozen=True):
    """How many times as much processor time a stage takes as another, or at another size."""

    name: str
    previous: str
    current: str
    ratio: float
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        """`met` or `missed`; empty without a target."""
        return "" if self.at_most is None else judge(self.ratio <= self.at_most)


class Machine(msgspec.Struct, frozen=True):
    """Where the figures come from."""

    python: str
    platform: str
    processors: int


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. ``failures`` names what could not be measured, and why."""

    schema: str = SCHEMA
    machine: Machine
    sizes: tuple[Size, ...]
    ratios: tuple[Ratio, ...]
    streams: tuple[Figure, ...]
    """Rows of drift that nobody keeps."""
    crowd: tuple[Figure, ...]
    """One rule on many policies of one namespace."""
    manifests: tuple[Figure, ...]
    processes: tuple[Figure, ...]
    failures: tuple[str, ...]


def judge(met: bool) -> str:  # noqa: FBT001  the question is the argument
    """The word for a target."""
    return "met" if met else "missed"


def summarize(
    name: str,
    runs: Sequence[Measurement],
    *,
    seconds_at_most: float | None = None,
    mebibytes_at_most: float | None = None,
) -> Figure:
    """The medians of runs that measured the same."""
    return Figure(
        name=name,
        seconds=median(one.seconds for one in runs),
        cpu_seconds=median(one.cpu_seconds for one in runs),
        peak_mebibytes=median(one.peak_mebibytes for one in runs),
        runs=len(runs),
        details={key: median(one.details[key] for one in runs) for key in runs[0].details},
        seconds_at_most=seconds_at_most,
        mebibytes_at_most=mebibytes_at_most,
    )
