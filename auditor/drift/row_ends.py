"""Bits of one side → row ends of the pair, in bulk."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.reachability.index import EMPTY
from auditor.reachability.pair import EndsOfSide
from auditor.reachability.permissions import Cell, disjoint_cells

_FEW = 256
"""Bits up to which they are looked up one by one."""

_BASES = 16
"""Large sets kept with what they stand for: the last that were unlike the others."""


class _Base(NamedTuple):
    bits: FrozenBitMap
    ends: FrozenBitMap


class RowEnds:
    """The row ends of one side by their bits; those that are there only on the other among them.

    An end with one bit is in exactly one of two sets of bits that share none. So what a large set
    stands for follows from what one much like it does, with a look at the bits that differ alone.
    """

    def __init__(self, side: EndsOfSide) -> None:
        size = side.view.endpoints.size
        single: list[list[int]] = [[] for _ in range(size)]
        several: dict[int, list[int]] = {}
        for end, bits in enumerate(side.bits):
            if len(bits) == 1:
                single[bits[0]].append(end)
            else:
                for bit in bits:
                    several.setdefault(bit, []).append(end)
        self._single = single
        self._several = several
        self._bits_of_several = FrozenBitMap(several)
        self._bits = side.bits
        self._bases: deque[_Base] = deque(maxlen=_BASES)
        self.with_several = FrozenBitMap(end for each in several.values() for end in each)
        """The ends that have several bits."""

    def holding(self, bits: FrozenBitMap) -> FrozenBitMap:
        """The ends with at least one of the bits."""
        return self._holding_only(bits) | self._holding_among_others(bits)

    def closed(self, bits: FrozenBitMap, ends: FrozenBitMap) -> FrozenBitMap:
        """The bits, and all bits of those of the ends that have several."""
        more = ends & self.with_several
        if not more:
            return bits
        return bits | FrozenBitMap(chain.from_iterable(self._bits[end] for end in more))

    def allowed(self, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        """Disjoint cells over bits → disjoint cells over row ends, each port mask once."""
        found: dict[int, FrozenBitMap] = {}
        among_others: list[tuple[int, FrozenBitMap]] = []
        for ports, bits in cells:
            found[ports] = self._holding_only(bits)
            if more := self._holding_among_others(bits):
                among_others.append((ports, more))
        for ports, ends in disjoint_cells(among_others):
            found[ports] = found.get(ports, EMPTY) | ends
        return tuple(Cell(ports, ends) for ports, ends in found.items() if ends)

    def _holding_among_others(self, bits: FrozenBitMap) -> FrozenBitMap:
        some = bits & self._bits_of_several
        return FrozenBitMap(chain.from_iterable(self._several[bit] for bit in some))

    def _holding_only(self, bits: FrozenBitMap) -> FrozenBitMap:
        """The ends with one bit, and that among these."""
        if len(bits) <= _FEW:
            return self._look_up(bits)
        known = min(
            self._bases,
            key=lambda one: one.bits.symmetric_difference_cardinality(bits),
            default=_Base(EMPTY, EMPTY),
        )
        differing = known.bits ^ bits
        ends = known.ends ^ self._look_up(differing)
        if len(differing) > _FEW:
            self._bases.append(_Base(bits, ends))
        return ends

    def _look_up(self, bits: FrozenBitMap) -> FrozenBitMap:
        single = self._single
        return FrozenBitMap(chain.from_iterable([single[bit] for bit in bits]))
