"""Which workloads answer cluster DNS, on which ports, and by which labels policies select them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from auditor.detection.data import DetectionData
from auditor.model.objects import Pod, Reference, Service, ServicePort
from auditor.model.ports import PortRange
from auditor.model.recognition import DNS_PORTS
from auditor.model.snapshot import Snapshot
from auditor.model.workloads import OwnersByKey, workload_of

_NAMES = {("TCP", "dns-tcp"), ("UDP", "dns")}
"""What the manifests of CoreDNS, kube-dns, their caches and OpenShift's operator name the ports."""


class Dns(NamedTuple):
    """Cluster DNS: its workloads, sorted, the labels that select its pods, and their ports."""

    workloads: tuple[Reference, ...]
    pod_labels: tuple[Mapping[str, str], ...]
    ports: Mapping[Reference, tuple[PortRange, ...]]
    """By workload, where they are not the usual ones."""


def recognize_dns(
    snapshot: Snapshot,
    owners: OwnersByKey,
    data: DetectionData,
    system_namespaces: frozenset[str],
) -> Dns:
    """The workloads in system namespaces with a label of cluster DNS.

    The labels are those of the pods found that a policy can select at all (host-network pods it
    cannot: semantics 1.2); where none was found, the usual ones. The ports are those behind the
    Services that select the pods: OpenShift's listen on 5353.
    """
    known = data.dns
    services = _services_of_dns(snapshot.services)
    ports: dict[Reference, set[PortRange]] = defaultdict(set)
    selectable: set[int] = set()
    for pod in snapshot.pods:
        if pod.namespace not in system_namespaces or not pod.is_endpoint:
            continue
        matching = {
            number for number, labels in enumerate(known) if labels.items() <= pod.labels.items()
        }
        if matching:
            ports[workload_of(pod, owners)].update(_ports(services[pod.namespace], pod))
            selectable |= set() if pod.spec.host_network else matching
    pod_labels = tuple(known[number] for number in sorted(selectable)) or known[:1]
    found = {workload: _sorted(each) for workload, each in ports.items()}
    unusual = {workload: each for workload, each in found.items() if each != DNS_PORTS}
    return Dns(tuple(sorted(found)), pod_labels, unusual)


def _services_of_dns(
    services: Iterable[Service],
) -> Mapping[str, list[tuple[Service, ServicePort]]]:
    """The Services that publish the ports of DNS, with the port, by namespace."""
    usual = {(one.protocol, one.first) for one in DNS_PORTS}
    found: dict[str, list[tuple[Service, ServicePort]]] = defaultdict(list)
    for service in services:
        for port in service.spec.ports:
            if (port.protocol, port.port) in usual and service.spec.selector:
                found[service.metadata.namespace].append((service, port))
    return found


def _ports(services: Iterable[tuple[Service, ServicePort]], pod: Pod) -> Iterator[PortRange]:
    """The ports on which a pod answers, for each protocol by the first of these that says it.

    What its Services lead to, what its containers name as everyone's do, and the usual port.
    """
    published = [
        (port.protocol, number)
        for service, port in services
        if service.spec.selector.items() <= pod.labels.items()
        and (number := port.resolve(pod)) is not None
    ]
    named = [
        (one.protocol, one.container_port)
        for one in pod.listening
        if (one.protocol, one.name) in _NAMES
    ]
    for usual in DNS_PORTS:
        protocol = usual.protocol
        found = [number for one, number in published if one == protocol]
        found = found or [number for one, number in named if one == protocol]
        for number in found or [usual.first]:
            yield PortRange(protocol=protocol, first=number, last=number)


def _sorted(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    return tuple(sorted(ports, key=lambda one: (one.protocol, one.first)))
