"""Grants of one isolation group held against each other: what one alone gives, what others too.

A grant gives some ports to some peers. Peers are bitmaps and ports are masks, so what policies give
twice is found in a few operations a grant, whatever the number of pods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from pyroaring import BitMap, FrozenBitMap

from auditor.reachability.coverage import Steps
from auditor.reachability.index import EMPTY
from auditor.reachability.permissions import Cell, GrantBy

Unit = TypeVar("Unit", bound=Hashable)


class Held(NamedTuple, Generic[Unit]):
    """A grant by what is judged as one: a rule, or a whole policy."""

    unit: Unit
    grant: GrantBy


def find_alone(judged: Sequence[Held[Unit]], firm: Sequence[GrantBy], steps: Steps) -> set[Unit]:
    """Which of the units judged give a peer a port that no other unit gives.

    ``firm``: grants of other units, which are not judged.

    Raises:
        SearchExceededError: the grants are too many.

    """
    steps.spend(len(judged))
    # on whatever ports: mostly that tells them apart already
    alone = _alone_among(judged, [one.peers for one in firm])
    rest = [one for one in judged if one.unit not in alone]
    if not rest:
        return alone
    known = [*firm, *(one.grant for one in judged if one.unit in alone)]
    return alone | _alone_on_ports(rest, known, steps)


def take_away(wanted: Iterable[Cell], ports: int, peers: FrozenBitMap) -> list[Cell]:
    """What is left of what is wanted once these peers have these ports."""
    left: list[Cell] = []
    for cell in wanted:
        if not cell.ports & ports or not cell.peers.intersect(peers):
            left.append(cell)
            continue
        if rest := cell.ports & ~ports:
            left.append(Cell(rest, cell.peers & peers))
        if others := cell.peers - peers:
            left.append(Cell(cell.ports, others))
    return left


def _alone_among(judged: Iterable[Held[Unit]], firm: Sequence[FrozenBitMap]) -> set[Unit]:
    """The units with a peer that no other has; ports do not count."""
    peers_of: dict[Unit, FrozenBitMap] = {}
    for unit, grant in judged:
        peers_of[unit] = peers_of[unit] | grant.peers if unit in peers_of else grant.peers
    once = BitMap()
    elsewhere = BitMap(FrozenBitMap.union(*firm) if firm else EMPTY)
    for peers in peers_of.values():
        elsewhere |= once & peers
        once |= peers
    return {unit for unit, peers in peers_of.items() if not peers.issubset(elsewhere)}


def _alone_on_ports(
    judged: Sequence[Held[Unit]], firm: Sequence[GrantBy], steps: Steps
) -> set[Unit]:
    """The same, port by port: one port stands for a run that no grant tells apart."""
    relevant = 0
    for one in judged:
        relevant |= one.grant.ports
    masks = {one.grant.ports for one in judged} | {one.ports & relevant for one in firm}
    sampled = 0
    for mask in masks:
        sampled |= mask ^ (mask << 1)
    judged_on: dict[int, list[Held[Unit]]] = defaultdict(list)
    for one in judged:
        steps.spend((one.grant.ports & sampled).bit_count())
        for port in _bits(one.grant.ports & sampled):
            judged_on[port].append(one)
    firm_on: dict[int, list[FrozenBitMap]] = defaultdict(list)
    for other in firm:
        shared = other.ports & sampled & relevant
        steps.spend(1 + shared.bit_count())
        for port in _bits(shared):
            firm_on[port].append(other.peers)
    alone: set[Unit] = set()
    for port, each in judged_on.items():
        alone |= _alone_among(each, firm_on.get(port, ()))
    return alone


def _bits(mask: int) -> Iterator[int]:
    """The bits that are set, each as a mask."""
    while mask:
        lowest = mask & -mask
        yield lowest
        mask ^= lowest
