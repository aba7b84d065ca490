"""Nodes that the agents of a CNI leave out: those of a kind apart, and those of none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from auditor.detection.cni_data import NodeKind
from auditor.detection.sighting import Sighting
from auditor.model.objects import Node
from auditor.model.recognition import ApartNodes


def find_apart(
    nodes: Iterable[Node], enforcing: Iterable[Sighting], kinds: tuple[NodeKind, ...]
) -> tuple[ApartNodes, ...]:
    """The nodes of each kind that no enforcing CNI serves, or of which it is not known."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        if kind := _kind_of(node, kinds):
            by_kind[kind.name].append(node.metadata.name)
    sightings = tuple(enforcing)
    found = []
    for kind in kinds:
        served = {one.serves.get(kind.name, kind.served) for one in sightings}
        if kind.name in by_kind and True not in served:
            names = tuple(sorted(by_kind[kind.name]))
            known = None if None in served else False
            found.append(ApartNodes(kind.name, names, known, kind.remedy))
    return tuple(found)


def count_unattended(
    nodes: Iterable[Node], enforcing: Iterable[Sighting], kinds: tuple[NodeKind, ...]
) -> int:
    """Nodes of no kind apart beyond those that the agents are meant for; 0 where not known.

    A lower bound: agents of several CNIs may be meant for the same nodes.
    """
    attended = 0
    for sighting in enforcing:
        desired = sighting.agents[0].desired if sighting.agents else None
        if desired is None:
            return 0
        attended += desired
    return max(0, sum(_kind_of(node, kinds) is None for node in nodes) - attended)


def _kind_of(node: Node, kinds: tuple[NodeKind, ...]) -> NodeKind | None:
    labels = node.metadata.labels
    return next((one for one in kinds if labels.get(one.label) == one.value), None)
