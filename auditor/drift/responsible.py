"""The objects that causes name: policies as they changed, workloads and namespaces."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from pyroaring import FrozenBitMap

from auditor.drift.causes import Causes
from auditor.drift.factors import POLICY
from auditor.drift.reasons import SamePolicies
from auditor.drift.side_rows import SideRows
from auditor.model.connections import AddressEndpoint, Endpoint
from auditor.model.drift import Cause, CauseKind
from auditor.model.findings import Direction
from auditor.model.objects import Reference

_REMEMBERED = 65_536
"""Causes of rows that are kept."""


class Responsible:
    """Answers for rows that ``allowing`` has and ``denying`` has not."""

    def __init__(
        self, ends: tuple[Endpoint, ...], allowing: SideRows, denying: SideRows, *, opened: bool
    ) -> None:
        self._ends = ends
        self._allowing = allowing
        self._denying = denying
        self.same = SamePolicies(allowing.ends, denying.ends)
        on_current, on_previous = CauseKind.POLICY_ADDED, CauseKind.POLICY_REMOVED
        self._allowing_alone = on_current if opened else on_previous
        self._denying_alone = on_previous if opened else on_current
        self._isolation: dict[tuple[Direction, int], frozenset[Cause]] = {}
        self._by_isolation: dict[Direction, tuple[FrozenBitMap, FrozenBitMap]] = {}
        self._rows: dict[tuple[Causes, int], tuple[Cause, ...]] = {}

    def key(self, end: int) -> str:
        """The object key of an end's workload."""
        endpoint = self._ends[end]
        return str(endpoint if isinstance(endpoint, AddressEndpoint) else endpoint.workload)

    def namespace(self, end: int) -> str | None:
        """The namespace of an end; None of addresses."""
        endpoint = self._ends[end]
        return None if isinstance(endpoint, AddressEndpoint) else endpoint.workload.namespace

    def namespace_cause(self, end: int) -> Cause:
        """The labels of its namespace changed."""
        return Cause(CauseKind.LABELS_CHANGED, f"Namespace/{self.namespace(end)}")

    def change_of(self, policy: Reference) -> CauseKind | None:
        """Whether a policy came or went; None where both sides have it."""
        if self.same.has(policy):
            return None
        return self._allowing_alone if policy in self._allowed else self._denying_alone

    def isolation(self, direction: Direction, end: int) -> frozenset[Cause]:
        """Why an end is isolated on the side that denies, and not on the one that allows."""
        found = self._isolation.get((direction, end))
        if found is None:
            found = frozenset(self._isolating(direction, end))
            self._isolation[direction, end] = found
        return found

    def by_isolation(self, direction: Direction) -> tuple[FrozenBitMap, FrozenBitMap]:
        """The ends with pods that no policy isolates on the side that allows, and the others.

        An end that has pods of both sorts is in both.
        """
        found = self._by_isolation.get(direction)
        if found is None:
            view, row_ends = self._allowing.view, self._allowing.row_ends
            groups = view.evaluation.groups[direction]
            everything = view.evaluation.index.everything
            isolated = FrozenBitMap(bit for bit in everything if groups.of(bit).is_isolated)
            found = row_ends.holding(everything - isolated), row_ends.holding(isolated)
            self._by_isolation[direction] = found
        return found

    @cached_property
    def relabelled(self) -> FrozenBitMap:
        """The ends in namespaces whose labels differ."""
        names = self.same.relabelled
        return FrozenBitMap(
            end for end in range(len(self._ends)) if names and self.namespace(end) in names
        )

    @cached_property
    def moved(self) -> FrozenBitMap:
        """The ends whose bits differ."""
        both = zip(self._allowing.ends.bits, self._denying.ends.bits, strict=True)
        return FrozenBitMap(end for end, (one, other) in enumerate(both) if one != other)

    def causes_of_row(self, causes: Causes, far: int) -> tuple[Cause, ...]:
        """The causes of a row, sorted, those of its far end by name."""
        found = self._rows.get((causes, far))
        if found is None:
            if len(self._rows) >= _REMEMBERED:
                self._rows.clear()
            found = self._rows[causes, far] = sort_causes(self.name_causes(causes, far))
        return found

    def name_causes(self, causes: Causes, far: int) -> frozenset[Cause]:
        """Likewise, unsorted."""
        found = causes.fixed | {Cause(kind, self.key(far)) for kind in causes.of_far}
        if causes.far_namespace:
            found |= {self.namespace_cause(far)}
        if causes.far_isolation is not None:
            found |= self.isolation(causes.far_isolation, far)
        return found

    @cached_property
    def _allowed(self) -> frozenset[Reference]:
        return frozenset(one.reference for one in self._allowing.view.snapshot.policies)

    def _isolating(self, direction: Direction, end: int) -> set[Cause]:
        view = self._denying.view
        found: set[Cause] = set()
        for group in self._denying.groups(direction, end):
            for policy in view.references(group.policies):
                kind = self.change_of(policy)
                if kind is not None:
                    found.add(Cause(kind, str(policy)))
                    continue
                reasons = self.same.isolating(policy, direction, end)
                found |= {
                    Cause(one.kind, str(policy) if one == POLICY else self.key(end))
                    for one in reasons
                }
        return found


def sort_causes(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """By kind, then by object."""
    return tuple(sorted(causes, key=lambda one: (one.cause, one.object)))
