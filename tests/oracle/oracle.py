"""The slow, obvious oracle: one question at a time, by walking the specification's statements.

Nothing here is fast on purpose and nothing is shared with the engine. It reads the plain model
values and follows sections 1 to 3 of the engine's specification; every step names its statement.
The only liberty is that answers to repeated sub-questions about one snapshot are remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from auditor.model.objects import IPBlock, NetworkPolicy, Peer, Pod, PolicyPort
from auditor.model.selectors import LabelSelector, Requirement
from auditor.model.snapshot import Snapshot

End = Pod | str
"""An end of a connection: a pod of the snapshot, or an address of external space as text."""

PortSample = tuple[str, int | None]
"""(protocol, port): port is None for ``OTHER``."""

RulePorts = list[Sequence[PolicyPort]]
"""The ``ports`` of each rule that admits a peer."""

OTHER = "other"
"""ICMP and every protocol but TCP, UDP and SCTP; asked with port None."""


def allowed(
    snapshot: Snapshot,
    source: End,
    destination: End,
    protocol: str,
    port: int | None,
    *,
    ip_blocks_match_pods: bool,
) -> bool:
    """Whether ``source`` may open a connection to ``destination`` on ``protocol``/``port``."""
    oracle = Oracle(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    return oracle.allowed(source, destination, protocol, port)


class Oracle:
    """The answers for one snapshot and one reading of ipBlocks (3.7)."""

    def __init__(self, snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> None:
        self._ip_blocks_match_pods = ip_blocks_match_pods
        self._policies = snapshot.policies
        self._nodes = {one.metadata.name: one.addresses for one in snapshot.nodes}
        self._namespaces: dict[str, dict[str, str]] = {
            one.name: {**one.labels, "kubernetes.io/metadata.name": one.name}  # 2.3
            for one in snapshot.namespaces
        }
        self._rules: dict[tuple[str, str, str], RulePorts | None] = {}
        self._policies_of: dict[tuple[str, str], list[NetworkPolicy]] = {}

    def allowed(self, source: End, destination: End, protocol: str, port: int | None) -> bool:
        """Whether the connection may be opened."""
        return bool(self.allowed_ports(source, destination, [(protocol, port)]))

    def allowed_ports(
        self, source: End, destination: End, asked: Iterable[PortSample]
    ) -> set[PortSample]:
        """On which of the ports asked for the connection may be opened."""
        if is_finished(source) or is_finished(destination):
            return set()  # 1.1: no endpoint, no connection
        if _key(source) == _key(destination):
            return set(asked)  # 1.4: a pod can always reach itself
        if self.own_node(source, destination):
            return set(asked)  # 1.4: a pod and its own node, both ways
        return self.policies_allow(source, destination, asked)

    def own_node(self, one: End, another: End) -> bool:
        """Whether one end is the node on which the other, a pod, runs (1.4, 1.2)."""
        return self._is_node_of(one, another) or self._is_node_of(another, one)

    def _is_node_of(self, node: End, pod: End) -> bool:
        if isinstance(pod, str) or not pod.spec.node_name:
            return False
        if isinstance(node, str):
            known = self._nodes.get(pod.spec.node_name, ())
            return ip_address(node) in [ip_address(one) for one in known]
        return node.spec.host_network and node.spec.node_name == pod.spec.node_name

    def policies_allow(
        self, source: End, destination: End, asked: Iterable[PortSample]
    ) -> set[PortSample]:
        """On which ports policies let it pass, the ends being neither one pod nor own node."""
        egress = self._admitting("Egress", source, destination)
        ingress = self._admitting("Ingress", destination, source)
        if egress is None and ingress is None:
            return set(asked)  # 3.2: neither end is isolated
        # 3.11: the source's egress AND the destination's ingress.
        return {
            (protocol, port)
            for protocol, port in asked
            if _open(egress, destination, protocol, port)
            and _open(ingress, destination, protocol, port)
        }

    def _admitting(self, direction: str, subject: End, peer: End) -> RulePorts | None:
        remembered = (direction, _key(subject), _key(peer))
        if remembered not in self._rules:
            self._rules[remembered] = self._rules_for(direction, subject, peer)
        return self._rules[remembered]

    def _rules_for(self, direction: str, subject: End, peer: End) -> RulePorts | None:
        """The ports of each rule that admits the peer; None where nothing isolates the subject."""
        selecting = self.isolating(direction, subject)
        if not selecting:
            return None  # 3.2: not isolated
        return [ports for one in selecting for ports in self._admitted_by(one, direction, peer)]

    def isolating(self, direction: str, subject: End) -> list[NetworkPolicy]:
        """The policies that isolate an end in a direction, in the order of the snapshot (3.2)."""
        if isinstance(subject, str):
            return []  # policies restrict pods, not external addresses
        if subject.spec.host_network:
            return []  # 1.2: a host-network pod is not selected by any policy
        remembered = (direction, _key(subject))
        if remembered not in self._policies_of:
            self._policies_of[remembered] = [
                policy
                for policy in self._policies
                if policy.namespace == subject.namespace
                and selector_matches(policy.spec.pod_selector, subject.labels)
                and direction in _policy_types(policy)
            ]
        return self._policies_of[remembered]

    def granted(
        self,
        policy: NetworkPolicy,
        direction: str,
        subject: End,
        peer: End,
        asked: Iterable[PortSample],
    ) -> set[PortSample]:
        """On which ports a policy that isolates the subject admits the peer."""
        rules = self._admitted_by(policy, direction, peer)
        destination = peer if direction == "Egress" else subject
        return {one for one in asked if _open(rules, destination, *one)}

    def _admitted_by(self, policy: NetworkPolicy, direction: str, peer: End) -> RulePorts:
        # 3.3: no rules, nothing is allowed; 3.1: the other direction's rules are inert.
        # 3.4: no peers is any peer; 3.5: peers are ORed.
        return [
            rule.ports
            for rule in (policy.spec.ingress if direction == "Ingress" else policy.spec.egress)
            if not rule.peers or any(self._peer_matches(one, policy, peer) for one in rule.peers)
        ]

    def _peer_matches(self, peer: Peer, policy: NetworkPolicy, end: End) -> bool:
        if peer.ip_block is not None:
            return self._block_matches(peer.ip_block, end)  # 3.6: excludes the other two
        if isinstance(end, str) or end.spec.host_network:
            return False  # 1.2: selectors match neither addresses nor host-network pods
        if peer.namespace_selector is None:
            # 3.6: podSelector alone means pods of the policy's own namespace.
            if end.namespace != policy.namespace:
                return False
        elif not selector_matches(peer.namespace_selector, self._namespaces[end.namespace]):
            return False
        if peer.pod_selector is None:
            return peer.namespace_selector is not None  # 2.1: absent selects nothing by itself
        return selector_matches(peer.pod_selector, end.labels)

    def _block_matches(self, block: IPBlock, end: End) -> bool:
        if isinstance(end, str):
            return _block_contains(block, end)
        if end.spec.host_network:
            addresses = self._node_addresses(end)  # 1.2: it is the address of its node
        elif self._ip_blocks_match_pods:
            addresses = end.addresses
        else:
            return False  # 3.7: here ipBlocks never match pod IPs
        if not addresses:
            # 3.7: an unknown address is matched only by a block of a whole family.
            return _network(block.cidr).prefixlen == 0 and not block.excepts
        return any(_block_contains(block, one) for one in addresses)  # 3.7: union of families

    def _node_addresses(self, pod: Pod) -> Sequence[str]:
        # 1.2: what a host-network pod bears as its own addresses are its node's too, which helps
        # where the node was not read, or was read without addresses.
        return self._nodes.get(pod.spec.node_name, ()) or pod.addresses


def is_finished(end: End) -> bool:
    """Whether it is a pod that is no endpoint any more (1.1)."""
    return not isinstance(end, str) and end.status.phase in {"Succeeded", "Failed"}


def _policy_types(policy: NetworkPolicy) -> Sequence[str]:
    if policy.spec.policy_types:
        return policy.spec.policy_types  # 3.1: exactly those
    # 3.1: Ingress always; Egress only where there is an egress rule.
    return ("Ingress", "Egress") if policy.spec.egress else ("Ingress",)


def _open(rules: RulePorts | None, destination: End, protocol: str, port: int | None) -> bool:
    if rules is None:
        return True  # 3.2: not isolated, everything is allowed
    # 3.2: the union of all rules of all policies that select the subject.
    return any(_ports_match(ports, destination, protocol, port) for ports in rules)


def _ports_match(
    ports: Sequence[PolicyPort], destination: End, protocol: str, port: int | None
) -> bool:
    if not ports:
        return True  # 3.4: any port and any protocol, ICMP included
    # 3.5: ports are ORed.
    return any(_port_matches(one, destination, protocol, port) for one in ports)


def _port_matches(entry: PolicyPort, destination: End, protocol: str, port: int | None) -> bool:
    if protocol == OTHER or port is None:
        return False  # 3.10: ICMP and others only where all ports are open
    if entry.protocol != protocol:
        return False  # 3.8: absent is TCP, which the model fills in
    if entry.port is None:
        return True  # 3.8: all ports of the protocol
    if isinstance(entry.port, str):
        return port in named_ports(destination, entry.port, protocol)
    if entry.end_port is not None:
        return entry.port <= port <= entry.end_port  # 3.8: inclusive
    return port == entry.port


def named_ports(destination: End, name: str, protocol: str) -> set[int]:
    """The numbers of a named port at this destination (3.9)."""
    if isinstance(destination, str) or destination.spec.host_network:
        return set()  # 3.9: an address never resolves a name; 1.2: such a pod is an address
    sidecars = [one for one in destination.spec.init_containers if one.restart_policy == "Always"]
    return {
        declared.container_port
        for container in (*destination.spec.containers, *sidecars)  # 3.9: init sidecars included
        for declared in container.ports
        if declared.name == name and declared.protocol == protocol
    }


def selector_matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether the selector selects an object with these labels (2.1: everything is ANDed)."""
    for key, value in selector.match_labels.items():
        if key not in labels or labels[key] != value:
            return False
    return all(_requirement_met(one, labels) for one in selector.match_expressions)


def _requirement_met(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    present = requirement.key in labels
    if requirement.operator == "Exists":
        return present
    if requirement.operator == "DoesNotExist":
        return not present  # 2.2: also matches without the key
    if requirement.operator == "In":
        return present and labels[requirement.key] in requirement.values
    return not present or labels[requirement.key] not in requirement.values  # 2.2: NotIn


@cache
def _block_contains(block: IPBlock, address: str) -> bool:
    """3.7: cidr minus every except; the families never match each other."""
    number = ip_address(address)
    if number not in _network(block.cidr):
        return False
    return not any(number in _network(one) for one in block.excepts)


@cache
def _network(cidr: str) -> IPv4Network | IPv6Network:
    return ip_network(cidr, strict=False)  # section 6: host bits are masked


def _key(end: End) -> str:
    return end if isinstance(end, str) else f"{end.namespace}/{end.name}"
