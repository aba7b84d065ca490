"""What the switches of an agent say: its containers, flags and images, and its ConfigMap."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from auditor.detection.cni_data import (
    CniConfigMap,
    ContainerSwitch,
    FlagSwitch,
    KeySwitch,
    ReleaseSwitch,
    Support,
)
from auditor.detection.data import DetectionData
from auditor.model.objects import Agent, AgentContainer
from auditor.model.snapshot import ConfigMapEvidence, Snapshot

_DATE_TAG = re.compile(r":v?(\d{8})(?![0-9])")
_RELEASE_TAG = re.compile(r":v?(\d{1,4})\.(\d{1,4})(?![0-9])")


class Reading(NamedTuple):
    """What one switch says (None: not known), the evidence, and what to do where it says no."""

    holds: bool | None
    evidence: str
    remedy: str = ""


class ConfigMaps(NamedTuple):
    """The ConfigMaps of CNIs by name, and in words why some were not read that were asked for."""

    read: Mapping[str, ConfigMapEvidence]
    unread: Mapping[str, str]


def index_config_maps(snapshot: Snapshot, data: DetectionData) -> ConfigMaps:
    """The ConfigMaps that the data names, and only where it says that they stand."""
    places = {(one.namespace, one.name) for one in data.config_maps}
    return ConfigMaps(
        read={one.name: one for one in snapshot.config_maps if (one.namespace, one.name) in places},
        unread={
            gap.name: f"ConfigMap {gap.namespace}/{gap.name} {gap.reason}"
            for gap in snapshot.gaps
            if gap.kind == "ConfigMap" and gap.name and (gap.namespace, gap.name) in places
        },
    )


def is_container(container: AgentContainer, name: str) -> bool:
    """Whether a container, or its image, has a name; the empty one is any container's."""
    repository = container.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return not name or name in (container.name, repository)


def read_container(switch: ContainerSwitch, agent: Agent) -> Reading:
    """Whether the agent has the container."""
    present = any(is_container(one, switch.name) for one in agent.containers)
    evidence = f"container {switch.name} is {'present' if present else 'absent'}"
    return Reading(present, evidence, switch.remedy)


def read_flag(switch: FlagSwitch, agent: Agent) -> Reading:
    """What the last of the flags says, of those that the sources keep."""
    value = None
    for container in agent.containers:
        for argument in container.args if is_container(container, switch.container) else ():
            name, equals, given = argument.partition("=")
            if name == switch.name:
                value = given if equals else "true"
    if value is None:
        text = f"flag {switch.name} is not set (default {switch.default})"
    else:
        text = f"flag {switch.name}={value}"
    return _read_value(switch, switch.default if value is None else value, text)


def miss_flag(switch: FlagSwitch) -> Reading:
    """A flag of an agent under a name of its own: the sources keep flags by the usual names."""
    return Reading(None, f"flag {switch.name} was not read")


def read_release(switch: ReleaseSwitch, agent: Agent) -> Reading:
    """Whether the image's tag is of the date, or of a later one."""
    images = _images(agent, switch.image)
    for image in images:
        if match := _DATE_TAG.search(_untagged_by_digest(image)):
            return Reading(int(match[1]) >= switch.date, f"image {image}", switch.remedy)
    shown = f"image {images[0]}" if images else f"image {switch.image} is absent"
    return Reading(None, f"{shown}: no release date to tell whether it enforces policies")


def read_since(support: Support, since: str, agent: Agent) -> Reading:
    """Whether the image's tag is of the release, or of a later one."""
    images = _images(agent, support.container)
    for image in images:
        if match := _RELEASE_TAG.search(_untagged_by_digest(image)):
            major, minor = since.split(".")
            holds = (int(match[1]), int(match[2])) >= (int(major), int(minor))
            return Reading(holds, f"image {image}, enforced since {since}", support.remedy)
    shown = f"image {images[0]}" if images else f"container {support.container} is absent"
    return Reading(None, f"{shown}: no release to tell, enforced since {since}")


def _images(agent: Agent, container: str) -> list[str]:
    return [one.image for one in agent.containers if is_container(one, container)]


def _untagged_by_digest(image: str) -> str:
    """The last segment of an image's name with its tag: no port of a registry, and no digest."""
    return image.partition("@")[0].rpartition("/")[2]


def read_key(switch: KeySwitch, config_map: ConfigMapEvidence) -> Reading:
    """What a key of a ConfigMap that was read says."""
    where = f"ConfigMap {config_map.namespace}/{config_map.name}"
    value = config_map.values.get(switch.key)
    if value is None:
        text = f"{where}: {switch.key} is not set (default {switch.default})"
    else:
        text = f"{where}: {switch.key}={value}"
    return _read_value(switch, switch.default if value is None else value, text)


def assume_defaults(wanted: CniConfigMap) -> list[Reading]:
    """The agent's own defaults, where the input does not hold its ConfigMap."""
    assumed = ", ".join(f"{one.key}={one.default}" for one in wanted.keys)
    text = f"ConfigMap {wanted.name} was not read: {assumed} is assumed"
    return [_read_value(one, one.default, text) for one in wanted.keys]


def _read_value(switch: FlagSwitch | KeySwitch, value: str, evidence: str) -> Reading:
    if value.lower() in switch.on:
        return Reading(True, evidence)  # noqa: FBT003 (a reading, not a mode)
    if value.lower() in switch.off:
        return Reading(False, evidence, switch.remedy)  # noqa: FBT003
    return Reading(None, f"{evidence}, whose meaning is not known")
