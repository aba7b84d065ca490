"""How much a format shows: the view cuts and counts, the templates only lay out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """The limits of a format. What a limit cuts is counted, and the reader is told where it is."""

    group_above: int
    """Findings in all above which those of one rule, severity and namespace are grouped."""
    group_rows: int
    """Findings listed in each group."""
    full_rows: int
    """Findings shown with evidence and remediation; the rest is brief."""
    finding_rows: int
    """Findings listed at all."""
    manifest_lines: int
    """Lines shown of a manifest."""
    manifest_columns: int
    """Characters shown of a manifest's line."""
    gap_rows: int
    excluded_rows: int


NO_LIMIT = 1 << 62

SCREEN = Layout(
    group_above=5000,
    group_rows=200,
    full_rows=NO_LIMIT,
    finding_rows=NO_LIMIT,
    manifest_lines=NO_LIMIT,
    manifest_columns=NO_LIMIT,
    gap_rows=2000,
    excluded_rows=2000,
)
"""The HTML file: everything, grouped above 5,000 findings so that a browser stays quick."""

PAPER = Layout(
    group_above=NO_LIMIT,
    group_rows=0,
    full_rows=25,
    finding_rows=1000,
    manifest_lines=120,
    manifest_columns=300,
    gap_rows=200,
    excluded_rows=100,
)
"""The PDF: a document to file and to sign; its cost grows faster than its rows."""
