"""Cluster DNS in remediations: what isolates pods keeps it for them, where that opens nothing."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.model.findings import Direction
from auditor.model.objects import EgressRule, IngressRule, Peer, PolicyPort
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector, Requirement
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule

_PORTS = (PolicyPort(protocol="UDP", port=53), PolicyPort(protocol="TCP", port=53))


def keep_dns(view: View, direction: Direction, classes: Iterable[int]) -> tuple[Rule, ...]:
    """The rules for DNS of a policy that isolates exactly these classes of pods.

    Policies add up: where one of the pods lacks today what a rule would allow, there is none.
    """
    keep = _keep_asking if direction is Direction.EGRESS else _keep_answering
    return keep(view, tuple(classes))


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
    if view.remembered(resolver_classes).isdisjoint(classes) or any(
        view.group(Direction.INGRESS, bit).is_isolated for bit in classes
    ):
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


def _dns_ports(view: View) -> int:
    ports = view.evaluation.ports
    return ports.part("UDP", 53) | ports.part("TCP", 53)
