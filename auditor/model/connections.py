"""The Connections contract: `netpol-auditor/connections/v1`."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from auditor.model.objects import Reference
from auditor.model.ports import PortSet

CONNECTIONS_SCHEMA = "netpol-auditor/connections/v1"


class WorkloadEndpoint(NamedTuple):
    """A workload, or one variant of it where its pods differ in what policies can see."""

    workload: Reference
    variant: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`ns/Kind/name`, with the variant in brackets."""
        return f"{self.workload}[{','.join(self.variant)}]" if self.variant else str(self.workload)


class AddressEndpoint(NamedTuple):
    """A range of external addresses, first-last."""

    addresses: str

    def __str__(self) -> str:
        """The range."""
        return self.addresses


Endpoint = WorkloadEndpoint | AddressEndpoint


class Connection(NamedTuple):
    """An allowed connection between two endpoints on the given ports."""

    source: Endpoint
    destination: Endpoint
    ports: PortSet


class EndpointRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """An endpoint in JSON: a workload (with the variant, if any) or a range of addresses."""

    namespace: str | None = None
    kind: str | None = None
    name: str | None = None
    variant: tuple[str, ...] = ()
    addresses: str | None = None


def record_endpoint(endpoint: Endpoint) -> EndpointRecord:
    """An endpoint as the contract has it."""
    match endpoint:
        case AddressEndpoint():
            return EndpointRecord(addresses=endpoint.addresses)
        case WorkloadEndpoint((namespace, kind, name), variant):
            return EndpointRecord(namespace=namespace, kind=kind, name=name, variant=variant)
