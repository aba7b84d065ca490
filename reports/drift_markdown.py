"""A drift as a comment on a merge request, in the Markdown of GitHub and of GitLab.

Whatever comes from a cluster stands in a code span or a code block: there neither of them sees
markup, HTML, links, mentions or references. Each part has a size of its own, so that no list
crowds out what comes after it, and the whole stays below what a comment may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reports.drift_listing import DriftListing
from reports.drift_rows import (
    ConnectionLine,
    Cut,
    DriftDisplay,
    FieldLine,
    FindingLine,
    GroupLine,
    PolicyLine,
    ScopeLine,
)
from reports.drift_view import arrange_drift
from reports.drift_words import describe_sides, sum_up
from reports.layout import COMMENT
from reports.text import MINUS, clip, group_digits, show_name, show_text

LARGEST = 60_000
"""Bytes. GitHub refuses a comment of more than 65,536 characters."""

SHOWN_OPEN = 10
"""Rows above which a list is folded."""

_NOTES = 3_000
_KILOBYTE = 1_000
_CAUSES_LENGTH = 120
_SENTENCE_LENGTH = 300


class _Part(NamedTuple):
    """A list with a head, whose rows are taken as long as they fit."""

    title: str
    head: str
    """Lines before the rows: the head of a table."""
    rows: Iterable[str]
    total: int
    kilobytes: int


def write_markdown(listing: DriftListing) -> Iterator[bytes]:
    """The whole comment at once; `LARGEST` bytes at most."""
    display = arrange_drift(
        listing.drift, COMMENT, opened=listing.opened(), closed=listing.closed(), titles={}
    )
    yield "\n".join(_blocks(listing, display)).encode()


def code(text: str) -> str:
    """Return a code span that shows exactly this text, which is visible already.

    The fence is longer than any run of backticks in the text; a pipe is escaped, since it would
    end a table's cell within code too.
    """
    if not text:
        return "–"  # noqa: RUF001  nothing to be shown
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    edges = text[0] + text[-1]
    padding = " " if "`" in edges or (" " in edges and text.strip(" ")) else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def cell(text: str) -> str:
    """Return a code span for the cell of a table."""
    return code(text).replace("|", "\\|")


def _blocks(listing: DriftListing, display: DriftDisplay) -> Iterator[str]:
    yield f"### {_title(listing.title)}\n"
    yield from _notes(listing.notes)
    yield describe_sides(listing.drift, code) + "\n"
    if display.is_same:
        yield f"**{display.headline}** {display.unchanged}\n"
        return
    connections, *others = sum_up(listing.drift)
    yield f"**{connections}**{''.join(f'; {one}' for one in others)}\n"
    if display.policies_unevaluated:
        yield f"{display.policies_unevaluated}\n"
    for part in _parts(display):
        if part.total:
            yield _fit(part)
    yield f"{display.unchanged}\n"


def _title(title: str) -> str:
    shown = show_name(title)
    return shown if re.fullmatch(r"[A-Za-z][A-Za-z ,-]*", shown) else code(shown)


def _notes(notes: Iterable[str]) -> Iterator[str]:
    left = _NOTES
    for at, note in enumerate(notes):
        line = f"> **Warning:** {_sentence(show_text(note))}\n"
        left -= len(line.encode())
        if left < 0 and at:
            yield "> **There are more warnings**, which do not fit here.\n"
            return
        yield line


def _parts(display: DriftDisplay) -> Iterator[_Part]:
    def connections(word: str, cut: Cut[ConnectionLine], kilobytes: int) -> _Part:
        head = "| From | To | Ports | Causes |\n| --- | --- | --- | --- |"
        return _Part(f"{word} connections", head, map(_row, cut.rows), cut.total, kilobytes)

    def names(title: str, cut: Cut[str]) -> _Part:
        return _Part(title, "", (f"- {code(one)}" for one in cut.rows), cut.total, 3)

    def findings(title: str, cut: Cut[FindingLine], kilobytes: int) -> _Part:
        return _Part(title, "", map(_finding, cut.rows), cut.total, kilobytes)

    groups = "| Opened | Closed | From | To | Causes |\n| ---: | ---: | --- | --- | --- |"
    namespaces, changed = display.new_namespaces, display.policies_changed
    unseen = display.not_compared
    yield _Part("Connections not compared", "", map(_namespace, unseen.rows), unseen.total, 3)
    yield _Part("New namespaces", "", map(_namespace, namespaces.rows), namespaces.total, 4)
    yield _Part("By namespace", groups, map(_group, display.groups.rows), display.groups.total, 8)
    yield connections("Opened", display.opened, 14)
    yield connections("Closed", display.closed, 8)
    yield names("Policies added", display.policies_added)
    yield names("Policies removed", display.policies_removed)
    yield _Part("Policies changed", "", map(_policy, changed.rows), changed.total, 8)
    yield findings("New findings", display.findings_new, 5)
    yield findings("Resolved findings", display.findings_resolved, 3)
    yield findings("Findings that cannot be compared", display.findings_incomparable, 3)
    yield _Part("Scope", "", map(_scope, display.scope.rows), display.scope.total, 3)


def _fit(part: _Part) -> str:
    """Lay a part out with the rows that fit, and count the others."""
    taken: list[str] = []
    left = part.kilobytes * _KILOBYTE
    for row in part.rows:
        left -= len(row.encode()) + 1
        if left < 0:
            break
        taken.append(row)
    rest = part.total - len(taken)
    body = "\n".join([*([part.head] if part.head else []), *taken])
    if rest:
        body += f"\n\n{group_digits(rest)} more: `-o json` lists all."
    title = f"{part.title}: {group_digits(part.total)}"
    if len(taken) <= SHOWN_OPEN:
        return f"#### {title}\n\n{body}\n"
    summary = f"<summary><b>{title}</b></summary>"
    return f"<details>{summary}\n\n{body}\n\n</details>\n"


def _sentence(text: str) -> str:
    return code(clip(text, _SENTENCE_LENGTH))


def _namespace(one: ScopeLine) -> str:
    return f"- **{code(one.object)}**{f': {_sentence(one.text)}' if one.text else ''}"


def _group(one: GroupLine) -> str:
    opened = f"**+{group_digits(one.opened)}**" if one.opened else ""
    closed = f"{MINUS}{group_digits(one.closed)}" if one.closed else ""
    ends = f"{cell(one.source)} | {cell(one.destination)}"
    return f"| {opened} | {closed} | {ends} | {_causes(one.causes)} |"


def _row(one: ConnectionLine) -> str:
    cells = (cell(one.source), cell(one.destination), cell(one.ports), _causes(one.causes))
    return f"| {' | '.join(cells)} |"


def _causes(causes: tuple[str, ...]) -> str:
    return ", ".join(cell(clip(one, _CAUSES_LENGTH)) for one in causes)


def _policy(one: PolicyLine) -> str:
    by = f" (last written by {code(one.manager)})" if one.manager else ""
    lines = [line for field in one.fields.rows for line in _field(field)]
    if one.fields.rest:
        lines.append(f"  {one.fields.rest}")
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"\n{code(one.key)}{by}", f"{fence}diff", *lines, fence])


def _field(field: FieldLine) -> Iterator[str]:
    if field.previous:
        yield f"- {field.path}: {field.previous}"
    if field.current:
        yield f"+ {field.path}: {field.current}"


def _finding(one: FindingLine) -> str:
    detail = f" ({code(one.detail)})" if one.detail else ""
    reason = f"; not comparable: {_sentence(one.reason)}" if one.reason else ""
    message = _sentence(one.message)
    return f"- **{one.severity}** {code(one.title)}, {code(one.subject)}{detail}: {message}{reason}"


def _scope(one: ScopeLine) -> str:
    return f"- {one.what}: {code(one.object)}{f': {_sentence(one.text)}' if one.text else ''}"
