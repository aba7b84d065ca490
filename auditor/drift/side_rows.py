"""What one side allows and permits, by row ends."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.drift.affected import Affected
from auditor.drift.own_nodes import OwnNodes
from auditor.drift.row_ends import RowEnds
from auditor.model.findings import Direction
from auditor.reachability.pair import EndsOfSide
from auditor.reachability.permissions import Cell, Group, disjoint_cells
from auditor.reachability.reach import Reach


class SideRows:
    """One side, with what its rows are computed from."""

    def __init__(self, ends: EndsOfSide) -> None:
        self.ends = ends
        self.view = ends.view
        self.row_ends = RowEnds(ends)
        self.own_nodes = OwnNodes(ends)
        self._reach = {direction: Reach(ends.view, direction) for direction in Direction}

    def allowed(self, affected: Affected) -> tuple[Cell, ...]:
        """What both ends allow between the near end and the far ones; own nodes are let be."""
        return self._by_row_ends(
            affected,
            (
                cell
                for bit in self.ends.bits[affected.near]
                for cell in self._reach[affected.direction].given(
                    bit, self._near_cells(affected, bit)
                )
            ),
        )

    def permitted_by_near(self, affected: Affected) -> tuple[Cell, ...]:
        """What the near end's own direction permits it with the far ones."""
        return self._by_row_ends(
            affected,
            (
                cell
                for bit in self.ends.bits[affected.near]
                for cell in self._near_cells(affected, bit)
            ),
        )

    def permitted_by_far(self, affected: Affected) -> tuple[Cell, ...]:
        """What the far ends permit the near one."""
        reach = self._reach[affected.direction]
        return self._by_row_ends(
            affected,
            (
                cell
                for bit in self.ends.bits[affected.near]
                for cell in _restrict(reach.admitting(bit), affected)
            ),
        )

    def groups(self, direction: Direction, end: int) -> tuple[Group, ...]:
        """The isolation groups of what stands for an end, each once."""
        groups = self.view.evaluation.groups[direction]
        known = len(groups.by_class)
        numbers = {groups.by_class[bit] if bit < known else 0 for bit in self.ends.bits[end]}
        return tuple(groups.groups[number] for number in sorted(numbers))

    def _near_cells(self, affected: Affected, bit: int) -> tuple[Cell, ...]:
        return _restrict(self.view.group(affected.direction, bit).cells, affected)

    def _by_row_ends(self, affected: Affected, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        alone = len(self.ends.bits[affected.near]) == 1  # its cells are disjoint as they are
        return self.row_ends.allowed(cells if alone else disjoint_cells(cells))


def _restrict(cells: Iterable[Cell], affected: Affected) -> tuple[Cell, ...]:
    """The cells with the far ends' bits alone, where these are known."""
    if affected.bits is None:
        return tuple(cells)
    return tuple(Cell(ports, peers & affected.bits) for ports, peers in cells)
