"""The files of a report, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from auditor.model.report import Audit

Progress = Callable[[str], None]
"""Told the name of a file before it is made."""


def render(audit: Audit, progress: Progress | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the report, as name and content: the quick ones first, the PDF last."""
    from reports.csv import render_csv
    from reports.html import render_html
    from reports.json import render_json
    from reports.pdf import render_pdf

    for name, renderer in (
        ("report.json", render_json),
        ("findings.csv", render_csv),
        ("report.html", render_html),
        ("report.pdf", render_pdf),
    ):
        if progress is not None:
            progress(name)
        yield name, renderer(audit)
