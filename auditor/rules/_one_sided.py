"""Rules against the far side: whose own policies let none of a rule's pods through on its ports.

A rule for ingress needs the egress of its peers as well, and the reverse (semantics 3.11).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pyroaring import BitMap, FrozenBitMap

from auditor.model.findings import Direction
from auditor.reachability.index import EMPTY
from auditor.reachability.permissions import Cell, Group
from auditor.reachability.reach import Reach, opposite, reach_of
from auditor.reachability.view import View
from auditor.rules._places import PlacedRule

FEW = 16
"""Peers that are asked one by one, whatever the number of subjects."""


class _Offer(NamedTuple):
    """What a rule gives to some of the policy's pods: these peers on these ports."""

    subjects: FrozenBitMap
    ports: int
    peers: FrozenBitMap


def find_denying(
    view: View, position: int, placed: PlacedRule, peers: FrozenBitMap, *, possible: bool = False
) -> FrozenBitMap:
    """The peers whose own side denies every port of the rule to every pod the policy selects.

    A pod and itself do not count. ``peers``: classes of pods among which to look. ``possible``: as
    it would be if whatever may be allowed were allowed.
    """
    asked, admitting = BitMap(), BitMap()
    for offer in _offers(view, position, placed):
        wanted = offer.peers & peers
        if len(offer.subjects) == 1 and view.pods_in_class[offer.subjects[0]] == 1:
            wanted = wanted - offer.subjects
        asked |= wanted
        wanted = wanted - admitting
        if len(wanted) <= max(FEW, len(offer.subjects)):
            admitting |= _ask_peers(view, placed.direction, offer, wanted, possible=possible)
        else:
            admitting |= _ask_subjects(view, placed.direction, offer, wanted, possible=possible)
    return FrozenBitMap(asked - admitting)


def _offers(view: View, position: int, placed: PlacedRule) -> Iterator[_Offer]:
    """What the rule gives to whom, ports by name resolved; nothing where no port is given."""
    compiler = view.evaluation.compiler
    policy = view.policies[position]
    subjects = policy.subjects & view.real_classes
    for grant in policy.grants[placed.direction]:
        if grant.rule != placed.number:
            continue
        by_ports: dict[int, list[int]] = {}
        if grant.named:
            for one in subjects:
                ports = grant.ports | compiler.resolve(grant.named, one)
                by_ports.setdefault(ports, []).append(one)
            yield from (
                _Offer(FrozenBitMap(each), ports, grant.peers)
                for ports, each in by_ports.items()
                if ports
            )
        elif subjects:
            yield _Offer(subjects, grant.ports, grant.peers)


def _ask_peers(
    view: View, direction: Direction, offer: _Offer, peers: FrozenBitMap, *, possible: bool
) -> FrozenBitMap:
    """The peers whose own side lets some subject through, peer by peer."""
    groups = view.evaluation.groups[opposite(direction)]
    known: dict[int, bool] = {}
    found: list[int] = []
    for one in peers:
        number = groups.by_class[one]
        if one in offer.subjects and view.pods_in_class[one] == 1:
            others = offer.subjects - FrozenBitMap((one,))
            admits = _lets_through(groups.groups[number], others, offer.ports, possible=possible)
        else:
            if number not in known:
                known[number] = _lets_through(
                    groups.groups[number], offer.subjects, offer.ports, possible=possible
                )
            admits = known[number]
        if admits:
            found.append(one)
    return FrozenBitMap(found)


def _ask_subjects(
    view: View, direction: Direction, offer: _Offer, peers: FrozenBitMap, *, possible: bool
) -> FrozenBitMap:
    """The same, subject by subject: both sides agree on the rule's ports where the far one does."""
    reach = view.remembered(_POSSIBLE[direction]) if possible else reach_of(view, direction)
    found = BitMap()
    for one in offer.subjects:
        itself = FrozenBitMap((one,)) if view.pods_in_class[one] == 1 else EMPTY
        for ports, reached in reach.of(one):
            if ports & offer.ports:
                found |= (reached & peers) - itself
    return FrozenBitMap(found)


def _lets_through(group: Group, subjects: FrozenBitMap, ports: int, *, possible: bool) -> bool:
    cells = group.cells
    if possible:
        cells = (*cells, *(Cell(one.ports, one.possible) for one in group.possible))
    return any(cell.ports & ports and cell.peers.intersect(subjects) for cell in cells)


def _possible_reach_in(view: View) -> Reach:
    return Reach(view, Direction.INGRESS, possible=True)


def _possible_reach_out(view: View) -> Reach:
    return Reach(view, Direction.EGRESS, possible=True)


_POSSIBLE = {Direction.INGRESS: _possible_reach_in, Direction.EGRESS: _possible_reach_out}
