"""What `diff` and `preview` print: a drift, and all its rows as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from auditor.model.drift import ChangedRow, Drift


class DriftListing(NamedTuple):
    """A drift to be written. The functions yield all rows, each time anew, in the same order."""

    drift: Drift
    opened: Callable[[], Iterable[ChangedRow]]
    closed: Callable[[], Iterable[ChangedRow]]
    title: str
    notes: tuple[str, ...]
    """Warnings, shown first."""
