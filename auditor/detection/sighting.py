"""One sight of something that could enforce policies, and three-valued logic for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from auditor.model.recognition import Capability, Readiness


class Sighting(NamedTuple):
    """A CNI, or a controller, that was seen. None: not known."""

    name: str
    enforces: bool | None
    ip_blocks_match_pods: bool | None
    evidence: tuple[str, ...]
    capabilities: tuple[Capability, ...]
    """One for each feature of policies, in their order."""
    remedies: tuple[str, ...] = ()
    agents: tuple[Readiness, ...] = ()
    """Its DaemonSet, and then those that serve other kinds of nodes."""
    serves: Mapping[str, bool] = {}
    """By kind of nodes, where it is known of this one."""
    secondary: bool = False
    """It adds networks that policies do not reach, and is never the cluster's own CNI."""


def decide(readings: Iterable[bool | None]) -> bool | None:
    """Whether all hold: one that does not decides, else one that is not known does."""
    seen = tuple(readings)
    if False in seen:
        return False
    return None if None in seen else True


def agree(readings: Iterable[bool | None]) -> bool | None:
    """What all say alike; None where they differ, or nobody says anything."""
    seen = set(readings)
    return seen.pop() if len(seen) == 1 else None
