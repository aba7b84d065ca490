"""The display rows of a drift: worded, counted and cut, ready to be laid out by any format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from auditor.model.findings import Severity
from reports.rows import Tone

Row_co = TypeVar("Row_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Cut(Generic[Row_co]):
    """The first of some rows, how many there are in all, and in words where the rest stands."""

    total: int
    rows: tuple[Row_co, ...]
    rest: str

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.total > 0


@dataclass(frozen=True, slots=True)
class Tally:
    """A number of the drift, with its sign and its name."""

    text: str
    label: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class ConnectionLine:
    """A connection that opened or closed, on these ports, and why."""

    source: str
    destination: str
    ports: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupLine:
    """The connections from one namespace to another, counted, and why they changed."""

    source: str
    destination: str
    opened: int
    closed: int
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field of a policy. ``change`` is `added`, `removed` or `changed`."""

    path: str
    change: str
    previous: str
    """Empty where the field was absent."""
    current: str
    """Empty where the field is absent."""


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """A policy that changed, by whom, and in which fields."""

    key: str
    manager: str
    """Empty where it is not known."""
    fields: Cut[FieldLine]


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding that came, went, or cannot be compared."""

    id: str
    anchor: str
    """The id where the document lists the finding, else empty."""
    title: str
    """Of the rule; its id where no title is known."""
    severity: Severity
    system: bool
    subject: str
    detail: str
    message: str
    reason: str
    """Why it cannot be compared; empty of one that was."""


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """What is seen now and was not, or the reverse."""

    what: str
    object: str
    text: str


@dataclass(frozen=True, slots=True)
class DriftDisplay:
    """A drift as formats lay it out: new namespaces first, opened before closed."""

    sides: str
    """Which two are compared, when they were taken, and how long lies between them."""
    headline: str
    """`12 connections opened, 3 closed`, or that nothing changed."""
    is_same: bool
    unchanged: str
    """How many findings are as before."""
    tallies: tuple[Tally, ...]
    not_compared: Cut[ScopeLine]
    """Where connections may have opened or closed: one side read what the other did not."""
    new_namespaces: Cut[ScopeLine]
    groups: Cut[GroupLine]
    opened: Cut[ConnectionLine]
    closed: Cut[ConnectionLine]
    policies_added: Cut[str]
    policies_removed: Cut[str]
    policies_changed: Cut[PolicyLine]
    policies_unevaluated: str
    """That the effect of some of them is not evaluated; empty where that of all is."""
    findings_new: Cut[FindingLine]
    findings_resolved: Cut[FindingLine]
    findings_incomparable: Cut[FindingLine]
    scope: Cut[ScopeLine]


@dataclass(frozen=True, slots=True)
class Changes:
    """The section of a report: a drift, or why there is none."""

    absent: str
    """Why nothing is compared; empty where something is."""
    since: str
    """When the run before was taken; empty where there is none."""
    line: str
    """The drift in a line, for the summary; empty where there is none."""
    drift: DriftDisplay | None
