"""Services that publish pods to the cluster's outside, and what gets in through them.

A Service hands on to the pods of its own namespace that bear all labels of its selector; one that
has no selector hands on to none. Policies see the pod's own port, after the Service's translation
(semantics 3.12). With ``externalTrafficPolicy: Local`` they see the caller's address, too. With
Cluster, the default, a connection may arrive with the address of the node that took it, and the
pod's own node is always let in (semantics 1.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.addresses import parse_cidr
from auditor.model.findings import Direction
from auditor.model.objects import Reference, Service
from auditor.model.ports import PortRange
from auditor.reachability.view import View


class Publication(NamedTuple):
    """A port of a published Service, resolved on the pods of one class."""

    service: Service
    bit: int
    target: PortRange
    """The pods' own port."""
    admitted: FrozenBitMap
    """The address parts from which callers may come and are let in."""

    @property
    def reference(self) -> Reference:
        """The Service's key."""
        metadata = self.service.metadata
        return Reference(metadata.namespace, "Service", metadata.name)

    def __str__(self) -> str:
        """`shop/Service/db (LoadBalancer, externalTrafficPolicy Cluster) on TCP 3306`."""
        spec = self.service.spec
        policy = spec.external_traffic_policy or "Cluster"
        return f"{self.reference} ({spec.type}, externalTrafficPolicy {policy}) on {self.target}"

    @property
    def keeps_addresses(self) -> bool:
        """Whether connections arrive with the caller's address, whichever node took them."""
        return self.service.spec.external_traffic_policy == "Local"

    @property
    def lets_in(self) -> bool:
        """Whether a connection from outside can get in, by its own address or by its node's."""
        return bool(self.admitted) or not self.keeps_addresses


def find_publications(view: View, namespace: str, pods: Sequence[int]) -> tuple[Publication, ...]:
    """What publishes pods of a namespace, given by position, to the outside."""
    services = view.remembered(_published_services).get(namespace, ())
    return tuple(one for service in services for one in _publish(view, service, pods))


def _published_services(view: View) -> Mapping[str, tuple[Service, ...]]:
    """The published Services that select pods, by namespace."""
    found: dict[str, list[Service]] = {}
    for one in view.snapshot.services:
        if one.spec.is_published and one.spec.selector:
            found.setdefault(one.metadata.namespace, []).append(one)
    return {namespace: tuple(services) for namespace, services in found.items()}


def _publish(view: View, service: Service, pods: Sequence[int]) -> Iterator[Publication]:
    sources = _sources(view, service)
    seen: set[tuple[int, PortRange]] = set()
    for position in pods:
        pod = view.snapshot.pods[position]
        if not service.spec.selector.items() <= pod.labels.items():
            continue
        bit = view.endpoints.class_of_pod[position]
        for port in service.spec.ports:
            number = port.resolve(pod)
            if number is None:
                continue
            target = PortRange(protocol=port.protocol, first=number, last=number)
            if (bit, target) not in seen:
                seen.add((bit, target))
                admitted = _admitted(view, bit, target) & sources
                yield Publication(service, bit, target, admitted)


def _admitted(view: View, bit: int, target: PortRange) -> FrozenBitMap:
    """The addresses that the pods' own side lets in on a port."""
    port = view.evaluation.ports.part(target.protocol, target.first)
    return view.group(Direction.INGRESS, bit).reached_on(port) & view.external


def _sources(view: View, service: Service) -> FrozenBitMap:
    """The address parts from which connections to the Service may come.

    The source ranges bind the load balancer alone, not what external IPs take.
    """
    ranges = service.spec.load_balancer_source_ranges
    if not ranges or service.spec.type != "LoadBalancer" or service.spec.external_ips:
        return view.external
    start = view.endpoints.external.start
    found: set[int] = set()
    for one in ranges:
        try:
            found.update(view.endpoints.parts.indexes(parse_cidr(one.strip())))
        except ValueError:
            return view.external  # a range that cannot be read keeps nobody out
    return FrozenBitMap(start + part for part in found)
