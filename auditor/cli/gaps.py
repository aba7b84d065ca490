"""Gaps as the contracts have them, and as they are said beside output that has no room for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from auditor.cli.lines import print_line
from auditor.cli.session import Session

if TYPE_CHECKING:
    from auditor.model.report import GapRecord
    from auditor.model.snapshot import Gap

_SHOWN = 5


def record_gaps(gaps: Iterable[Gap]) -> tuple[GapRecord, ...]:
    """Gaps as records. What that needs is imported where there are any, for start-up time."""
    if not (listed := tuple(gaps)):
        return ()
    from auditor.model.report import record_gap

    return tuple(record_gap(one) for one in listed)


def say_gaps(session: Session, gaps: Sequence[GapRecord]) -> None:
    """Say on standard error what was not seen: -v all of it, -q the count alone."""
    if not gaps:
        return
    from reports.conclusion import describe_gap

    noun = "gap" if len(gaps) == 1 else "gaps"
    print_line(f"{len(gaps):,} {noun}: not everything was seen", level="warning", gaps=len(gaps))
    shown = len(gaps) if session.verbosity else _SHOWN
    for gap in gaps[:shown]:
        session.note(f"  {describe_gap(gap)}")
    if len(gaps) > shown:
        session.note(f"  and {len(gaps) - shown:,} more: -v lists them")
