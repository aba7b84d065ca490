"""What detection recognised in a snapshot, each with its evidence."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model._value import Value
from auditor.model.objects import Reference
from auditor.model.ports import PortRange

DECLARED = "settings"
"""The evidence of an environment that the settings declare."""

DNS_PORTS = (
    PortRange(protocol="TCP", first=53, last=53),
    PortRange(protocol="UDP", first=53, last=53),
)
"""The ports of DNS (RFC 1035 section 4.2)."""


class Database(Value, frozen=True):
    """A workload recognised as a data store; ``ports`` are the engine's usual ones."""

    engine: str
    ports: tuple[int, ...]
    evidence: tuple[str, ...]


class Environment(Value, frozen=True):
    """A namespace's environment. ``name`` None: the evidence contradicts itself (ambiguous)."""

    name: str | None
    production: bool
    evidence: tuple[str, ...]


class Cni(Value, frozen=True):
    """The CNI found. ``enforces`` and ``ip_blocks_match_pods`` None: not known."""

    name: str | None = None
    enforces: bool | None = None
    ip_blocks_match_pods: bool | None = None
    evidence: tuple[str, ...] = ()


class Recognition(Value, frozen=True):
    """Everything recognised. Workloads are keyed by reference, namespaces by name."""

    databases: Mapping[Reference, Database] = {}
    environments: Mapping[str, Environment] = {}
    system_namespaces: frozenset[str] = frozenset()
    dns: tuple[Reference, ...] = ()
    """The workloads that answer cluster DNS."""
    dns_pod_labels: tuple[Mapping[str, str], ...] = ()
    """The labels by which policies usually select the pods of cluster DNS."""
    dns_ports: Mapping[Reference, tuple[PortRange, ...]] = {}
    """The ports of its pods by workload, where they are not `DNS_PORTS`."""
    cni: Cni = Cni()
