"""Frameworks: what the rules say about the controls that network policies have to do with."""

from __future__ import annotations

from enum import StrEnum

from auditor.model.findings import Record


class Coverage(StrEnum):
    """What the rules say of a control: it is never evidenced in full."""

    PARTIAL = "partial"
    """They evidence it in part."""
    CONTEXT = "context"
    """They, or the report itself, say something that helps to judge it, and do not judge it."""


class ControlStatus(StrEnum):
    """What the rules found on a control: fail > not-evaluated > waived > pass, or not-covered."""

    FAIL = "fail"
    NOT_EVALUATED = "not-evaluated"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105  a status, no secret
    NOT_COVERED = "not-covered"


class ReadingRecord(Record, frozen=True):
    """One of several ways to read a control, with its own status."""

    id: str
    title: str
    status: ControlStatus


class ControlRecord(Record, frozen=True):
    """A control of a framework, and what the rules that evidence it in part found."""

    id: str
    title: str
    rules: tuple[str, ...]
    coverage: Coverage
    source: str
    verified: bool
    """Whether id and title were read in the source, not only remembered."""
    note: str | None
    status: ControlStatus
    declared_only: bool
    """It passes by what the policies declare; the CNI does not enforce them."""
    readings: tuple[ReadingRecord, ...]


class FrameworkRecord(Record, frozen=True):
    """An edition of a framework and its controls that network policies have to do with."""

    id: str
    framework: str
    edition: str
    note: str | None
    controls: tuple[ControlRecord, ...]
