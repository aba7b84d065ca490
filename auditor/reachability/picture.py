"""Who reaches whom, namespace by namespace: the counts behind the report's picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyroaring import FrozenBitMap

from auditor.model.collector import uncollected
from auditor.model.report import Matrix, MatrixCell
from auditor.reachability.connections import Numbering
from auditor.reachability.permissions import Cell
from auditor.reachability.reach import reach_out
from auditor.reachability.view import View

EXTERNAL = "external addresses"

NAMES_AT_MOST = 40
"""Rows and columns of the picture, the group of the rest and the external addresses included."""

_Counts = dict[int, tuple[int, int]]
"""By group: the workloads that may be reached, and of those the ones on every port."""


@uncollected()
def count_matrix(view: View, ranked: Sequence[str]) -> Matrix:
    """Count workload pairs between namespaces, of which the first in rank stand by themselves.

    External space counts as one endpoint: allowed where any of it is, unrestricted where every
    address of a family is on every port.
    """
    namespaces = view.snapshot.namespaces
    fits = len(namespaces) < NAMES_AT_MOST and len(ranked) == len(namespaces)
    shown = tuple(sorted(ranked if fits else ranked[: NAMES_AT_MOST - 2]))
    rest = len(namespaces) - len(shown)
    names = (*shown, *((f"other namespaces ({rest})",) if rest else ()), EXTERNAL)
    counter = _Counter(view, {name: number for number, name in enumerate(shown)}, len(names))
    cells = tuple(
        tuple(MatrixCell(*counts, total) for counts, total in row) for row in counter.rows()
    )
    return Matrix(names=names, cells=cells, grouped=rest)


class _Counter:
    def __init__(self, view: View, shown: dict[str, int], groups: int) -> None:
        self._view = view
        self._numbering = view.remembered(Numbering)
        self._external = groups - 1
        self._groups = groups
        others = groups - 2
        self._group_of = [
            *(shown.get(one.endpoint.workload.namespace, others) for one in view.workloads),
            *(self._external for _ in view.endpoints.external),
        ]
        self._sizes = [0] * groups
        for number in range(len(view.workloads)):
            self._sizes[self._group_of[number]] += 1
        self._sizes[self._external] = 1
        self._closer = view.shared_bits
        self._plain = [
            FrozenBitMap(
                bit
                for bit in view.endpoints.pod_classes
                if view.endpoints.holders[bit]
                and bit not in self._closer
                and self._group_of[view.endpoints.holders[bit][0]] == group
            )
            for group in range(groups)
        ]
        self._weights: dict[FrozenBitMap, int] = {}

    def rows(self) -> Iterator[list[tuple[tuple[int, int], int]]]:
        """((allowed, unrestricted), total) by source group and destination group."""
        sums = [[(0, 0)] * self._groups for _ in range(self._groups)]
        for source, counts in self._by_source():
            row = sums[source]
            for group, (allowed, unrestricted) in counts.items():
                row[group] = (row[group][0] + allowed, row[group][1] + unrestricted)
        for source, row in enumerate(sums):
            yield [
                (counts, self._total(source, destination)) for destination, counts in enumerate(row)
            ]

    def _total(self, source: int, destination: int) -> int:
        if source == destination == self._external:
            return 0
        own = self._sizes[source] if source == destination else 0
        return self._sizes[source] * self._sizes[destination] - own

    def _by_source(self) -> Iterator[tuple[int, _Counts]]:
        workloads = self._view.workloads
        bits = sorted({bit for one in workloads for bit in one.classes})
        kept: dict[int, tuple[Cell, ...]] = {}
        for bit, cells in self._view.remembered(reach_out).of_each(bits):
            holders = self._view.endpoints.holders[bit]
            if bit in self._closer:
                kept[bit] = cells
                continue
            plain = self._plain_counts(cells)
            for number in holders:
                yield self._group_of[number], self._with_closer(number, bit, cells, plain)
        for number, one in enumerate(workloads):
            if one.classes[0] in self._closer:
                yield self._group_of[number], self._counted_by_row(number, kept)
        yield self._external, self._from_external()

    def _plain_counts(self, cells: Iterable[Cell]) -> _Counts:
        """The workloads of one class each that are reached, whoever asks."""
        every = self._view.all_ports
        counts: _Counts = {}
        for ports, peers in cells:
            for group, wanted in enumerate(self._plain):
                if peers.intersect(wanted):
                    found = self._weigh(peers & wanted)
                    allowed, unrestricted = counts.get(group, (0, 0))
                    counts[group] = (
                        allowed + found,
                        unrestricted + (found if ports == every else 0),
                    )
        counts[self._external] = self._outside(cells)
        return counts

    def _outside(self, cells: Iterable[Cell]) -> tuple[int, int]:
        view = self._view
        allowed = any(cell.peers.intersect(view.external) for cell in cells)
        open_parts = FrozenBitMap()
        for cell in cells:
            if cell.ports == view.all_ports:
                open_parts = open_parts | cell.peers
        whole = any(family <= open_parts for family in view.families.values())
        return int(allowed), int(whole)

    def _weigh(self, peers: FrozenBitMap) -> int:
        if peers not in self._weights:
            holders = self._view.endpoints.holders
            self._weights[peers] = sum(len(holders[one]) for one in peers)
        return self._weights[peers]

    def _with_closer(
        self, number: int, bit: int, cells: tuple[Cell, ...], plain: _Counts
    ) -> _Counts:
        """The counts of one workload: itself left out, what takes a closer look added."""
        counts = dict(plain)
        own = self._group_of[number]
        for ports, peers in cells:
            if bit in peers:
                self._add(counts, own, -1, ports)
        closer: dict[int, int] = {}
        for ports, peers in cells:
            for peer in peers & self._closer:
                for far in self._numbering.holders[peer]:
                    if far != number and not self._view.on_own_node(number, bit, far, peer):
                        closer[far] = closer.get(far, 0) | ports
        for far, ports in closer.items():
            self._add(counts, self._group_of[far], 1, ports)
        return counts

    def _counted_by_row(self, number: int, kept: dict[int, tuple[Cell, ...]]) -> _Counts:
        """The counts of a workload of several classes, or on hosts: destination by destination."""
        reached: dict[int, int] = {}
        outside: list[Cell] = []
        for bit in self._view.workloads[number].classes:
            for ports, peers in kept[bit]:
                outside.append(Cell(ports, peers))
                for peer in peers - self._view.external:
                    for far in self._numbering.holders[peer]:
                        if far != number and not self._view.on_own_node(number, bit, far, peer):
                            reached[far] = reached.get(far, 0) | ports
        counts: _Counts = {}
        for far, ports in reached.items():
            self._add(counts, self._group_of[far], 1, ports)
        counts[self._external] = self._outside(outside)
        return counts

    def _from_external(self) -> _Counts:
        """The workloads that some external address, or every one of a family, may reach."""
        allowed = FrozenBitMap()
        from_all: list[FrozenBitMap] = []
        for family in self._view.families.values():
            whole = self._view.evaluation.index.everything
            for _, cells in self._view.remembered(reach_out).of_each(family):
                open_bits = FrozenBitMap()
                for ports, peers in cells:
                    allowed = allowed | peers
                    if ports == self._view.all_ports:
                        open_bits = peers
                whole = whole & open_bits
            from_all.append(whole)
        unrestricted = FrozenBitMap.union(*from_all)
        counts: _Counts = {}
        for number, one in enumerate(self._view.workloads):
            if any(bit in allowed for bit in one.classes):
                every = any(bit in unrestricted for bit in one.classes)
                self._add(counts, self._group_of[number], 1, self._view.all_ports if every else 0)
        return counts

    def _add(self, counts: _Counts, group: int, number: int, ports: int) -> None:
        allowed, unrestricted = counts.get(group, (0, 0))
        if ports == self._view.all_ports:
            unrestricted += number
        counts[group] = (allowed + number, unrestricted)
