"""Traffic between environments: which workloads of one reach which of another, and by whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from pyroaring import BitMap, FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.snapshot import Blind
from auditor.reachability.permissions import Cell
from auditor.reachability.reach import Reach, reach_out
from auditor.reachability.view import View
from auditor.rules._certainty import certainty

Members = Mapping[int, tuple[int, ...]]
"""By class: the workloads."""


class Leak(NamedTuple):
    """What crosses from one environment to another today."""

    pairs: int
    """Workload pairs that may connect."""
    first: tuple[int, int, int]
    """A source workload, a destination workload, and the ports between them."""
    policies: tuple[int, ...]
    """Every policy one of whose rules allows some of it, by position."""
    sources: FrozenBitMap
    destinations: FrozenBitMap


class Environments:
    """The environments of a view, and what crosses between them."""

    def __init__(self, view: View) -> None:
        self._view = view

    @cached_property
    def namespaces(self) -> dict[str, tuple[str, ...]]:
        """The namespaces of each environment."""
        found: dict[str, list[str]] = defaultdict(list)
        for namespace, environment in sorted(self._view.recognition.environments.items()):
            if environment.name is not None:
                found[environment.name].append(namespace)
        return {name: tuple(each) for name, each in found.items()}

    def is_production(self, name: str) -> bool:
        """Whether an environment is production."""
        return name in self._production

    @cached_property
    def _production(self) -> frozenset[str | None]:
        environments = self._view.recognition.environments.values()
        return frozenset(one.name for one in environments if one.production)

    @cached_property
    def members(self) -> dict[str, Members]:
        """The workloads of each environment, but for those whose policies were not read."""
        return {name: each for name, each in self._members.items() if name is not None}

    @property
    def ambiguous_members(self) -> Members:
        """The workloads of ambiguous namespaces, likewise."""
        return self._members.get(None, {})

    @cached_property
    def _members(self) -> dict[str | None, Members]:
        judged = {
            namespace: one.name
            for namespace, one in self._view.recognition.environments.items()
            if not certainty(self._view, (namespace,), Blind.POLICIES).unread
        }
        found: dict[str | None, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, one in enumerate(self._view.workloads):
            namespace = one.endpoint.workload.namespace
            if namespace in judged:
                for bit in one.classes:
                    found[judged[namespace]][bit].append(number)
        return {
            name: {bit: tuple(each) for bit, each in classes.items()}
            for name, classes in found.items()
        }

    @cached_property
    def leaks(self) -> dict[tuple[str, str], Leak]:
        """What crosses, by (from, to)."""
        return {key: one.finish() for key, one in self._crossings().items()}

    @cached_property
    def possible_leaks(self) -> frozenset[tuple[str, str]]:
        """The pairs between which an unknown may allow something."""
        groups = self._view.evaluation.groups
        if not any(one.possible for each in groups.values() for one in each.groups):
            return frozenset()
        bits = {name: FrozenBitMap(classes) for name, classes in self.members.items()}
        reach = Reach(self._view, Direction.EGRESS, possible=True)
        return frozenset(
            (source, destination)
            for source, sources in bits.items()
            for _, cells in reach.of_each(sources)
            for destination, wanted in bits.items()
            if destination != source and any(cell.peers.intersect(wanted) for cell in cells)
        )

    def _crossings(self) -> dict[tuple[str, str], _Crossing]:
        bits = {name: FrozenBitMap(classes) for name, classes in self.members.items()}
        reach = self._view.remembered(reach_out)
        found: dict[tuple[str, str], _Crossing] = {}
        for source, members in self.members.items():
            others = FrozenBitMap.union(
                FrozenBitMap(), *(wanted for name, wanted in bits.items() if name != source)
            )
            for bit, cells in reach.of_each(self._allowed_towards(others, members)):
                for destination, wanted in bits.items():
                    crossing = tuple(
                        Cell(cell.ports, cell.peers & wanted)
                        for cell in cells
                        if destination != source and cell.peers.intersect(wanted)
                    )
                    if crossing:
                        key = (source, destination)
                        if key not in found:
                            found[key] = _Crossing(self._view, self.members[destination])
                        found[key].add(bit, members[bit], crossing)
        return {key: one for key, one in found.items() if one.first is not None}

    def _allowed_towards(self, others: FrozenBitMap, members: Iterable[int]) -> Iterator[int]:
        """Those whose own side allows some of the others: asked of each isolation group once."""
        groups = self._view.evaluation.groups[Direction.EGRESS]
        allowed = [any(cell.peers.intersect(others) for cell in one.cells) for one in groups.groups]
        return (bit for bit in members if allowed[groups.by_class[bit]])


class _Crossing:
    """Collects what crosses between one pair of environments."""

    def __init__(self, view: View, destinations: Members) -> None:
        self._view = view
        self._held = destinations
        self._counts: dict[FrozenBitMap, int] = {}
        self._closer: set[tuple[int, int]] = set()
        self._simple_pairs = 0
        self._policies: set[int] = set()
        self._sources = BitMap()
        self._destinations = BitMap()
        self.first: tuple[int, int, int] | None = None
        self._first_rank = (True, True)

    def add(self, bit: int, holders: tuple[int, ...], cells: tuple[Cell, ...]) -> None:
        """Add what the workloads of a class reach."""
        for ports, peers in cells:
            self._sources.add(bit)
            self._destinations |= peers
            self._name_policies(bit, ports, peers)
            closer = peers if bit in self._view.shared_bits else peers & self._view.shared_bits
            rest = peers - closer
            if rest:
                self._simple_pairs += len(holders) * self._count(rest)
                self._see(holders[0], self._held[rest[0]][0], ports)
            for source in holders:
                for peer in closer:
                    for destination in self._held[peer]:
                        if not self._view.on_own_node(source, bit, destination, peer):
                            self._closer.add((source, destination))
                            self._see(source, destination, ports)

    def finish(self) -> Leak:
        """What was collected."""
        if self.first is None:
            raise ValueError("nothing crosses: there is no leak to state")
        return Leak(
            self._simple_pairs + len(self._closer),
            self.first,
            tuple(sorted(self._policies)),
            FrozenBitMap(self._sources),
            FrozenBitMap(self._destinations),
        )

    def _count(self, peers: FrozenBitMap) -> int:
        if peers not in self._counts:
            self._counts[peers] = sum(len(self._held[one]) for one in peers)
        return self._counts[peers]

    def _see(self, source: int, destination: int, ports: int) -> None:
        rank = self._rank(source, destination)
        if self.first is None or rank < self._first_rank:
            self.first, self._first_rank = (source, destination, ports), rank

    def _rank(self, source: int, destination: int) -> tuple[bool, bool]:
        """A database as destination first, and pods that policies can select before hosts."""
        databases = self._view.recognition.databases
        workloads = self._view.workloads
        hosts = any(
            bit in self._view.hosts
            for one in (source, destination)
            for bit in workloads[one].classes
        )
        return hosts, workloads[destination].endpoint.workload not in databases

    def _name_policies(self, bit: int, ports: int, peers: FrozenBitMap) -> None:
        for grant in self._view.group(Direction.EGRESS, bit).grants:
            if grant.ports & ports and grant.peers.intersect(peers):
                self._policies.add(grant.policy)
        groups = self._view.evaluation.groups[Direction.INGRESS]
        for number in {groups.by_class[one] for one in peers}:
            for grant in groups.groups[number].grants:
                known = grant.policy in self._policies
                if not known and grant.ports & ports and bit in grant.peers:
                    self._policies.add(grant.policy)
