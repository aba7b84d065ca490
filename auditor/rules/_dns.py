"""Name resolution: which pods have a path to cluster DNS, over UDP and over TCP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from functools import cached_property, reduce
from itertools import groupby
from operator import or_
from typing import Any, NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Severity, Unevaluated
from auditor.model.objects import Peer, PolicyPort, Reference
from auditor.model.ports import PortRange, describe_ports, merge_ports
from auditor.model.recognition import DNS_PORTS
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector, Requirement
from auditor.model.snapshot import Blind
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.reach import Reach, reach_of
from auditor.reachability.view import View
from auditor.rules._certainty import Certainty, certainty, unread_namespaces

_EGRESS, _INGRESS = Direction.EGRESS, Direction.INGRESS

_UNKNOWN_NODE = "whether a pod of cluster DNS stands on its node is not known"


class Answer(IntEnum):
    """Whether there is a path."""

    NO = 0
    POSSIBLE = 1
    YES = 2


class Paths(NamedTuple):
    """The paths of the pods of one class, on one node, to cluster DNS."""

    bit: int
    pods: int
    udp: Answer
    tcp: Answer
    doubt: str
    """Why a path is only possible, where one is."""


class Client(NamedTuple):
    """A workload with pods that policies can select, and that is not cluster DNS itself."""

    workload: Reference
    nodes: tuple[WorkloadNode, ...]
    paths: tuple[Paths, ...]
    """Of those pods that do not surely have both paths; none where no DNS was recognised."""


class Dns:
    """Cluster DNS as a view sees it, and who has a path to it."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.nodes = tuple(
            one for one in view.workloads if one.endpoint.workload in view.recognition.dns
        )
        """Its workloads, variants apart."""

    @cached_property
    def masks(self) -> Mapping[str, Mapping[int, int]]:
        """By protocol and class: the ports on which its pods answer."""
        parts = self._view.evaluation.ports
        found: dict[str, dict[int, int]] = {one.protocol: {} for one in DNS_PORTS}
        for node in self.nodes:
            for port in self._ports_of(node):
                masks = found[port.protocol]
                for bit in node.classes:
                    masks[bit] = masks.get(bit, 0) | parts.part(port.protocol, port.first)
        return found

    @cached_property
    def pods(self) -> FrozenBitMap:
        """The classes of its pods that policies can select."""
        run = self._view.endpoints.pod_classes
        return FrozenBitMap(bit for node in self.nodes for bit in node.classes if bit in run)

    @cached_property
    def words(self) -> Mapping[str, str]:
        """By protocol, UDP first: the ports on which any of its pods answers, in words."""
        ports = merge_ports(port for node in self.nodes for port in self._ports_of(node))
        return {
            protocol: describe_ports(tuple(one for one in ports if one.protocol == protocol))
            for protocol in ("UDP", "TCP")
        }

    def _ports_of(self, node: WorkloadNode) -> tuple[PortRange, ...]:
        return self._view.recognition.dns_ports.get(node.endpoint.workload, DNS_PORTS)

    @cached_property
    def policy_ports(self) -> tuple[PolicyPort, ...]:
        """The same as ports of a rule, UDP first."""
        found = {(one.protocol, one.first) for node in self.nodes for one in self._ports_of(node)}
        return tuple(
            PolicyPort(protocol=protocol, port=number)
            for protocol, number in sorted(found, key=lambda one: (one[0] != "UDP", one[1]))
        )

    @cached_property
    def mask(self) -> int:
        """The same as a mask."""
        return reduce(or_, (mask for masks in self.masks.values() for mask in masks.values()), 0)

    @cached_property
    def peers(self) -> tuple[Peer, ...]:
        """Peers that select exactly its pods, by the name of their namespace and their labels."""
        found: dict[tuple[str, tuple[Requirement, ...]], Peer] = {}
        for node in self.nodes:
            namespace = node.endpoint.workload.namespace
            pods = [one for one in self._view.pods_of(node) if not one.spec.host_network]
            for labels in self._view.recognition.dns_pod_labels:
                selector = LabelSelector(match_labels=labels)
                if pods and all(selector.matches(one.labels) for one in pods):
                    found[namespace, selector.requirements()] = Peer(
                        namespace_selector=LabelSelector(
                            match_labels={NAMESPACE_NAME_LABEL: namespace}
                        ),
                        pod_selector=selector,
                    )
        return tuple(found.values())

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces in which it stands."""
        return tuple(sorted({one.endpoint.workload.namespace for one in self.nodes}))

    @cached_property
    def clients(self) -> tuple[Client, ...]:
        """Every workload to judge."""
        return tuple(self._clients())

    def admitting(self, protocol: str, bit: int) -> tuple[int, ...]:
        """The classes of its pods whose ingress lets a class in."""
        return tuple(
            one
            for one, mask in self.masks[protocol].items()
            if self._view.group(_INGRESS, one).ports_with(bit) & mask
        )

    def _clients(self) -> Iterator[Client]:
        view = self._view
        own = {one.endpoint.workload for one in self.nodes}
        run = view.endpoints.pod_classes
        settled = self._sure["UDP"] & self._sure["TCP"]
        for workload, variants in groupby(view.workloads, key=lambda one: one.endpoint.workload):
            nodes = tuple(variants)
            bits = {bit for node in nodes for bit in node.classes if bit in run}
            if bits and workload not in own:
                unsettled = bool(own) and any(bit not in settled for bit in bits)
                paths = tuple(self._paths(nodes, settled)) if unsettled else ()
                yield Client(workload, nodes, paths)

    def _paths(self, nodes: Iterable[WorkloadNode], settled: FrozenBitMap) -> Iterator[Paths]:
        view = self._view
        counts: dict[tuple[int, str], int] = {}
        for node in nodes:
            for position in node.pods:
                bit = view.endpoints.class_of_pod[position]
                if bit in view.endpoints.pod_classes and bit not in settled:
                    key = bit, view.snapshot.pods[position].spec.node_name
                    counts[key] = counts.get(key, 0) + 1
        for (bit, name), pods in counts.items():
            beside = self._beside(name)
            udp, tcp = (max(beside, self._by_policy(one, bit)) for one in ("UDP", "TCP"))
            if udp is not Answer.YES or tcp is not Answer.YES:
                doubt = _UNKNOWN_NODE if beside is Answer.POSSIBLE else view.doubt
                yield Paths(bit, pods, udp, tcp, doubt)

    def _by_policy(self, protocol: str, bit: int) -> Answer:
        if bit in self._sure[protocol]:
            return Answer.YES
        return Answer.POSSIBLE if bit in self._possible[protocol] else Answer.NO

    @cached_property
    def _sure(self) -> Mapping[str, FrozenBitMap]:
        """By protocol: the classes that both sides let through to any of its pods."""
        reach = reach_of(self._view, _INGRESS)
        return {one: self._reaching(reach, masks) for one, masks in self.masks.items()}

    @cached_property
    def _possible(self) -> Mapping[str, FrozenBitMap]:
        """By protocol: those that an unknown may let through besides."""
        groups = self._view.evaluation.groups
        if not any(one.possible for each in groups.values() for one in each.groups):
            return self._sure
        reach = Reach(self._view, _INGRESS, possible=True)
        return {one: self._reaching(reach, masks) for one, masks in self.masks.items()}

    def _reaching(self, reach: Reach, masks: Mapping[int, int]) -> FrozenBitMap:
        found = [
            cell.peers for bit, mask in masks.items() for cell in reach.of(bit) if cell.ports & mask
        ]
        return FrozenBitMap.union(*found) if found else FrozenBitMap()

    @cached_property
    def _on_nodes(self) -> frozenset[str]:
        """The nodes on whose own network it stands; an empty name where one is not known."""
        return self._nodes_of_hosts(self.nodes)

    @cached_property
    def _on_every_node(self) -> bool:
        """Whether a DaemonSet puts it on every node: as declared, or as read of all nodes."""
        sets = [one for one in self.nodes if one.endpoint.workload.kind == "DaemonSet"]
        found = self._nodes_of_hosts(sets)
        known = {one.metadata.name for one in self._view.snapshot.nodes}
        return found == {""} or (bool(known) and known <= found)

    def _nodes_of_hosts(self, nodes: Iterable[WorkloadNode]) -> frozenset[str]:
        view = self._view
        return frozenset(
            name
            for node in nodes
            for bit in node.classes
            if view.is_host(bit)
            for name in view.nodes_in(view.workload_numbers[node.endpoint], bit)
        )

    def _beside(self, node: str) -> Answer:
        """Whether it stands on the network of a pod's own node: always reachable (1.4)."""
        if self._on_every_node or (node and node in self._on_nodes):
            return Answer.YES
        return (
            Answer.POSSIBLE if self._on_nodes and (not node or "" in self._on_nodes) else Answer.NO
        )


class Lack(NamedTuple):
    """The pods of a client without a path on a protocol, and what keeps them from one."""

    client: Client
    protocol: str
    bits: tuple[int, ...]
    """Their classes."""
    pods: int
    isolated_by: tuple[Reference, ...]
    """The policies that isolate them for egress."""
    dns_isolated_by: tuple[Reference, ...]
    """Those that isolate cluster DNS for ingress, where it admits some of them nowhere."""

    def evidence(self, dns: Dns) -> dict[str, Any]:
        """What is stated of it."""
        return {
            "ports": dns.words[self.protocol],
            "pods": sum(len(one.pods) for one in self.client.nodes),
            "pods_without_a_path": self.pods,
            "dns": sorted({str(one.endpoint.workload) for one in dns.nodes}),
            "isolated_by": [str(one) for one in self.isolated_by],
            "dns_isolated_by": [str(one) for one in self.dns_isolated_by],
        }


Lacking = Callable[[Paths], bool | None]
"""Whether pods lack what a rule asks for; None: not known."""

State = Callable[[View, Dns, Lack], Hit]


def judge_clients(
    view: View, protocol: str, lacking: Lacking, state: State
) -> Iterator[Hit | Unevaluated]:
    """Judge every workload by the paths of its pods, of which some may lack one on a protocol."""
    dns = view.remembered(Dns)
    sure = _Sureness(view, dns)
    for client in dns.clients:
        judged = {one: lacking(one) for one in client.paths}
        found = tuple(one for one, bad in judged.items() if bad)
        doubt = next((one.doubt for one, bad in judged.items() if bad is None), None)
        if not dns.nodes and _is_isolated(view, client):
            yield Unevaluated(client.workload, "no cluster DNS was recognised")
        elif not found and doubt is not None:
            yield Unevaluated(client.workload, doubt)
        else:
            lack = _find_lack(view, dns, client, protocol, found) if found else None
            hit = None if lack is None else state(view, dns, lack)
            yield from sure.of(client, found=hit is not None).judge(client.workload, hit)
    yield from unread_namespaces(view, Blind.PODS)


def grade(view: View, workload: Reference) -> tuple[Severity | None, str | None]:
    """Low in a system namespace, else the rule's default."""
    if workload.namespace in view.recognition.system_namespaces:
        return Severity.LOW, "it stands in a system namespace"
    return None, None


def isolating(view: View, direction: Direction, bits: Iterable[int]) -> tuple[int, ...]:
    """The policies that isolate classes in a direction, by position."""
    return tuple({position for bit in bits for position in view.group(direction, bit).policies})


def _find_lack(
    view: View, dns: Dns, client: Client, protocol: str, found: tuple[Paths, ...]
) -> Lack:
    bits = tuple(sorted({one.bit for one in found}))
    shut_out = any(not dns.admitting(protocol, bit) for bit in bits)
    return Lack(
        client,
        protocol,
        bits,
        sum(one.pods for one in found),
        view.references(isolating(view, _EGRESS, bits)),
        view.references(isolating(view, _INGRESS, dns.pods)) if shut_out else (),
    )


def _is_isolated(view: View, client: Client) -> bool:
    return any(
        view.group(_EGRESS, bit).is_isolated for node in client.nodes for bit in node.classes
    )


class _Sureness:
    """What the gaps hide of the paths of a client."""

    def __init__(self, view: View, dns: Dns) -> None:
        self._view = view
        self._dns = dns
        self._admits_all = not any(view.group(_INGRESS, bit).is_isolated for bit in dns.pods)
        self._found: dict[tuple[str, tuple[Blind, ...]], Certainty] = {}

    def of(self, client: Client, *, found: bool) -> Certainty:
        """Of a client; ``found``: whether it lacks a path, which pods not read may give."""
        kinds = [Blind.POLICIES]
        if not self._admits_all or _is_isolated(self._view, client):
            kinds.append(Blind.NAMESPACE_LABELS)
        key = client.workload.namespace, (*kinds, *((Blind.PODS,) if found else ()))
        if key not in self._found:
            own = certainty(self._view, (key[0],), *kinds)
            theirs = certainty(self._view, self._dns.namespaces, *key[1])
            self._found[key] = Certainty(
                tuple(dict.fromkeys((*own.unread, *theirs.unread))),
                tuple(dict.fromkeys((*own.doubts, *theirs.doubts))),
            )
        return self._found[key]
