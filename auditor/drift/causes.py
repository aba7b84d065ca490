"""Why rows changed: what is the same for many rows is said once, what is of the far end by kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.drift import Cause, CauseKind
from auditor.model.findings import Direction
from auditor.reachability.index import EMPTY


class Causes(NamedTuple):
    """The causes of some rows of one near end. Objects of the far end are named row by row."""

    fixed: frozenset[Cause] = frozenset()
    """The same for every row."""
    of_far: frozenset[CauseKind] = frozenset()
    """Kinds of causes whose object is the far end's workload."""
    far_namespace: bool = False
    """The labels of the far end's namespace changed."""
    far_isolation: Direction | None = None
    """What isolates the far end in a direction, on the side that denies, and not on the other."""

    @property
    def are_alike(self) -> bool:
        """Whether they name no object of the far end: so they are the same for every row."""
        return not (self.of_far or self.far_namespace or self.far_isolation)

    def joined(self, other: Causes) -> Causes:
        """The causes of both."""
        return Causes(
            self.fixed | other.fixed,
            self.of_far | other.of_far,
            self.far_namespace or other.far_namespace,
            self.far_isolation or other.far_isolation,
        )


class Part(NamedTuple):
    """Far ends of rows with the same causes."""

    ends: FrozenBitMap
    causes: Causes


class ExplainedBundle(NamedTuple):
    """A bundle whose rows have the same causes, but for the objects of the far ends."""

    direction: Direction
    """The near end is the source of egress, and the destination of ingress."""
    near: int
    ports: int
    far: FrozenBitMap
    causes: Causes


def join_causes(each: Iterable[Causes]) -> Causes:
    """The causes of all."""
    found = Causes()
    for one in each:
        found = found.joined(one)
    return found


def join_parts(parts: Iterable[Part], more: Iterable[Part]) -> list[Part]:
    """The first parts, cut by the second: these add their causes where they are."""
    added = list(more)
    found: dict[Causes, FrozenBitMap] = {}
    for ends, causes in parts:
        rest = [Part(ends, causes)]
        for others, other_causes in added:
            cut: list[Part] = []
            for one in rest:
                if one.ends.intersect(others):
                    cut.append(Part(one.ends & others, one.causes.joined(other_causes)))
                if left := one.ends - others:
                    cut.append(Part(left, one.causes))
            rest = cut
        for one in rest:
            found[one.causes] = found.get(one.causes, EMPTY) | one.ends
    return [Part(ends, causes) for causes, ends in found.items()]
