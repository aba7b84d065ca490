"""The formats in which `diff` and `preview` print a drift."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reports.drift_html import write_html
from reports.drift_json import write_json
from reports.drift_listing import DriftListing
from reports.drift_markdown import write_markdown
from reports.drift_text import write_table

__all__ = ["WRITERS", "DriftListing"]

WRITERS: dict[str, Callable[[DriftListing], Iterator[bytes]]] = {
    "table": write_table,
    "json": write_json,
    "markdown": write_markdown,
    "html": write_html,
}
"""Format → what writes it."""
