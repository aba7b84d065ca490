"""Traffic of pods with their own node, which no row holds (semantics 1.4), at both sides."""

from __future__ import annotations

from collections import defaultdict

from pyroaring import BitMap, FrozenBitMap

from auditor.model.findings import Direction
from auditor.reachability.index import EMPTY
from auditor.reachability.pair import EndsOfSide


class OwnNodes:
    """Which row ends of one side stand on one node with another, hosts at either end."""

    def __init__(self, side: EndsOfSide) -> None:
        self._side = side
        self._view = side.view
        self._places: dict[int, frozenset[tuple[int, str]]] = {}
        everyone: defaultdict[str, BitMap] = defaultdict(BitMap)
        hosts: defaultdict[str, BitMap] = defaultdict(BitMap)
        for end, places in self._find_places():
            self._places[end] = places
            for bit, node in places:
                everyone[node].add(end)
                if self._view.is_host(bit):
                    hosts[node].add(end)
        self._everyone = {node: FrozenBitMap(ends) for node, ends in everyone.items()}
        self._hosts = {node: FrozenBitMap(ends) for node, ends in hosts.items()}

    def places(self, end: int) -> frozenset[tuple[int, str]]:
        """(bit, node) of what stands for an end, where all pods of the bit are on one node.

        Only of nodes with a host-network pod: elsewhere there is no such traffic between pods.
        """
        return self._places.get(end, frozenset())

    def nodes(self, end: int) -> frozenset[str]:
        """The nodes of all pods that stand for an end; an empty name where one is not known."""
        return frozenset(
            node
            for one in self._side.standing[end]
            for bit in self._view.workloads[one].classes
            for node in self._view.nodes_in(one, bit)
        )

    def touched(self, end: int) -> FrozenBitMap:
        """The ends with which some of the end's traffic is that of a pod with its own node."""
        found = EMPTY
        for bit, node in self.places(end):
            others = self._everyone if self._view.is_host(bit) else self._hosts
            found = found | others.get(node, EMPTY)
        return found

    def listed_ports(self, source: int, destination: int) -> int:
        """The ports of the row between two workloads, traffic with the own node left out."""
        ports = 0
        for (one, bit), (other, other_bit) in self.combine(source, destination):
            if not self._view.on_own_node(one, bit, other, other_bit):
                egress = self._view.group(Direction.EGRESS, bit).ports_with(other_bit)
                ports |= egress & self._view.group(Direction.INGRESS, other_bit).ports_with(bit)
        return ports

    def combine(
        self, source: int, destination: int
    ) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """The pairs of (position in the view's workloads, bit) that stand for two workloads."""
        ends = [
            [(one, bit) for one in self._side.standing[end] for bit in self._view.workloads[one][1]]
            for end in (source, destination)
        ]
        return [(one, other) for one in ends[0] for other in ends[1]]

    def _find_places(self) -> list[tuple[int, frozenset[tuple[int, str]]]]:
        view = self._view
        nodes = {
            node
            for bit in view.endpoints.host_classes
            for one in view.endpoints.holders[bit]
            for node in view.nodes_in(one, bit)
            if node and len(view.nodes_in(one, bit)) == 1
        }
        if not nodes:
            return []
        pods = view.snapshot.pods
        of_workload: dict[int, frozenset[tuple[int, str]]] = {}
        for number, one in enumerate(view.workloads):
            if any(pods[position].spec.node_name in nodes for position in one.pods):
                found = ((bit, view.nodes_in(number, bit)) for bit in one.classes)
                of_workload[number] = frozenset(
                    (bit, node) for bit, each in found if len(each) == 1 for node in each & nodes
                )
        return [
            (end, places)
            for end, standing in enumerate(self._side.standing)
            if (places := frozenset().union(*(of_workload.get(one, ()) for one in standing)))
        ]
