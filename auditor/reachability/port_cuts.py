"""Where ports are cut: by what policies say, and by what rules ask and remediations would say."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.ports import PortRange
from auditor.model.recognition import DNS_PORTS, Recognition
from auditor.model.snapshot import Snapshot
from auditor.reachability.endpoints import Endpoints
from auditor.reachability.port_parts import PortParts
from auditor.reachability.vocabulary import Vocabulary


def cut_ports(
    snapshot: Snapshot, recognition: Recognition, vocabulary: Vocabulary, endpoints: Endpoints
) -> PortParts:
    """Cut each protocol wherever somebody may want to tell two ports apart."""
    return PortParts(list_cuts(snapshot, recognition, vocabulary, endpoints))


def list_cuts(
    snapshot: Snapshot, recognition: Recognition, vocabulary: Vocabulary, endpoints: Endpoints
) -> Iterator[PortRange]:
    """The ranges that are cut out of each protocol."""
    yield from vocabulary.port_ranges
    yield from _named(endpoints)
    yield from _of_dns(recognition)
    yield from _of_databases(snapshot, recognition, endpoints)


def _named(endpoints: Endpoints) -> Iterator[PortRange]:
    """What the names stand for that policies give to ports."""
    for one in endpoints.classes:
        for _, protocol, number in one.named_ports:
            yield PortRange(protocol=protocol, first=number, last=number)


def _of_dns(recognition: Recognition) -> Iterator[PortRange]:
    yield from DNS_PORTS
    for each in recognition.dns_ports.values():
        yield from each


def _of_databases(
    snapshot: Snapshot, recognition: Recognition, endpoints: Endpoints
) -> Iterator[PortRange]:
    """Databases' own ports: what is beyond them is asked, and remediations narrow rules to them."""
    for one in endpoints.workloads:
        database = recognition.databases.get(one.endpoint.workload)
        if database is not None:
            yield from database.own_ports(snapshot.pods[position] for position in one.pods)
