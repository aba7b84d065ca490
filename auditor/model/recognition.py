"""What detection recognised in a snapshot, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from auditor.model._value import Value
from auditor.model.objects import Pod, Reference
from auditor.model.ports import PortRange


class Database(Value, frozen=True):
    """A workload recognised as a data store; ``ports`` are the engine's usual ones."""

    engine: str
    ports: tuple[int, ...]
    evidence: tuple[str, ...]

    def own_ports(self, pods: Iterable[Pod]) -> frozenset[PortRange]:
        """The ports that are its own: the usual ones (TCP), and those that its pods declare."""
        declared = {(one.protocol, one.container_port) for pod in pods for one in pod.listening}
        declared |= {("TCP", port) for port in self.ports}
        return frozenset(
            PortRange(protocol=protocol, first=port, last=port) for protocol, port in declared
        )


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
    cni: Cni = Cni()
