"""Cluster DNS in remediations: what isolates pods keeps it for them, where that opens nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec
from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.objects import EgressRule, IngressRule, NetworkPolicy, Peer, Reference
from auditor.reachability.closing import Aftermath, Change
from auditor.reachability.compile import rules_of
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.permissions import GrantBy, Group, without_rules
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._dns import Dns
from auditor.rules._remediation import new_policy, selector_of, selects_isolated

_EGRESS, _INGRESS = Direction.EGRESS, Direction.INGRESS

_POLICIES_AT_MOST = 20
"""More policies are no manifest that anyone reviews."""


def keep_dns(view: View, direction: Direction, classes: Iterable[int]) -> tuple[Rule, ...]:
    """The rules for DNS of a policy that isolates exactly these classes of pods.

    Policies add up: where one of the pods lacks today what a rule would allow, there is none. Nor
    is there one where cluster DNS admits none of them: it would have no effect.
    """
    keep = _keep_asking if direction is _EGRESS else _keep_answering
    return keep(view, tuple(classes))


def keep_dns_apart(
    view: View, namespace: str, direction: Direction, besides: Collection[NetworkPolicy]
) -> tuple[NetworkPolicy, ...] | None:
    """Policies that keep DNS for the open pods of a namespace, where no rule for all pods can.

    One for each workload that a default-deny would cut off; nothing opens by them, for its pods
    are all open. None where labels do not tell them apart, or where nobody would review so many.
    """
    dns = view.remembered(Dns)
    out = direction is _EGRESS
    rule: Rule = (
        EgressRule(peers=dns.peers, ports=dns.policy_ports)
        if out
        else IngressRule(ports=dns.policy_ports)
    )
    own = {one.endpoint.workload for one in dns.nodes}
    made: list[NetworkPolicy] = []
    for workload, nodes in view.remembered(_open_workloads).get((direction, namespace), {}).items():
        if (workload in own) == out or (out and not _asks(dns, nodes)):
            continue
        pods = (pod for node in nodes for pod in view.pods_of(node))
        chosen = selector_of(pod for pod in pods if not pod.spec.host_network)
        if chosen is None or selects_isolated(view, namespace, chosen, direction):
            return None
        if all(one.spec.pod_selector != chosen for one in made):
            others = (*besides, *made)
            name = f"{workload.name}-dns"
            made.append(
                new_policy(view, namespace, name, chosen, direction, rules=(rule,), besides=others)
            )
    return tuple(made) if len(made) <= _POLICIES_AT_MOST else None


def keep_granted_dns(
    view: View, direction: Direction, position: int, dropped: Collection[GrantBy]
) -> tuple[Rule, ...]:
    """The rules for DNS that a policy needs in the place of rules that go, lest a pod lose it.

    They allow nothing that the policy's dropped rules do not allow. None where every pod that the
    policy selects, a new one without labels included, keeps cluster DNS by rules that stay.
    """
    dns = view.remembered(Dns)
    own = tuple(one for one in dropped if one.policy == position)
    if direction is _INGRESS:
        if not _loses(view, direction, position, dropped, view.evaluation.index.everything):
            return ()
        rules = rules_of(view.policy(position), direction)
        narrowed = (msgspec.structs.replace(rules[one.rule], ports=dns.policy_ports) for one in own)
        return tuple(dict.fromkeys(narrowed))
    resolvers = _matched(view, dns.peers)
    if not any(resolvers <= one.peers for one in own) or not _loses(
        view, direction, position, dropped, resolvers
    ):
        return ()
    return (EgressRule(peers=dns.peers, ports=dns.policy_ports),)


def cuts_dns(view: View, change: Change) -> bool:
    """Whether a change takes the path to cluster DNS from a pod that has one by the policies.

    For ingress, where cluster DNS would no longer admit some pod that it admits today.
    """
    dns = view.remembered(Dns)
    if change.direction is _INGRESS:
        if all(one.namespace not in dns.namespaces for one in change.policies):
            return False
        cuts = _shuts_out
    else:
        cuts = _loses_its_path
    aftermath = Aftermath(view, change)
    return any(
        cuts(view, dns, bit, after)
        for number in aftermath.affected()
        for bit, after in aftermath.outcomes(number)
    )


_OpenWorkloads = Mapping[tuple[Direction, str], Mapping[Reference, list[WorkloadNode]]]


def _open_workloads(view: View) -> _OpenWorkloads:
    """By direction and namespace: the workloads with pods that nothing isolates."""
    found: dict[tuple[Direction, str], dict[Reference, list[WorkloadNode]]] = {}
    run = view.endpoints.pod_classes
    for node in view.workloads:
        workload = node.endpoint.workload
        for direction in Direction:
            if any(
                bit in run and not view.group(direction, bit).is_isolated for bit in node.classes
            ):
                here = found.setdefault((direction, workload.namespace), {})
                here.setdefault(workload, []).append(node)
    return found


def _asks(dns: Dns, nodes: Iterable[WorkloadNode]) -> bool:
    """Whether a policy can name the pods of cluster DNS, and any admits a pod of the workload."""
    return bool(dns.peers) and any(
        dns.admitting(protocol, bit)
        for node in nodes
        for bit in node.classes
        for protocol in dns.masks
    )


def _keep_asking(view: View, classes: tuple[int, ...]) -> tuple[Rule, ...]:
    dns = view.remembered(Dns)
    everyone_has_it = all(
        view.group(_EGRESS, bit).ports_with(resolver) & dns.mask == dns.mask
        for bit in classes
        for resolver in dns.pods
    )
    if (
        not dns.peers
        or not everyone_has_it
        or (classes and not _admits_any(view, dns.pods, classes))
    ):
        return ()
    return (EgressRule(peers=dns.peers, ports=dns.policy_ports),)


def _keep_answering(view: View, classes: tuple[int, ...]) -> tuple[Rule, ...]:
    dns = view.remembered(Dns)
    if not dns.pods.intersect(FrozenBitMap(classes)) or any(
        view.group(_INGRESS, bit).is_isolated for bit in classes
    ):
        return ()
    return (IngressRule(ports=dns.policy_ports),)


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
    """Whether a pod that the policy selects loses DNS with one of the peers, which admits it."""
    subjects = view.policies[position].subjects
    if direction is _INGRESS:
        subjects = subjects & view.remembered(Dns).pods
    groups = view.evaluation.groups[direction]
    for number in {groups.by_class[one] for one in subjects}:
        group = groups.groups[number]
        rest = _with_dns(view, without_rules(group, dropped))
        lost = (_with_dns(view, group) & peers) - rest
        members = group.members & subjects
        if lost and (direction is _INGRESS or _admits_any(view, lost, members)):
            return True
    return False


def _admits_any(view: View, resolvers: FrozenBitMap, classes: Iterable[int]) -> bool:
    """Whether any of the resolvers lets any of the classes in; cluster DNS asks no one."""
    dns = view.remembered(Dns)
    return any(
        view.group(_INGRESS, resolver).ports_with(bit) & dns.mask
        for bit in classes
        if not _is_resolver(view, bit)
        for resolver in resolvers
    )


def _is_resolver(view: View, bit: int) -> bool:
    """Whether a class holds pods of cluster DNS and no others."""
    holders = view.endpoints.holders[bit]
    return bool(holders) and all(
        view.workloads[one].endpoint.workload in view.recognition.dns for one in holders
    )


def _with_dns(view: View, group: Group) -> FrozenBitMap:
    """The peers with which a permission allows all the ports of cluster DNS."""
    wanted = view.remembered(Dns).mask
    found = FrozenBitMap()
    for cell in group.cells:
        if cell.ports & wanted == wanted:
            found = found | cell.peers
    return found


def _loses_its_path(view: View, dns: Dns, bit: int, after: Group) -> bool:
    """Whether a class has a path today, by UDP or by TCP, and none with another permission.

    Cluster DNS asks no one.
    """
    if _is_resolver(view, bit):
        return False
    before = view.group(_EGRESS, bit)
    return any(
        _has_path(view, masks, bit, before) and not _has_path(view, masks, bit, after)
        for masks in dns.masks.values()
    )


def _has_path(view: View, masks: Mapping[int, int], bit: int, group: Group) -> bool:
    return any(
        group.ports_with(resolver) & view.group(_INGRESS, resolver).ports_with(bit) & mask
        for resolver, mask in masks.items()
    )


def _shuts_out(view: View, dns: Dns, bit: int, after: Group) -> bool:
    """Whether a class of cluster DNS would no longer admit some pod that it admits today."""
    before = view.group(_INGRESS, bit)
    return any(
        (before.reached_on(masks[bit]) - after.reached_on(masks[bit])).intersect(view.real_classes)
        for masks in dns.masks.values()
        if bit in masks
    )
