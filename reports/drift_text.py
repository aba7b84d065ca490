"""A drift for a terminal: the totals first, new namespaces, what opened, what closed, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from reports.drift_words import sum_up
from reports.layout import TERMINAL
from reports.text import MINUS, group_digits, show_name, show_text

_NONE = "-"


def write_table(listing: DriftListing) -> Iterator[bytes]:
    """Lines and aligned columns for people; what could disturb a terminal is spelled out."""
    for line in _lines(listing):
        yield f"{line.rstrip()}\n".encode()


def _lines(listing: DriftListing) -> Iterator[str]:
    display = arrange_drift(
        listing.drift, TERMINAL, opened=listing.opened(), closed=listing.closed(), titles={}
    )
    yield from (f"warning: {show_text(note)}" for note in listing.notes)
    yield show_name(listing.title)
    yield display.sides
    yield ""
    if display.is_same:
        yield f"{display.headline} {display.unchanged}"
        return
    yield from sum_up(listing.drift)
    yield from _not_compared(display.not_compared)
    yield from _new_namespaces(display.new_namespaces)
    yield from _groups(display.groups)
    yield from _connections("opened", "+", display.opened)
    yield from _connections("closed", MINUS, display.closed)
    yield from _policies(display)
    yield from _findings(display)
    yield from _scope(display.scope)


def _not_compared(cut: Cut[ScopeLine]) -> Iterator[str]:
    if cut:
        yield from _head("connections not compared", cut)
        yield from (f"  ? {one.object}: {one.text}" for one in cut.rows)
        yield from _rest(cut)


def _new_namespaces(cut: Cut[ScopeLine]) -> Iterator[str]:
    if cut:
        yield from _head("new namespaces", cut)
        yield from (f"  + {one.object}{f': {one.text}' if one.text else ''}" for one in cut.rows)
        yield from _rest(cut)


def _groups(cut: Cut[GroupLine]) -> Iterator[str]:
    if not cut:
        return
    yield from _head("by namespace", cut)
    table = [("OPENED", "CLOSED", "FROM", "TO", "CAUSES")]
    table += [
        (
            f"+{group_digits(one.opened)}" if one.opened else _NONE,
            f"{MINUS}{group_digits(one.closed)}" if one.closed else _NONE,
            one.source,
            one.destination,
            "; ".join(one.causes),
        )
        for one in cut.rows
    ]
    yield from _align(table)
    yield from _rest(cut)


def _connections(word: str, sign: str, cut: Cut[ConnectionLine]) -> Iterator[str]:
    if not cut:
        return
    yield from _head(word, cut)
    table = [("SOURCE", "DESTINATION", "PORTS", "CAUSES")]
    table += [(one.source, one.destination, one.ports, "; ".join(one.causes)) for one in cut.rows]
    first, *others = _align(table)
    yield f"  {first}"
    yield from (f"  {sign}{line[1:]}" for line in (f"  {other[2:]}" for other in others))
    yield from _rest(cut)


def _policies(display: DriftDisplay) -> Iterator[str]:
    for word, sign, cut in (
        ("policies added", "+", display.policies_added),
        ("policies removed", MINUS, display.policies_removed),
    ):
        if cut:
            yield from _head(word, cut)
            yield from (f"  {sign} {key}" for key in cut.rows)
            yield from _rest(cut)
    if display.policies_changed:
        yield from _head("policies changed", display.policies_changed)
        for one in display.policies_changed.rows:
            yield from _policy(one)
        yield from _rest(display.policies_changed)
    if display.policies_unevaluated:
        yield f"  {display.policies_unevaluated}"


def _policy(policy: PolicyLine) -> Iterator[str]:
    yield f"  {policy.key}{f' (last written by {policy.manager})' if policy.manager else ''}"
    for field in policy.fields.rows:
        yield f"    {field.path}: {_change(field)}"
    if policy.fields.rest:
        yield f"    {policy.fields.rest}"


def _change(field: FieldLine) -> str:
    if field.change == "changed":
        return f"{field.previous} → {field.current}"
    return f"{field.change} {field.current or field.previous}"


def _findings(display: DriftDisplay) -> Iterator[str]:
    for word, sign, cut in (
        ("new findings", "+", display.findings_new),
        ("resolved findings", MINUS, display.findings_resolved),
        ("findings that cannot be compared", "?", display.findings_incomparable),
    ):
        if cut:
            yield from _head(word, cut)
            for one in cut.rows:
                yield from _finding(sign, one)
            yield from _rest(cut)
    yield ""
    yield display.unchanged


def _finding(sign: str, one: FindingLine) -> Iterator[str]:
    detail = f" ({one.detail})" if one.detail else ""
    yield f"  {sign} {one.severity:<8} {one.title}: {one.subject}{detail}"
    yield f"             {one.reason or one.message}"


def _scope(cut: Cut[ScopeLine]) -> Iterator[str]:
    if cut:
        yield from _head("scope", cut)
        yield from _align([(one.what, one.object, one.text) for one in cut.rows])
        yield from _rest(cut)


def _head(word: str, cut: Cut[object]) -> Iterator[str]:
    yield ""
    yield f"{word}: {group_digits(cut.total)}"


def _rest(cut: Cut[object]) -> Iterator[str]:
    if cut.rest:
        yield f"  {cut.rest}"


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align columns, two spaces from the left; the last column is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:-1], widths, strict=False)]
        yield f"  {'  '.join((*cells, row[-1]))}"
