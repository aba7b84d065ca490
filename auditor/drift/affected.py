"""Which pairs of row ends may differ from one side to the other: few, found without looking at all.

A row depends on the bits of its ends, on the egress permission of the source with the destination,
and on the ingress permission of the destination with the source. So a pair that may differ has an
end whose bits are others (it *moved*), or an end whose permission differs at the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from pyroaring import BitMap, FrozenBitMap

from auditor.drift.own_nodes import OwnNodes
from auditor.drift.row_ends import RowEnds
from auditor.model.findings import Direction
from auditor.reachability.index import EMPTY
from auditor.reachability.pair import Pair
from auditor.reachability.permissions import Group

_NARROW = 64
"""Far ends up to which the near end is filed under each of them."""


class Affected(NamedTuple):
    """An end and those with which its rows may differ."""

    direction: Direction
    """The near end is the source of egress, and the destination of ingress."""
    near: int
    far: FrozenBitMap
    bits: FrozenBitMap | None
    """All bits of the far ends; None: not known, so any. Not of those with one's own node."""


class OwnNodesOfPair(NamedTuple):
    """Traffic with the own node on both sides."""

    previous: OwnNodes
    current: OwnNodes

    def touched(self, end: int) -> FrozenBitMap:
        """The ends with which the end has, on either side, traffic that no row holds."""
        return self.previous.touched(end) | self.current.touched(end)

    def differing(self, end: int) -> FrozenBitMap:
        """Likewise, where the end does not stand on the same nodes on both sides."""
        if self.previous.places(end) == self.current.places(end):
            return EMPTY
        return self.touched(end)


class Search:
    """Finds the pairs: each of those that may differ once, from one of its two ends."""

    def __init__(self, pair: Pair, ends: RowEnds, own_nodes: OwnNodesOfPair) -> None:
        self._pair = pair
        self._ends = ends
        self._own_nodes = own_nodes
        sides = zip(pair.previous.bits, pair.current.bits, strict=True)
        self.moved = FrozenBitMap(end for end, (one, other) in enumerate(sides) if one != other)
        self._everyone = FrozenBitMap(range(len(pair.ends)))
        self._unmoved = self._everyone - self.moved
        self._differences: dict[tuple[Direction, int, int], FrozenBitMap] = {}

    def find(self) -> Iterator[Affected]:
        """First by source, then by destination what is left of them."""
        for near in self.moved:
            yield Affected(Direction.EGRESS, near, self._everyone, None)
        done = _Done()
        for one in self._of_unmoved(Direction.EGRESS):
            done.add(one.near, one.far)
            yield one
        for near in self.moved:
            yield Affected(Direction.INGRESS, near, self._unmoved, None)
        for one in self._of_unmoved(Direction.INGRESS):
            if far := one.far - done.with_far(one.near):
                yield one._replace(far=far)

    def _of_unmoved(self, direction: Direction) -> Iterator[Affected]:
        """Unmoved ends with unmoved ones; moved ones are near ends by themselves."""
        holding: dict[FrozenBitMap, FrozenBitMap] = {}
        for near in self._unmoved:
            bits = self._differing(direction, self._pair.current.bits[near])
            placed = self._own_nodes.differing(near) & self._unmoved
            if not bits and not placed:
                continue
            if bits not in holding:
                holding[bits] = self._ends.holding(bits) & self._unmoved
            far = holding[bits]
            yield Affected(direction, near, far | placed, self._ends.closed(bits, far))

    def _differing(self, direction: Direction, near: tuple[int, ...]) -> FrozenBitMap:
        """The bits with which some bit of an end has another permission than before."""
        found = EMPTY
        before = self._pair.previous.view.evaluation.groups[direction]
        after = self._pair.current.view.evaluation.groups[direction]
        for bit in near:
            if bit >= len(after.by_class):
                continue  # addresses are in the open group
            key = direction, before.by_class[bit], after.by_class[bit]
            if key not in self._differences:
                self._differences[key] = _compare(before.groups[key[1]], after.groups[key[2]])
            if self._differences[key]:
                found = found | self._differences[key]
        return found


class _Done:
    """The pairs found already, by far end."""

    def __init__(self) -> None:
        self._narrow: defaultdict[int, list[int]] = defaultdict(list)
        self._broad: dict[FrozenBitMap, BitMap] = {}

    def add(self, near: int, far: FrozenBitMap) -> None:
        if len(far) <= _NARROW:
            for one in far:
                self._narrow[one].append(near)
        else:
            self._broad.setdefault(far, BitMap()).add(near)

    def with_far(self, end: int) -> FrozenBitMap:
        found = [FrozenBitMap(self._narrow.get(end, ()))]
        found += (FrozenBitMap(nears) for far, nears in self._broad.items() if end in far)
        return FrozenBitMap.union(*found)


def _compare(before: Group, after: Group) -> FrozenBitMap:
    """The peers that the two allow different ports."""
    if before.cells == after.cells:
        return EMPTY
    allowed = FrozenBitMap.union(
        EMPTY, *(cell.peers for group in (before, after) for cell in group.cells)
    )
    alike = dict(after.cells)
    for ports, peers in before.cells:
        if ports in alike:
            allowed = allowed - (peers & alike[ports])
    return allowed
