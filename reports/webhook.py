"""A message for a webhook that takes Slack's JSON: short, and inert whatever names it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auditor.model.drift import Drift
from auditor.model.report import Audit
from reports.drift_rows import DriftDisplay
from reports.mail_view import Lines, MailDisplay, Occasion, arrange_mail
from reports.text import clip

HEADER_LENGTH = 150
"""Characters of a header block, by Slack's rules."""

BLOCK_LENGTH = 3000
"""Characters of the text of any other block, likewise, escapes included."""

BLOCKS_AT_MOST = 50

_LINE = 300


def render_webhook(audit: Audit, drift: Drift | None, occasion: Occasion) -> dict[str, Any]:
    """Return the JSON of a message: `text` for notifications, and Block Kit's `blocks`.

    Nothing in it mentions anybody or makes links of names: `&`, `<` and `>` are escaped as Slack
    wants it, and texts are marked as verbatim.
    """
    display = arrange_mail(audit, drift, occasion)
    blocks = [_header(clip(display.cluster, 100)), *map(_section, _texts(display))]
    return {
        "text": escape(display.subject),
        "blocks": [*blocks[: BLOCKS_AT_MOST - 1], _context(display)],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def escape(text: str) -> str:
    """Escape a text for mrkdwn: `<!channel>` becomes words."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _texts(mail: MailDisplay) -> Iterator[list[str]]:
    """Yield the sections of the message, each as its lines."""
    yield [f"*{escape(mail.title)}*", escape(mail.about)]
    yield [f"*{escape(mail.verdict.headline)}*", escape(mail.verdict.paragraph)]
    for notice in mail.notices:
        yield [f":warning: *{_line(notice.title)}*", _line(notice.text)]
    yield [f"*{escape(mail.since)}*", *_changes(mail.changes, mail.absent)]
    if mail.worst.rows:
        yield ["*Worst first*", *_worst(mail)]
    for lines in (mail.unseen, mail.waivers):
        if lines.lines:
            yield _list(lines)
    if mail.link:
        # a bar or a closing bracket would end the address
        address = escape(mail.link.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C"))
        yield [f"<{address}|Open the whole report>"]


def _changes(drift: DriftDisplay | None, absent: str) -> Iterator[str]:
    if drift is None:
        yield _line(absent)
        return
    if drift.is_same:
        yield _line(drift.headline)
        return
    yield escape(", ".join(f"{one.text} {one.label}" for one in drift.tallies))
    for one in drift.findings_new.rows:
        yield f"• new, {one.severity}: {_line(one.message)}"
    for row in drift.opened.rows:
        yield f"• opened: {_line(f'{row.source} → {row.destination} on {row.ports}')}"
    for place in (*drift.not_compared.rows, *drift.scope.rows):
        text = f" ({place.text})" if place.text else ""
        yield f"• {_line(f'{place.what}: {place.object}{text}')}"


def _worst(mail: MailDisplay) -> Iterator[str]:
    for one in mail.worst.rows:
        more = f" (and {one.more:,} more)" if one.more else ""
        yield f"• {one.finding.severity}: {_line(one.finding.message)}{more}"
    if mail.worst.rest:
        yield escape(mail.worst.rest)


def _list(lines: Lines) -> list[str]:
    return [
        f"*{escape(lines.title)}*",
        *(f"• {_line(one)}" for one in lines.lines),
        *([escape(lines.rest)] if lines.rest else []),
    ]


def _line(text: str) -> str:
    return escape(clip(text, _LINE))


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _section(lines: list[str]) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(lines)}


def _context(mail: MailDisplay) -> dict[str, Any]:
    lines = [f"{one.label}: {_line(one.value)}" for one in mail.identity]
    return {"type": "context", "elements": [_mrkdwn(lines)]}


def _mrkdwn(lines: list[str]) -> dict[str, Any]:
    """As many of the lines as a block takes: none is cut within an escape."""
    kept: list[str] = []
    left = BLOCK_LENGTH - 1
    for line in filter(None, lines):
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return {"type": "mrkdwn", "text": "\n".join(kept), "verbatim": True}
