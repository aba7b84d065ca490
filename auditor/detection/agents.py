"""What the agents of CNIs say: the DaemonSets, their containers and flags, and their ConfigMaps.

Where the input does not hold a ConfigMap, the agent's own defaults are assumed, and the evidence
says so; where it may not be read, or is malformed, nothing is known of what it decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from auditor.detection.capabilities import read_capabilities
from auditor.detection.cni_data import CniAgent, CniConfigMap, KeyReading
from auditor.detection.data import DetectionData
from auditor.detection.sighting import Sighting, decide
from auditor.detection.switches import (
    ConfigMaps,
    Reading,
    assume_defaults,
    index_config_maps,
    is_container,
    miss_flag,
    read_container,
    read_flag,
    read_key,
    read_release,
)
from auditor.model.objects import Agent, Reference
from auditor.model.recognition import Readiness
from auditor.model.snapshot import ConfigMapEvidence, Snapshot


def read_agents(
    snapshot: Snapshot, data: DetectionData, system_namespaces: frozenset[str]
) -> tuple[Sighting, ...]:
    """What each agent that was found says, in the order of the data."""
    config_maps = index_config_maps(snapshot, data)
    trusted, _ = _part(snapshot.agents, data, system_namespaces)
    return tuple(_read_agent(cni, agent, config_maps, snapshot) for cni, agent in trusted)


def distrust_agents(
    snapshot: Snapshot, data: DetectionData, system_namespaces: frozenset[str]
) -> Iterator[str]:
    """The DaemonSets that look like an agent and do not count, each with the reason."""
    _, others = _part(snapshot.agents, data, system_namespaces)
    for cni, agent in others:
        why = "none of its namespaces" if cni.namespaces else "no system namespace"
        where = agent.metadata.namespace
        yield (
            f"{_describe_agent(cni, agent)} looks like {cni.name} and is not trusted: "
            f"{where} is {why}"
        )


_Found = tuple[tuple[CniAgent, Agent], ...]


def _part(
    agents: Iterable[Agent], data: DetectionData, system_namespaces: frozenset[str]
) -> tuple[_Found, _Found]:
    """What is some CNI's agent, and what only looks like one: it runs where anyone may run it."""
    present = tuple(agents)
    trusted: list[tuple[CniAgent, Agent]] = []
    others: list[tuple[CniAgent, Agent]] = []
    known = frozenset(name for cni in data.cnis for name in cni.daemon_sets)
    for cni in data.cnis:
        there: list[Agent] = []
        elsewhere: list[Agent] = []
        for one in present:
            (there if _is_trusted(cni, one, system_namespaces) else elsewhere).append(one)
        trusted += ((cni, one) for one in _recognize(cni, there, known))
        others += ((cni, one) for one in _recognize(cni, elsewhere, known))
    return tuple(trusted), tuple(others)


def _is_trusted(cni: CniAgent, agent: Agent, system_namespaces: frozenset[str]) -> bool:
    namespace = agent.metadata.namespace
    if cni.namespaces:
        return any(fnmatchcase(namespace, one) for one in cni.namespaces)
    return namespace in system_namespaces


def _recognize(cni: CniAgent, agents: list[Agent], known: frozenset[str]) -> list[Agent]:
    """Those that are a CNI's by their names, or else by their labels.

    A DaemonSet that only has a CNI's label counts where none has one of its names: an agent's
    companions (for other platforms, say) carry the label as well. Nor is one that has another
    CNI's name: GKE's `anetd` carries Cilium's label.
    """
    if named := [one for one in agents if one.metadata.name in cni.daemon_sets]:
        return named
    return [
        one
        for one in agents
        if one.metadata.name not in known and cni.labels.items() & one.metadata.labels.items()
    ]


def _read_agent(
    cni: CniAgent, agent: Agent, config_maps: ConfigMaps, snapshot: Snapshot
) -> Sighting:
    readings = [*_read_switches(cni, agent)]
    evidence = [_describe_agent(cni, agent)]
    if agent.desired == 0:
        readings.append(_read_absence(agent, nodes_known=bool(snapshot.nodes)))
    ip_blocks = cni.ip_blocks_match_pods
    wanted = cni.config_map
    if wanted is not None:
        config_map = config_maps.read.get(wanted.name)
        if config_map is not None:
            readings += [read_key(one, config_map) for one in wanted.keys]
            evidence += _show_keys(wanted, config_map)
            if wanted.ip_blocks and not _leaves_pods_unmatched(wanted.ip_blocks, config_map):
                ip_blocks = None
        elif wanted.name in config_maps.unread:
            readings.append(Reading(None, config_maps.unread[wanted.name]))
        elif decide(one.holds for one in readings) is not False:
            readings += assume_defaults(wanted)
    evidence += [one.evidence for one in readings]
    enforces = decide((cni.enforces, *(one.holds for one in readings)))
    companions = dict(_find_companions(cni, agent, snapshot.agents))
    return Sighting(
        name=cni.name,
        enforces=enforces,
        # How an enforcer would read an ipBlock says nothing where there is none (plain Flannel).
        ip_blocks_match_pods=None if ip_blocks and enforces is False else ip_blocks,
        evidence=tuple(dict.fromkeys(evidence)),
        capabilities=read_capabilities(
            cni.name, cni.capabilities, agent, wanted.name if wanted else "", config_maps
        ),
        remedies=tuple(one.remedy for one in readings if one.holds is False)
        or ((cni.remedy,) if cni.remedy else ()),
        agents=(_readiness(agent), *companions.values()),
        serves={**cni.serves, **dict.fromkeys(companions, True)},
        secondary=cni.secondary,
    )


def _read_switches(cni: CniAgent, agent: Agent) -> Iterator[Reading]:
    if cni.container:
        yield read_container(cni.container, agent)
    if cni.flag and any(is_container(one, cni.flag.container) for one in agent.containers):
        kept = agent.metadata.name in cni.daemon_sets
        yield read_flag(cni.flag, agent) if kept else miss_flag(cni.flag)
    if cni.released:
        yield read_release(cni.released, agent)


def _read_absence(agent: Agent, *, nodes_known: bool) -> Reading:
    """An agent that is meant for no node enforces nothing; without nodes there is nothing to it."""
    name = f"DaemonSet {agent.metadata.namespace}/{agent.metadata.name}"
    return Reading(
        False if nodes_known else None,
        f"{name} is meant to run on no node",
        f"let {name} run on the nodes: its nodeSelector and affinity match none",
    )


def _readiness(agent: Agent) -> Readiness:
    metadata = agent.metadata
    reference = Reference(metadata.namespace, "DaemonSet", metadata.name)
    return Readiness(reference, agent.desired, agent.ready)


def _find_companions(
    cni: CniAgent, agent: Agent, agents: Iterable[Agent]
) -> Iterator[tuple[str, Readiness]]:
    """By kind of nodes, the DaemonSets beside the agent that serve them."""
    for kind, names in cni.companions.items():
        for one in agents:
            beside = one.metadata.namespace == agent.metadata.namespace
            if beside and one.metadata.name in names and one.desired != 0:
                yield kind, _readiness(one)


def _describe_agent(cni: CniAgent, agent: Agent) -> str:
    text = str(_readiness(agent))
    if agent.metadata.name in cni.daemon_sets:
        return text
    labels = sorted(cni.labels.items() & agent.metadata.labels.items())
    return f"{text} (label {', '.join(f'{key}={value}' for key, value in labels)})"


def _leaves_pods_unmatched(reading: KeyReading, config_map: ConfigMapEvidence) -> bool:
    words = re.split(r"[\s,]+", config_map.values.get(reading.key, "").strip())
    return all(one in reading.no for one in words)


def _show_keys(wanted: CniConfigMap, config_map: ConfigMapEvidence) -> list[str]:
    keys = (*((wanted.ip_blocks.key,) if wanted.ip_blocks else ()), *wanted.shown)
    where = f"ConfigMap {config_map.namespace}/{config_map.name}"
    return [f"{where}: {key}={value}" for key in keys if (value := config_map.values.get(key))]
