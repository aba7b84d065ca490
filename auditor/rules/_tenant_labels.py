"""Peers that rely on labels of namespaces, and whom of other environments they let in or out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from pyroaring import BitMap, FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Peer
from auditor.model.recognition import Environment
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector
from auditor.model.snapshot import Blind
from auditor.reachability.reach import Reach, reach_of
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._certainty import Certainty, certainty
from auditor.rules._environments import Environments
from auditor.rules._places import placed_rules

_HIDING = (Blind.PODS, Blind.POLICIES)


class TrustingPeer(NamedTuple):
    """A peer in effect whose namespaceSelector relies on labels, and where it stands."""

    position: int
    """The policy's, among the view's."""
    direction: Direction
    rule: int
    item: int
    """The peer's, in the rule's list."""
    place: str
    peer: Peer
    selector: LabelSelector

    @property
    def labels(self) -> tuple[str, ...]:
        """The keys of the labels that it relies on."""
        return tuple(sorted(_keys(self.selector) - {NAMESPACE_NAME_LABEL}))


class Link(NamedTuple):
    """A connection of today through a peer: a class of the policy's pods, one of the peer's."""

    subject: int
    far: int
    ports: int


def trusting_peers(view: View) -> Iterator[TrustingPeer]:
    """Every peer that selects namespaces by labels, and does not pin their names."""
    for position, policy in enumerate(view.snapshot.policies):
        if any(map(_has_namespace_selector, _peers(policy))):
            for placed in placed_rules(policy):
                for index, (place, peer) in enumerate(placed.peers):
                    selector = peer.namespace_selector
                    if selector is not None and _relies_on_labels(selector):
                        yield TrustingPeer(
                            position, placed.direction, placed.number, index, place, peer, selector
                        )


def _peers(policy: NetworkPolicy) -> Iterator[Peer]:
    rules: tuple[Rule, ...] = (*policy.spec.ingress, *policy.spec.egress)
    for rule in rules:
        yield from rule.peers


def _has_namespace_selector(peer: Peer) -> bool:
    return peer.namespace_selector is not None


def _keys(selector: LabelSelector) -> set[str]:
    return {*selector.match_labels, *(one.key for one in selector.match_expressions)}


def _relies_on_labels(selector: LabelSelector) -> bool:
    pinned = NAMESPACE_NAME_LABEL in selector.match_labels or any(
        one.key == NAMESPACE_NAME_LABEL and one.operator == "In"
        for one in selector.match_expressions
    )
    return not pinned and bool(_keys(selector) - {NAMESPACE_NAME_LABEL})


class Tenants:
    """The namespaces of a view by environment, and how peers connect them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._leaking: dict[tuple[Direction, str], tuple[FrozenBitMap, FrozenBitMap]] = {}

    def environment(self, namespace: str) -> Environment | None:
        """What is known of a namespace's environment."""
        return self._view.recognition.environments.get(namespace)

    def matched(self, selector: LabelSelector) -> tuple[str, ...]:
        """The namespaces that a selector matches today, sorted."""
        known = self._view.endpoints.namespaces[:-1]  # the last is the stranger's
        found = self._view.evaluation.index.namespaces(selector)
        return tuple(known[one].name for one in found if one < len(known))

    def known(self, peer: TrustingPeer, *, besides: str | None = None) -> FrozenBitMap:
        """The classes that a peer matches in known environments, ``besides`` left out."""
        found = self._matched_pods(peer) & self._known
        return found if besides is None else found - self._of_environment[besides]

    def ambiguous(self, peer: TrustingPeer) -> FrozenBitMap:
        """The classes that a peer matches in other namespaces whose environment is ambiguous."""
        home = FrozenBitMap(self._view.run_of(self._namespace(peer)))
        return (self._matched_pods(peer) & self._ambiguous) - home

    def foreign_namespaces(self, peer: TrustingPeer, own: str) -> dict[str, str]:
        """The namespaces of other environments in which a peer matches pods → environment."""
        pods = self._matched_pods(peer)
        found: dict[str, str] = {}
        for namespace in self.matched(peer.selector):
            environment = self.environment(namespace)
            run = self._view.run_of(namespace)
            if (
                environment is not None
                and environment.name is not None
                and environment.name != own
                and pods.range_cardinality(run.start, run.stop)
            ):
                found[namespace] = environment.name
        return found

    def crossing(self, peer: TrustingPeer, own: str) -> Link | None:
        """A connection of today through a peer with another environment than the policy's own."""
        near, far = self._crossed(peer.direction, own)
        reach = reach_of(self._view, peer.direction)
        return self._link(
            reach, peer, self._subjects(peer) & near, self.known(peer, besides=own) & far
        )

    def may_cross(self, peer: TrustingPeer, own: str) -> bool:
        """Whether an unknown may allow such a connection, where none is sure."""
        incoming = peer.direction is Direction.INGRESS
        possible = self._view.remembered(Environments).possible_leaks
        if all(own != pair[1 if incoming else 0] for pair in possible):
            return False
        return self.may_link(peer, self.known(peer, besides=own))

    def may_link(self, peer: TrustingPeer, far: FrozenBitMap) -> bool:
        """Whether a connection through a peer with some classes is allowed, or may be."""
        out = peer.direction is Direction.EGRESS
        reach = self._view.remembered(_possible_out if out else _possible_in)
        return self._link(reach, peer, self._subjects(peer), far) is not None

    def sureness(self, peer: TrustingPeer) -> Certainty:
        """What the gaps hide of whom a peer matches, and of what it connects."""
        matched = [one for one in self.matched(peer.selector) if one in self._hidden]
        own = certainty(self._view, (self._namespace(peer), *matched), *_HIDING)
        return Certainty(
            tuple(dict.fromkeys((*own.unread, *self._unlabelled.unread))),
            tuple(dict.fromkeys((*own.doubts, *self._unlabelled.doubts))),
        )

    def _link(
        self, reach: Reach, peer: TrustingPeer, subjects: FrozenBitMap, far: FrozenBitMap
    ) -> Link | None:
        """The first connection that both sides allow, on the ports of the peer's rule."""
        if not far:
            return None
        resolve = self._view.evaluation.compiler.resolve
        grants = [
            one
            for one in self._view.policies[peer.position].grants[peer.direction]
            if one.rule == peer.rule and one.peers.intersect(far)
        ]
        for subject in subjects:
            for cell in reach.of(subject):
                for one in grants if cell.peers.intersect(far) else ():
                    named = resolve(one.named, subject) if one.named else 0
                    ports = cell.ports & (one.ports | named)
                    if ports and (both := cell.peers & far & one.peers):
                        return Link(subject, both[0], ports)
        return None

    def _namespace(self, peer: TrustingPeer) -> str:
        return self._view.policies[peer.position].reference.namespace

    def _subjects(self, peer: TrustingPeer) -> FrozenBitMap:
        return self._view.policies[peer.position].subjects & self._view.real_classes

    def _matched_pods(self, peer: TrustingPeer) -> FrozenBitMap:
        index = self._view.evaluation.index
        return index.peers(self._namespace(peer), peer.peer) & self._view.real_classes

    def _crossed(self, direction: Direction, own: str) -> tuple[FrozenBitMap, FrozenBitMap]:
        """The classes of an environment, and of others, between which anything crosses at all."""
        key = direction, own
        if key not in self._leaking:
            near, far = BitMap(), BitMap()
            for (source, destination), leak in self._view.remembered(Environments).leaks.items():
                if direction is Direction.EGRESS and source == own:
                    near |= leak.sources
                    far |= leak.destinations
                elif direction is Direction.INGRESS and destination == own:
                    near |= leak.destinations
                    far |= leak.sources
            self._leaking[key] = FrozenBitMap(near), FrozenBitMap(far)
        return self._leaking[key]

    @cached_property
    def _of_environment(self) -> Mapping[str | None, FrozenBitMap]:
        """The pod classes of each environment; None: of ambiguous ones."""
        found: dict[str | None, BitMap] = {None: BitMap()}
        for namespace, one in self._view.recognition.environments.items():
            run = self._view.run_of(namespace)
            found.setdefault(one.name, BitMap()).add_range(run.start, run.stop)
        return {name: FrozenBitMap(bits) for name, bits in found.items()}

    @cached_property
    def _known(self) -> FrozenBitMap:
        found = (bits for name, bits in self._of_environment.items() if name is not None)
        return FrozenBitMap.union(FrozenBitMap(), *found)

    @property
    def _ambiguous(self) -> FrozenBitMap:
        return self._of_environment[None]

    @cached_property
    def _hidden(self) -> frozenset[str]:
        """The namespaces that hide more of pods or policies than is hidden everywhere."""
        everywhere = len(self._view.blind_spots("", *_HIDING))
        return frozenset(
            one.name
            for one in self._view.snapshot.namespaces
            if len(self._view.blind_spots(one.name, *_HIDING)) > everywhere
        )

    @cached_property
    def _unlabelled(self) -> Certainty:
        """What is hidden of the labels of namespaces: a selector may match more, or others."""
        names = (one.name for one in self._view.snapshot.namespaces)
        return certainty(self._view, names, Blind.NAMESPACE_LABELS)


def _possible_out(view: View) -> Reach:
    return _possible_reach(view, Direction.EGRESS)


def _possible_in(view: View) -> Reach:
    return _possible_reach(view, Direction.INGRESS)


def _possible_reach(view: View, direction: Direction) -> Reach:
    """The reach of a direction with what an unknown may allow, where anything is unknown."""
    groups = view.evaluation.groups.values()
    if any(one.possible for each in groups for one in each.groups):
        return Reach(view, direction, possible=True)
    return reach_of(view, direction)
