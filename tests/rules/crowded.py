"""Random clusters whose policies stand in one another's way: one namespace, few selectors."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from auditor.model.objects import (
    EgressRule,
    IngressRule,
    IPBlock,
    NetworkPolicy,
    Peer,
    Pod,
    PodIP,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
)
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector, Requirement
from auditor.model.snapshot import Snapshot
from tests.oracle.clusters import ALL_NODES, NODES, UNREAD_NODE_ADDRESSES, snapshots

EVERYTHING = LabelSelector()
A = LabelSelector(match_labels={"app": "a"})
B = LabelSelector(match_labels={"app": "b"})
HAS_APP = LabelSelector(match_expressions=(Requirement(key="app", operator="Exists"),))
LACKS_APP = LabelSelector(match_expressions=(Requirement(key="app", operator="DoesNotExist"),))
TIER_A = LabelSelector(match_labels={"tier": "a"})
BY_NAME = LabelSelector(match_labels={NAMESPACE_NAME_LABEL: "one"})

_SUBJECTS = [EVERYTHING, EVERYTHING, EVERYTHING, A, A, B, HAS_APP, LACKS_APP]
_PEERS = [
    *(Peer(pod_selector=one) for one in (EVERYTHING, A, B, HAS_APP, TIER_A)),
    *(Peer(namespace_selector=one) for one in (EVERYTHING, A, TIER_A, BY_NAME)),
    *(Peer(pod_selector=one, namespace_selector=A) for one in (EVERYTHING, A, B)),
    *(Peer(pod_selector=one, namespace_selector=EVERYTHING) for one in (A, HAS_APP, LACKS_APP)),
    *(
        Peer(ip_block=IPBlock(cidr=one))
        for one in ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "10.0.0.2/31", "::/0")
    ),
    Peer(ip_block=IPBlock(cidr="0.0.0.0/0", excepts=("10.0.0.0/8",))),
]
_HALVES = [
    *(Peer(pod_selector=one) for one in (A, HAS_APP, TIER_A)),
    *(Peer(namespace_selector=one) for one in (A, TIER_A, BY_NAME)),
]
_ALL_PEERS = (
    Peer(namespace_selector=EVERYTHING),
    Peer(ip_block=IPBlock(cidr="0.0.0.0/0")),
    Peer(ip_block=IPBlock(cidr="::/0")),
)
_PORTS: list[tuple[PolicyPort, ...]] = [
    *[()] * 4,
    (PolicyPort(port=80),),
    (PolicyPort(port=80),),
    (PolicyPort(port=79, end_port=90),),
    (PolicyPort(port=80), PolicyPort(protocol="UDP", port=53)),
    (PolicyPort(protocol="UDP"),),
    (PolicyPort(),),
    (PolicyPort(port="web"),),
    (PolicyPort(port="web"), PolicyPort(port="dns")),
]

_peer_lists = st.one_of(
    st.sampled_from([(), _ALL_PEERS, _ALL_PEERS[1:], _ALL_PEERS[:1]]),
    st.lists(st.sampled_from(_PEERS), min_size=1, max_size=3).map(tuple),
    st.lists(st.sampled_from(_PEERS), min_size=1, max_size=3).map(tuple),
    st.lists(st.sampled_from(_HALVES), min_size=2, max_size=3).map(tuple),
)
_ports = st.sampled_from(_PORTS)
_ingress = st.lists(st.builds(IngressRule, peers=_peer_lists, ports=_ports), max_size=3).map(tuple)
_egress = st.lists(st.builds(EgressRule, peers=_peer_lists, ports=_ports), max_size=3).map(tuple)
_types = st.sampled_from([(), (), ("Ingress",), ("Egress",), ("Ingress", "Egress")])


@st.composite
def _policies(draw: st.DrawFn, index: int) -> NetworkPolicy:
    return NetworkPolicy(
        metadata=PolicyMetadata(
            name=f"policy-{index}", namespace=draw(st.sampled_from(["one", "one", "one", "two"]))
        ),
        spec=PolicySpec(
            pod_selector=draw(st.sampled_from(_SUBJECTS)),
            policy_types=draw(_types),
            ingress=draw(_ingress),
            egress=draw(_egress),
        ),
    )


@st.composite
def crowded_snapshots(draw: st.DrawFn, *, max_pods: int = 6, max_policies: int = 5) -> Snapshot:
    """Clusters of `tests.oracle.clusters` under policies that overlap."""
    snapshot = draw(snapshots(max_pods=max_pods, max_policies=1))
    count = draw(st.integers(min_value=2, max_value=max_policies))
    policies = [draw(_policies(index)) for index in range(count)]
    found = sorted(policies, key=lambda one: (one.namespace, one.metadata.name))
    return msgspec.structs.replace(snapshot, policies=tuple(found))


def with_known_addresses(snapshot: Snapshot) -> Snapshot:
    """The cluster with every node read, and an address of each family on every pod."""
    return msgspec.structs.replace(
        snapshot,
        nodes=ALL_NODES,
        pods=tuple(_with_addresses(number, one) for number, one in enumerate(snapshot.pods)),
    )


def _with_addresses(number: int, pod: Pod) -> Pod:
    addresses: tuple[str, ...] = (f"10.0.0.{number + 1}", f"fd00::{number + 1}")
    if pod.spec.host_network:
        addresses = NODES.get(pod.spec.node_name) or UNREAD_NODE_ADDRESSES
    status = msgspec.structs.replace(
        pod.status, pod_ip="", pod_ips=tuple(PodIP(ip=one) for one in addresses)
    )
    return msgspec.structs.replace(pod, status=status)
