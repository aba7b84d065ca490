"""Everything that detection says about a snapshot, and what it needs the sources to keep."""

from __future__ import annotations

from auditor.detection.cnis import recognize_cni
from auditor.detection.databases import recognize_databases
from auditor.detection.dns import recognize_dns
from auditor.detection.environments import recognize_environments
from auditor.detection.loading import load_data
from auditor.detection.system import recognize_system_namespaces
from auditor.model.recognition import Recognition
from auditor.model.retention import AgentFlags, ConfigMapKeys, Retention
from auditor.model.snapshot import Snapshot
from auditor.model.workloads import index_owners
from auditor.settings import DetectionSettings

_NO_ADDITIONS = DetectionSettings()


def recognize(snapshot: Snapshot, settings: DetectionSettings = _NO_ADDITIONS) -> Recognition:
    """Recognise databases, environments, system namespaces, DNS and the CNI.

    Raises:
        UsageError: a data file of the settings is malformed.

    """
    data = load_data(settings)
    owners = index_owners(snapshot.owners)
    names = frozenset(one.name for one in snapshot.namespaces)
    of_agents = frozenset(one.metadata.namespace for one in snapshot.agents)
    known_system = recognize_system_namespaces(names | of_agents, data, settings)
    system = known_system & names
    dns = recognize_dns(snapshot, owners, data, system)
    return Recognition(
        databases=recognize_databases(snapshot.pods, owners, data, settings),
        environments=recognize_environments(snapshot.namespaces, system, data, settings),
        system_namespaces=system,
        dns=dns.workloads,
        dns_pod_labels=dns.pod_labels,
        dns_ports=dns.ports,
        cni=recognize_cni(snapshot, data, known_system),
    )


def retention(settings: DetectionSettings = _NO_ADDITIONS) -> Retention:
    """What the data names of agents' flags, node annotations, ConfigMaps and policy kinds.

    Raises:
        UsageError: a data file of the settings is malformed.

    """
    data = load_data(settings)
    return Retention(
        agents=tuple(
            AgentFlags(daemon_set=daemon_set, flags=(cni.flag.name,))
            for cni in data.cnis
            if cni.flag is not None
            for daemon_set in cni.daemon_sets
        ),
        node_annotations=tuple(one.annotation for one in data.in_process),
        config_maps=tuple(
            ConfigMapKeys(namespace=one.namespace, name=one.name, keys=one.keys)
            for one in data.config_maps
        ),
        policy_kinds=tuple(one.policy_kind for one in data.policy_kinds),
    )
