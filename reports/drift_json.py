"""A drift as JSON: the contract with all its rows, written as they come.

There may be tens of millions of rows over a few thousand endpoints: what stands in many rows is
encoded once, and a row costs a few concatenations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from auditor.model.canonical import encode_canonical
from auditor.model.drift import ChangedRow, Totals
from reports.drift_listing import DriftListing

_ROWS_A_CHUNK = 4096
_KEPT = 1 << 16
"""Encoded endpoints, port sets and causes that are remembered: the memory stays bounded."""


def write_json(listing: DriftListing) -> Iterator[bytes]:
    """The document of `netpol-auditor/drift/v1`, a connection a line; none is left out."""
    drift = listing.drift
    rows = drift.connections
    yield b'{"schema":%b,"previous":%b,"current":%b,"policies":%b,"connections":{"opened":[' % (
        _encode(drift.schema),
        _encode(drift.previous),
        _encode(drift.current),
        _encode(drift.policies),
    )
    spell = _speller()
    yield from _lines(listing.opened(), spell)
    yield b'],"closed":['
    yield from _lines(listing.closed(), spell)
    yield (
        b'],"totals":%b,"omitted":%b,"groups":%b,"not_compared":%b},"findings":%b,"scope":%b}\n'
        % (
            _encode(rows.totals),
            _encode(Totals(0, 0)),
            _encode(rows.groups),
            _encode(rows.not_compared),
            _encode(drift.findings),
            _encode(drift.scope),
        )
    )


def _lines(
    rows: Iterable[ChangedRow], spell: Callable[[list[ChangedRow]], list[bytes]]
) -> Iterator[bytes]:
    coming = iter(rows)
    before = b"\n"
    while chunk := list(islice(coming, _ROWS_A_CHUNK)):
        yield before + b",\n".join(spell(chunk))
        before = b",\n"
    yield b"\n"


def _speller() -> Callable[[list[ChangedRow]], list[bytes]]:
    @lru_cache(maxsize=_KEPT)
    def encode(value: Any) -> bytes:
        return _encode(value)

    def spell(rows: list[ChangedRow]) -> list[bytes]:
        return [
            b'{"source":%b,"destination":%b,"ports":%b,"causes":%b}'
            % (encode(one.source), encode(one.destination), encode(one.ports), encode(one.causes))
            for one in rows
        ]

    return spell


def _encode(value: object) -> bytes:
    return encode_canonical(value, order="deterministic")
