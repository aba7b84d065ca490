"""Port parts: each protocol cut where some policy cuts it, so that every part behaves uniformly.

A set of ports is then an integer with one bit a part, and one more bit for everything that is not
TCP, UDP or SCTP (ICMP above all), which only an open direction allows (semantics 3.10).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from auditor.model.ports import (
    FIRST_PORT,
    LAST_PORT,
    OTHER,
    OTHER_PROTOCOLS,
    PROTOCOLS,
    PortRange,
    PortSet,
    merge_ports,
)


class PortParts:
    """The parts that a set of ranges cuts, and port sets as bit masks over them."""

    def __init__(self, ranges: Iterable[PortRange]) -> None:
        cuts: dict[str, set[int]] = {protocol: {FIRST_PORT} for protocol in PROTOCOLS}
        for one in ranges:
            cuts[one.protocol].add(one.first)
            if one.last < LAST_PORT:
                cuts[one.protocol].add(one.last + 1)
        self._starts = {protocol: sorted(found) for protocol, found in cuts.items()}
        self._offsets: dict[str, int] = {}
        offset = 0
        for protocol in PROTOCOLS:
            self._offsets[protocol] = offset
            offset += len(self._starts[protocol])
        self._other = 1 << offset
        self.all: int = (self._other << 1) - 1
        """Every port of every protocol."""
        self._described: dict[int, PortSet] = {self.all: "all"}
        self._differences: dict[int, PortSet] = {}

    def mask(self, protocol: str, first: int = FIRST_PORT, last: int = LAST_PORT) -> int:
        """The parts from ``first`` to ``last``; both are cuts, or the ends of the protocol."""
        starts = self._starts[protocol]
        low = bisect_right(starts, first) - 1
        high = bisect_right(starts, last)
        return ((1 << (high - low)) - 1) << (self._offsets[protocol] + low)

    def part(self, protocol: str, port: int | None) -> int:
        """The one part that holds a port, or the parts of a whole protocol; ``OTHER`` has one."""
        if protocol == OTHER:
            return self._other
        return self.mask(protocol) if port is None else self.mask(protocol, port, port)

    def describe(self, mask: int) -> PortSet:
        """A mask as the Connections contract spells it."""
        found = self._described.get(mask)
        if found is None:
            found = self._described[mask] = merge_ports(self._ranges(mask))
        return found

    def describe_difference(self, mask: int) -> PortSet:
        """A mask of what is allowed here and not there, as the Drift contract spells it."""
        if mask == self.all or not mask & self._other:
            return self.describe(mask)
        found = self._differences.get(mask)
        if found is None:
            found = self._differences[mask] = merge_ports((*self._ranges(mask), OTHER_PROTOCOLS))
        return found

    def _ranges(self, mask: int) -> Iterable[PortRange]:
        for protocol in PROTOCOLS:
            starts = self._starts[protocol]
            for index, first in enumerate(starts):
                if mask >> (self._offsets[protocol] + index) & 1:
                    last = starts[index + 1] - 1 if index + 1 < len(starts) else LAST_PORT
                    yield PortRange(protocol=protocol, first=first, last=last)
