"""What the agents of CNIs say: the DaemonSets, their containers and flags, and their ConfigMaps.

Where a ConfigMap was not read, the agent's own defaults are assumed, and the evidence says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from auditor.detection.data import (
    CniAgent,
    CniConfigMap,
    FlagSwitch,
    KeyReading,
    KeySwitch,
    ReleaseSwitch,
    load_cnis,
)
from auditor.detection.sighting import Sighting, decide
from auditor.model.objects import Agent, AgentContainer
from auditor.model.snapshot import ConfigMapEvidence, Snapshot

_DATE_TAG = re.compile(r":v?(\d{8})(?![0-9])")


class _Reading(NamedTuple):
    """What one switch says about enforcement, and the evidence."""

    enforces: bool | None
    evidence: str


def _recognize_agents(agents: Iterable[Agent]) -> tuple[tuple[CniAgent, Agent], ...]:
    """The agents that are some CNI's, in the order of the data.

    A DaemonSet that only has a CNI's label counts where none has one of its names: an agent's
    companions (for other platforms, say) carry the label as well.
    """
    present = tuple(agents)
    found: list[tuple[CniAgent, Agent]] = []
    for cni in load_cnis().cnis:
        there = [one for one in present if _is_namespace(cni, one.metadata.namespace)]
        named = [one for one in there if one.metadata.name in cni.daemon_sets]
        labelled = [one for one in there if cni.labels.items() & one.metadata.labels.items()]
        found += [(cni, one) for one in named or labelled]
    return tuple(found)


def _is_namespace(cni: CniAgent, namespace: str) -> bool:
    return not cni.namespaces or any(fnmatchcase(namespace, one) for one in cni.namespaces)


def _describe_agent(cni: CniAgent, agent: Agent) -> str:
    text = f"DaemonSet {agent.metadata.namespace}/{agent.metadata.name}"
    if agent.metadata.name not in cni.daemon_sets:
        labels = sorted(cni.labels.items() & agent.metadata.labels.items())
        text += f" (label {', '.join(f'{key}={value}' for key, value in labels)})"
    if agent.desired is None or agent.ready is None:
        return text
    return f"{text}, ready on {agent.ready} of {agent.desired} nodes"


def _read_agent(
    cni: CniAgent, agent: Agent, config_maps: Mapping[str, ConfigMapEvidence]
) -> Sighting:
    evidence = [_describe_agent(cni, agent)]
    readings: list[_Reading] = []
    if cni.container:
        readings.append(_read_container(cni.container, agent))
    if cni.flag and any(_is_container(one, cni.flag.container) for one in agent.containers):
        kept = agent.metadata.name in cni.daemon_sets
        readings.append(_read_flag(cni.flag, agent) if kept else _miss_flag(cni.flag))
    if cni.released:
        readings.append(_read_release(cni.released, agent))
    ip_blocks = cni.ip_blocks_match_pods
    if wanted := cni.config_map:
        config_map = config_maps.get(wanted.name)
        if config_map:
            readings += _read_config_map(wanted, config_map)
            evidence += _show_keys(wanted, config_map)
            if wanted.ip_blocks and not _leaves_pods_unmatched(wanted.ip_blocks, config_map):
                ip_blocks = None
        elif decide(one.enforces for one in readings) is not False:
            readings += _assume_defaults(wanted)
    evidence += [one.evidence for one in readings]
    enforces = decide((cni.enforces, *(one.enforces for one in readings)))
    return Sighting(
        name=cni.name,
        enforces=enforces,
        # How an enforcer would read an ipBlock says nothing where there is none (plain Flannel).
        ip_blocks_match_pods=None if ip_blocks and enforces is False else ip_blocks,
        evidence=tuple(dict.fromkeys(evidence)),
        secondary=cni.secondary,
    )


def _is_container(container: AgentContainer, name: str) -> bool:
    repository = container.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return not name or name in (container.name, repository)


def _read_container(name: str, agent: Agent) -> _Reading:
    present = any(_is_container(one, name) for one in agent.containers)
    return _Reading(present, f"container {name} is {'present' if present else 'absent'}")


def _read_flag(switch: FlagSwitch, agent: Agent) -> _Reading:
    value = None
    for container in agent.containers:
        for argument in container.args if _is_container(container, switch.container) else ():
            name, equals, given = argument.partition("=")
            if name == switch.name:
                value = given if equals else "true"
    if value is None:
        text = f"flag {switch.name} is not set (default {switch.default})"
    else:
        text = f"flag {switch.name}={value}"
    return _read_value(switch, switch.default if value is None else value, text)


def _miss_flag(switch: FlagSwitch) -> _Reading:
    """A flag of an agent under a name of its own: the sources keep flags by the usual names."""
    return _Reading(None, f"flag {switch.name} was not read")


def _read_value(switch: FlagSwitch | KeySwitch, value: str, evidence: str) -> _Reading:
    if value.lower() in switch.on:
        return _Reading(True, evidence)  # noqa: FBT003 (a reading, not a mode)
    if value.lower() in switch.off:
        return _Reading(False, evidence)  # noqa: FBT003
    return _Reading(None, f"{evidence}, whose meaning is not known")


def _read_release(switch: ReleaseSwitch, agent: Agent) -> _Reading:
    images = [one.image for one in agent.containers if _is_container(one, switch.image)]
    for image in images:
        if match := _DATE_TAG.search(image.partition("@")[0]):
            return _Reading(int(match[1]) >= switch.date, f"image {image}")
    shown = f"image {images[0]}" if images else f"image {switch.image} is absent"
    return _Reading(None, f"{shown}: no release date to tell whether it enforces policies")


def _assume_defaults(wanted: CniConfigMap) -> list[_Reading]:
    assumed = ", ".join(f"{one.key}={one.default}" for one in wanted.keys)
    text = f"ConfigMap {wanted.name} was not read: {assumed} is assumed"
    return [_Reading(_read_value(one, one.default, "").enforces, text) for one in wanted.keys]


def _read_config_map(wanted: CniConfigMap, config_map: ConfigMapEvidence) -> list[_Reading]:
    where = f"ConfigMap {config_map.namespace}/{config_map.name}"
    readings = []
    for switch in wanted.keys:
        value = config_map.values.get(switch.key)
        if value is None:
            text = f"{where}: {switch.key} is not set (default {switch.default})"
        else:
            text = f"{where}: {switch.key}={value}"
        readings.append(_read_value(switch, switch.default if value is None else value, text))
    return readings


def _leaves_pods_unmatched(reading: KeyReading, config_map: ConfigMapEvidence) -> bool:
    words = re.split(r"[\s,]+", config_map.values.get(reading.key, "").strip())
    return all(one in reading.no for one in words)


def _show_keys(wanted: CniConfigMap, config_map: ConfigMapEvidence) -> list[str]:
    keys = (*((wanted.ip_blocks.key,) if wanted.ip_blocks else ()), *wanted.shown)
    where = f"ConfigMap {config_map.namespace}/{config_map.name}"
    return [f"{where}: {key}={value}" for key in keys if (value := config_map.values.get(key))]


def read_agents(snapshot: Snapshot) -> tuple[Sighting, ...]:
    """What each agent that was found says, in the order of the data."""
    namespace_of = {one.name: one.namespace for one in load_cnis().config_maps}
    config_maps = {
        one.name: one for one in snapshot.config_maps if namespace_of.get(one.name) == one.namespace
    }
    return tuple(
        _read_agent(cni, agent, config_maps) for cni, agent in _recognize_agents(snapshot.agents)
    )
