"""Selectors and ipBlocks → bitmaps over the bits that `endpoints` numbers, each computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pyroaring import BitMap, FrozenBitMap

from auditor.model.objects import IPBlock, Peer
from auditor.model.selectors import LabelSelector, Requirement
from auditor.reachability.address_parts import block_ranges, covers_family
from auditor.reachability.endpoints import Endpoints

EMPTY = FrozenBitMap()

Canonical = tuple[Requirement, ...]


class LabelIndex:
    """Which of a numbered population bears which labels."""

    def __init__(self, population: FrozenBitMap, labels: list[tuple[int, Mapping[str, str]]]):
        self._everyone = population
        values: dict[tuple[str, str], BitMap] = defaultdict(BitMap)
        keys: dict[str, BitMap] = defaultdict(BitMap)
        for number, borne in labels:
            for key, value in borne.items():
                values[key, value].add(number)
                keys[key].add(number)
        self._values = {one: FrozenBitMap(found) for one, found in values.items()}
        self._keys = {one: FrozenBitMap(found) for one, found in keys.items()}
        self._selected: dict[Canonical, FrozenBitMap] = {}

    def select(self, selector: LabelSelector) -> FrozenBitMap:
        """Who the selector selects."""
        canonical = selector.requirements()
        found = self._selected.get(canonical)
        if found is None:
            found = self._everyone
            for one in canonical:
                found = found & self._meeting(one)
            self._selected[canonical] = found
        return found

    def _meeting(self, one: Requirement) -> FrozenBitMap:
        present = self._keys.get(one.key, EMPTY)
        match one.operator:
            case "Exists":
                return present
            case "DoesNotExist":
                return self._everyone - present
            case "In":
                return self._bearing(one)
            case "NotIn":
                return self._everyone - self._bearing(one)

    def _bearing(self, one: Requirement) -> FrozenBitMap:
        found = EMPTY
        for value in one.values:
            found = found | self._values.get((one.key, value), EMPTY)
        return found


class Index:
    """Peers of policies → bitmaps."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        run = endpoints.pod_classes
        self.pods = FrozenBitMap(run)
        """Every class of pods that policies can select, imagined ones included."""
        self.everything = FrozenBitMap(range(endpoints.size))
        self._pod_labels = LabelIndex(
            self.pods, [(number, dict(endpoints.classes[number].labels)) for number in run]
        )
        self._namespace_labels = LabelIndex(
            FrozenBitMap(range(len(endpoints.namespaces))),
            [(number, one.labels) for number, one in enumerate(endpoints.namespaces)],
        )
        self._namespace_runs = tuple(FrozenBitMap(run) for run in endpoints.namespace_runs)
        self._in_namespaces: dict[Canonical, FrozenBitMap] = {}
        self._by_part = _classes_by_part(endpoints)
        self._blocks: dict[IPBlock, tuple[FrozenBitMap, FrozenBitMap, bool]] = {}
        self.unknown_pods, self.unknown_hosts = (
            FrozenBitMap(one for one in each if endpoints.classes[one].addresses is None)
            for each in (endpoints.pod_classes, endpoints.host_classes)
        )
        """Those whose address is not known."""

    def subjects(self, namespace: str, selector: LabelSelector) -> FrozenBitMap:
        """The classes that a policy of the namespace selects."""
        number = self._endpoints.namespace_index[namespace]
        return self._pod_labels.select(selector) & self._namespace_runs[number]

    def namespaces(self, selector: LabelSelector) -> FrozenBitMap:
        """The numbers of the namespaces selected."""
        return self._namespace_labels.select(selector)

    def peers(self, namespace: str, peer: Peer) -> FrozenBitMap:
        """The pod classes that a peer with selectors matches (semantics 3.6)."""
        if peer.namespace_selector is None:
            return self.subjects(namespace, peer.pod_selector or LabelSelector())
        inside = self._inside(peer.namespace_selector)
        if peer.pod_selector is None:
            return inside
        return self._pod_labels.select(peer.pod_selector) & inside

    def block(self, block: IPBlock) -> tuple[FrozenBitMap, FrozenBitMap, bool]:
        """The bits an ipBlock matches: (addresses and hosts, pods by address, narrow).

        The pods are matched only where the CNI reads ipBlocks so. Narrow: what has an unknown
        address is not matched, although it might be.
        """
        found = self._blocks.get(block)
        if found is None:
            found = self._blocks[block] = self._match(block)
        return found

    def _match(self, block: IPBlock) -> tuple[FrozenBitMap, FrozenBitMap, bool]:
        ranges = block_ranges(block)
        matched = BitMap()
        for one in ranges:
            for part in self._endpoints.parts.indexes(one):
                matched.add(self._endpoints.external.start + part)
                matched |= self._by_part.get(part, EMPTY)
        whole = covers_family(ranges)
        if whole:
            matched |= self.unknown_hosts | self.unknown_pods
        return FrozenBitMap(matched - self.pods), FrozenBitMap(matched & self.pods), not whole

    def _inside(self, selector: LabelSelector) -> FrozenBitMap:
        canonical = selector.requirements()
        found = self._in_namespaces.get(canonical)
        if found is None:
            runs = [self._namespace_runs[one] for one in self._namespace_labels.select(selector)]
            found = FrozenBitMap.union(*runs) if runs else EMPTY
            self._in_namespaces[canonical] = found
        return found


def _classes_by_part(endpoints: Endpoints) -> dict[int, FrozenBitMap]:
    found: dict[int, BitMap] = defaultdict(BitMap)
    for number, one in enumerate(endpoints.classes):
        for part in one.addresses or ():
            found[part].add(number)
    return {part: FrozenBitMap(each) for part, each in found.items()}
