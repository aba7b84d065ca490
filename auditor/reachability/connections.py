"""The allowed connections by workload: the rows of the Connections contract, as they are computed.

Rows come sorted by source and destination, workloads before addresses. Pairs with no port, rows
from an endpoint to itself, between a pod and its own node, and from address to address are left
out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from auditor.model.connections import AddressEndpoint, Connection, Endpoint
from auditor.model.findings import Direction
from auditor.reachability.permissions import Cell
from auditor.reachability.reach import Reach
from auditor.reachability.view import View

_CHUNK = 1024
"""Sources worked on at a time."""

_KEPT_ROWS = 2_000_000
"""Rows kept for sources of the same class: bounds the memory of a pass over everything."""


class Narrowing(NamedTuple):
    """Which rows are wanted. None: all of them."""

    source: Callable[[Endpoint], bool] | None = None
    destination: Callable[[Endpoint], bool] | None = None
    either: Callable[[Endpoint], bool] | None = None
    """At least one end must be so."""
    ports: int | None = None
    """Only rows that allow at least one of these ports, cut down to them."""


class Row(NamedTuple):
    """A row by number: positions in `Numbering.endpoints`, and a port mask."""

    source: int
    destination: int
    ports: int


class Numbering:
    """Rows' endpoints numbered in the order in which they are listed: workloads, then addresses."""

    def __init__(self, view: View) -> None:
        endpoints = view.endpoints
        first = len(view.workloads)
        self.endpoints: tuple[Endpoint, ...] = (
            *(one.endpoint for one in view.workloads),
            *(AddressEndpoint(str(part)) for part in endpoints.parts.parts),
        )
        self.first_address = first
        self.bits: tuple[tuple[int, ...], ...] = (
            *(one.classes for one in view.workloads),
            *((bit,) for bit in endpoints.external),
        )
        """The bits of each row endpoint."""
        self.holders: tuple[tuple[int, ...], ...] = (
            *endpoints.holders,
            *((first + part,) for part in range(len(endpoints.parts.parts))),
        )
        """The row endpoints of each bit."""


def list_connections(view: View, narrowing: Narrowing = Narrowing()) -> Iterator[Connection]:  # noqa: B008
    """The rows, in words of the model."""
    numbering = Numbering(view)
    for source, destination, ports in list_rows(view, numbering, narrowing):
        yield Connection(
            numbering.endpoints[source],
            numbering.endpoints[destination],
            view.evaluation.ports.describe(ports),
        )


def list_rows(
    view: View,
    numbering: Numbering,
    narrowing: Narrowing = Narrowing(),  # noqa: B008
) -> Iterator[Row]:
    """The rows by number, sorted. Memory does not grow with their number."""
    for source, reached in _reached_by_source(view, numbering, narrowing):
        kept = (
            Row(source, destination, ports)
            for destination, ports in sorted(reached.items())
            if destination != source
        )
        yield from _narrowed(kept, numbering, narrowing)


def _narrowed(rows: Iterable[Row], numbering: Numbering, narrowing: Narrowing) -> Iterable[Row]:
    if narrowing.destination is None and narrowing.either is None and narrowing.ports is None:
        return rows
    return _narrow(rows, numbering, narrowing)


def _narrow(rows: Iterable[Row], numbering: Numbering, narrowing: Narrowing) -> Iterator[Row]:
    names = numbering.endpoints
    for source, destination, ports in rows:
        kept = ports if narrowing.ports is None else ports & narrowing.ports
        if (
            kept
            and (narrowing.destination is None or narrowing.destination(names[destination]))
            and (
                narrowing.either is None
                or narrowing.either(names[source])
                or narrowing.either(names[destination])
            )
        ):
            yield Row(source, destination, kept)


def _reached_by_source(
    view: View, numbering: Numbering, narrowing: Narrowing
) -> Iterator[tuple[int, dict[int, int]]]:
    """(source, {destination: ports}) for each source wanted, in order."""
    reach = Reach(view, Direction.EGRESS)
    spreading = _Spreading(view, numbering)
    sources = [
        number
        for number, endpoint in enumerate(numbering.endpoints)
        if narrowing.source is None or narrowing.source(endpoint)
    ]
    for start in range(0, len(sources), _CHUNK):
        chunk = sources[start : start + _CHUNK]
        bits = sorted({bit for number in chunk for bit in numbering.bits[number]})
        cells = dict(reach.of_each(bits))
        for number in chunk:
            yield number, spreading.of_source(number, cells)


class _Spreading:
    """Bits reached → row endpoints reached. What one bit reaches among pods is kept for others."""

    def __init__(self, view: View, numbering: Numbering) -> None:
        self._view = view
        self._numbering = numbering
        self._hosts = view.hosts
        self._kept: dict[int, dict[int, int]] = {}
        self._kept_rows = 0

    def of_source(self, number: int, cells: Mapping[int, tuple[Cell, ...]]) -> dict[int, int]:
        """{destination: ports} of a row endpoint."""
        bits = self._numbering.bits[number]
        if len(bits) == 1 and bits[0] not in self._hosts:
            hosts = self._with_hosts(number, bits[0], cells[bits[0]])
            if not hosts:
                return self._beyond_hosts(bits[0], cells[bits[0]])
        merged: dict[int, int] = {}
        for bit in bits:
            for spread in (
                {} if bit in self._hosts else self._beyond_hosts(bit, cells[bit]),
                self._with_hosts(number, bit, cells[bit]),
            ):
                for destination, ports in spread.items():
                    merged[destination] = merged.get(destination, 0) | ports
        return merged

    def _beyond_hosts(self, bit: int, cells: tuple[Cell, ...]) -> dict[int, int]:
        """What a bit of pods or addresses reaches, hosts left out: the same for every source."""
        spread = self._kept.get(bit)
        if spread is not None:
            return spread
        last = self._numbering.first_address
        from_address = bit in self._view.endpoints.external
        holders = self._numbering.holders
        spread = {}
        for ports, peers in cells:
            for peer in peers - self._hosts:
                for destination in holders[peer]:
                    if not (from_address and destination >= last):
                        spread[destination] = spread.get(destination, 0) | ports
        self._kept_rows += len(spread)
        if self._kept_rows > _KEPT_ROWS:
            self._kept.clear()
            self._kept_rows = len(spread)
        self._kept[bit] = spread
        return spread

    def _with_hosts(self, number: int, bit: int, cells: tuple[Cell, ...]) -> dict[int, int]:
        """What a source reaches where a host stands at either end: not what is on its own node."""
        everything = bit in self._hosts
        spread: dict[int, int] = {}
        for ports, peers in cells:
            for peer in peers if everything else peers & self._hosts:
                for destination in self._numbering.holders[peer]:
                    if not self._view.on_own_node(number, bit, destination, peer):
                        spread[destination] = spread.get(destination, 0) | ports
        return spread
