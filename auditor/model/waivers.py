"""Waivers: which findings are accepted, by whom, why and until when."""

from __future__ import annotations

from enum import StrEnum

from auditor.model.findings import Record


class WaiverRecord(Record, frozen=True):
    """A waiver: who accepts which risk, why, and until when. It removes no risk.

    Dates are ISO 8601. ``created`` is the first day on which it holds, and ``expires`` the last, in
    UTC.
    """

    id: str
    """Stable across runs: rule, subject, detail and place of origin, hashed."""
    rule: str
    subject: str
    """The object key that it waives, or a glob of keys."""
    detail: str | None
    """The one detail that it waives; null: each."""
    reason: str
    compensating_control: str | None
    owner: str
    approved_by: str
    ticket: str
    created: str
    expires: str
    file: str | None
    """Null where it is an annotation."""
    line: int | None
    annotated: str | None
    """The key of the object that bears it as an annotation; null where it stands in a file."""


class WaiverState(StrEnum):
    """What became of a waiver in this run."""

    USED = "used"
    UNUSED = "unused"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    """It begins after the day of the run: it waives nothing so far."""


class WaiverUseRecord(Record, frozen=True):
    """A waiver, and what became of it."""

    waiver: WaiverRecord
    state: WaiverState
    findings: int
    """The findings that it waives; of an expired one, those that are open again for it."""
    expires_in_days: int
    """From the day on which the run started, in UTC: 0 on its last day, negative once expired."""
    expires_soon: bool
    """It holds, and expires within 30 days."""
    reason: str | None
    """Why it may be unused for another reason than that nothing is left to waive. Of one that is
    not valid yet: when it begins."""


class RefusedWaiverRecord(Record, frozen=True):
    """An annotation that means to waive, and waives nothing: malformed, or not honoured."""

    annotated: str
    """The key of the object that bears it."""
    annotation: str
    reason: str
