"""Why a policy that both sides have grants on one of them what it does not on the other.

Bits mean the same on both sides. So each thing that changed can be undone by itself: asked is what
the policy would grant to ends of which just that is as it is on the other side.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from auditor.drift.facets import (
    OF_SELECTION,
    Facets,
    compare_classes,
    mentions_blocks,
    of_peer,
    of_subject,
    selects_namespaces,
)
from auditor.drift.factors import NAMESPACE, POLICY, READING, Factor, Reasons, weigh
from auditor.drift.policy_pairs import PolicyPair, pair_policies
from auditor.drift.undone import Circumstances, ReadPolicy, grant, isolates
from auditor.model.drift import CauseKind
from auditor.model.findings import Direction
from auditor.model.objects import Reference
from auditor.reachability.endpoints import EndpointClass
from auditor.reachability.pair import EndsOfSide

_REMEMBERED = 65_536
"""Answers kept."""

_READ = 512
"""Policies kept as they are read to be asked."""

_OPEN = 1
"""Some port, where all that is asked is whether a policy isolates an end."""


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
        self._wanted: dict[tuple[Reference, Direction], Reasons] = {}
        self._policies: dict[tuple[Reference, Direction], tuple[ReadPolicy, ...]] = {}
        self._pairs = pair_policies(allowing.view.snapshot.policies, denying.view.snapshot.policies)
        read_so, read_otherwise = (
            side.view.ip_blocks_match_pods is True for side in (allowing, denying)
        )
        self._reading: Reasons = frozenset({READING} if read_so != read_otherwise else ())

    @cached_property
    def relabelled(self) -> frozenset[str]:
        """The namespaces whose labels differ."""
        both = (side.view.endpoints.namespaces for side in (self._allowing, self._denying))
        return frozenset(
            one.name for one, other in zip(*both, strict=True) if one.labels != other.labels
        )

    def has(self, policy: Reference) -> bool:
        """Whether both sides have a policy, be it under another name."""
        return policy in self._pairs

    def isolating(self, policy: Reference, direction: Direction, subject: int) -> Reasons:
        """Why a policy isolates the end on the side that denies, and not on the other."""
        facets = _of("subject", self.facets(subject))
        relevant = self._relevant(facets & _SELECTION, policy, direction)
        if len(relevant) <= 1:
            return relevant or facets
        view = self._allowing.view
        mine, theirs = self._read(policy, direction)
        found = weigh(
            relevant,
            _OPEN,
            lambda given: 0 if isolates(given) else _OPEN,
            (
                self._circumstances(self._allowing, mine, bit, bit)
                for bit in self._allowing.bits[subject]
                if not view.group(direction, bit).is_isolated
            ),
            [
                self._circumstances(self._denying, theirs, bit, bit)
                for bit in self._denying.bits[subject]
            ],
        )
        return found or relevant

    def granting(self, question: Question) -> Reasons:
        """Why a policy grants the ports on the side that allows, and not on the other."""
        policy, direction, subject, peer, namespace, ports = question
        differing = self._reading | _of("subject", self.facets(subject))
        differing |= _of("peer", self.facets(peer))
        if namespace in self.relabelled:
            differing |= {NAMESPACE}
        relevant = self._relevant(differing, policy, direction) or differing
        if len(relevant) <= 1:
            return relevant
        asked = _Asked(
            policy,
            direction,
            self._allowing.bits[subject],
            self._denying.bits[subject],
            self._allowing.bits[peer],
            self._denying.bits[peer],
            relevant,
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
        every = self._reading | _of("subject", self.facets(subject))
        found = self._relevant(every | {NAMESPACE} if relabelled else every, policy, direction)
        return found if len(found) == 1 else None

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
        mine, theirs = self._read(asked.policy, asked.direction)
        found = weigh(
            asked.differing,
            asked.ports,
            grant,
            (
                self._circumstances(self._allowing, mine, subject, peer)
                for subject in asked.subjects
                for peer in asked.peers
            ),
            [
                self._circumstances(self._denying, theirs, subject, peer)
                for subject in asked.denied_subjects
                for peer in asked.denied_peers
            ],
        )
        return found or asked.differing

    def _relevant(self, differing: Reasons, policy: Reference, direction: Direction) -> Reasons:
        """Those that the policy looks at, on either side, and what changed of it."""
        wanted = self._wanted.get((policy, direction))
        if wanted is None:
            wanted = self._wanted[policy, direction] = _wanted(self._pairs[policy], direction)
        return wanted & (differing | {POLICY})

    def _read(self, policy: Reference, direction: Direction) -> tuple[ReadPolicy, ...]:
        """A policy as either side has it."""
        found = self._policies.get((policy, direction))
        if found is None:
            if len(self._policies) >= _READ:
                self._policies.clear()
            view = self._allowing.view
            found = tuple(ReadPolicy(one, direction, view) for one in self._pairs[policy])
            self._policies[policy, direction] = found
        return found

    def _class(self, bit: int) -> EndpointClass:
        return self._allowing.view.endpoints.classes[bit]

    @staticmethod
    def _circumstances(
        side: EndsOfSide, policy: ReadPolicy, subject: int, peer: int
    ) -> Circumstances:
        reading = side.view.ip_blocks_match_pods is True
        return Circumstances(policy, subject, subject, peer, peer, peer, side.view, reading)


def _wanted(pair: PolicyPair, direction: Direction) -> Reasons:
    """What the rules of a policy look at, of all that may change; and whether it changed."""
    found: set[Factor] = {POLICY} if pair.differ(direction) else set()
    for one in pair:
        found |= _of("subject", of_subject(one, direction))
        found |= _of("peer", of_peer(one, direction))
        if selects_namespaces(one, direction):
            found.add(NAMESPACE)
        if mentions_blocks(one, direction):
            found.add(READING)
    return frozenset(found)


@lru_cache(maxsize=64)
def _of(end: Literal["subject", "peer"], facets: Facets) -> Reasons:
    """What differs between pods, as those of one end of a connection."""
    return frozenset(Factor(end, kind) for kind in facets)


_SELECTION = _of("subject", OF_SELECTION)
