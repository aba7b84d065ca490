"""Address parts: external space cut by the CIDRs of policies (semantics 1.3)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache

from auditor.model.addresses import AddressRange, Family, parse_cidr, subtract, whole_family
from auditor.model.objects import IPBlock

Cut = tuple[Family, int]
"""Where a part begins: its first address."""


class AddressParts:
    """The parts that a set of ranges cuts both families into, IPv4 first, each in order."""

    def __init__(self, ranges: Iterable[AddressRange]) -> None:
        families: tuple[Family, ...] = (4, 6)
        self._known: dict[Family, set[int]] = {family: {0} for family in families}
        for family, first in _cuts(ranges):
            self._known[family].add(first)
        self._starts = {family: sorted(found) for family, found in self._known.items()}
        self._offsets: dict[Family, int] = {4: 0, 6: len(self._starts[4])}
        self.parts: tuple[AddressRange, ...] = tuple(
            part for family in families for part in self._cut(family)
        )

    def further_cuts(self, ranges: Iterable[AddressRange]) -> frozenset[Cut]:
        """Where the ranges would cut parts of these in two; none where they fit."""
        return frozenset(
            (family, first) for family, first in _cuts(ranges) if first not in self._known[family]
        )

    def _cut(self, family: Family) -> Iterable[AddressRange]:
        starts = self._starts[family]
        for index, first in enumerate(starts):
            following = starts[index + 1] if index + 1 < len(starts) else None
            last = whole_family(family).last if following is None else following - 1
            yield AddressRange(family, first, last)

    def indexes(self, wanted: AddressRange) -> range:
        """The parts that overlap a range."""
        starts = self._starts[wanted.family]
        offset = self._offsets[wanted.family]
        low = bisect_right(starts, wanted.first) - 1
        return range(offset + low, offset + bisect_right(starts, wanted.last))


def _cuts(ranges: Iterable[AddressRange]) -> Iterator[Cut]:
    for one in ranges:
        yield one.family, one.first
        if one.last < whole_family(one.family).last:
            yield one.family, one.last + 1


@lru_cache(maxsize=16384)
def block_ranges(block: IPBlock) -> tuple[AddressRange, ...]:
    """The addresses of an ipBlock: its cidr minus every except (semantics 3.7)."""
    return subtract(parse_cidr(block.cidr), map(parse_cidr, block.excepts))


def covers_family(ranges: tuple[AddressRange, ...]) -> bool:
    """Whether the ranges are one whole family: only then is an unknown address among them."""
    return any(one == whole_family(one.family) for one in ranges)
