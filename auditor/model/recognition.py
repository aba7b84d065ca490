"""What detection recognised in a snapshot, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from auditor.model._value import Value
from auditor.model.objects import Pod, Reference
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
    ambiguous: bool = False
    """The evidence names different engines for the same pod: ``engine`` and ``ports`` are all."""

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


class Feature(StrEnum):
    """What policies ask of a CNI, by the name that findings give it."""

    INGRESS = "ingress"
    EGRESS = "egress"
    END_PORT = "end-port"
    SCTP = "sctp"


class Capability(Value, frozen=True):
    """Whether a CNI enforces a feature of policies. ``enforced`` None: not known."""

    feature: Feature
    enforced: bool | None
    evidence: str
    remedy: str = ""
    """What to do where it is not enforced, in words."""


class Readiness(Value, frozen=True):
    """On how many nodes an agent should run, and on how many it is ready. None: not known."""

    agent: Reference
    desired: int | None
    ready: int | None

    def __str__(self) -> str:
        """`DaemonSet kube-system/calico-node, ready on 3 of 5 nodes`."""
        text = f"DaemonSet {self.agent.namespace}/{self.agent.name}"
        if self.desired is None or self.ready is None:
            return text
        return f"{text}, ready on {self.ready} of {self.desired} nodes"


class ApartNodes(Value, frozen=True):
    """Nodes of a kind that the CNI's agents do not serve. ``served`` None: not known."""

    kind: str
    nodes: tuple[str, ...]
    served: bool | None
    remedy: str
    """What to do for the pods on them, in words."""


class Cni(Value, frozen=True):
    """The CNI found. ``enforces`` and ``ip_blocks_match_pods`` None: not known.

    Where several are there, all is said of those that decide whether policies are enforced.
    """

    name: str | None = None
    enforces: bool | None = None
    ip_blocks_match_pods: bool | None = None
    evidence: tuple[str, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    """One for each feature, where policies are enforced."""
    agents: tuple[Readiness, ...] = ()
    unattended: int = 0
    """Nodes, of no kind of their own, on which no agent is meant to run, at the least."""
    apart: tuple[ApartNodes, ...] = ()
    remedies: tuple[str, ...] = ()
    """What to do where policies are not enforced, in words."""


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
