"""A drift as a page of its own: one self-contained file without a script."""

from __future__ import annotations

from collections.abc import Iterator

from reports.content_policy import write_policy
from reports.drift_listing import DriftListing
from reports.drift_view import arrange_drift
from reports.drift_words import sum_up
from reports.layout import PAGE
from reports.templates import load_environment, read_sources
from reports.text import show_name, show_text

STYLES = ("tokens.css", "shared.css", "screen.css", "screen-print.css")


def write_html(listing: DriftListing) -> Iterator[bytes]:
    """The section of the report as a page, as UTF-8. It admits no script at all."""
    from markupsafe import Markup

    style = read_sources(STYLES)
    display = arrange_drift(
        listing.drift, PAGE, opened=listing.opened(), closed=listing.closed(), titles={}
    )
    yield (
        load_environment()
        .get_template("drift.html")
        .render(
            drift=display,
            title=show_name(listing.title),
            line="; ".join(sum_up(listing.drift)),
            notes=tuple(map(show_text, listing.notes)),
            policy=write_policy(style),
            style=Markup(style),  # noqa: S704  a file of ours, unescaped as the hash demands
        )
        .encode()
    )
