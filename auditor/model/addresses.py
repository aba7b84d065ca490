"""Address ranges of both IP families, as integers (semantics, sections 1.3 and 3.7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal, NamedTuple

Family = Literal[4, 6]

_BITS = {4: 32, 6: 128}
_OCTETS = {str(number): number for number in range(256)}
_LEADING_ZEROS = re.compile(r"(?<![0-9a-fA-F:])0+(?=[0-9])")


class AddressRange(NamedTuple):
    """An inclusive range of addresses of one family, as integers."""

    family: Family
    first: int
    last: int

    def __str__(self) -> str:
        """`10.0.0.0-10.255.255.255`: always first-last, as the Connections contract has it."""
        return f"{_spell(self.family, self.first)}-{_spell(self.family, self.last)}"

    def contains(self, other: AddressRange) -> bool:
        """Whether every address of ``other`` is in this range."""
        return self.family == other.family and self.first <= other.first and other.last <= self.last

    def overlaps(self, other: AddressRange) -> bool:
        """Whether some address is in both."""
        return self.family == other.family and self.first <= other.last and other.first <= self.last


def _spell(family: Family, number: int) -> str:
    return str(IPv4Address(number) if family == 4 else IPv6Address(number))


def whole_family(family: Family) -> AddressRange:
    """Every address of a family."""
    return AddressRange(family, 0, (1 << _BITS[family]) - 1)


def parse_address(text: str) -> AddressRange:
    """One address as a range of one.

    Raises:
        ValueError: the text is no IP address.

    """
    try:
        # every pod of a cluster has one of these: the general parser takes 20 times as long
        first, second, third, fourth = map(_OCTETS.__getitem__, text.split("."))
    except (KeyError, ValueError):
        address = ip_address(text)
        return AddressRange(address.version, int(address), int(address))
    number = first << 24 | second << 16 | third << 8 | fourth
    return AddressRange(4, number, number)


def parse_cidr(text: str) -> AddressRange:
    """A CIDR as a range, as for objects the API server accepted once.

    Host bits are masked, and leading zeros of IPv4 (`010.0.0.0/08`) count for nothing.

    Raises:
        ValueError: the text is no CIDR.

    """
    network = ip_network(_LEADING_ZEROS.sub("", text), strict=False)
    return AddressRange(
        network.version, int(network.network_address), int(network.broadcast_address)
    )


def subtract(whole: AddressRange, holes: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """``whole`` without the holes, as sorted disjoint ranges."""
    left: list[AddressRange] = []
    first = whole.first
    for hole in sorted(one for one in holes if one.overlaps(whole)):
        if hole.first > first:
            left.append(AddressRange(whole.family, first, hole.first - 1))
        first = max(first, hole.last + 1)
    if first <= whole.last:
        left.append(AddressRange(whole.family, first, whole.last))
    return tuple(left)
