"""Who of other environments connects to a database: both sides allow it, and today."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pyroaring import BitMap, FrozenBitMap

from auditor.model.snapshot import Blind, Gap
from auditor.reachability.permissions import Cell
from auditor.reachability.view import View
from auditor.rules._certainty import certainty
from auditor.rules._databases import DataStore, ingress_groups
from auditor.rules._environments import Environments, Members

_KINDS = (Blind.PODS, Blind.POLICIES, Blind.NAMESPACE_LABELS)


Reaching = Callable[[int], tuple[Cell, ...]]
"""Who reaches a class, by the ports that are allowed."""


class Incoming(NamedTuple):
    """What some workloads may send to a database."""

    sources: FrozenBitMap
    """Their classes."""
    ports: int
    """The ports on which some of them may connect."""
    first: tuple[int, int, int]
    """A source workload, a variant of the database, and the ports between them."""


class Tally(NamedTuple):
    """How many pods connect, and the namespaces that they stand in, sorted."""

    pods: int
    namespaces: tuple[str, ...]


class Others:
    """The workloads of every environment but one's own, by environment; None: ambiguous ones.

    ``name`` is one's own environment, None where it is not known; ``namespace`` one's own.
    """

    def __init__(self, view: View, name: str | None, namespace: str) -> None:
        self._view = view
        environments = view.remembered(Environments)
        members = (*environments.members.items(), (None, environments.ambiguous_members))
        self._members = {
            other: _outside(view, each, namespace) if other is None else each
            for other, each in members
            if each and (other is None or other != name)
        }
        self._bits = {other: FrozenBitMap(each) for other, each in self._members.items()}
        self._everyone = FrozenBitMap().union(*self._bits.values())
        self.gaps = tuple(dict.fromkeys(_gaps(view, name, namespace)))
        """What keeps from knowing who else there is, and what they may send."""

    def __bool__(self) -> bool:
        """Whether there is anyone, or may be."""
        return bool(self._everyone or self.gaps)

    def find(self, store: DataStore, reaching: Reaching) -> dict[str | None, Incoming]:
        """What each environment may send to a database."""
        reached = [
            (bit, reaching(bit))
            for bit, group in ingress_groups(self._view, store)
            # most databases admit nobody from elsewhere: what those could send is not asked for
            if group.possible or any(one.peers.intersect(self._everyone) for one in group.cells)
        ]
        return {
            other: incoming
            for other, bits in self._bits.items()
            if (incoming := self._collect(store, reached, other, bits)) is not None
        }

    def keys(self) -> set[str | None]:
        """The environments."""
        return set(self._members)

    def tally(self, other: str | None, incoming: Incoming) -> Tally:
        """Count who connects."""
        return self._view.remembered(Tallies).of(incoming.sources, self._members[other])

    def _collect(
        self,
        store: DataStore,
        reached: Sequence[tuple[int, tuple[Cell, ...]]],
        other: str | None,
        bits: FrozenBitMap,
    ) -> Incoming | None:
        found = _Collecting(self._view, store, self._members[other])
        for bit, cells in reached:
            for ports, peers in cells:
                if peers.intersect(bits):
                    found.add(bit, ports, peers & bits)
        return found.finish()


def _outside(view: View, members: Members, namespace: str) -> Members:
    """The members that do not stand in a namespace."""
    kept = {
        bit: tuple(
            one for one in each if view.workloads[one].endpoint.workload.namespace != namespace
        )
        for bit, each in members.items()
    }
    return {bit: each for bit, each in kept.items() if each}


def _gaps(view: View, name: str | None, namespace: str) -> Iterator[Gap]:
    environments = view.recognition.environments
    for one in view.snapshot.namespaces:
        environment = environments.get(one.name)
        if one.name == namespace or (name is not None and environment and environment.name == name):
            continue
        kinds = _KINDS if environment is not None else (Blind.NAMESPACE_LABELS,)
        sure = certainty(view, (one.name,), *kinds)
        yield from (*sure.unread, *sure.doubts)


class _Collecting:
    """Collects sources. Pods come before hosts as the first: readers know them better."""

    def __init__(self, view: View, store: DataStore, members: Members) -> None:
        self._view = view
        self._store = store
        self._members = members
        self._sources = BitMap()
        self._ports = 0
        self._first: tuple[int, int, int] | None = None
        self._first_of_hosts: tuple[int, int, int] | None = None

    def add(self, bit: int, ports: int, peers: FrozenBitMap) -> None:
        view = self._view
        numbers = [
            view.workload_numbers[one.endpoint] for one in self._store.nodes if bit in one.classes
        ]
        pods = peers if bit not in view.hosts else FrozenBitMap()
        pods = pods - view.hosts
        if pods:
            self._sources |= pods
            self._ports |= ports
            self._first = self._first or (self._members[pods[0]][0], numbers[0], ports)
        for peer in peers - pods:
            ends = self._near_hosts(bit, numbers, peer)
            if ends is not None:
                self._sources.add(peer)
                self._ports |= ports
                self._first_of_hosts = self._first_of_hosts or (*ends, ports)

    def finish(self) -> Incoming | None:
        first = self._first or self._first_of_hosts
        return first and Incoming(FrozenBitMap(self._sources), self._ports, first)

    def _near_hosts(self, bit: int, numbers: list[int], peer: int) -> tuple[int, int] | None:
        """A source and a variant of the database that are not on one node (semantics 1.4)."""
        return next(
            (
                (source, number)
                for source in self._members[peer]
                for number in numbers
                if not self._view.on_own_node(source, peer, number, bit)
            ),
            None,
        )


class Tallies:
    """Counts sources, for one view: those of many databases are the same."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._found: dict[FrozenBitMap, Tally] = {}

    def of(self, sources: FrozenBitMap, members: Members) -> Tally:
        """Count the members' pods in the classes. Members of other classes do not matter."""
        found = self._found.get(sources)
        if found is None:
            workloads = {number for bit in sources for number in members[bit]}
            found = self._found[sources] = Tally(
                sum(self._pods(number, sources) for number in workloads),
                tuple(sorted(self._namespaces(workloads))),
            )
        return found

    def _pods(self, number: int, sources: FrozenBitMap) -> int:
        class_of_pod = self._view.endpoints.class_of_pod
        return sum(class_of_pod[one] in sources for one in self._view.workloads[number].pods)

    def _namespaces(self, workloads: Iterable[int]) -> set[str]:
        return {self._view.workloads[one].endpoint.workload.namespace for one in workloads}
