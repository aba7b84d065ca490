"""The control matrix: what the rules say about the controls of frameworks, in part at most."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditor.model.findings import RuleStatus
from auditor.model.frameworks import (
    ControlRecord,
    ControlStatus,
    Coverage,
    FrameworkRecord,
    ReadingRecord,
)
from auditor.model.report import FindingRecord, Report
from reports.rows import Fact, Tone
from reports.rule_rows import STATUS_LABELS
from reports.text import show_name, show_text

EVIDENCE_LIMITS = (
    (
        "A rule evidences a control in part, never in full: it judges how network policies are "
        "configured, at one moment. Evidence of configuration is not evidence that a control "
        "operated effectively over a period, and it says nothing of people, processes and other "
        "means of protection."
    ),
    (
        "Fail: a rule that speaks to the control has open findings. Not evaluated: none fails, and "
        "one could not judge everything, or is disabled. Waived: what was found is accepted by "
        "waivers. Pass: the rules found nothing; it does not say that the control is met. Not "
        "covered: no rule judges it."
    ),
)
"""What the matrix can and cannot say: printed above it."""

CONTROL_LABELS: Mapping[ControlStatus, tuple[str, Tone]] = {
    ControlStatus.FAIL: ("fail", Tone.BAD),
    ControlStatus.NOT_EVALUATED: ("not evaluated", Tone.WARN),
    ControlStatus.WAIVED: ("waived", Tone.UNKNOWN),
    ControlStatus.PASS: ("pass", Tone.GOOD),
    ControlStatus.NOT_COVERED: ("not covered", Tone.UNKNOWN),
}

COVERAGE_LABELS: Mapping[Coverage, str] = {
    Coverage.PARTIAL: "evidenced in part",
    Coverage.CONTEXT: "context only",
}


_ANCHOR = re.compile(r"[a-z0-9.-]{1,100}")
"""An id of a framework that may stand in a link as it is; any other gives way to its number."""


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One of several ways to read a control."""

    id: str
    title: str
    status: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class ControlRow:
    """A control. ``rules`` are those that speak to it, by what became of them."""

    id: str
    title: str
    note: str
    coverage: str
    """Empty where no rule that evidences it was run."""
    source: str
    """Empty where it is the framework's."""
    verified: bool
    status: str
    tone: Tone
    declared_only: bool
    rules: tuple[Fact, ...]
    readings: tuple[ReadingRow, ...]


@dataclass(frozen=True, slots=True)
class FrameworkRow:
    """An edition of a framework. ``counts`` are its controls by status, as the labels go."""

    anchor: str
    """Its place in a document: `framework-pci-dss-4.0.1`."""
    name: str
    note: str
    source: str
    """The source of all its controls; empty where they have several."""
    counts: tuple[int, ...]
    controls: tuple[ControlRow, ...]


@dataclass(frozen=True, slots=True)
class Controls:
    """The control matrix."""

    limits: tuple[str, ...]
    statuses: tuple[str, ...]
    """The heads of the counts of each framework."""
    frameworks: tuple[FrameworkRow, ...]


def list_controls(report: Report) -> Controls:
    """Arrange the matrix, in the order of the report."""
    statuses = {one.id: one.status for one in report.rules}
    return Controls(
        limits=EVIDENCE_LIMITS,
        statuses=tuple(label.capitalize() for label, _ in CONTROL_LABELS.values()),
        frameworks=tuple(
            _framework(one, number, statuses) for number, one in enumerate(report.frameworks, 1)
        ),
    )


def name_framework(one: FrameworkRecord) -> str:
    """Return `PCI DSS 4.0.1`."""
    return show_name(f"{one.framework} {one.edition}")


def _framework(
    one: FrameworkRecord, number: int, statuses: Mapping[str, RuleStatus]
) -> FrameworkRow:
    sources = {control.source for control in one.controls}
    counted = Counter(control.status for control in one.controls)
    shared = next(iter(sources)) if len(sources) == 1 else None
    return FrameworkRow(
        anchor=f"framework-{one.id if _ANCHOR.fullmatch(one.id) else number}",
        name=name_framework(one),
        note=show_text(one.note or ""),
        source=show_text(shared or ""),
        counts=tuple(counted[status] for status in CONTROL_LABELS),
        controls=tuple(_control(control, shared, statuses) for control in one.controls),
    )


def _control(
    one: ControlRecord, shared: str | None, statuses: Mapping[str, RuleStatus]
) -> ControlRow:
    label, tone = CONTROL_LABELS[one.status]
    return ControlRow(
        id=show_name(one.id),
        title=show_text(one.title),
        note=show_text(one.note or ""),
        coverage=_coverage(one),
        source="" if one.source == shared else show_text(one.source),
        verified=one.verified,
        status=label,
        tone=Tone.WARN if one.declared_only and tone is Tone.GOOD else tone,
        declared_only=one.declared_only,
        rules=tuple(_rules(one.rules, statuses)),
        readings=tuple(map(_reading, one.readings)),
    )


def _coverage(one: ControlRecord) -> str:
    """Say what the rules say of a control; nothing where none that does was run."""
    if one.status is ControlStatus.NOT_COVERED and one.coverage is Coverage.PARTIAL:
        return ""
    return COVERAGE_LABELS[one.coverage]


def _rules(rules: Sequence[str], statuses: Mapping[str, RuleStatus]) -> Iterable[Fact]:
    """Group the rules by what became of them, worst first; one without a record was not run."""
    found = [(statuses.get(one, RuleStatus.NOT_EVALUATED), show_name(one)) for one in rules]
    for status, (label, _) in STATUS_LABELS.items():
        members = [rule for its, rule in found if its is status]
        if members:
            yield Fact(label, ", ".join(members))


def _reading(one: ReadingRecord) -> ReadingRow:
    label, tone = CONTROL_LABELS[one.status]
    return ReadingRow(show_name(one.id), show_text(one.title), label, tone)


class ControlNames:
    """The controls that findings touch, by framework: `PCI DSS 4.0.1` → `1.2.5, 1.3.1`."""

    def __init__(self, frameworks: Sequence[FrameworkRecord]) -> None:
        self._split = {
            f"{one.framework} {one.edition} {control.id}": (name_framework(one), control.id)
            for one in frameworks
            for control in one.controls
        }

    def group(self, findings: Iterable[FindingRecord]) -> tuple[Fact, ...]:
        """Group the controls of findings by framework; one of no framework stands by itself."""
        spelled = dict.fromkeys(name for one in findings for name in one.controls)
        found: dict[str, list[str]] = {}
        for name in spelled:
            framework, control = self._split.get(name, ("", name))
            found.setdefault(framework, []).append(show_name(control))
        return tuple(Fact(framework, ", ".join(ids)) for framework, ids in found.items())
