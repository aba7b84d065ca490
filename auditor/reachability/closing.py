"""What a change of policies would close of today's connections, by workload: exactly.

Only permissions of the pods that a changed policy selects, in the changed direction, are computed
anew; everything else stays as the view has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.connections import WorkloadEndpoint
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Pod
from auditor.reachability.compile import CompiledPolicy, isolated_directions
from auditor.reachability.connections import Numbering
from auditor.reachability.permissions import Cell, Group, form_group, resolve_grants
from auditor.reachability.reach import reach_of
from auditor.reachability.view import View


class Change(NamedTuple):
    """Policies to add, and policies to replace by position; in one direction."""

    direction: Direction
    added: tuple[NetworkPolicy, ...] = ()
    replaced: tuple[tuple[int, NetworkPolicy], ...] = ()

    @property
    def policies(self) -> tuple[NetworkPolicy, ...]:
        """The policies as they are after the change: added ones, then replaced ones."""
        return (*self.added, *(one for _, one in self.replaced))


class ClosedRow(NamedTuple):
    """A row (`connections.Numbering`) with the ports that close."""

    source: int
    destination: int
    ports: int


class Closing:
    """Answers, for one view, what changes would close."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._numbering = view.remembered(Numbering)
        self._weights: dict[FrozenBitMap, int] = {}

    @property
    def numbering(self) -> Numbering:
        """What the numbers of rows stand for."""
        return self._numbering

    def closed_by(self, change: Change, *, rows: int) -> tuple[int, tuple[ClosedRow, ...]]:
        """(how many rows the change closes, at least in part; the first of them)."""
        total = 0
        first: list[ClosedRow] = []
        after = Aftermath(self._view, change)
        for number in self._affected(change):
            outcomes = after.outcomes(number)
            lost = [(bit, self._lost(change.direction, bit, group)) for bit, group in outcomes]
            total += self._count(number, change.direction, outcomes, lost)
            if len(first) < rows:
                found = self._rows(number, change.direction, outcomes, lost, FrozenBitMap())
                first += islice(found, rows - len(first))
        return total, tuple(first)

    def outcomes(self, workload: WorkloadEndpoint, change: Change) -> list[tuple[int, Group]]:
        """(class, its permission after the change) of a workload, each combination once."""
        return Aftermath(self._view, change).outcomes(self._view.workload_numbers[workload])

    def _affected(self, change: Change) -> list[int]:
        """The workloads with a pod that a changed policy selects."""
        replaced = {position for position, _ in change.replaced}
        found: list[int] = []
        for namespace in {one.namespace for one in change.policies}:
            for number in self._workloads_in.get(namespace, ()):
                workload = self._view.workloads[number]
                if any(
                    not replaced.isdisjoint(self._view.group(change.direction, one).policies)
                    for one in workload.classes
                ) or any(
                    _selects(policy, pod)
                    for policy in change.policies
                    for pod in self._view.pods_of(workload)
                ):
                    found.append(number)
        return sorted(found)

    @cached_property
    def _workloads_in(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, one in enumerate(self._view.workloads):
            found.setdefault(one.endpoint.workload.namespace, []).append(number)
        return found

    def _lost(self, direction: Direction, bit: int, after: Group) -> tuple[Cell, ...]:
        """The peers of a class that lose ports, and which."""
        lost: list[Cell] = []
        for ports, peers in reach_of(self._view, direction).of(bit):
            rest = peers
            for cell in after.cells:
                if not rest.intersect(cell.peers):
                    continue
                kept = rest & cell.peers
                if gone := ports & ~cell.ports:
                    lost.append(Cell(gone, kept))
                rest = rest - kept
            if rest:
                lost.append(Cell(ports, rest))
        return tuple(lost)

    def _count(
        self,
        number: int,
        direction: Direction,
        outcomes: list[tuple[int, Group]],
        lost: list[tuple[int, tuple[Cell, ...]]],
    ) -> int:
        """The rows of one workload that close: by class where that is exact, else one by one."""
        if len(outcomes) > 1:
            every = self._rows(number, direction, outcomes, lost, FrozenBitMap())
            return sum(1 for _ in every)
        total = 0
        for bit, cells in lost:
            for _, peers in cells:
                plain = peers - self._view.shared_bits
                if plain not in self._weights:
                    self._weights[plain] = sum(len(self._numbering.holders[one]) for one in plain)
                total += self._weights[plain] - (bit in plain)
        apart = self._view.evaluation.index.everything - self._view.shared_bits
        return total + sum(1 for _ in self._rows(number, direction, outcomes, lost, apart))

    def _rows(
        self,
        number: int,
        direction: Direction,
        outcomes: list[tuple[int, Group]],
        lost: list[tuple[int, tuple[Cell, ...]]],
        left_out: FrozenBitMap,
    ) -> Iterator[ClosedRow]:
        """The rows of one workload that close: what no pair of pods is allowed any more."""
        reach = reach_of(self._view, direction)
        seen: set[int] = {number}
        for _, cells in lost:
            for _, peers in cells:
                for peer in peers - left_out:
                    for far in self._numbering.holders[peer]:
                        if far in seen:
                            continue
                        seen.add(far)
                        before = after = 0
                        for bit, group in outcomes:
                            for far_bit in self._numbering.bits[far]:
                                if self._view.on_own_node(number, bit, far, far_bit):
                                    continue
                                now = _ports_with(reach.of(bit), far_bit)
                                before |= now
                                after |= now & group.ports_with(far_bit)
                        if closed := before & ~after:
                            ends = (number, far)
                            yield ClosedRow(
                                *(ends if direction is Direction.EGRESS else ends[::-1]), closed
                            )


class Aftermath:
    """The permissions of a change's direction once it is made."""

    def __init__(self, view: View, change: Change) -> None:
        self._view = view
        self._change = change
        self._replaced = {position for position, _ in change.replaced}
        compiler = view.evaluation.compiler
        self._changed = {
            len(view.policies) + index: (one, compiler.compile_policy(one))
            for index, one in enumerate(change.policies)
            if change.direction in isolated_directions(one)
        }
        self._formed: dict[tuple[int, tuple[int, ...]], Group] = {}

    def outcomes(self, number: int) -> list[tuple[int, Group]]:
        """(class, its permission after the change) of a workload, each combination once."""
        view = self._view
        found: dict[tuple[int, tuple[int, ...]], Group] = {}
        for position in view.workloads[number].pods:
            pod = view.snapshot.pods[position]
            bit = view.endpoints.class_of_pod[position]
            old = view.group(self._change.direction, bit)
            kept = tuple(one for one in old.policies if one not in self._replaced)
            new = tuple(index for index, (one, _) in self._changed.items() if _selects(one, pod))
            found[bit, kept + new] = self._permission(bit, kept + new)
        return [(bit, group) for (bit, _), group in found.items()]

    def _permission(self, bit: int, positions: tuple[int, ...]) -> Group:
        if not positions:
            return self._view.evaluation.groups[self._change.direction].groups[0]
        found = self._formed.get((bit, positions))
        if found is None:
            grants = resolve_grants(
                self._compiled,
                positions,
                self._change.direction,
                self._view.evaluation.compiler,
                bit,
            )
            found = form_group(FrozenBitMap((bit,)), positions, grants)
            self._formed[bit, positions] = found
        return found

    def _compiled(self, position: int) -> CompiledPolicy:
        changed = self._changed.get(position)
        return self._view.policies[position] if changed is None else changed[1]


def _selects(policy: NetworkPolicy, pod: Pod) -> bool:
    return (
        not pod.spec.host_network
        and policy.namespace == pod.namespace
        and policy.spec.pod_selector.matches(pod.labels)
    )


def _ports_with(cells: tuple[Cell, ...], peer: int) -> int:
    return next((cell.ports for cell in cells if peer in cell.peers), 0)
