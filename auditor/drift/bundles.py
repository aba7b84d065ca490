"""The rows that differ, in bundles: one end, the ports, and all the ends it has them with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.drift.affected import Affected, OwnNodesOfPair, Search
from auditor.drift.side_rows import SideRows
from auditor.model.findings import Direction
from auditor.reachability.index import EMPTY
from auditor.reachability.pair import Pair
from auditor.reachability.permissions import Cell

_REMEMBERED = 256
"""Answers kept for ends with the same bits."""

_BothSides = tuple[tuple[Cell, ...], tuple[Cell, ...]]


class Bundle(NamedTuple):
    """Rows of one end that opened, or closed, on the same ports. No pair is in two bundles."""

    direction: Direction
    """The near end is the source of egress, and the destination of ingress."""
    near: int
    ports: int
    far: FrozenBitMap
    """Row ends."""


class Changes(NamedTuple):
    """What opened and what closed between an end and those with which it may differ."""

    affected: Affected
    opened: tuple[Bundle, ...]
    closed: tuple[Bundle, ...]


class Comparison:
    """Compares the rows of a pair's two sides."""

    def __init__(self, pair: Pair, previous: SideRows, current: SideRows) -> None:
        self._pair = pair
        self._previous = previous
        self._current = current
        self._own_nodes = OwnNodesOfPair(previous.own_nodes, current.own_nodes)
        self._workloads = FrozenBitMap(range(pair.first_address))
        self._remembered: dict[object, _BothSides] = {}

    def compare(self) -> Iterator[Changes]:
        """Everything that differs, an end at a time; each pair of ends at most once."""
        search = Search(self._pair, self._current.row_ends, self._own_nodes)
        for affected in search.find():
            yield self._compare(affected)

    def _compare(self, affected: Affected) -> Changes:
        near = affected.near
        far = affected.far - FrozenBitMap((near,))
        if near >= self._pair.first_address:
            far = far & self._workloads
        touched = far & self._own_nodes.touched(near)
        far = far - touched
        previous, current = self._allowed(affected)
        one_by_one = list(self._one_by_one(affected, touched))
        return Changes(
            affected,
            self._bundles(
                affected,
                self._pair.current.existing,
                (
                    *subtract(current, previous, far),
                    *(Cell(after & ~before, end) for end, before, after in one_by_one),
                ),
            ),
            self._bundles(
                affected,
                self._pair.previous.existing,
                (
                    *subtract(previous, current, far),
                    *(Cell(before & ~after, end) for end, before, after in one_by_one),
                ),
            ),
        )

    def _allowed(self, affected: Affected) -> _BothSides:
        """What either side allows, by row ends; the same for ends with the same bits."""
        before = self._pair.previous.bits[affected.near]
        after = self._pair.current.bits[affected.near]
        key = affected.direction, before, after, affected.bits
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            found = self._previous.allowed(affected), self._current.allowed(affected)
            self._remembered[key] = found
        return found

    def _one_by_one(
        self, affected: Affected, touched: FrozenBitMap
    ) -> Iterator[tuple[FrozenBitMap, int, int]]:
        """(far end, ports before, ports after) where some traffic is with the own node."""
        for far in touched:
            ends = (affected.near, far)
            source, destination = ends if affected.direction is Direction.EGRESS else ends[::-1]
            yield (
                FrozenBitMap((far,)),
                self._own_nodes.previous.listed_ports(source, destination),
                self._own_nodes.current.listed_ports(source, destination),
            )

    @staticmethod
    def _bundles(
        affected: Affected, existing: FrozenBitMap, cells: Iterable[Cell]
    ) -> tuple[Bundle, ...]:
        if affected.near not in existing:
            return ()
        found: dict[int, FrozenBitMap] = {}
        for ports, ends in cells:
            if ports and (there := ends & existing):
                found[ports] = found.get(ports, EMPTY) | there
        return tuple(
            Bundle(affected.direction, affected.near, ports, ends) for ports, ends in found.items()
        )


def subtract(
    allowed: Iterable[Cell], denied: Iterable[Cell], among: FrozenBitMap
) -> Iterator[Cell]:
    """What the first cells allow and the second do not, with the ends named."""
    for ports, ends in allowed:
        rest = ends & among
        for others, other_ends in denied:
            if rest.intersect(other_ends):
                yield Cell(ports & ~others, rest & other_ends)
                rest = rest - other_ends
        yield Cell(ports, rest)
