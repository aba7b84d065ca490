"""Both sides together, in bulk: whom an endpoint reaches, or who reaches it (semantics 3.11).

The permissions of one side are per isolation group. Turned around once ("which groups admit this
endpoint?") they meet the other side's in a few bitmap operations an endpoint; nothing of the size
endpoints by endpoints is ever held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pyroaring import BitMap, FrozenBitMap

from auditor.model.findings import Direction
from auditor.reachability.permissions import Cell, Group
from auditor.reachability.view import View

_CHUNK = 2048
"""Endpoints turned around at a time: bounds the memory of a pass over everything."""

_NARROW = 512
"""Peers of a cell up to which it is filed under each of them."""

_REMEMBERED = 4096
"""Answers to single questions kept."""


def opposite(direction: Direction) -> Direction:
    """Egress for ingress, and the reverse."""
    return Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS


class Reach:
    """Whom endpoints reach (``EGRESS``), or who reaches them (``INGRESS``).

    ``possible``: also what an unknown may allow.
    """

    def __init__(self, view: View, direction: Direction, *, possible: bool = False) -> None:
        self._view = view
        self._direction = direction
        self._possible = possible
        self._narrow: defaultdict[int, list[Cell]] = defaultdict(list)
        self._broad: list[tuple[FrozenBitMap, Cell]] = []
        self._turn_around()
        self._remembered: dict[int, tuple[Cell, ...]] = {}

    def of(self, endpoint: int) -> tuple[Cell, ...]:
        """The peers of one endpoint by the ports that both sides allow; disjoint."""
        found = self._remembered.get(endpoint)
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            near = self._cells(self._view.group(self._direction, endpoint))
            found = self._remembered[endpoint] = self.given(endpoint, near)
        return found

    def given(self, endpoint: int, near: Iterable[Cell]) -> tuple[Cell, ...]:
        """Do as `of` does, were ``near`` what the endpoint's own side allows."""
        return meet(near, self.admitting(endpoint))

    def admitting(self, endpoint: int) -> list[Cell]:
        """Who admits the endpoint, whatever its own side allows, by ports; disjoint."""
        broad = [cell for admitted, cell in self._broad if endpoint in admitted]
        return self._far(endpoint, broad)

    def of_each(self, wanted: Iterable[int]) -> Iterator[tuple[int, tuple[Cell, ...]]]:
        """(endpoint, its peers by ports), in the order given."""
        chunk: list[int] = []
        for one in wanted:
            chunk.append(one)
            if len(chunk) == _CHUNK:
                yield from self._of_chunk(chunk)
                chunk = []
        yield from self._of_chunk(chunk)

    def _turn_around(self) -> None:
        """File the far side's cells by whom they admit; equal ones are put together."""
        found: dict[Cell, BitMap] = {}
        for group in self._view.evaluation.groups[opposite(self._direction)].groups:
            for cell in self._cells(group):
                if cell in found:
                    found[cell] |= group.members
                else:
                    found[cell] = BitMap(group.members)
        for (ports, admitted), members in found.items():
            cell = Cell(ports, FrozenBitMap(members))
            if len(admitted) <= _NARROW:
                for one in admitted:
                    self._narrow[one].append(cell)
            else:
                self._broad.append((admitted, cell))

    def _cells(self, group: Group) -> tuple[Cell, ...]:
        if not self._possible:
            return group.cells
        return (*group.cells, *(Cell(one.ports, one.possible) for one in group.possible))

    def _of_chunk(self, chunk: list[int]) -> Iterator[tuple[int, tuple[Cell, ...]]]:
        wanted = FrozenBitMap(chunk)
        everywhere: list[Cell] = []
        admitting: dict[int, list[Cell]] = {one: [] for one in wanted}
        for admitted, cell in self._broad:
            some = admitted & wanted
            if some == wanted:
                everywhere.append(cell)
            else:
                for one in some:
                    admitting[one].append(cell)
        for one in chunk:
            near = self._cells(self._view.group(self._direction, one))
            yield one, meet(near, self._far(one, (*everywhere, *admitting[one])))

    def _far(self, endpoint: int, broad: Iterable[Cell]) -> list[Cell]:
        """Who admits the endpoint, by ports; ``broad``: those of the broad cells that do."""
        return _by_ports((*broad, *self._narrow.get(endpoint, ())))


def reach_out(view: View) -> Reach:
    """Whom endpoints reach."""
    return Reach(view, Direction.EGRESS)


def reach_in(view: View) -> Reach:
    """Who reaches endpoints."""
    return Reach(view, Direction.INGRESS)


def reach_of(view: View, direction: Direction) -> Reach:
    """The reach of a direction, derived once for a view."""
    return view.remembered(reach_out if direction is Direction.EGRESS else reach_in)


def _by_ports(cells: Iterable[Cell]) -> list[Cell]:
    grouped: dict[int, list[FrozenBitMap]] = {}
    for ports, peers in cells:
        grouped.setdefault(ports, []).append(peers)
    return [
        Cell(ports, FrozenBitMap.union(*each) if len(each) > 1 else each[0])
        for ports, each in grouped.items()
    ]


def meet(near: Iterable[Cell], far: Iterable[Cell]) -> tuple[Cell, ...]:
    """What both sides allow, by ports; disjoint where one of the sides is."""
    met: dict[int, FrozenBitMap] = {}
    for ports, peers in near:
        for far_ports, far_peers in far:
            both = ports & far_ports
            if both and peers.intersect(far_peers):
                shared = peers & far_peers
                met[both] = met[both] | shared if both in met else shared
    return tuple(Cell(ports, peers) for ports, peers in met.items())
