"""Why a policy that is the same before and after grants on one side what it does not on the other.

Bits mean the same on both sides. So each thing that changed can be undone by itself: asked is what
the policy would grant to ends of which just that is as it is on the other side.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

from auditor.drift.facets import (
    OF_CLASSES,
    OF_SELECTION,
    Facets,
    compare_classes,
    mentions_blocks,
    of_peer,
    of_subject,
    selects_namespaces,
)
from auditor.drift.undone import Circumstances, grant
from auditor.model.drift import CauseKind
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Reference
from auditor.reachability.endpoints import EndpointClass
from auditor.reachability.pair import EndsOfSide

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
        self._read: dict[tuple[Reference, Direction], Reasons] = {}
        self._policies = {one.reference: one for one in allowing.view.snapshot.policies}
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
        return facets & OF_SELECTION or facets

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
        every = Reasons(self.facets(subject), frozenset(), relabelled, self.reading_differs)
        found = self._relevant(every, policy, direction)
        return found if _count(found) == 1 else None

    def facets(self, end: int) -> Facets:
        """What differs between the pods that stand for an end on the two sides."""
        bits, others = self._allowing.bits[end], self._denying.bits[end]
        if bits == others:
            return frozenset()
        found = self._facets.get(end)
        if found is None:
            found = compare_classes(*(list(map(self._class, each)) for each in (bits, others)))
            if end in self._allowing.existing and end in self._denying.existing:
                # pods of one variant are alike to every selector
                found -= {CauseKind.LABELS_CHANGED}
            self._facets[end] = found
        return found

    def _find(self, asked: _Asked) -> Reasons:
        policy = self._policies[asked.policy]
        relevant = self._relevant(asked.differing, asked.policy, asked.direction)
        differing = relevant or asked.differing
        if _count(differing) <= 1:
            return differing
        return self._without_which(asked, policy, differing) or differing

    def _relevant(self, reasons: Reasons, policy: Reference, direction: Direction) -> Reasons:
        """Those that the rules of a policy look at."""
        wanted = self._read.get((policy, direction))
        if wanted is None:
            wanted = _read(self._policies[policy], direction)
            self._read[policy, direction] = wanted
        return Reasons(
            reasons.subject & wanted.subject,
            reasons.peer & wanted.peer,
            reasons.peer_namespace and wanted.peer_namespace,
            reasons.reading and wanted.reading,
        )

    def _without_which(self, asked: _Asked, policy: NetworkPolicy, differing: Reasons) -> Reasons:
        """Those changes without which alone the policy would not grant the ports."""
        view = self._allowing.view
        for subject in asked.subjects:
            for peer in asked.peers:
                given = Circumstances(
                    subject, subject, peer, peer, peer, view, view.ip_blocks_match_pods is True
                )
                ports = grant(policy, asked.direction, given) & asked.ports
                if ports:
                    return self._undo(asked._replace(ports=ports), policy, differing, given)
        return Reasons()

    def _undo(
        self, asked: _Asked, policy: NetworkPolicy, differing: Reasons, given: Circumstances
    ) -> Reasons:
        def matters(**changes: Any) -> bool:
            without = grant(policy, asked.direction, given._replace(**changes))
            return bool(asked.ports & ~without)

        own = {
            kind
            for one in asked.denied_subjects
            for kind in self._comparable(given.selected, one) & differing.subject
            if matters(**dict.fromkeys(_SUBJECT_BY[kind], one))
        }
        others = {
            kind
            for one in asked.denied_peers
            for kind in self._comparable(given.labels, one) & differing.peer
            if matters(**dict.fromkeys(_PEER_BY[kind], one))
        }
        return Reasons(
            frozenset(own),
            frozenset(others),
            differing.peer_namespace and matters(namespaces=self._denying.view),
            differing.reading and matters(blocks_match_pods=not given.blocks_match_pods),
        )

    def _comparable(self, bit: int, other: int) -> Facets:
        """What may be taken of the other bit by itself: of another network, all or nothing."""
        if self._allowing.view.is_host(bit) != self._allowing.view.is_host(other):
            return frozenset({CauseKind.HOST_NETWORK_CHANGED})
        return OF_CLASSES

    def _class(self, bit: int) -> EndpointClass:
        return self._allowing.view.endpoints.classes[bit]


_SUBJECT_BY = {
    CauseKind.LABELS_CHANGED: ("selected",),
    CauseKind.HOST_NETWORK_CHANGED: ("selected", "own_ports"),
    CauseKind.PORTS_CHANGED: ("own_ports",),
    CauseKind.ADDRESSES_CHANGED: (),
}
"""The circumstances that go with what differs."""

_PEER_BY = {
    CauseKind.LABELS_CHANGED: ("labels",),
    CauseKind.HOST_NETWORK_CHANGED: ("labels", "addresses", "ports"),
    CauseKind.PORTS_CHANGED: ("ports",),
    CauseKind.ADDRESSES_CHANGED: ("addresses",),
}


def _count(reasons: Reasons) -> int:
    return len(reasons.subject) + len(reasons.peer) + reasons.peer_namespace + reasons.reading


def _read(policy: NetworkPolicy, direction: Direction) -> Reasons:
    """What the rules of a policy look at, of all that may change."""
    return Reasons(
        of_subject(policy, direction),
        of_peer(policy, direction),
        selects_namespaces(policy, direction),
        mentions_blocks(policy, direction),
    )
