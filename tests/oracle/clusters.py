"""Random small clusters, made so that everything collides: few names, labels, ports, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import chain, combinations, product

from hypothesis import strategies as st

from auditor.model.objects import (
    Container,
    ContainerPort,
    EgressRule,
    IngressRule,
    IPBlock,
    Metadata,
    Namespace,
    NetworkPolicy,
    Node,
    NodeAddress,
    NodeMetadata,
    NodeStatus,
    Owner,
    OwnerReference,
    Peer,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
)
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector, Requirement
from auditor.model.snapshot import Snapshot

KEYS = ("app", "tier")
VALUES = ("a", "b")
NAMESPACES = ("one", "two", "three", "four")

# Namespaces share the keys of pods: a selector applied to the wrong kind of object shows.
LABELS: list[dict[str, str]] = [
    {key: value for key, value in zip(KEYS, chosen, strict=True) if value}
    for chosen in product((*VALUES, ""), repeat=len(KEYS))
]

_ANY_VALUES = [chosen for size in (1, 2) for chosen in combinations(VALUES, size)]

REQUIREMENTS: list[Requirement] = [
    *(
        Requirement(key=key, operator=operator, values=values)
        for key in (*KEYS, "nobody-has-this")
        for operator in ("In", "NotIn")
        for values in _ANY_VALUES
    ),
    *(
        Requirement(key=key, operator=operator)
        for key in (*KEYS, "nobody-has-this")
        for operator in ("Exists", "DoesNotExist")
    ),
]

NODES = {
    "node-1": ("10.0.9.1", "fd00:9::1"),
    "node-2": ("10.0.9.2",),
    "node-3": ("10.0.9.3", "fd00:9::3", "203.0.113.3"),
    "node-4": (),
}
UNREAD_NODE = "node-5"
UNREAD_NODE_ADDRESSES = ("10.0.9.5", "fd00:9::5")

CIDRS = (
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "0.0.0.0/32",
    "255.255.255.255/32",
    "10.0.0.0/8",
    "10.0.0.0/24",  # pods
    "10.0.0.2/31",
    "10.0.0.3/24",  # host bits
    "10.0.0.1/32",
    "10.0.0.4/32",
    "10.0.9.0/24",  # nodes
    "10.0.9.1/32",
    "10.0.9.5/32",
    "203.0.113.0/24",
    "::/0",
    "::/1",
    "8000::/1",
    "fd00::/16",
    "fd00::/64",  # pods
    "fd00::2/127",
    "fd00::1/128",
    "fd00:9::/64",  # nodes
    "fd00:9::1/128",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
)


def _inside(inner: str, outer: str) -> bool:
    hole, whole = ip_network(inner, strict=False), ip_network(outer, strict=False)
    if isinstance(hole, IPv4Network) and isinstance(whole, IPv4Network):
        return hole != whole and hole.subnet_of(whole)
    if isinstance(hole, IPv6Network) and isinstance(whole, IPv6Network):
        return hole != whole and hole.subnet_of(whole)
    return False


# The API server demands that an except lies strictly inside its cidr. Two excepts may cover it all.
BLOCKS: list[IPBlock] = [
    IPBlock(cidr=cidr, excepts=excepts)
    for cidr in CIDRS
    for holes in [[one for one in CIDRS if _inside(one, cidr)]]
    for excepts in chain([()], combinations(holes, 1), combinations(holes, 2))
]
PLAIN_BLOCKS = [IPBlock(cidr=cidr) for cidr in CIDRS]
WHOLE_BLOCKS = [IPBlock(cidr="0.0.0.0/0"), IPBlock(cidr="::/0")]
HOLED_BLOCKS = [one for one in BLOCKS if one.cidr.endswith("/0") and one.excepts]

POLICY_PORTS = [
    *(PolicyPort(protocol=protocol) for protocol in ("TCP", "UDP", "SCTP")),
    PolicyPort(port=80),
    PolicyPort(port=81),
    PolicyPort(port=1),
    PolicyPort(port=65535),
    PolicyPort(protocol="UDP", port=53),
    PolicyPort(protocol="SCTP", port=80),
    PolicyPort(port=80, end_port=80),
    PolicyPort(port=79, end_port=90),
    PolicyPort(port=1, end_port=65535),
    PolicyPort(port=81, end_port=65535),
    PolicyPort(protocol="UDP", port=1, end_port=79),
    PolicyPort(protocol="UDP", port=53, end_port=54),
    *(
        PolicyPort(protocol=protocol, port=name)
        for protocol in ("TCP", "UDP")
        for name in ("web", "dns", "nobody-declares")
    ),
    PolicyPort(protocol="SCTP", port="web"),
]

NAMED = [one for one in POLICY_PORTS if isinstance(one.port, str)]

CONTAINER_PORTS = [
    ContainerPort(container_port=80, name="web"),
    ContainerPort(container_port=8080, name="web"),
    ContainerPort(container_port=80, name="web", protocol="UDP"),
    ContainerPort(container_port=53, name="dns", protocol="UDP"),
    ContainerPort(container_port=53, name="dns"),
    ContainerPort(container_port=65535, name="dns"),
    ContainerPort(container_port=81),
]

# One port a container: a name may stand in two containers of a pod, never twice in one.
CONTAINERS: list[tuple[Container, ...]] = [
    tuple(Container(name=f"c{position}", ports=(one,)) for position, one in enumerate(ports))
    for size in (0, 1, 2)
    for ports in product(CONTAINER_PORTS, repeat=size)
]
INIT_CONTAINERS: list[tuple[Container, ...]] = [
    *[()] * 7,
    *(
        (Container(name="init", ports=(one,), restart_policy=restart_policy),)
        for restart_policy in ("", "Always")
        for one in CONTAINER_PORTS
    ),
]

PHASES = ("Running", "Running", "Running", "Pending", "Unknown", "", "Succeeded", "Failed")


SELECTORS = [LabelSelector(match_labels=labels) for labels in LABELS]  # the empty one included
EXPRESSIONS = [
    LabelSelector(match_labels=labels, match_expressions=requirements)
    for labels in ({}, {"app": "a"}, {"tier": "b"})
    for requirements in chain(combinations(REQUIREMENTS, 1), combinations(REQUIREMENTS, 2))
]
PORT_LISTS: list[tuple[PolicyPort, ...]] = [
    *[()] * 30,
    *((one,) for one in (*POLICY_PORTS, *NAMED, *NAMED)),
    *combinations(POLICY_PORTS[::3], 2),
]

# Pools are enumerated beforehand, and each drawn from at once: drawing is what takes the time.
_label_selectors = st.one_of(st.sampled_from(SELECTORS), st.sampled_from(EXPRESSIONS))
_blocks = st.one_of(
    *(st.sampled_from(pool) for pool in (WHOLE_BLOCKS, PLAIN_BLOCKS, HOLED_BLOCKS, BLOCKS))
)
_port_lists = st.sampled_from(PORT_LISTS)
_by_name = st.sampled_from(
    [LabelSelector(match_labels={NAMESPACE_NAME_LABEL: name}) for name in NAMESPACES]
)
_namespace_selectors = st.one_of(_label_selectors, _by_name)
_peer_lists = st.lists(
    st.one_of(
        st.builds(Peer, pod_selector=_label_selectors),
        st.builds(Peer, namespace_selector=_namespace_selectors),
        st.builds(Peer, pod_selector=_label_selectors, namespace_selector=_namespace_selectors),
        st.builds(Peer, ip_block=_blocks),
    ),
    max_size=2,
).map(tuple)
_ingress = st.lists(st.builds(IngressRule, peers=_peer_lists, ports=_port_lists), max_size=2).map(
    tuple
)
_egress = st.lists(st.builds(EgressRule, peers=_peer_lists, ports=_port_lists), max_size=2).map(
    tuple
)
# mostly one direction: what a policy opens shows only where the other side is open too
_policy_types = st.sampled_from(
    [(), ("Ingress",), ("Egress",), ("Ingress",), ("Egress",), ("Ingress", "Egress")]
)


@st.composite
def policies(draw: st.DrawFn, name: str, namespaces: int) -> NetworkPolicy:
    """A policy in one of the first so many namespaces."""
    return NetworkPolicy(
        metadata=PolicyMetadata(
            name=name, namespace=draw(st.sampled_from(NAMESPACES[:namespaces]))
        ),
        spec=PolicySpec(
            pod_selector=draw(_label_selectors),
            policy_types=draw(_policy_types),
            ingress=draw(_ingress),
            egress=draw(_egress),
        ),
    )


def _ownerships(index: int) -> list[tuple[tuple[OwnerReference, ...], Mapping[str, str]]]:
    """(owner references, further labels) of a pod: bare, or of one of few workloads."""

    def controlled(kind: str, name: str) -> tuple[OwnerReference, ...]:
        return (OwnerReference(kind=kind, name=name, controller=True),)

    return [
        ((), {}),
        (controlled("StatefulSet", "shop"), {}),
        (controlled("ReplicaSet", "shop-5d4f"), {"pod-template-hash": "5d4f"}),
        (controlled("ReplicaSet", "shop-77b9"), {"pod-template-hash": "77b9"}),
        (controlled("ReplicaSet", "read"), {}),  # its owner is in the snapshot, or not
        (controlled("Job", "nightly-29400000"), {}),
        (controlled("Job", f"once-{index}"), {}),
        (controlled("Node", "node-1"), {}),
        ((OwnerReference(kind="StatefulSet", name="shop"),), {}),  # owned, not controlled
    ]


@st.composite
def pods(draw: st.DrawFn, index: int, namespaces: int) -> Pod:
    """A pod in one of the first so many namespaces; its index makes its name and addresses."""
    owners, more = draw(st.sampled_from(_ownerships(index)))
    host_network = draw(st.sampled_from([False, False, False, False, True]))
    node_name = draw(st.sampled_from(["", *NODES, UNREAD_NODE]))
    if host_network:
        v4_v6 = NODES.get(node_name) or UNREAD_NODE_ADDRESSES
    else:
        v4_v6 = (f"10.0.0.{index + 1}", f"fd00::{index + 1}")
    ips = draw(st.sampled_from([(), v4_v6[:1], v4_v6[-1:], v4_v6[:2], v4_v6[:2]]))
    only_pod_ip = draw(st.booleans()) and len(ips) == 1
    return Pod(
        metadata=Metadata(
            name=f"pod-{index}",
            namespace=draw(st.sampled_from(NAMESPACES[:namespaces])),
            labels={**draw(st.sampled_from(LABELS)), **more},
            owner_references=owners,
        ),
        spec=PodSpec(
            node_name=node_name,
            host_network=host_network,
            # a host-network pod declares ports in vain: as an address it resolves no name
            containers=draw(st.sampled_from(CONTAINERS[1:] if host_network else CONTAINERS)),
            init_containers=draw(st.sampled_from(INIT_CONTAINERS)),
        ),
        status=PodStatus(
            phase=draw(st.sampled_from(PHASES)),
            pod_ip=ips[0] if ips else "",
            pod_ips=() if only_pod_ip else tuple(PodIP(ip=one) for one in ips),
        ),
    )


@st.composite
def _namespaces(draw: st.DrawFn, name: str) -> Namespace:
    declared = draw(st.sampled_from([True, True, True, False]))
    labels = draw(st.sampled_from(LABELS)) if declared else {}
    return Namespace(
        metadata=Metadata(name=name, labels={**labels, NAMESPACE_NAME_LABEL: name}),
        declared=declared,
    )


def _node(name: str, addresses: tuple[str, ...]) -> Node:
    listed = [NodeAddress(type="Hostname", address=name)]
    for one in addresses:
        kind = "ExternalIP" if one.startswith("203.0.113.") else "InternalIP"
        listed.append(NodeAddress(type=kind, address=one))
    return Node(metadata=NodeMetadata(name=name), status=NodeStatus(addresses=tuple(listed)))


ALL_NODES = tuple(_node(name, addresses) for name, addresses in sorted(NODES.items()))


def _sizes(least: int, most: int) -> st.SearchStrategy[int]:
    """Sizes that lean to the largest: small clusters show little, and shrinking finds them."""
    return st.sampled_from([*range(least, most + 1), *[most] * (most - least)])


@st.composite
def snapshots(draw: st.DrawFn, *, max_pods: int = 8, max_policies: int = 5) -> Snapshot:
    """Clusters of 2 to 4 namespaces, with the model's promises kept: sorted, namespaces whole."""
    namespaces = draw(st.sampled_from([2, 2, 2, 3, 4]))
    drawn_pods = [draw(pods(index, namespaces)) for index in range(draw(_sizes(2, max_pods)))]
    drawn_policies = [
        draw(policies(f"policy-{index}", namespaces))
        for index in range(draw(_sizes(1, max_policies)))
    ]
    found = sorted(
        (draw(_namespaces(name)) for name in NAMESPACES[:namespaces]), key=lambda one: one.name
    )
    read = Owner(
        kind="ReplicaSet",
        metadata=Metadata(
            name="read",
            namespace="one",
            owner_references=(OwnerReference(kind="Deployment", name="shop", controller=True),),
        ),
    )
    return Snapshot(
        origin="manifests" if any(not one.declared for one in found) else "cluster",
        taken_at="2026-01-01T00:00:00Z",
        namespaces=tuple(found),
        pods=tuple(sorted(drawn_pods, key=lambda one: (one.namespace, one.name))),
        nodes=draw(st.sampled_from([(), ALL_NODES])),
        policies=tuple(sorted(drawn_policies, key=lambda one: (one.namespace, one.metadata.name))),
        owners=draw(st.sampled_from([(), (read,)])),
    )
