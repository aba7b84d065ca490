"""Which features of policies a CNI enforces: as such, by its release, or by a key of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from auditor.detection.cni_data import KeySwitch, Support
from auditor.detection.sighting import agree
from auditor.detection.switches import ConfigMaps, Reading, read_key, read_since
from auditor.model.objects import Agent
from auditor.model.recognition import Capability, Feature


def read_capabilities(
    name: str,
    supports: Mapping[Feature, Support],
    agent: Agent | None = None,
    config_map: str = "",
    config_maps: ConfigMaps = ConfigMaps({}, {}),  # noqa: B008  a frozen value
) -> tuple[Capability, ...]:
    """What is known of each feature, in their order.

    Args:
        name: the CNI's.
        supports: what the data says.
        agent: its DaemonSet, where it has one.
        config_map: the name of the ConfigMap that it reads.
        config_maps: those of the snapshot.

    """
    found = []
    for feature in Feature:
        support = supports.get(feature)
        if support is None:
            reading = Reading(None, f"nothing is known of {name} here")
        elif support.key is not None:
            reading = _read_key(support.key, config_map, config_maps)
        elif support.since is not None and agent is not None:
            reading = read_since(support, support.since, agent)
        else:
            said = "enforces it" if support.enforced else "is known not to enforce it"
            reading = Reading(support.enforced, f"{name} {said}", support.remedy)
        remedy = reading.remedy if reading.holds is False else ""
        found.append(Capability(feature, reading.holds, reading.evidence, remedy))
    return tuple(found)


def _read_key(switch: KeySwitch, name: str, config_maps: ConfigMaps) -> Reading:
    if name in config_maps.read:
        return read_key(switch, config_maps.read[name])
    unread = config_maps.unread.get(name, f"ConfigMap {name} was not read")
    return Reading(None, f"{unread}: {switch.key} would say it")


def unite_capabilities(each: Iterable[tuple[Capability, ...]]) -> tuple[Capability, ...]:
    """What holds wherever any of several CNIs enforces: known only where they agree."""
    united = []
    for alike in zip(*each, strict=True):
        enforced = agree(one.enforced for one in alike)
        evidence = "; ".join(dict.fromkeys(one.evidence for one in alike))
        remedy = "; ".join(dict.fromkeys(filter(None, (one.remedy for one in alike))))
        united.append(
            Capability(alike[0].feature, enforced, evidence, remedy if enforced is False else "")
        )
    return tuple(united)
