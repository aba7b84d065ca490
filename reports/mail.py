"""A message about an audit: subject, text and HTML, each complete by itself."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from auditor.model.drift import Drift
from auditor.model.report import Audit
from reports.drift_rows import Cut, DriftDisplay, FindingLine, ScopeLine
from reports.mail_view import Lines, MailDisplay, Occasion, arrange_mail
from reports.rows import Notice, Worst
from reports.templates import load_environment, read_sources
from reports.text import clip

if TYPE_CHECKING:
    from css_inline import CSSInliner

STYLES = ("tokens.css", "mail.css")

LARGEST_HTML = 100_000
"""Bytes. Gmail cuts a message off at about 102 kB."""

_FITS = ((5, 300), (5, 160), (3, 100), (1, 60))
"""Rows of a list and characters of a text, less and less, until the message is small enough."""

_WIDTH = 76


@dataclass(frozen=True, slots=True)
class MailBody:
    """A message. The subject is one line without control characters."""

    subject: str
    text: str
    html: str


def render_mail(audit: Audit, drift: Drift | None, occasion: Occasion) -> MailBody:
    """Render a message about an audit as an audience may see it.

    ``drift`` is what changed since the last report to this audience; None: nothing is compared,
    and the message says why. The HTML fetches nothing, has its style inlined, and is smaller than
    `LARGEST_HTML`.
    """
    for most, length in _FITS:
        display = arrange_mail(audit, drift, occasion, most=most)
        html = _render_html(display, length)
        if len(html.encode()) < LARGEST_HTML or (most, length) == _FITS[-1]:
            return MailBody(display.subject, _render_text(display, length), html)
    raise AssertionError


def _render_html(display: MailDisplay, length: int) -> str:
    drift = display.changes
    page = (
        load_environment()
        .get_template("mail.html")
        .render(
            mail=display,
            brief=lambda text: clip(text, length),
            findings=() if drift is None else list_findings(drift),
            places=() if drift is None else list_scope(drift),
        )
    )
    inlined: str = _inliner().inline(page)
    return inlined


@cache
def _inliner() -> CSSInliner:
    from css_inline import CSSInliner

    return CSSInliner(
        load_remote_stylesheets=False,
        keep_style_tags=False,
        resolve_css_variables=True,
        extra_css=read_sources(STYLES),
        minify_css=True,
    )


def _render_text(display: MailDisplay, length: int) -> str:
    lines = [
        line
        for block in _blocks(display)
        for line in (*(_wrap(clip(one, 2 * length)) for one in block), "")
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _wrap(line: str) -> str:
    """Wrap a line at words, and indent what follows as its text begins."""
    indent = " " * (len(line) - len(line.lstrip(" -")))
    return textwrap.fill(
        line,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _blocks(mail: MailDisplay) -> Iterator[list[str]]:
    """Yield the blocks of the text, each as its lines."""
    yield [mail.cluster, mail.title, mail.about]
    yield [mail.verdict.headline.upper(), mail.verdict.paragraph]
    yield [
        *(
            f"  {one.label}: {one.total:,}"
            + (f" ({one.system:,} in system namespaces)" if one.system else "")
            for one in mail.severities
        ),
        *([f"  {mail.waived} (not among those above)"] if mail.waived else []),
    ]
    for notice in mail.notices:
        yield _notice(notice)
    yield [_head(mail.since), *([mail.absent] if mail.changes is None else [])]
    if mail.changes is not None:
        yield from _changes(mail.changes)
    if mail.worst.rows:
        yield [_head("Worst first"), *_worst(mail.worst)]
    for lines in (mail.unseen, mail.waivers):
        if lines.lines:
            yield _list(lines)
    yield list(mail.notes)
    if mail.link:
        yield ["The whole report:", mail.link]
    yield [f"{one.label}: {one.value}" for one in mail.identity]


def _head(title: str) -> str:
    return f"== {title} =="


def _notice(notice: Notice) -> list[str]:
    return [f"! {notice.title}", f"  {notice.text}"]


def _list(lines: Lines) -> list[str]:
    return [_head(lines.title), *(f"  - {one}" for one in lines.lines), f"  {lines.rest}".rstrip()]


def _worst(worst: Worst) -> Iterator[str]:
    for row in worst.rows:
        found = row.finding
        more = f" (and {row.more:,} more)" if row.more else ""
        new = " NEW" if found.is_new else ""
        yield f"  - {found.severity}{new}: {found.title}{more}"
        yield f"    {found.message}"
        if found.witness:
            yield f"    {found.witness}"
    if worst.rest:
        yield f"  {worst.rest}"


def _changes(drift: DriftDisplay) -> Iterator[list[str]]:
    yield [drift.headline]
    if drift.is_same:
        return
    yield [f"  {one.text} {one.label}" for one in drift.tallies]
    for title, findings in list_findings(drift):
        if findings:
            yield [
                f"{title}:",
                *(
                    f"  - {one.severity}: {one.title}: {one.message}"
                    + (f" ({one.reason})" if one.reason else "")
                    for one in findings.rows
                ),
                f"  {findings.rest}".rstrip(),
            ]
    for title, rows in (("Opened", drift.opened), ("Closed", drift.closed)):
        if rows:
            yield [
                f"{title}:",
                *(
                    f"  - {one.source} → {one.destination} on {one.ports}"
                    + (f" ({'; '.join(one.causes)})" if one.causes else "")
                    for one in rows.rows
                ),
                f"  {rows.rest}".rstrip(),
            ]
    for title, places in list_scope(drift):
        if places:
            yield [
                f"{title}:",
                *(
                    f"  - {one.what}: {one.object}" + (f" ({one.text})" if one.text else "")
                    for one in places.rows
                ),
                f"  {places.rest}".rstrip(),
            ]


def list_findings(drift: DriftDisplay) -> tuple[tuple[str, Cut[FindingLine]], ...]:
    """The findings that came, went, or cannot be compared, titled."""
    return (
        ("New findings", drift.findings_new),
        ("Resolved", drift.findings_resolved),
        ("Not comparable", drift.findings_incomparable),
    )


def list_scope(drift: DriftDisplay) -> tuple[tuple[str, Cut[ScopeLine]], ...]:
    """What is seen now and was not, or the reverse, titled."""
    return (
        ("Connections not compared", drift.not_compared),
        ("New namespaces", drift.new_namespaces),
        ("Changes of scope", drift.scope),
    )
