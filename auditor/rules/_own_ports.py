"""Ports of a database that are its own, and what policies admit beyond them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from auditor.model.objects import PolicyPort
from auditor.model.ports import (
    FIRST_PORT,
    LAST_PORT,
    PortRange,
    PortSet,
    describe_ports,
    merge_ports,
)
from auditor.reachability.view import View

OwnPorts = frozenset[PortRange]
"""Single ports."""

_ALL_OF_TCP = (PortRange(protocol="TCP", first=FIRST_PORT, last=LAST_PORT),)
_USUAL = (("TCP", 443), ("TCP", 80), ("UDP", 53))


class Excess(NamedTuple):
    """What a port mask holds besides ports of one's own."""

    ports: PortSet
    """Empty where there is nothing; every port of every protocol is `all`, whatever one owns."""
    examples: tuple[tuple[str, int], ...]
    """(protocol, port) pairs to show, the best known first; each range has one among them."""


class Beyond:
    """Answers, for one view, what port masks hold besides ports of one's own.

    Databases are many, and what they call their own repeats: each answer is worked out once.
    """

    def __init__(self, view: View) -> None:
        self._parts = view.evaluation.ports
        self._found: dict[tuple[int, OwnPorts], Excess] = {}

    def of(self, mask: int, own: OwnPorts) -> Excess:
        """What a mask holds beyond."""
        found = self._found.get((mask, own))
        if found is None:
            described = self._parts.describe(mask)
            ranges = _ALL_OF_TCP if described == "all" else described
            beyond = tuple(_without(ranges, own))
            found = self._found[mask, own] = Excess(
                described if described == "all" else beyond, tuple(_examples_of(beyond))
            )
        return found


def describe_own(own: OwnPorts) -> str:
    """One's own ports in words."""
    return describe_ports(merge_ports(own))


def narrow_ports(ports: tuple[PolicyPort, ...], own: OwnPorts) -> tuple[PolicyPort, ...]:
    """Of a rule's ports those that are one's own; none where there are none.

    A named port stands for one that the containers declare: it is one's own.
    """
    if not ports:
        return tuple(
            PolicyPort(protocol=one.protocol, port=one.first) for one in sorted(own, key=_order)
        )
    return tuple(dict.fromkeys(kept for one in ports for kept in _narrow_port(one, own)))


def _narrow_port(one: PolicyPort, own: OwnPorts) -> Iterator[PolicyPort]:
    if isinstance(one.port, str):
        yield one
        return
    first, last = (
        (FIRST_PORT, LAST_PORT) if one.port is None else (one.port, one.end_port or one.port)
    )
    inside = [
        each.first
        for each in sorted(own, key=_order)
        if each.protocol == one.protocol and first <= each.first <= last
    ]
    if len(inside) == last - first + 1:
        yield one
    else:
        yield from (PolicyPort(protocol=one.protocol, port=port) for port in inside)


def _order(one: PortRange) -> tuple[str, int]:
    return one.protocol, one.first


def _examples_of(ranges: tuple[PortRange, ...]) -> Iterator[tuple[str, int]]:
    for protocol, port in _USUAL:
        if any(one.protocol == protocol and one.first <= port <= one.last for one in ranges):
            yield protocol, port
    yield from ((one.protocol, one.first) for one in ranges)


def _without(ranges: Iterable[PortRange], own: OwnPorts) -> Iterator[PortRange]:
    for one in ranges:
        first = one.first
        for hole in sorted(each.first for each in own if each.protocol == one.protocol):
            if first <= hole <= one.last:
                if hole > first:
                    yield PortRange(protocol=one.protocol, first=first, last=hole - 1)
                first = hole + 1
        if first <= one.last:
            yield PortRange(protocol=one.protocol, first=first, last=one.last)
