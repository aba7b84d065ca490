"""The expected connections by workload, by brute force over the oracle's answers.

Connections are compared as sets of single facts, so that it does not matter how ranges are cut:
(source, destination, protocol, port), where an end is a group of pods of one workload or a single
address of external space, and addresses and ports are samples: every boundary of what policies
mention, its neighbours, and the ends of the space.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import product
from typing import NamedTuple

from auditor.model.objects import EgressRule, IngressRule, IPBlock, Pod, Reference
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from tests.oracle.oracle import OTHER, Oracle, PortSample, is_finished, selector_matches

PROTOCOLS = ("TCP", "UDP", "SCTP")
LAST_PORT = 65535


class WorkloadGroup(NamedTuple):
    """The pods of one workload that policies cannot tell apart by labels (1.6)."""

    namespace: str
    kind: str
    name: str
    pods: frozenset[str]


End = WorkloadGroup | str
Row = tuple[End, End, str, int | None]


def expected_rows(
    snapshot: Snapshot,
    oracle: Oracle,
    *,
    addresses: Iterable[str] | None = None,
    ports: Iterable[PortSample] | None = None,
) -> set[Row]:
    """Every allowed connection between workloads, and between workloads and sample addresses."""
    ports = tuple(sample_ports(snapshot) if ports is None else ports)
    addresses = tuple(sample_addresses(snapshot) if addresses is None else addresses)
    groups = list(group_pods(snapshot))
    rows: set[Row] = set()
    for (source, sources), (destination, destinations) in product(groups, repeat=2):
        if source == destination:
            continue  # rows from an end to itself are left out
        for one, another in product(sources, destinations):
            if oracle.own_node(one, another):
                continue  # 1.4: traffic with a pod's own node is never listed
            rows.update(
                (source, destination, protocol, port)
                for protocol, port in oracle.allowed_ports(one, another, ports)
            )
    # External ranges are listed as policies have them: a pod's own node, whose address may lie in
    # the range, is neither added nor cut out.
    for (group, pods), address in product(groups, addresses):
        for pod in pods:
            outward = oracle.policies_allow(pod, address, ports)
            inward = oracle.policies_allow(address, pod, ports)
            rows.update((group, address, protocol, port) for protocol, port in outward)
            rows.update((address, group, protocol, port) for protocol, port in inward)
    return rows


def group_pods(snapshot: Snapshot) -> Iterator[tuple[WorkloadGroup, list[Pod]]]:
    """The pods by workload, and by what pod selectors see in their labels (1.6)."""
    selectors = list(pod_selectors(snapshot))
    groups: dict[tuple[Reference, tuple[bool, ...]], list[Pod]] = defaultdict(list)
    for pod in snapshot.pods:
        if not is_finished(pod):
            seen = tuple(selector_matches(one, pod.labels) for one in selectors)
            groups[workload_name(pod, snapshot), seen].append(pod)
    for (reference, _), pods in groups.items():
        yield WorkloadGroup(*reference, frozenset(one.name for one in pods)), pods


def workload_name(pod: Pod, snapshot: Snapshot) -> Reference:
    """The workload of a pod (1.6)."""
    controllers = [one for one in pod.metadata.owner_references if one.controller]
    if not controllers or controllers[0].kind == "Node":
        return Reference(pod.namespace, "Pod", pod.name)  # static pods belong to themselves
    kind, name = controllers[0].kind, controllers[0].name
    for owner in snapshot.owners:
        metadata = owner.metadata
        if (owner.kind, metadata.namespace, metadata.name) == (kind, pod.namespace, name):
            above = [one for one in metadata.owner_references if one.controller]
            if above:
                return Reference(pod.namespace, above[0].kind, above[0].name)
            return Reference(pod.namespace, kind, name)
    template_hash = pod.labels.get("pod-template-hash")
    if kind == "ReplicaSet" and template_hash and name.endswith("-" + template_hash):
        return Reference(pod.namespace, "Deployment", name[: -len(template_hash) - 1])
    if kind == "Job" and re.search(r".-\d{8,}$", name):
        return Reference(pod.namespace, "CronJob", name.rpartition("-")[0])
    return Reference(pod.namespace, kind, name)


def pod_selectors(snapshot: Snapshot) -> Iterator[LabelSelector]:
    """Every pod selector of every policy: subjects and peers, inert rules included."""
    for policy in snapshot.policies:
        yield policy.spec.pod_selector
    for rule in policy_rules(snapshot):
        for peer in rule.peers:
            if peer.pod_selector is not None:
                yield peer.pod_selector


def ip_blocks(snapshot: Snapshot) -> Iterator[IPBlock]:
    """Every ipBlock of every policy."""
    for rule in policy_rules(snapshot):
        for peer in rule.peers:
            if peer.ip_block is not None:
                yield peer.ip_block


def policy_rules(snapshot: Snapshot) -> Iterator[IngressRule | EgressRule]:
    """Every rule of every policy, of both directions, inert or not."""
    for policy in snapshot.policies:
        yield from policy.spec.ingress
        yield from policy.spec.egress


def sample_ports(snapshot: Snapshot) -> list[PortSample]:
    """The ports that matter: each boundary in every protocol, its neighbours in its own."""
    samples: set[tuple[str, int]] = set(product(PROTOCOLS, (1, LAST_PORT)))
    for entry in (entry for rule in policy_rules(snapshot) for entry in rule.ports):
        if isinstance(entry.port, int):
            for edge in (entry.port, entry.port if entry.end_port is None else entry.end_port):
                samples.update((protocol, edge) for protocol in PROTOCOLS)
                samples.update((entry.protocol, near) for near in (edge - 1, edge + 1))
    for pod in snapshot.pods:
        for container in (*pod.spec.containers, *pod.spec.init_containers):
            for declared in container.ports:
                number = declared.container_port
                samples.update((protocol, number) for protocol in PROTOCOLS)
                samples.update((declared.protocol, near) for near in (number - 1, number + 1))
    inside = sorted(one for one in samples if 1 <= one[1] <= LAST_PORT)
    return [*inside, (OTHER, None)]


def sample_addresses(snapshot: Snapshot) -> list[str]:
    """The addresses that matter: around and inside every CIDR, and the ends of both families."""
    samples: set[tuple[int, int]] = {(4, 0), (4, 2**32 - 1), (6, 0), (6, 2**128 - 1)}
    for block in ip_blocks(snapshot):
        for cidr in (block.cidr, *block.excepts):
            network = ip_network(cidr, strict=False)
            first, last = int(network[0]), int(network[-1])
            for number in (first - 1, first, (first + last) // 2, last, last + 1):
                if 0 <= number < 2**network.max_prefixlen:
                    samples.add((network.version, number))
    return [
        str(IPv4Address(number) if family == 4 else IPv6Address(number))
        for family, number in sorted(samples)
    ]
