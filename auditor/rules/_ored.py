"""Two peers of a rule, a namespaceSelector and a podSelector, and the one item they might be.

Two items of a list are ORed, the selectors of one item are ANDed (semantics 3.5, 3.6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.objects import Peer
from auditor.reachability.coverage import Steps
from auditor.reachability.index import Canonical
from auditor.reachability.permissions import Cell, Group
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._overlap import take_away
from auditor.rules._peer_pods import matched_pods
from auditor.rules._places import PlacedRule, placed_rules
from auditor.rules._remediation import with_peers

Field = Literal["namespaceSelector", "podSelector"]

Half = tuple[Field, Canonical]
"""A selector that is an item of its own."""


_STEPS_A_PAIR = 50
"""What it takes to look at a pair, in looks at a grant."""


class Pair(NamedTuple):
    """A namespaceSelector and a podSelector that are items of their own, by their index."""

    namespaces: int
    pods: int

    def as_one(self, rule: Rule) -> Peer:
        """The item in which both must match."""
        return Peer(
            namespace_selector=rule.peers[self.namespaces].namespace_selector,
            pod_selector=rule.peers[self.pods].pod_selector,
        )

    def joined(self, rule: Rule) -> Rule:
        """The rule with that item in the place of the two."""
        first, second = sorted(self)
        peers = (*rule.peers[:first], self.as_one(rule), *rule.peers[first + 1 :])
        return with_peers(rule, (*peers[:second], *peers[second + 1 :]))


class Matched(NamedTuple):
    """The classes of today's pods that a pair matches: as two items, and as one."""

    namespaces: FrozenBitMap
    pods: FrozenBitMap
    both: FrozenBitMap

    @property
    def either(self) -> FrozenBitMap:
        """What the two items match together."""
        return self.namespaces | self.pods


class Ored(NamedTuple):
    """A pair of peers of a rule, with what it matches."""

    position: int
    """Of the policy."""
    placed: PlacedRule
    pair: Pair
    halves: tuple[Half, Half]
    """In the pair's order: the namespaceSelector, then the podSelector."""
    matched: Matched

    @property
    def items(self) -> tuple[Peer, Peer]:
        """The two items, in the same order."""
        peers = self.placed.rule.peers
        return peers[self.pair.namespaces], peers[self.pair.pods]


class Loss(NamedTuple):
    """What pods of today would not be permitted any more if a pair were one item."""

    group: Group
    """Of the pods."""
    cells: tuple[Cell, ...]
    """Peers by the ports that they would lose."""


class Uses:
    """Which selectors are items of their own in which rules, by namespace and direction."""

    def __init__(self, view: View) -> None:
        self._rules: dict[tuple[str, Direction, Half], set[tuple[int, int]]] = defaultdict(set)
        for position, policy in enumerate(view.snapshot.policies):
            for placed in placed_rules(policy):
                for one in placed.rule.peers:
                    if half := half_of(one):
                        key = (policy.namespace, placed.direction, half)
                        self._rules[key].add((position, placed.number))

    def is_apart(self, namespace: str, direction: Direction, half: Half, other: Half) -> bool:
        """Whether some rule there has the half as an item, and not the other one beside it."""
        with_half, with_other = (self._rules[namespace, direction, one] for one in (half, other))
        return not with_half <= with_other


def half_of(peer: Peer) -> Half | None:
    """The one selector of an item, unless it is `{}`: that is meant to be everybody."""
    namespaces, pods = peer.namespace_selector, peer.pod_selector
    if namespaces is not None and pods is None and (canonical := namespaces.requirements()):
        return "namespaceSelector", canonical
    if pods is not None and namespaces is None and (canonical := pods.requirements()):
        return "podSelector", canonical
    return None


def find_ored(view: View, position: int, placed: PlacedRule, steps: Steps) -> Iterator[Ored]:
    """The pairs of a rule, with the pods of today that they match.

    Raises:
        SearchExceededError: there are too many.

    """
    namespace = view.policies[position].reference.namespace
    for pair, halves in _find_pairs(placed.rule, steps):
        items = (*(placed.rule.peers[one] for one in pair), pair.as_one(placed.rule))
        matched = Matched(*(matched_pods(view, namespace, one) for one in items))
        yield Ored(position, placed, pair, halves, matched)


def find_loss(view: View, ored: Ored, steps: Steps, *, possible: bool = False) -> Loss | None:
    """Find pods of the policy that would lose something, all other rules considered.

    ``possible``: as it would be if whatever may be allowed were allowed.

    Raises:
        SearchExceededError: the policies are too many.

    """
    position, placed, pair, _, matched = ored
    policy = view.policies[position]
    kept, kept_maybe = view.evaluation.compiler.match_peers(
        policy.reference.namespace, pair.joined(placed.rule)
    )
    lost = matched.either - (kept | kept_maybe if possible else kept)
    if not lost:
        return None
    groups = view.evaluation.groups[placed.direction]
    steps.spend(len(policy.subjects))
    for number in sorted({groups.by_class[one] for one in policy.subjects & view.real_classes}):
        group = groups.groups[number]
        cells = [
            Cell(one.ports, one.peers & lost)
            for one in group.grants
            if one[:2] == (position, placed.number) and one.peers.intersect(lost)
        ]
        for one in group.grants:
            if not cells:
                break
            steps.spend(len(cells))
            if one[:2] != (position, placed.number):
                peers = one.peers | one.possible if possible else one.peers
                cells = take_away(cells, one.ports, peers)
        if cells:
            return Loss(group, tuple(cells))
    return None


def _find_pairs(rule: Rule, steps: Steps) -> list[tuple[Pair, tuple[Half, Half]]]:
    """The pairs of a rule, those that stand closest first."""
    namespaces: list[tuple[int, Half]] = []
    pods: list[tuple[int, Half]] = []
    for index, one in enumerate(rule.peers):
        if half := half_of(one):
            (namespaces if half[0] == "namespaceSelector" else pods).append((index, half))
    steps.spend(_STEPS_A_PAIR * len(namespaces) * len(pods))
    found = [
        (Pair(index, other), (half, other_half))
        for index, half in namespaces
        for other, other_half in pods
    ]
    return sorted(found, key=lambda one: (abs(one[0].namespaces - one[0].pods), one[0]))
