"""The picture: who reaches whom, namespace by namespace, as cells with numbers and levels."""

from __future__ import annotations

from auditor.model.report import Matrix, MatrixCell
from reports.rows import PairRow, Picture, PictureCell, PictureRow
from reports.text import count, show_name

PAIRS = 10
"""Pairs of namespaces listed in words below the picture."""

NO_PAIR = "·"


def draw(matrix: Matrix) -> Picture:
    """Turn the matrix into cells: a number, a level of colour and a mark for each."""
    names = tuple(show_name(name) for name in matrix.names)
    rows = tuple(
        PictureRow(
            names[i],
            tuple(_cell(names[i], names[j], cell) for j, cell in enumerate(cells)),
        )
        for i, cells in enumerate(matrix.cells)
    )
    note = (
        f"The picture names the namespaces with the worst findings; "
        f"{count(matrix.grouped, 'other namespace')} "
        f"{'stands' if matrix.grouped == 1 else 'stand'} in one group."
        if matrix.grouped
        else ""
    )
    return Picture(names, rows, note, _most_open(names, matrix))


def describe_share(cell: MatrixCell) -> str:
    """Return the share of pairs that may connect, in whole percent; never 0 or 100 by rounding."""
    if cell.total == 0:
        return NO_PAIR
    if cell.allowed == 0:
        return "0"
    if cell.allowed >= cell.total:
        return "100"
    percent = 100 * cell.allowed // cell.total
    return str(percent) if percent else "<1"


def level(cell: MatrixCell) -> int:
    """Return 0 where nothing is allowed, 1 to 4 by quarters of the pairs, 5 where all are."""
    if cell.total == 0 or cell.allowed == 0:
        return 0
    if cell.allowed >= cell.total:
        return 5
    return min(4, 1 + 4 * cell.allowed // cell.total)


def _cell(source: str, destination: str, cell: MatrixCell) -> PictureCell:
    ends = f"{source} → {destination}"
    if cell.total == 0:
        title = f"{ends}: no pair of workloads"
    else:
        title = f"{ends}: {cell.allowed:,} of {count(cell.total, 'workload pair')} may connect"
        if cell.unrestricted:
            title = f"{title}, {cell.unrestricted:,} on every port"
    return PictureCell(describe_share(cell), level(cell), cell.unrestricted > 0, title)


def _most_open(names: tuple[str, ...], matrix: Matrix) -> tuple[PairRow, ...]:
    pairs = [
        (cell, names[i], names[j])
        for i, cells in enumerate(matrix.cells)
        for j, cell in enumerate(cells)
        if i != j and cell.allowed
    ]
    pairs.sort(key=lambda one: (-one[0].unrestricted, -one[0].allowed, one[1], one[2]))
    return tuple(
        PairRow(source, destination, cell.allowed, cell.unrestricted, cell.total, _percent(cell))
        for cell, source, destination in pairs[:PAIRS]
    )


def _percent(cell: MatrixCell) -> str:
    return f"{describe_share(cell)} %"
