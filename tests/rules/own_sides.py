"""Own-side permissions by brute force: whom each pod may talk to as far as its own policies go.

The oracle is asked about one direction at a time, with nothing but the policies of that direction.
Peers are the pods, a new pod without labels in each namespace and in a new one, and one address of
every part that CIDRs cut; ports are one of every part that policies and containers cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import product

import msgspec

from auditor.model.findings import Direction
from auditor.model.objects import Metadata, Namespace, NetworkPolicy, Pod
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Snapshot
from tests.oracle.oracle import OTHER, Oracle, PortSample, is_finished, selector_matches
from tests.oracle.rows import LAST_PORT, PROTOCOLS, ip_blocks, policy_rules

End = Pod | str

STRANGERS = "a-new-namespace"


def is_isolating(policy: NetworkPolicy, direction: Direction) -> bool:
    """Whether the policy lists the direction, or means it (semantics 3.1)."""
    types = policy.spec.policy_types
    if types:
        return direction.value.capitalize() in types
    return direction is Direction.INGRESS or bool(policy.spec.egress)


def rules_in_effect(snapshot: Snapshot) -> Iterator[tuple[NetworkPolicy, Direction, int]]:
    """Every rule of a direction that its policy isolates."""
    for policy in snapshot.policies:
        for direction in Direction:
            if is_isolating(policy, direction):
                for index in range(len(getattr(policy.spec, direction.value))):
                    yield policy, direction, index


def selected_pods(snapshot: Snapshot, policy: NetworkPolicy) -> list[Pod]:
    """The endpoints that a policy selects."""
    return [
        one
        for one in snapshot.pods
        if one.namespace == policy.namespace
        and not one.spec.host_network
        and not is_finished(one)
        and selector_matches(policy.spec.pod_selector, one.labels)
    ]


def newcomer_in(namespace: str) -> Pod:
    """A new pod without labels and without an address."""
    return Pod(metadata=Metadata(name="a-new-pod", namespace=namespace))


class OwnSide:
    """Asks about one direction, for one set of policies."""

    def __init__(
        self,
        snapshot: Snapshot,
        direction: Direction,
        policies: Iterable[NetworkPolicy],
        *,
        ip_blocks_match_pods: bool,
    ) -> None:
        self._direction = direction
        self.policies = tuple(
            _only(one, direction) for one in policies if is_isolating(one, direction)
        )
        labels = {NAMESPACE_NAME_LABEL: STRANGERS}
        home = Namespace(metadata=Metadata(name=STRANGERS, labels=labels))
        asked = msgspec.structs.replace(
            snapshot, policies=self.policies, namespaces=(*snapshot.namespaces, home)
        )
        self._oracle = Oracle(asked, ip_blocks_match_pods=ip_blocks_match_pods)

    def ports_with(self, subject: Pod, peer: End, ports: Iterable[PortSample]) -> set[PortSample]:
        """On which of the ports the subject's own side lets the peer in, or itself out to it."""
        if self._direction is Direction.INGRESS:
            return self._oracle.policies_allow(peer, subject, ports)
        return self._oracle.policies_allow(subject, peer, ports)


def every_peer(snapshot: Snapshot) -> list[End]:
    """Everything that a permission may tell apart."""
    return [
        *(one for one in snapshot.pods if not is_finished(one)),
        *(newcomer_in(one) for one in (*(each.name for each in snapshot.namespaces), STRANGERS)),
        *_addresses(snapshot),
    ]


def every_port(snapshot: Snapshot) -> list[PortSample]:
    """One port of each part; the oracle knows no name that stands for several numbers."""
    starts: set[tuple[str, int]] = {(one, 1) for one in PROTOCOLS}
    for entry in (entry for rule in policy_rules(snapshot) for entry in rule.ports):
        if isinstance(entry.port, int):
            starts.add((entry.protocol, entry.port))
            starts.add((entry.protocol, (entry.end_port or entry.port) + 1))
    for pod in snapshot.pods:
        for container in (*pod.spec.containers, *pod.spec.init_containers):
            for one in container.ports:
                starts.add((one.protocol, one.container_port))
                starts.add((one.protocol, one.container_port + 1))
    return [*sorted(one for one in starts if one[1] <= LAST_PORT), (OTHER, None)]


def _addresses(snapshot: Snapshot) -> Iterator[str]:
    starts: set[tuple[int, int]] = {(4, 0), (6, 0)}
    for block in ip_blocks(snapshot):
        for cidr in (block.cidr, *block.excepts):
            network = ip_network(cidr, strict=False)
            starts.add((network.version, int(network[0])))
            if int(network[-1]) + 1 < 2**network.max_prefixlen:
                starts.add((network.version, int(network[-1]) + 1))
    for family, number in sorted(starts):
        yield str(IPv4Address(number) if family == 4 else IPv6Address(number))


def has_default_deny(
    side: OwnSide, namespace: str, peers: list[End], ports: list[PortSample]
) -> bool:
    """Whether every label set is selected, and a pod without labels is not allowed everyone.

    Label sets are tried one by one: each key absent, with each value mentioned, or another one.
    """
    selectors = [one.spec.pod_selector for one in side.policies if one.namespace == namespace]
    values: dict[str, set[str | None]] = {}
    for selector in selectors:
        for key, value in selector.match_labels.items():
            values.setdefault(key, {None, "another"}).add(value)
        for one in selector.match_expressions:
            values.setdefault(one.key, {None, "another"}).update(one.values)
    for chosen in product(*values.values()):
        labels = {key: each for key, each in zip(values, chosen, strict=True) if each is not None}
        if not any(selector_matches(one, labels) for one in selectors):
            return False
    newcomer = newcomer_in(namespace)
    return not allows_everyone(side, newcomer, peers, ports)


def allows_everyone(side: OwnSide, subject: Pod, peers: list[End], ports: list[PortSample]) -> bool:
    """Whether it is every pod and every address of one family, on every port of TCP and UDP."""
    wanted = [one for one in ports if one[0] in {"TCP", "UDP"}]
    denied = [one for one in peers if side.ports_with(subject, one, wanted) != set(wanted)]
    if any(isinstance(one, Pod) and not one.spec.host_network for one in denied):
        return False
    return len({ip_address(one).version for one in denied if isinstance(one, str)}) < 2


def _only(policy: NetworkPolicy, direction: Direction) -> NetworkPolicy:
    types = (direction.value.capitalize(),)
    spec = msgspec.structs.replace(policy.spec, policy_types=types)
    return msgspec.structs.replace(policy, spec=spec)
