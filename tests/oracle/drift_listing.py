"""Rows of the Drift contract as the single facts that the oracle of drift speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from auditor.model.connections import EndpointRecord
from auditor.model.drift import ChangedRow
from auditor.model.objects import Reference
from tests.oracle.drift import CURRENT, PREVIOUS, DriftOracle, End, Fact, Variant
from tests.oracle.listing import is_of_variant, read_range, samples_within
from tests.oracle.oracle import OTHER, PortSample


class Reader:
    """Reads rows against the pods, addresses and ports that an oracle samples."""

    def __init__(self, oracle: DriftOracle) -> None:
        self._oracle = oracle
        self._read: dict[EndpointRecord, list[End]] = {}

    def facts(self, rows: Iterable[ChangedRow]) -> Iterator[Fact]:
        """What the rows state of the sample addresses and ports."""
        for row in rows:
            samples = self.ports(row)
            for source in self.ends(row.source):
                for destination in self.ends(row.destination):
                    for protocol, port in samples:
                        yield source, destination, protocol, port

    def ports(self, row: ChangedRow) -> set[PortSample]:
        """The sample ports of a row; a range of the protocol `other` is ICMP and the rest."""
        found = {*samples_within(row.ports, self._oracle.ports)}
        if row.ports != "all" and any(one.protocol == OTHER for one in row.ports):
            found.add((OTHER, None))
        return found

    def ends(self, record: EndpointRecord) -> list[End]:
        """A variant; or the sample addresses in a range."""
        if record not in self._read:
            self._read[record] = list(self._ends(record))
        return self._read[record]

    def _ends(self, record: EndpointRecord) -> Iterator[End]:
        if record.addresses is None:
            assert record.kind is not None
            assert record.name is not None
            workload = Reference(record.namespace or "", record.kind, record.name)
            pods = [
                frozenset(
                    pod.name
                    for owner, pod in self._oracle.pods_of(side)
                    if owner == workload and is_of_variant(pod.labels, record.variant)
                )
                for side in (PREVIOUS, CURRENT)
            ]
            yield Variant(workload, (pods[PREVIOUS], pods[CURRENT]))
            return
        family, first, last = read_range(record.addresses)
        for text in self._oracle.addresses:
            address = ip_address(text)
            if address.version == family and first <= int(address) <= last:
                yield text
