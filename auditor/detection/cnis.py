"""Which CNI runs, whether it enforces NetworkPolicy, and how it reads an ipBlock.

Several may be there at once: one that enforces stands for all (Calico beside Flannel), else one of
which it is not known; only where each is known not to enforce does nobody.
"""

from __future__ import annotations

from auditor.detection.agents import read_agents
from auditor.detection.in_process import read_in_process_controllers
from auditor.model.recognition import Cni
from auditor.model.snapshot import Snapshot


def recognize_cni(snapshot: Snapshot) -> Cni:
    """The CNI of a snapshot. ``enforces`` None: not known, or no CNI was recognised."""
    sightings = (*read_agents(snapshot), *read_in_process_controllers(snapshot.nodes))
    evidence = tuple(dict.fromkeys(text for one in sightings for text in one.evidence))
    candidates = tuple(one for one in sightings if not one.secondary)
    verdicts = {one.enforces for one in candidates}
    if not verdicts:
        return Cni(evidence=evidence)
    enforces = True if True in verdicts else None if None in verdicts else False
    deciding = tuple(one for one in candidates if one.enforces is enforces)
    readings = {one.ip_blocks_match_pods for one in deciding}
    return Cni(
        name=" and ".join(dict.fromkeys(one.name for one in deciding)),
        enforces=enforces,
        ip_blocks_match_pods=readings.pop() if len(readings) == 1 else None,
        evidence=evidence,
    )
