"""One sight of something that could enforce policies, and three-valued logic for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Sighting(NamedTuple):
    """A CNI, or a controller, that was seen. None: not known."""

    name: str
    enforces: bool | None
    ip_blocks_match_pods: bool | None
    evidence: tuple[str, ...]
    secondary: bool = False
    """It adds networks that policies do not reach, and is never the cluster's own CNI."""


def decide(readings: Iterable[bool | None]) -> bool | None:
    """Whether all hold: one that does not decides, else one that is not known does."""
    seen = tuple(readings)
    if False in seen:
        return False
    return None if None in seen else True
