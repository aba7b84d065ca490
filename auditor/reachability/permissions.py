"""Isolation groups: classes selected by the same policies share one permission (semantics 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.reachability.compile import CompiledPolicy, Compiler, Grant
from auditor.reachability.endpoints import Endpoints
from auditor.reachability.index import EMPTY


class Cell(NamedTuple):
    """Peers that are allowed exactly these ports."""

    ports: int
    peers: FrozenBitMap


def ports_with(cells: Iterable[Cell], peer: int) -> int:
    """The ports that disjoint cells allow a peer."""
    for ports, peers in cells:
        if peer in peers:
            return ports
    return 0


class GrantBy(NamedTuple):
    """A grant with the policy that gives it, named ports resolved for the group."""

    policy: int
    """Position among the compiled policies."""
    rule: int
    peers: FrozenBitMap
    ports: int
    possible: FrozenBitMap


class Group(NamedTuple):
    """Classes that share a permission in one direction. No policy isolates: all is allowed."""

    members: FrozenBitMap
    policies: tuple[int, ...]
    """Those that isolate, by position; none where the group is open."""
    cells: tuple[Cell, ...]
    """Disjoint peers by allowed ports; what is in no cell is denied."""
    grants: tuple[GrantBy, ...]
    possible: tuple[GrantBy, ...]
    """Grants whose ``possible`` peers an unknown may allow beyond the cells."""

    @property
    def is_isolated(self) -> bool:
        """Whether some policy isolates its members in this direction."""
        return bool(self.policies)

    def ports_with(self, peer: int) -> int:
        """The ports allowed with a peer."""
        return ports_with(self.cells, peer)

    def possible_ports_with(self, peer: int) -> int:
        """The ports that an unknown may allow besides."""
        mask = 0
        for one in self.possible:
            if peer in one.possible:
                mask |= one.ports
        return mask

    def reached_on(self, ports: int) -> FrozenBitMap:
        """The peers with which at least one of the ports is allowed."""
        found = [cell.peers for cell in self.cells if cell.ports & ports]
        return FrozenBitMap.union(*found) if found else EMPTY


class Groups(NamedTuple):
    """The isolation groups of one direction. The first is the open one."""

    groups: tuple[Group, ...]
    by_class: tuple[int, ...]
    """The group of each class; hosts and address parts are in the open one."""

    def of(self, endpoint: int) -> Group:
        """The group of a bit."""
        return self.groups[self.by_class[endpoint] if endpoint < len(self.by_class) else 0]


def group_by_isolation(
    endpoints: Endpoints,
    policies: Sequence[CompiledPolicy],
    compiler: Compiler,
    direction: Direction,
    *,
    everything: FrozenBitMap,
    all_ports: int,
) -> Groups:
    """Form the isolation groups of a direction and compute the permission of each."""
    selecting: dict[int, list[int]] = {}
    for position, policy in enumerate(policies):
        if direction in policy.grants:
            for subject in policy.subjects:
                selecting.setdefault(subject, []).append(position)
    members: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for subject, positions in selecting.items():
        resolution = _resolution(policies, positions, direction, compiler, subject)
        members.setdefault((tuple(positions), resolution), []).append(subject)
    open_classes = everything - FrozenBitMap(selecting)
    groups = [Group(open_classes, (), (Cell(all_ports, everything),), (), ())]
    by_class = [0] * len(endpoints.classes)
    for (isolating, _), subjects in members.items():
        for subject in subjects:
            by_class[subject] = len(groups)
        grants = resolve_grants(
            lambda position: policies[position].grants[direction], isolating, compiler, subjects[0]
        )
        groups.append(form_group(FrozenBitMap(subjects), isolating, grants))
    return Groups(tuple(groups), tuple(by_class))


def form_group(
    members: FrozenBitMap, policies: tuple[int, ...], grants: Iterable[GrantBy]
) -> Group:
    """The union of grants as a group: order never matters and there is no deny (semantics 3.2)."""
    kept = tuple(grants)
    cells = disjoint_cells((one.ports, one.peers) for one in kept)
    possible = tuple(
        one._replace(possible=opened)
        for one in kept
        if one.possible and (opened := _beyond(one, cells))
    )
    return Group(members, policies, cells, kept, possible)


def without_rules(group: Group, dropped: Iterable[GrantBy]) -> Group:
    """A group after whole rules of its policies are gone; the policies still isolate."""
    gone = {(one.policy, one.rule) for one in dropped}
    kept = (one for one in group.grants if (one.policy, one.rule) not in gone)
    return form_group(group.members, group.policies, kept)


def resolve_grants(
    grants_of: Callable[[int], tuple[Grant, ...]],
    positions: Iterable[int],
    compiler: Compiler,
    subject: int,
) -> Iterable[GrantBy]:
    """The grants of policies to a subject, its named ports resolved."""
    for position in positions:
        for one in grants_of(position):
            ports = one.ports | compiler.resolve(one.named, subject) if one.named else one.ports
            if ports:
                yield GrantBy(position, one.rule, one.peers, ports, one.possible)


def _resolution(
    policies: Sequence[CompiledPolicy],
    positions: Iterable[int],
    direction: Direction,
    compiler: Compiler,
    subject: int,
) -> tuple[int, ...]:
    """What tells apart two subjects of the same policies: what their port names stand for."""
    if direction is Direction.EGRESS:
        return ()
    return tuple(
        compiler.resolve(one.named, subject)
        for position in positions
        for one in policies[position].grants[direction]
        if one.named
    )


def disjoint_cells(grants: Iterable[tuple[int, FrozenBitMap]]) -> tuple[Cell, ...]:
    """The union of (ports, peers) as disjoint cells, by ports: the same for equal unions."""
    by_ports: dict[int, list[FrozenBitMap]] = {}
    for ports, peers in grants:
        if peers:
            by_ports.setdefault(ports, []).append(peers)
    cells: Mapping[int, FrozenBitMap] = {}
    for ports, each in by_ports.items():
        peers = FrozenBitMap.union(*each) if len(each) > 1 else each[0]
        cells = _refine(cells, ports, peers)
    return tuple(Cell(ports, peers) for ports, peers in sorted(cells.items()))


def _refine(
    cells: Mapping[int, FrozenBitMap], ports: int, peers: FrozenBitMap
) -> dict[int, FrozenBitMap]:
    refined: dict[int, FrozenBitMap] = {}

    def put(mask: int, bits: FrozenBitMap) -> None:
        if bits:
            refined[mask] = refined[mask] | bits if mask in refined else bits

    rest = peers
    for mask, bits in cells.items():
        if mask | ports == mask:
            put(mask, bits)
            rest = rest - bits
        elif bits.intersect(rest):
            put(mask | ports, bits & rest)
            put(mask, bits - rest)
            rest = rest - bits
        else:
            put(mask, bits)
    put(ports, rest)
    return refined


def _beyond(grant: GrantBy, cells: tuple[Cell, ...]) -> FrozenBitMap:
    """The possible peers of a grant that the cells do not allow all its ports already."""
    opened = grant.possible
    for cell in cells:
        if cell.ports | grant.ports == cell.ports:
            opened = opened - cell.peers
    return opened
