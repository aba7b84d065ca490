"""Port sets: intervals per protocol, or everything (semantics, section 3)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec

from auditor.model._value import Value

PROTOCOLS = ("SCTP", "TCP", "UDP")
"""The protocols of rules, in the order in which they are listed."""

OTHER = "other"
"""The name of what is neither TCP, UDP nor SCTP: protocols without ports, ICMP above all."""

FIRST_PORT = 1
LAST_PORT = 65535


class PortRange(Value, frozen=True):
    """An inclusive range of ports of one protocol."""

    protocol: str
    first: int = msgspec.field(name="from")
    last: int = msgspec.field(name="to")

    def __str__(self) -> str:
        """`TCP 80` or `TCP 80-90`; `other protocols` for those without ports."""
        if self.protocol == OTHER:
            return "other protocols"
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol} {ports}"


OTHER_PROTOCOLS = PortRange(protocol=OTHER, first=0, last=0)
"""What opened or closed beside ports of TCP, UDP and SCTP, or alone: ICMP, above all.

What is allowed never holds it: either all ports are, or none of these protocols.
"""

PortSet = Literal["all"] | tuple[PortRange, ...]
"""``"all"`` (ICMP and every other protocol included), or sorted, merged ranges.

Every port of TCP, UDP and SCTP is three ranges, not ``"all"``.
"""


def merge_ports(ranges: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """The union of ranges, sorted by protocol and port, neighbours merged."""
    merged: list[PortRange] = []
    for one in sorted(ranges, key=lambda each: (each.protocol, each.first, each.last)):
        if merged and merged[-1].protocol == one.protocol and one.first <= merged[-1].last + 1:
            last = max(merged[-1].last, one.last)
            merged[-1] = PortRange(protocol=one.protocol, first=merged[-1].first, last=last)
        else:
            merged.append(one)
    return tuple(merged)


@lru_cache(maxsize=4096)  # a report says the same few sets thousands of times
def describe_ports(ports: PortSet) -> str:
    """The set in words: `every port`, `no port`, `TCP 80, UDP 53`."""
    if ports == "all":
        return "every port"
    return ", ".join(str(one) for one in ports) or "no port"
