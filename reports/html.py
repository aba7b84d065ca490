"""report.html: one self-contained file that fetches nothing and works without its script."""

from __future__ import annotations

from auditor.model.report import Audit
from reports.content_policy import write_policy
from reports.layout import SCREEN, Layout
from reports.templates import load_environment, read_sources
from reports.view import arrange

STYLES = ("tokens.css", "shared.css", "screen.css", "screen-print.css")
SCRIPTS = ("screen.js",)


def render_html(audit: Audit, layout: Layout = SCREEN) -> bytes:
    """Render the report for a browser, as UTF-8.

    The content security policy admits exactly the style and the script of the file, by their
    SHA-256: a string of the cluster that slipped through escaping would still not run.
    """
    from markupsafe import Markup

    style, script = read_sources(STYLES), read_sources(SCRIPTS)
    document = (
        load_environment()
        .get_template("report.html")
        .render(
            display=arrange(audit, layout),
            policy=write_policy(style, script),
            style=Markup(style),  # noqa: S704  a file of ours, unescaped as the hash demands
            script=Markup(script),  # noqa: S704  likewise
        )
    )
    return document.encode()
