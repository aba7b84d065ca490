"""Random small clusters whose pods some Services publish, and who gets in, by the slow oracle."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import msgspec
from hypothesis import strategies as st

from auditor.model.objects import Metadata, Pod, Service, ServicePort, ServiceSpec
from auditor.model.snapshot import Snapshot
from tests.oracle.clusters import KEYS, VALUES
from tests.oracle.oracle import Oracle, is_finished
from tests.oracle.rows import sample_addresses
from tests.rules.populated import populated_snapshots

_SELECTORS: list[dict[str, str]] = [
    {},
    *({key: value} for key in KEYS for value in VALUES),
    {"app": "a", "tier": "b"},
]
_PORTS = (
    ServicePort(port=80),
    ServicePort(port=3306, target_port=81),
    ServicePort(port=1, target_port="web"),
    ServicePort(port=53, protocol="UDP", target_port="dns"),
    ServicePort(port=6379, target_port=""),
)
_WAYS = (
    ("LoadBalancer", ()),
    ("LoadBalancer", ("192.0.2.1",)),
    ("NodePort", ()),
    ("ClusterIP", ("192.0.2.1",)),
    ("ClusterIP", ()),
    ("ExternalName", ("192.0.2.1",)),
)
_RANGES = ((), ("0.0.0.0/1",), ("10.0.0.0/24", "::/1"), ("203.0.113.0/24",))


@st.composite
def published_snapshots(draw: st.DrawFn) -> Snapshot:
    """Snapshots of `populated_snapshots` with Services of every kind."""
    snapshot = draw(populated_snapshots(max_pods=6, max_policies=4))
    names = [one.name for one in snapshot.namespaces]
    services = [
        draw(_services(f"service-{index}", names)) for index in range(draw(st.integers(1, 4)))
    ]
    return msgspec.structs.replace(
        snapshot, services=tuple(sorted(services, key=lambda one: one.metadata.namespace))
    )


@st.composite
def _services(draw: st.DrawFn, name: str, namespaces: list[str]) -> Service:
    kind, addresses = draw(st.sampled_from(_WAYS))
    ranges = draw(st.sampled_from(_RANGES)) if kind == "LoadBalancer" else ()
    return Service(
        metadata=Metadata(name=name, namespace=draw(st.sampled_from(namespaces))),
        spec=ServiceSpec(
            type=kind,
            selector=draw(st.sampled_from(_SELECTORS)),
            ports=tuple(draw(st.lists(st.sampled_from(_PORTS), min_size=1, max_size=2))),
            external_ips=addresses,
            load_balancer_source_ranges=ranges,
            external_traffic_policy=draw(st.sampled_from(["", "Cluster", "Local"])),
        ),
    )


def expect_ways_in(snapshot: Snapshot, pod: Pod, oracle: Oracle) -> Iterator[str]:
    """How a pod is reached through Services: `by address`, `by node`; nothing where it is not."""
    if is_finished(pod):
        return
    for service in snapshot.services:
        spec = service.spec
        published = spec.type in {"LoadBalancer", "NodePort"} or (
            spec.type == "ClusterIP" and spec.external_ips
        )
        selected = (
            service.metadata.namespace == pod.namespace
            and spec.selector
            and all(pod.labels.get(key) == value for key, value in spec.selector.items())
        )
        if not (published and selected):
            continue
        for port in spec.ports:
            number = _target(port, pod)
            if number is not None:
                if spec.external_traffic_policy != "Local":
                    yield "by node"
                for address in (*sample_addresses(snapshot), *_ends(spec)):
                    if _may_arrive(spec, address) and oracle.policies_allow(
                        address, pod, [(port.protocol, number)]
                    ):
                        yield "by address"


def _target(port: ServicePort, pod: Pod) -> int | None:
    """The pod's port: of a name, the first that is declared so, as endpoints have it."""
    if not port.target_port:
        return port.port
    if isinstance(port.target_port, int):
        return port.target_port
    sidecars = [one for one in pod.spec.init_containers if one.restart_policy == "Always"]
    for container in (*pod.spec.containers, *sidecars):
        for declared in container.ports:
            if (declared.name, declared.protocol) == (port.target_port, port.protocol):
                return declared.container_port
    return None


def _ends(spec: ServiceSpec) -> Iterator[str]:
    """The first and last addresses of the ranges: what is admitted may lie in between."""
    for one in spec.load_balancer_source_ranges:
        network = ip_network(one)
        yield from (str(network[0]), str(network[-1]))


def _may_arrive(spec: ServiceSpec, address: str) -> bool:
    if spec.external_ips or not spec.load_balancer_source_ranges:
        return True
    return any(ip_address(address) in ip_network(one) for one in spec.load_balancer_source_ranges)
