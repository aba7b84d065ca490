"""Which CNI runs, whether it enforces NetworkPolicy, and how it reads an ipBlock.

Several may be there at once: one that enforces stands for all (Calico beside Flannel), else one of
which it is not known; only where each is known not to enforce does nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from auditor.detection.agents import distrust_agents, read_agents
from auditor.detection.capabilities import unite_capabilities
from auditor.detection.data import DetectionData
from auditor.detection.in_process import read_in_process_controllers
from auditor.detection.nodes import count_unattended, find_apart
from auditor.detection.sighting import agree
from auditor.model.recognition import Cni
from auditor.model.snapshot import Snapshot

_NAMED_AT_MOST = 3


def recognize_cni(
    snapshot: Snapshot, data: DetectionData, system_namespaces: frozenset[str]
) -> Cni:
    """The CNI of a snapshot. ``enforces`` None: not known, or no CNI was recognised.

    What was not read may hold an agent that enforces: nothing is known not to be enforced then.
    """
    sightings = (
        *read_agents(snapshot, data, system_namespaces),
        *read_in_process_controllers(snapshot, data),
    )
    unseen = _shorten(tuple(_describe_unseen(snapshot)), "lists")
    distrusted = _shorten(tuple(distrust_agents(snapshot, data, system_namespaces)), "DaemonSets")
    said = (text for one in sightings for text in one.evidence)
    evidence = tuple(dict.fromkeys((*said, *distrusted)))
    candidates = tuple(one for one in sightings if not one.secondary)
    verdicts = {one.enforces for one in candidates}
    if not verdicts:
        return Cni(evidence=(*evidence, *unseen))
    enforces = True if True in verdicts else None if None in verdicts else False
    deciding = tuple(one for one in candidates if one.enforces is enforces)
    known = Cni(
        name=" and ".join(dict.fromkeys(one.name for one in deciding)),
        enforces=None if enforces is False and unseen else enforces,
        ip_blocks_match_pods=agree(one.ip_blocks_match_pods for one in deciding),
        evidence=evidence if enforces else (*evidence, *unseen),
    )
    if known.enforces is False:
        remedies = dict.fromkeys(text for one in deciding for text in one.remedies)
        return replace(known, remedies=tuple(remedies))
    if not known.enforces:
        return known
    return replace(
        known,
        capabilities=unite_capabilities(one.capabilities for one in deciding),
        agents=tuple(dict.fromkeys(agent for one in deciding for agent in one.agents)),
        unattended=count_unattended(snapshot.nodes, deciding, data.node_kinds),
        apart=find_apart(snapshot.nodes, deciding, data.node_kinds),
    )


def _describe_unseen(snapshot: Snapshot) -> Iterator[str]:
    """Where a further agent may be: in lists that were not read."""
    for gap in snapshot.gaps:
        if gap.kind == "DaemonSet" and gap.name is None:
            where = f" in {gap.namespace}" if gap.namespace else ""
            yield f"{gap.reason}{where}: another agent may enforce policies"
        elif gap.kind == "Node" and gap.name is None and snapshot.cluster.version is None:
            yield f"{gap.reason}: they may enforce policies without an agent"


def _shorten(texts: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The first of them: there may be one in each of many namespaces."""
    rest = len(texts) - _NAMED_AT_MOST
    return texts if rest <= 0 else (*texts[:_NAMED_AT_MOST], f"and {rest:,} more such {what}")
