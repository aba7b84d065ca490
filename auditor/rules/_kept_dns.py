"""Cluster DNS in remediations: what isolates pods keeps it for them, where that opens nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.objects import EgressRule, IngressRule, Peer, PolicyPort
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector, Requirement
from auditor.reachability.compile import rules_of
from auditor.reachability.permissions import GrantBy, Group, without_rules
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule

_PORTS = (PolicyPort(protocol="UDP", port=53), PolicyPort(protocol="TCP", port=53))


def keep_dns(view: View, direction: Direction, classes: Iterable[int]) -> tuple[Rule, ...]:
    """The rules for DNS of a policy that isolates exactly these classes of pods.

    Policies add up: where one of the pods lacks today what a rule would allow, there is none.
    """
    keep = _keep_asking if direction is Direction.EGRESS else _keep_answering
    return keep(view, tuple(classes))


def needs_dns(view: View, direction: Direction, classes: Iterable[int]) -> bool:
    """Whether isolating these classes without a rule for DNS may cut a pod off it."""
    if direction is Direction.EGRESS:
        return bool(view.recognition.dns)
    return not view.remembered(resolver_classes).isdisjoint(classes)


def keep_granted_dns(
    view: View, direction: Direction, position: int, dropped: Collection[GrantBy]
) -> tuple[Rule, ...]:
    """The rules for DNS that a policy needs in the place of rules that go, lest a pod lose it.

    They allow nothing that the policy's dropped rules do not allow. None where every pod that the
    policy selects, a new one without labels included, keeps cluster DNS by rules that stay.
    """
    own = tuple(one for one in dropped if one.policy == position)
    if direction is Direction.INGRESS:
        if not _loses(view, direction, position, dropped, view.evaluation.index.everything):
            return ()
        rules = rules_of(view.policy(position), direction)
        narrowed = (msgspec.structs.replace(rules[one.rule], ports=_PORTS) for one in own)
        return tuple(dict.fromkeys(narrowed))
    peers = view.remembered(_resolver_peers)
    resolvers = _matched(view, peers)
    if (
        not peers
        or not any(resolvers <= one.peers for one in own)
        or not _loses(view, direction, position, dropped, resolvers)
    ):
        return ()
    return (EgressRule(peers=peers, ports=_PORTS),)


def resolver_classes(view: View) -> frozenset[int]:
    """The classes of the pods of cluster DNS, those on the host's network included."""
    return frozenset(
        bit
        for one in view.workloads
        if one.endpoint.workload in view.recognition.dns
        for bit in one.classes
    )


def _keep_asking(view: View, classes: tuple[int, ...]) -> tuple[Rule, ...]:
    peers = view.remembered(_resolver_peers)
    wanted = view.remembered(_dns_ports)
    everyone_has_it = all(
        view.group(Direction.EGRESS, bit).ports_with(resolver) & wanted == wanted
        for bit in classes
        for resolver in view.remembered(resolver_classes)
    )
    return (EgressRule(peers=peers, ports=_PORTS),) if peers and everyone_has_it else ()


def _keep_answering(view: View, classes: tuple[int, ...]) -> tuple[Rule, ...]:
    opens = any(view.group(Direction.INGRESS, bit).is_isolated for bit in classes)
    if opens or not needs_dns(view, Direction.INGRESS, classes):
        return ()
    return (IngressRule(ports=_PORTS),)


def _resolver_peers(view: View) -> tuple[Peer, ...]:
    """The pods of cluster DNS, by namespace and labels."""
    found: dict[tuple[str, tuple[Requirement, ...]], LabelSelector] = {}
    for one in view.workloads:
        if one.endpoint.workload in view.recognition.dns:
            namespace = one.endpoint.workload.namespace
            for labels in view.recognition.dns_pod_labels:
                selector = LabelSelector(match_labels=labels)
                if all(selector.matches(pod.labels) for pod in view.pods_of(one)):
                    found[namespace, selector.requirements()] = selector
    return tuple(
        Peer(
            namespace_selector=LabelSelector(match_labels={NAMESPACE_NAME_LABEL: namespace}),
            pod_selector=selector,
        )
        for (namespace, _), selector in found.items()
    )


def _matched(view: View, peers: Iterable[Peer]) -> FrozenBitMap:
    """The classes that peers with a namespaceSelector match."""
    found = FrozenBitMap()
    for one in peers:
        found = found | view.evaluation.index.peers("", one)
    return found


def _loses(
    view: View,
    direction: Direction,
    position: int,
    dropped: Collection[GrantBy],
    peers: FrozenBitMap,
) -> bool:
    """Whether a pod that the policy selects loses DNS with one of the peers, by its own side."""
    subjects = view.policies[position].subjects
    if direction is Direction.INGRESS:
        subjects = subjects & FrozenBitMap(view.remembered(resolver_classes))
    groups = view.evaluation.groups[direction]
    return any(
        _with_dns(view, group).intersect(peers - _with_dns(view, without_rules(group, dropped)))
        for group in map(groups.groups.__getitem__, {groups.by_class[one] for one in subjects})
    )


def _with_dns(view: View, group: Group) -> FrozenBitMap:
    """The peers with which a permission allows DNS, by UDP and by TCP."""
    wanted = view.remembered(_dns_ports)
    found = FrozenBitMap()
    for cell in group.cells:
        if cell.ports & wanted == wanted:
            found = found | cell.peers
    return found


def _dns_ports(view: View) -> int:
    ports = view.evaluation.ports
    return ports.part("UDP", 53) | ports.part("TCP", 53)
