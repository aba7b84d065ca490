"""What can differ between pods then and pods now, and what of it a policy looks at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditor.model.drift import CauseKind
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy
from auditor.reachability.compile import rules_of
from auditor.reachability.endpoints import HOST, EndpointClass

Facets = frozenset[CauseKind]
"""What differs between the pods of an end on one side, and on the other."""

OF_SELECTION: Facets = frozenset({CauseKind.LABELS_CHANGED, CauseKind.HOST_NETWORK_CHANGED})
"""What decides whether a policy selects a pod."""

_FIELDS = {
    CauseKind.LABELS_CHANGED: "labels",
    CauseKind.PORTS_CHANGED: "named_ports",
    CauseKind.ADDRESSES_CHANGED: "addresses",
}

OF_CLASSES: Facets = frozenset(_FIELDS)
"""What differs between classes of one network."""


def compare_classes(ours: Sequence[EndpointClass], theirs: Sequence[EndpointClass]) -> Facets:
    """What differs between the classes that stand for an end on the two sides."""
    found: set[CauseKind] = set()
    mine, others = _by_network(ours), _by_network(theirs)
    if mine.keys() != others.keys():
        found.add(CauseKind.HOST_NETWORK_CHANGED)
    for host in mine.keys() & others.keys():
        found |= _compare(mine[host], others[host])
    return frozenset(found or _varying((*ours, *theirs)))


def of_subject(policy: NetworkPolicy, direction: Direction) -> Facets:
    """What a policy looks at of the pods that it selects."""
    named = direction is Direction.INGRESS and _names_ports(policy, direction)
    return OF_SELECTION | ({CauseKind.PORTS_CHANGED} if named else set())


def of_peer(policy: NetworkPolicy, direction: Direction) -> Facets:
    """What it looks at of those that it allows."""
    wanted = {CauseKind.HOST_NETWORK_CHANGED}
    peers = [peer for rule in rules_of(policy, direction) for peer in rule.peers]
    if any(peer.pod_selector is not None for peer in peers):
        wanted.add(CauseKind.LABELS_CHANGED)
    if mentions_blocks(policy, direction):
        wanted.add(CauseKind.ADDRESSES_CHANGED)
    if direction is Direction.EGRESS and _names_ports(policy, direction):
        wanted.add(CauseKind.PORTS_CHANGED)
    return frozenset(wanted)


def mentions_blocks(policy: NetworkPolicy, direction: Direction) -> bool:
    """Whether some rule has an ipBlock."""
    rules = rules_of(policy, direction)
    return any(peer.ip_block is not None for rule in rules for peer in rule.peers)


def selects_namespaces(policy: NetworkPolicy, direction: Direction) -> bool:
    """Whether some rule selects namespaces by their labels."""
    rules = rules_of(policy, direction)
    return any(peer.namespace_selector is not None for rule in rules for peer in rule.peers)


def _names_ports(policy: NetworkPolicy, direction: Direction) -> bool:
    rules = rules_of(policy, direction)
    return any(isinstance(one.port, str) for rule in rules for one in rule.ports)


def _by_network(classes: Iterable[EndpointClass]) -> dict[bool, list[EndpointClass]]:
    """Those on the host's network, and the others."""
    found: dict[bool, list[EndpointClass]] = {}
    for one in classes:
        found.setdefault(one.namespace == HOST, []).append(one)
    return found


def _compare(ours: Iterable[EndpointClass], theirs: Iterable[EndpointClass]) -> set[CauseKind]:
    return {
        kind
        for kind, field in _FIELDS.items()
        if {getattr(one, field) for one in ours} != {getattr(one, field) for one in theirs}
    }


def _varying(classes: Iterable[EndpointClass]) -> set[CauseKind]:
    """What tells apart the pods of an end, where only the combinations of it changed."""
    listed = list(classes)
    return {
        kind for kind, field in _FIELDS.items() if len({getattr(one, field) for one in listed}) > 1
    }
