"""The allowed connections as JSON (the contract), CSV, DOT and a table, written as they come.

Rows are numbers: two positions in a listing's endpoints, and a port mask. What a number stands
for is spelled once, so that a row costs a few concatenations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

import msgspec

from auditor.model.connections import (
    CONNECTIONS_SCHEMA,
    AddressEndpoint,
    Endpoint,
    WorkloadEndpoint,
    record_endpoint,
)
from auditor.model.ports import PortSet, describe_ports
from auditor.model.report import GapRecord

_ROWS_A_CHUNK = 4096

Row = tuple[int, int, int]
"""(position of the source, position of the destination, port mask)."""

Spelling = TypeVar("Spelling", bytes, str)


class Listing(NamedTuple):
    """Connections to be written."""

    endpoints: Sequence[Endpoint]
    rows: Iterable[Row]
    """In the order in which they are to be listed."""
    describe: Callable[[int], PortSet]
    """A port mask as the contract spells it."""
    gaps: Sequence[GapRecord]


def write_json(listing: Listing) -> Iterator[bytes]:
    """The document of `netpol-auditor/connections/v1`, a connection a line."""
    ends = [msgspec.json.encode(record_endpoint(one)) for one in listing.endpoints]
    sources = [b'{"source":%b,"destination":' % one for one in ends]
    destinations = [b'%b,"ports":' % one for one in ends]
    ports = _Spelled(listing.describe, lambda found: msgspec.json.encode(found) + b"}")
    yield b'{"schema":%b,"connections":[' % msgspec.json.encode(CONNECTIONS_SCHEMA)
    before = b"\n"
    for rows in _chunks(listing.rows):
        lines = [sources[one] + destinations[other] + ports[mask] for one, other, mask in rows]
        yield before + b",\n".join(lines)
        before = b",\n"
    yield b'\n],"gaps":%b}\n' % msgspec.json.encode(listing.gaps)


def write_csv(listing: Listing) -> Iterator[bytes]:
    """A row per connection. Cells that a spreadsheet would take for a formula are neutralised."""
    cells = [_csv_of(one) for one in listing.endpoints]
    ports = _Spelled(listing.describe, lambda found: f"{_quote(_name_ports(found))}\n")
    parts = ("namespace", "kind", "name", "variant", "addresses")
    header = [f"{end}_{part}" for end in ("source", "destination") for part in parts]
    yield f"{','.join(header)},ports\n".encode()
    for rows in _chunks(listing.rows):
        lines = [f"{cells[one]},{cells[other]},{ports[mask]}" for one, other, mask in rows]
        yield "".join(lines).encode()


def write_table(listing: Listing) -> Iterator[bytes]:
    """Aligned columns for people; what could disturb a terminal is spelled out."""
    from reports.text import show_name

    names = [show_name(str(one)) for one in listing.endpoints]
    width = max((len(one) for one in names), default=0)
    width = max(width, len("DESTINATION"))
    padded = [f"{one:<{width}}  " for one in names]
    ports = _Spelled(listing.describe, lambda found: f"{describe_ports(found)}\n")
    yield f"{'SOURCE':<{width}}  {'DESTINATION':<{width}}  PORTS\n".encode()
    for rows in _chunks(listing.rows):
        lines = [padded[one] + padded[other] + ports[mask] for one, other, mask in rows]
        yield "".join(lines).encode()


def write_dot(listing: Listing) -> Iterator[bytes]:
    """A graph for Graphviz: workloads in a box per namespace, an edge per connection."""
    nodes = [_dot_quote(str(one)) for one in listing.endpoints]
    ports = _Spelled(listing.describe, lambda found: _dot_quote(describe_ports(found)))
    seen: set[int] = set()
    yield b"digraph connections {\n  rankdir=LR;\n  node [shape=box];\n"
    for rows in _chunks(listing.rows):
        lines = [
            f"  {nodes[one]} -> {nodes[other]} [label={ports[mask]}];\n"
            for one, other, mask in rows
        ]
        for one, other, _ in rows:
            seen.add(one)
            seen.add(other)
        yield "".join(lines).encode()
    namespaces: dict[str, list[int]] = {}
    for number in sorted(seen):
        endpoint = listing.endpoints[number]
        if isinstance(endpoint, WorkloadEndpoint):
            namespaces.setdefault(endpoint.workload.namespace, []).append(number)
    for namespace, members in namespaces.items():
        yield f"  subgraph {_dot_quote(f'cluster_{namespace}')} {{\n".encode()
        yield f"    label={_dot_quote(namespace)};\n".encode()
        for number in members:
            label = _dot_quote(_name_in_namespace(listing.endpoints[number]))
            yield f"    {nodes[number]} [label={label}];\n".encode()
        yield b"  }\n"
    yield b"}\n"


WRITERS: dict[str, Callable[[Listing], Iterator[bytes]]] = {
    "table": write_table,
    "json": write_json,
    "csv": write_csv,
    "dot": write_dot,
}
"""Format → what writes it."""


class _Spelled(dict[int, Spelling], Generic[Spelling]):
    """Port masks spelled, each once."""

    def __init__(
        self, describe: Callable[[int], PortSet], spell: Callable[[PortSet], Spelling]
    ) -> None:
        super().__init__()
        self._spell: Callable[[int], Spelling] = lambda mask: spell(describe(mask))

    def __missing__(self, mask: int) -> Spelling:
        found = self[mask] = self._spell(mask)
        return found


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    coming = iter(rows)
    while chunk := list(islice(coming, _ROWS_A_CHUNK)):
        yield chunk


def _csv_of(endpoint: Endpoint) -> str:
    match endpoint:
        case AddressEndpoint():
            return ",".join(("", "", "", "", _quote(endpoint.addresses)))
        case WorkloadEndpoint((namespace, kind, name), variant):
            cells = (namespace, kind, name, ",".join(variant))
            return ",".join((*map(_quote, cells), ""))


def _quote(cell: str) -> str:
    from reports.csv import begins_formula
    from reports.text import visible

    inert = f"'{visible(cell)}" if begins_formula(cell) else visible(cell)
    return '"' + inert.replace('"', '""') + '"' if inert else ""


def _name_ports(ports: PortSet) -> str:
    return "all" if ports == "all" else describe_ports(ports)


def _dot_quote(text: str) -> str:
    from reports.text import show_name

    escaped = show_name(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _name_in_namespace(endpoint: Endpoint) -> str:
    return str(endpoint).partition("/")[2]
