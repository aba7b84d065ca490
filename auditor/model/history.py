"""Runs that were kept, as verbs and reports show them."""

from __future__ import annotations

from enum import StrEnum

from auditor.model.findings import Record


class RunEntry(Record, frozen=True):
    """One run in the list of all. Numbers are null of a run whose content was pruned."""

    id: str
    cluster: str
    """The key under which the runs of the cluster are kept."""
    cluster_name: str | None
    sequence: int
    started_at: str
    hash: str
    is_signed: bool
    is_pruned: bool
    tool_version: str | None
    score: float | None
    by_severity: dict[str, int] | None
    """Open findings."""
    waived: int | None
    gaps: int | None
    namespaces: int | None
    """Those that were judged."""
    pods: int | None
    policies: int | None


class TrendPoint(Record, frozen=True):
    """One run of a trend."""

    started_at: str
    score: float | None
    by_severity: dict[str, int]
    """Open findings."""
    gaps: int


class TrendStep(StrEnum):
    """What a point of a trend stands for: of many runs in a day or week, the last."""

    RUN = "run"
    DAY = "day"
    WEEK = "week"


class Trend(Record, frozen=True):
    """The runs of a cluster up to this one, oldest first, and how they moved."""

    points: tuple[TrendPoint, ...]
    """At most the 52 newest."""
    runs: int
    """All that are kept with their content."""
    step: TrendStep = TrendStep.RUN
    """Where there are more runs than points, what a point stands for."""
    compared: tuple[TrendPoint, ...] = ()
    """What this run is compared with, oldest first, be it a point or not: the newest run that is
    28 days older, and the run before; where there are such, and each once."""


class IntervalState(StrEnum):
    """What a rule said of a namespace over a period. Unsatisfied goes before not evaluated."""

    ALWAYS_SATISFIED = "always-satisfied"
    UNSATISFIED = "unsatisfied-at-some-run"
    NOT_EVALUATED = "not-evaluated-at-some-run"


class IntervalRow(Record, frozen=True):
    """One rule in one namespace, over the runs of the period in which the namespace was there.

    A run that was told to leave the namespace out did not evaluate the rule in it.
    """

    namespace: str | None
    """Null: the cluster, and what lies between namespaces."""
    rule: str
    state: IntervalState
    runs: int
    unsatisfied: int
    """Runs with an open or waived finding."""
    not_evaluated: int
    waived: int
    """Of the unsatisfied runs, those in which every finding was waived."""
    first_unsatisfied_at: str | None
    last_unsatisfied_at: str | None


class IntervalView(Record, frozen=True):
    """A period as an auditor asks for it, with how densely it was sampled."""

    cluster: str
    since: str
    until: str
    runs: int
    first_run_at: str | None
    last_run_at: str | None
    median_interval_seconds: float | None
    longest_interval_seconds: float | None
    """The longest time between two runs, and from the period's ends: nothing was seen in it."""
    pruned: int
    """Runs of the period whose content was pruned: nothing is known of them here."""
    rows: tuple[IntervalRow, ...]
