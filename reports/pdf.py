"""report.pdf: the report as a document to file and to sign, by WeasyPrint."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from auditor.model.report import Audit
from reports.layout import PAPER, Layout
from reports.templates import load_environment, read_sources
from reports.view import arrange

if TYPE_CHECKING:
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import URLFetcher

STYLES = ("tokens.css", "shared.css", "paper.css")


def render_pdf(audit: Audit, layout: Layout = PAPER) -> bytes:
    """Render the report as tagged PDF with bookmarks and embedded fonts.

    The same audit gives the same bytes on the same machine: dates come from the run, the
    identifier from the digest.
    """
    from markupsafe import Markup
    from weasyprint import HTML

    document = (
        load_environment()
        .get_template("paper.html")
        .render(
            display=arrange(audit, layout),
            style=Markup(read_sources(STYLES)),  # noqa: S704  a file of ours
        )
    )
    html = HTML(string=document, url_fetcher=refuse_everything())
    written = html.write_pdf(
        font_config=_load_fonts(),
        pdf_tags=True,
        pdf_identifier=audit.report.digest.encode("utf-8", "backslashreplace"),
    )
    return bytes(written)


@cache
def _load_fonts() -> FontConfiguration:
    """The fonts of this machine, once for the process.

    WeasyPrint would load them for each document, and each time keeps 200 KiB of fontconfig's for
    good. Documents of ours bring no fonts of their own that others would see.
    """
    from weasyprint.text.fonts import FontConfiguration

    return FontConfiguration()


def refuse_everything() -> URLFetcher:
    """Make a fetcher that fetches nothing, not even a file: the document holds all it needs."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class Refusal(URLFetcher):  # type: ignore[misc]  # WeasyPrint is published without type hints
        def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
            del headers
            raise ValueError(f"report fetches nothing, and not {url[:100]}")

    return Refusal()
