"""Why a policy that is the same before and after grants on one side what it does not on the other.

Bits mean the same on both sides. So each change can be undone by itself: asked is what the policy
would grant to an end as the other side has it, or by the labels and the reading of the other side.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from auditor.model.drift import CauseKind
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Reference
from auditor.reachability.compile import rules_of
from auditor.reachability.endpoints import HOST, EndpointClass
from auditor.reachability.pair import EndsOfSide
from auditor.reachability.permissions import resolve_grants

Facets = frozenset[CauseKind]
"""What differs between the pods of an end on one side, and on the other."""

_OF_SELECTION: Facets = frozenset({CauseKind.LABELS_CHANGED, CauseKind.HOST_NETWORK_CHANGED})
"""What decides whether a policy selects a pod."""


_REMEMBERED = 65_536
"""Answers kept."""


class Reasons(NamedTuple):
    """What changed: of the policy's own pods (the subject), and of those it allows (the peer)."""

    subject: Facets = frozenset()
    peer: Facets = frozenset()
    peer_namespace: bool = False
    """Its labels."""
    reading: bool = False
    """Of ipBlocks."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(tuple(self))


class Question(NamedTuple):
    """What a policy grants of the ports between two ends."""

    policy: Reference
    direction: Direction
    subject: int
    peer: int
    peer_namespace: str | None
    ports: int


class _Asked(NamedTuple):
    """A question in bits: of the side that allows, and of the one that denies."""

    policy: Reference
    direction: Direction
    subjects: tuple[int, ...]
    denied_subjects: tuple[int, ...]
    peers: tuple[int, ...]
    denied_peers: tuple[int, ...]
    differing: Reasons
    ports: int


class SamePolicies:
    """Answers for rows that one side allows and the other denies."""

    def __init__(self, allowing: EndsOfSide, denying: EndsOfSide) -> None:
        self._allowing = allowing
        self._denying = denying
        self._answers: dict[_Asked, Reasons] = {}
        self._facets: dict[int, Facets] = {}
        self._positions = {
            id(side): {one.reference: number for number, one in enumerate(side.view.policies)}
            for side in (allowing, denying)
        }
        read_so, read_otherwise = (
            side.view.ip_blocks_match_pods is True for side in (allowing, denying)
        )
        self.reading_differs = read_so != read_otherwise

    @cached_property
    def relabelled(self) -> frozenset[str]:
        """The namespaces whose labels differ."""
        both = (side.view.endpoints.namespaces for side in (self._allowing, self._denying))
        return frozenset(
            one.name for one, other in zip(*both, strict=True) if one.labels != other.labels
        )

    def selecting(self, subject: int) -> Facets:
        """Why a policy selects the end on one side alone."""
        facets = self.facets(subject)
        return facets & _OF_SELECTION or facets

    def granting(self, question: Question) -> Reasons:
        """Why a policy grants the ports on the side that allows, and not on the other."""
        policy, direction, subject, peer, namespace, ports = question
        asked = _Asked(
            policy,
            direction,
            self._allowing.bits[subject],
            self._denying.bits[subject],
            self._allowing.bits[peer],
            self._denying.bits[peer],
            Reasons(
                self.facets(subject),
                self.facets(peer),
                namespace in self.relabelled,
                self.reading_differs,
            ),
            ports,
        )
        found = self._answers.get(asked)
        if found is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            found = self._answers[asked] = self._find(asked)
        return found

    def granting_any(
        self, policy: Reference, direction: Direction, subject: int, *, relabelled: bool
    ) -> Reasons | None:
        """Why a policy grants to peers that did not change, but for their namespace's labels.

        None: it depends on the peer.
        """
        written = self._allowing.view.policy(self._positions[id(self._allowing)][policy])
        every = Reasons(self.facets(subject), frozenset(), relabelled, self.reading_differs)
        found = _relevant(every, written, direction)
        return found if _count(found) == 1 else None

    def facets(self, end: int) -> Facets:
        """What differs between the pods that stand for an end on the two sides."""
        bits, others = self._allowing.bits[end], self._denying.bits[end]
        if bits == others:
            return frozenset()
        found = self._facets.get(end)
        if found is None:
            # pods of one variant are alike to every selector
            split = not (end in self._allowing.existing and end in self._denying.existing)
            found = self._facets[end] = self._differing(bits, others, by_labels=split)
        return found

    def _find(self, asked: _Asked) -> Reasons:
        policy = self._allowing.view.policy(self._positions[id(self._allowing)][asked.policy])
        differing = _relevant(asked.differing, policy, asked.direction) or asked.differing
        if _count(differing) <= 1:
            return differing
        return self._without_which(asked, differing) or differing

    def _without_which(self, asked: _Asked, differing: Reasons) -> Reasons:
        """Those changes without which alone the policy would not grant the ports."""
        for subject in asked.subjects:
            for peer in asked.peers:
                ports = self._granted(self._allowing, asked, subject, peer) & asked.ports
                if ports:
                    return self._undo(asked._replace(ports=ports), differing, subject, peer)
        return Reasons()

    def _undo(self, asked: _Asked, differing: Reasons, subject: int, peer: int) -> Reasons:
        def is_lost(side: EndsOfSide, one: int, other: int) -> bool:
            return bool(asked.ports & ~self._granted(side, asked, one, other))

        kinds: set[CauseKind] = set()
        compiled = self._allowing.view.policies[self._positions[id(self._allowing)][asked.policy]]
        for one in asked.denied_subjects:
            if one not in compiled.subjects:
                kinds |= differing.subject & _OF_SELECTION
            elif is_lost(self._allowing, one, peer):
                kinds |= differing.subject - _OF_SELECTION
        peer_matters = any(is_lost(self._allowing, subject, one) for one in asked.denied_peers)
        environment_matters = is_lost(self._denying, subject, peer)
        return Reasons(
            frozenset(kinds),
            differing.peer if peer_matters else frozenset(),
            differing.peer_namespace and environment_matters,
            differing.reading and environment_matters,
        )

    def _granted(self, side: EndsOfSide, asked: _Asked, subject: int, peer: int) -> int:
        """The ports that the policy, as a side reads it, grants between two bits."""
        position = self._positions[id(side)][asked.policy]
        compiled = side.view.policies[position]
        if subject not in compiled.subjects:
            return 0
        grants = compiled.grants[asked.direction]
        ports = 0
        compiler = side.view.evaluation.compiler
        for one in resolve_grants(lambda _: grants, (position,), compiler, subject):
            if peer in one.peers:
                ports |= one.ports
        return ports

    def _differing(
        self, bits: tuple[int, ...], others: tuple[int, ...], *, by_labels: bool
    ) -> Facets:
        found: set[CauseKind] = set()
        ours, theirs = (_by_network(map(self._class, each)) for each in (bits, others))
        if ours.keys() != theirs.keys():
            found.add(CauseKind.HOST_NETWORK_CHANGED)
        for host in ours.keys() & theirs.keys():
            found |= _compare(ours[host], theirs[host])
        found = found or _varying(map(self._class, {*bits, *others}))
        return frozenset(found if by_labels else found - {CauseKind.LABELS_CHANGED})

    def _class(self, bit: int) -> EndpointClass:
        return self._allowing.view.endpoints.classes[bit]


_FACETS = {
    CauseKind.LABELS_CHANGED: "labels",
    CauseKind.PORTS_CHANGED: "named_ports",
    CauseKind.ADDRESSES_CHANGED: "addresses",
}


def _by_network(classes: Iterable[EndpointClass]) -> dict[bool, list[EndpointClass]]:
    """Those on the host's network, and the others."""
    found: dict[bool, list[EndpointClass]] = {}
    for one in classes:
        found.setdefault(one.namespace == HOST, []).append(one)
    return found


def _compare(ours: Iterable[EndpointClass], theirs: Iterable[EndpointClass]) -> set[CauseKind]:
    return {
        kind
        for kind, field in _FACETS.items()
        if {getattr(one, field) for one in ours} != {getattr(one, field) for one in theirs}
    }


def _varying(classes: Iterable[EndpointClass]) -> set[CauseKind]:
    """What tells apart the pods of an end, where only the combinations of it changed."""
    listed = list(classes)
    return {
        kind for kind, field in _FACETS.items() if len({getattr(one, field) for one in listed}) > 1
    }


def _count(reasons: Reasons) -> int:
    return len(reasons.subject) + len(reasons.peer) + reasons.peer_namespace + reasons.reading


def _relevant(reasons: Reasons, policy: NetworkPolicy, direction: Direction) -> Reasons:
    """Those that the rules of a policy look at."""
    return Reasons(
        reasons.subject & _of_subject(policy, direction),
        reasons.peer & _of_peer(policy, direction),
        reasons.peer_namespace and _selects_namespaces(policy, direction),
        reasons.reading and _mentions_blocks(policy, direction),
    )


def _of_subject(policy: NetworkPolicy, direction: Direction) -> Facets:
    named = direction is Direction.INGRESS and _names_ports(policy, direction)
    return _OF_SELECTION | ({CauseKind.PORTS_CHANGED} if named else set())


def _of_peer(policy: NetworkPolicy, direction: Direction) -> Facets:
    wanted = {CauseKind.HOST_NETWORK_CHANGED}
    peers = [peer for rule in rules_of(policy, direction) for peer in rule.peers]
    if any(peer.pod_selector is not None for peer in peers):
        wanted.add(CauseKind.LABELS_CHANGED)
    if _mentions_blocks(policy, direction):
        wanted.add(CauseKind.ADDRESSES_CHANGED)
    if direction is Direction.EGRESS and _names_ports(policy, direction):
        wanted.add(CauseKind.PORTS_CHANGED)
    return frozenset(wanted)


def _names_ports(policy: NetworkPolicy, direction: Direction) -> bool:
    rules = rules_of(policy, direction)
    return any(isinstance(one.port, str) for rule in rules for one in rule.ports)


def _mentions_blocks(policy: NetworkPolicy, direction: Direction) -> bool:
    rules = rules_of(policy, direction)
    return any(peer.ip_block is not None for rule in rules for peer in rule.peers)


def _selects_namespaces(policy: NetworkPolicy, direction: Direction) -> bool:
    rules = rules_of(policy, direction)
    return any(peer.namespace_selector is not None for rule in rules for peer in rule.peers)
