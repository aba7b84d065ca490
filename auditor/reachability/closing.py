"""What a change of policies would close of today's connections, by workload: exactly.

Only permissions of the pods that a changed policy selects, in the changed direction, are computed
anew; everything else stays as the view has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Pod
from auditor.reachability.compile import CompiledPolicy, isolated_directions
from auditor.reachability.connections import Numbering
from auditor.reachability.permissions import Cell, Group, GrantBy, form_group, resolve_grants
from auditor.reachability.reach import reach_of
from auditor.reachability.view import View


class Change(NamedTuple):
    """Policies to add, and policies to replace by position; in one direction."""

    direction: Direction
    added: tuple[NetworkPolicy, ...] = ()
    replaced: tuple[tuple[int, NetworkPolicy], ...] = ()


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
        for number in self._affected(change):
            lost = self._lost(number, change)
            if self._is_simple(number, lost):
                total += self._count(number, lost)
            else:
                total += sum(1 for _ in self._rows(number, change, lost))
            if len(first) < rows:
                for row in self._rows(number, change, lost):
                    first.append(row)
                    if len(first) == rows:
                        break
        return total, tuple(first)

    def _affected(self, change: Change) -> list[int]:
        """The workloads with a pod that a changed policy selects."""
        changed = (*change.added, *(one for _, one in change.replaced))
        replaced = {position for position, _ in change.replaced}
        found: list[int] = []
        for namespace in {one.namespace for one in changed}:
            for number in self._workloads_in.get(namespace, ()):
                workload = self._view.workloads[number]
                if any(
                    replaced & set(self._view.group(change.direction, one).policies)
                    for one in workload.classes
                ) or any(
                    policy.namespace == namespace
                    and policy.spec.pod_selector.matches(pod.labels)
                    for policy in changed
                    for pod in self._view.pods_of(workload)
                    if not pod.spec.host_network
                ):
                    found.append(number)
        return sorted(found)

    @cached_property
    def _workloads_in(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, one in enumerate(self._view.workloads):
            found.setdefault(one.endpoint.workload.namespace, []).append(number)
        return found

    def outcomes(self, number: int, change: Change) -> Iterator[tuple[int, Group]]:
        """(class, its permission after the change) of a workload, each combination once."""
        view = self._view
        compiler = view.evaluation.compiler
        changed = (*change.added, *(one for _, one in change.replaced))
        compiled = (*view.policies, *(compiler.compile_policy(one) for one in changed))
        replaced = {position for position, _ in change.replaced}
        seen: set[tuple[int, tuple[int, ...]]] = set()
        for position in view.workloads[number].pods:
            pod = view.snapshot.pods[position]
            bit = view.endpoints.class_of_pod[position]
            old = view.group(change.direction, bit)
            kept = tuple(one for one in old.policies if one not in replaced)
            new = tuple(
                len(view.policies) + index
                for index, one in enumerate(changed)
                if change.direction in isolated_directions(one) and _selects(one, pod)
            )
            if (bit, kept + new) in seen:
                continue
            seen.add((bit, kept + new))
            yield bit, _permission(view, compiled, kept + new, change.direction, bit)

    def _lost(self, number: int, change: Change) -> list[tuple[int, tuple[Cell, ...]]]:
        """By class of the workload: the peers that lose ports, and which."""
        found: list[tuple[int, tuple[Cell, ...]]] = []
        reach = reach_of(self._view, change.direction)
        for bit, after in self.outcomes(number, change):
            lost: list[Cell] = []
            for ports, peers in reach.of(bit):
                rest = peers
                for cell in after.cells:
                    kept = rest & cell.peers
                    if kept and (gone := ports & ~cell.ports):
                        lost.append(Cell(gone, kept))
                    rest = rest - kept
                if rest:
                    lost.append(Cell(ports, rest))
            found.append((bit, tuple(lost)))
        return found

    def _is_simple(self, number: int, lost: list[tuple[int, tuple[Cell, ...]]]) -> bool:
        """Whether rows can be counted by class: one class here, and one a workload there."""
        return len(lost) == 1 and not any(
            cell.peers.intersect(self._shared_bits) for cell in lost[0][1]
        )

    @cached_property
    def _shared_bits(self) -> FrozenBitMap:
        """Classes of workloads that have several, and hosts: they take a closer look."""
        several = {
            bit for one in self._view.workloads if len(one.classes) > 1 for bit in one.classes
        }
        return FrozenBitMap(several | set(self._view.endpoints.host_classes))

    def _count(self, number: int, lost: list[tuple[int, tuple[Cell, ...]]]) -> int:
        bit, cells = lost[0]
        total = 0
        for _, peers in cells:
            if peers not in self._weights:
                self._weights[peers] = sum(len(self._numbering.holders[one]) for one in peers)
            total += self._weights[peers]
            if bit in peers:
                total -= number in self._numbering.holders[bit]
        return total

    def _rows(
        self, number: int, change: Change, lost: list[tuple[int, tuple[Cell, ...]]]
    ) -> Iterator[ClosedRow]:
        """The rows of one workload that close: what no pair of pods is allowed any more."""
        outcomes = list(self.outcomes(number, change))
        reach = reach_of(self._view, change.direction)
        seen: set[int] = set()
        for _, cells in lost:
            for _, peers in cells:
                for peer in peers:
                    for far in self._numbering.holders[peer]:
                        if far == number or far in seen:
                            continue
                        seen.add(far)
                        before = after = 0
                        for bit, group in outcomes:
                            for far_bit in self._numbering.bits[far]:
                                if self._on_own_node(number, bit, far, far_bit):
                                    continue
                                now = _ports_with(reach.of(bit), far_bit)
                                before |= now
                                after |= now & group.ports_with(far_bit)
                        if before & ~after:
                            ends = (number, far)
                            source, destination = (
                                ends if change.direction is Direction.EGRESS else ends[::-1]
                            )
                            yield ClosedRow(source, destination, before & ~after)

    def _on_own_node(self, number: int, bit: int, far: int, far_bit: int) -> bool:
        view = self._view
        if far >= self._numbering.first_address or not view.is_host(far_bit):
            return False
        nodes = view.nodes_in(number, bit) | view.nodes_in(far, far_bit)
        return len(nodes) == 1 and "" not in nodes


def _selects(policy: NetworkPolicy, pod: Pod) -> bool:
    return (
        not pod.spec.host_network
        and policy.namespace == pod.namespace
        and policy.spec.pod_selector.matches(pod.labels)
    )


def _permission(
    view: View,
    compiled: tuple[CompiledPolicy, ...],
    positions: tuple[int, ...],
    direction: Direction,
    bit: int,
) -> Group:
    if not positions:
        return view.evaluation.groups[direction].groups[0]
    grants: tuple[GrantBy, ...] = tuple(
        resolve_grants(compiled, positions, direction, view.evaluation.compiler, bit)
    )
    return form_group(FrozenBitMap((bit,)), positions, grants)


def _ports_with(cells: tuple[Cell, ...], peer: int) -> int:
    return next((cell.ports for cell in cells if peer in cell.peers), 0)
