"""A listing in the form of the Connections contract, as the single facts that the oracle speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from auditor.model.connections import Connection, Endpoint, WorkloadEndpoint
from auditor.model.ports import PortSet
from auditor.model.snapshot import Snapshot
from tests.oracle.oracle import PortSample, is_finished
from tests.oracle.rows import End, Row, WorkloadGroup, workload_name


def listed_rows(
    connections: Iterable[Connection],
    snapshot: Snapshot,
    addresses: Iterable[str],
    ports: Iterable[PortSample],
) -> set[Row]:
    """The facts that a listing states about the sample addresses and ports."""
    space = _Space(snapshot, tuple(addresses))
    ports = tuple(ports)
    rows: set[Row] = set()
    for connection in connections:
        sources = space.ends(connection.source)
        destinations = space.ends(connection.destination)
        samples = samples_within(connection.ports, ports)
        rows.update(
            (source, destination, protocol, port)
            for source in sources
            for destination in destinations
            for protocol, port in samples
        )
    return rows


def samples_within(ports: PortSet, samples: Iterable[PortSample]) -> list[PortSample]:
    """Those of the sample ports that are in a set of ports."""
    if ports == "all":
        return list(samples)
    return [
        (protocol, port)
        for protocol, port in samples
        if port is not None
        and any(one.protocol == protocol and one.first <= port <= one.last for one in ports)
    ]


def read_range(text: str) -> tuple[int, int, int]:
    """(family, first, last) of a range `first-last`."""
    first, last = (ip_address(one) for one in text.split("-"))
    assert first.version == last.version, f"{text} mixes the families"
    return first.version, int(first), int(last)


class _Space(NamedTuple):
    snapshot: Snapshot
    addresses: tuple[str, ...]

    def ends(self, endpoint: Endpoint) -> list[End]:
        if isinstance(endpoint, WorkloadEndpoint):
            pods = frozenset(
                pod.name
                for pod in self.snapshot.pods
                if not is_finished(pod)
                and workload_name(pod, self.snapshot) == endpoint.workload
                and is_of_variant(pod.labels, endpoint.variant)
            )
            return [WorkloadGroup(*endpoint.workload, pods)]
        family, first, last = read_range(endpoint.addresses)
        inside: list[End] = []
        for text in self.addresses:
            address = ip_address(text)
            if address.version == family and first <= int(address) <= last:
                inside.append(text)
        return inside


def is_of_variant(labels: Mapping[str, str], variant: tuple[str, ...]) -> bool:
    """Read the variant as what it says of its pods' labels: `key=value`, `!key`, ` | ` for or."""
    if len(variant) == 1 and " | " in variant[0]:
        return any(is_of_variant(labels, tuple(one.split(","))) for one in variant[0].split(" | "))
    return all(_holds(difference, labels) for difference in variant)


def _holds(difference: str, labels: Mapping[str, str]) -> bool:
    if difference.startswith("!"):
        return difference[1:] not in labels
    key, _, value = difference.partition("=")
    return labels.get(key) == value
