"""What a change of policies would close of today's connections, and open, by workload: exactly.

Only permissions of the pods that a changed policy selects, in the changed direction, are computed
anew; everything else stays as the view has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.connections import WorkloadEndpoint
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy
from auditor.reachability.compile import Grant, isolated_directions
from auditor.reachability.connections import Numbering
from auditor.reachability.index import EMPTY
from auditor.reachability.permissions import (
    Cell,
    Group,
    form_group,
    ports_with,
    resolve_grants,
)
from auditor.reachability.reach import meet, reach_of
from auditor.reachability.selection import select, workloads_by_pod
from auditor.reachability.view import View
from auditor.reachability.weights import Weights


class Change(NamedTuple):
    """Policies to add, and policies to replace by position; in one direction."""

    direction: Direction
    added: tuple[NetworkPolicy, ...] = ()
    replaced: tuple[tuple[int, NetworkPolicy], ...] = ()

    @property
    def policies(self) -> tuple[NetworkPolicy, ...]:
        """The policies as they are after the change: added ones, then replaced ones."""
        return (*self.added, *(one for _, one in self.replaced))


class ChangedRow(NamedTuple):
    """A row (`connections.Numbering`) with the ports that close, or that open."""

    source: int
    destination: int
    ports: int


class Sides(NamedTuple):
    """The peers of some pods of a workload, both ends considered: before and after a change."""

    bit: int
    """The class of the pods."""
    before: tuple[Cell, ...]
    after: tuple[Cell, ...]

    @property
    def reversed(self) -> Sides:
        """The change undone: what it opens is what its reverse closes."""
        return Sides(self.bit, self.after, self.before)


class Lost(NamedTuple):
    """The ports that a class of pods loses with some peers."""

    bit: int
    ports: int
    peers: FrozenBitMap


class Closing:
    """Answers, for one view, what changes would close, and what they would open."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._numbering = view.remembered(Numbering)
        self._last: tuple[Change, Aftermath] | None = None
        self._holders = Weights(map(len, self._numbering.holders))

    def closed_by(
        self, change: Change, *, rows: int, opens: bool = False
    ) -> tuple[int, tuple[ChangedRow, ...]]:
        """(how many rows the change closes, at least in part; the first of them).

        ``opens``: whether the change may open something, too, as one that only narrows does not.
        """
        return self._count_rows(change.direction, self._compare(change, opens=opens), rows)

    def opened_by(self, change: Change, *, rows: int) -> tuple[int, tuple[ChangedRow, ...]]:
        """(how many rows the change opens, at least in part; the first of them)."""
        compared = self._compare(change, opens=True)
        undone = ((number, [one.reversed for one in sides]) for number, sides in compared)
        return self._count_rows(change.direction, undone, rows)

    def outcomes(self, workload: WorkloadEndpoint, change: Change) -> list[tuple[int, Group]]:
        """(class, its permission after the change) of a workload, each combination once."""
        return self._aftermath(change).outcomes(self._view.workload_numbers[workload])

    def _aftermath(self, change: Change) -> Aftermath:
        """That of the last change is kept: who looks at its outcomes asks next what it closes."""
        if self._last is None or self._last[0] is not change:
            self._last = change, Aftermath(self._view, change)
        return self._last[1]

    def _compare(self, change: Change, *, opens: bool) -> Iterator[tuple[int, list[Sides]]]:
        """Each workload that the change affects, before and after it."""
        reach = reach_of(self._view, change.direction)
        aftermath = self._aftermath(change)
        for number in aftermath.affected():
            sides: list[Sides] = []
            for bit, group in aftermath.outcomes(number):
                before = reach.of(bit)
                after = reach.given(bit, group.cells) if opens else meet(before, group.cells)
                sides.append(Sides(bit, before, after))
            yield number, sides

    def _count_rows(
        self, direction: Direction, compared: Iterable[tuple[int, list[Sides]]], rows: int
    ) -> tuple[int, tuple[ChangedRow, ...]]:
        """(how many rows close, the first of them)."""
        total = 0
        first: list[ChangedRow] = []
        for number, sides in compared:
            lost = [Lost(one.bit, *cell) for one in sides for cell in _lost(one)]
            total += self._count(number, sides, lost)
            if len(first) < rows:
                found = self._rows(number, sides, lost, self._view.evaluation.index.everything)
                for far, ports in islice(found, rows - len(first)):
                    ends = (number, far) if direction is Direction.EGRESS else (far, number)
                    first.append(ChangedRow(*ends, ports))
        return total, tuple(first)

    def _count(self, number: int, sides: list[Sides], lost: list[Lost]) -> int:
        """The rows of one workload that close: by class where that is exact, else one by one."""
        if len(sides) > 1:
            everything = self._view.evaluation.index.everything
            return sum(1 for _ in self._rows(number, sides, lost, everything))
        shared = self._view.shared_bits
        total = sum(1 for _ in self._rows(number, sides, lost, shared))
        for one in lost:
            plain = one.peers - shared
            total += self._holders.sum(plain) - (one.bit in plain)
        return total

    def _rows(
        self, number: int, sides: list[Sides], lost: list[Lost], among: FrozenBitMap
    ) -> Iterator[tuple[int, int]]:
        """(far end, ports) of the rows of one workload that close, with peers among those named."""
        shared = self._view.shared_bits
        seen: set[int] = {number}
        for one in lost:
            for peer in one.peers & among:
                alone = len(sides) == 1 and peer not in shared
                for far in self._numbering.holders[peer]:
                    if far not in seen:
                        seen.add(far)
                        ports = one.ports if alone else self._closed_between(number, far, sides)
                        if ports:
                            yield far, ports

    def _closed_between(self, number: int, far: int, sides: list[Sides]) -> int:
        """The ports of a row that close: what no pair of pods is allowed any more."""
        before = after = 0
        for one in sides:
            for far_bit in self._numbering.bits[far]:
                if not self._view.on_own_node(number, one.bit, far, far_bit):
                    before |= ports_with(one.before, far_bit)
                    after |= ports_with(one.after, far_bit)
        return before & ~after


class Aftermath:
    """The permissions of a change's direction once it is made."""

    def __init__(self, view: View, change: Change) -> None:
        self._view = view
        self._change = change
        self._replaced = {position for position, _ in change.replaced}
        changed = {
            len(view.policies) + index: one
            for index, one in enumerate(change.policies)
            if change.direction in isolated_directions(one)
        }
        self._selections = {
            position: select(view, one.namespace, one.spec.pod_selector)
            for position, one in changed.items()
        }
        compiler = view.evaluation.compiler
        self._grants = {
            position: compiler.compile_rules(one, change.direction)
            for position, one in changed.items()
        }
        self._formed: dict[tuple[int, tuple[int, ...]], Group] = {}

    def affected(self) -> list[int]:
        """The workloads with a pod that a policy selects, as it was or as it is to be."""
        view = self._view
        bits = FrozenBitMap.union(
            *(one.classes for one in self._selections.values()),
            *(view.policies[one].subjects for one in self._replaced),
            EMPTY,
        )
        whole = {number for bit in bits for number in view.endpoints.holders[bit]}
        workload_of = view.remembered(workloads_by_pod)
        single = {workload_of[pod] for one in self._selections.values() for pod in one.pods}
        return sorted(whole | single)

    def outcomes(self, number: int) -> list[tuple[int, Group]]:
        """(class, its permission after the change) of a workload, each combination once."""
        view = self._view
        found: dict[tuple[int, tuple[int, ...]], Group] = {}
        for position in self._different_pods(number):
            bit = view.endpoints.class_of_pod[position]
            old = view.group(self._change.direction, bit).policies
            new = (
                index
                for index, one in self._selections.items()
                if bit in one.classes or position in one.pods
            )
            policies = (*(one for one in old if one not in self._replaced), *new)
            found[bit, policies] = self._permission(bit, policies)
        return [(bit, group) for (bit, _), group in found.items()]

    def _different_pods(self, number: int) -> Iterable[int]:
        """Pods of a workload that stand for all: one of each class, if no policy selects singly."""
        workload = self._view.workloads[number]
        if any(one.pods for one in self._selections.values()):
            return workload.pods
        if len(workload.classes) == 1:
            return workload.pods[:1]
        class_of_pod = self._view.endpoints.class_of_pod
        return {class_of_pod[one]: one for one in reversed(workload.pods)}.values()

    def _permission(self, bit: int, positions: tuple[int, ...]) -> Group:
        if not positions:
            return self._view.evaluation.groups[self._change.direction].groups[0]
        found = self._formed.get((bit, positions))
        if found is None:
            grants = resolve_grants(
                self._grants_of,
                positions,
                self._view.evaluation.compiler,
                bit,
            )
            found = form_group(FrozenBitMap((bit,)), positions, grants)
            self._formed[bit, positions] = found
        return found

    def _grants_of(self, position: int) -> tuple[Grant, ...]:
        changed = self._grants.get(position)
        if changed is None:
            return self._view.policies[position].grants[self._change.direction]
        return changed


def _lost(sides: Sides) -> Iterator[Cell]:
    """The peers that lose ports, and which; disjoint."""
    for ports, peers in sides.before:
        rest = peers
        for cell in sides.after:
            if rest.intersect(cell.peers):
                if lost := ports & ~cell.ports:
                    yield Cell(lost, rest & cell.peers)
                rest = rest - cell.peers
        if rest:
            yield Cell(ports, rest)
