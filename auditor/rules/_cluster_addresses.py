"""The addresses of the cluster's own pods and Services, sorted, to ask which a block holds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from auditor.model.addresses import AddressRange, parse_address
from auditor.model.collector import uncollected
from auditor.model.objects import IPBlock, Pod
from auditor.model.workloads import OwnersByKey, index_owners, workload_of
from auditor.reachability.address_parts import block_ranges, covers_family
from auditor.reachability.view import View

_SHOWN = 5

_Place = tuple[int, int, int]
"""An IP family, an address in it, and the position of whose it is."""


class Covered(NamedTuple):
    """What of the cluster an ipBlock holds, its excepts removed."""

    is_empty: bool
    """Whether the excepts leave nothing of the block."""
    whole_family: bool
    pod_addresses: int
    workloads: tuple[str, ...]
    """Some of those whose pods bear the addresses."""
    cluster_ips: int
    services: tuple[str, ...]
    """Some of those that have the cluster IPs."""


class ClusterAddresses:
    """The addresses of a view: of endpoints off the host's network, and cluster IPs."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._covered: dict[IPBlock, Covered] = {}
        self.pods_without = 0
        """Pods whose address is not known."""
        with uncollected():
            self._pods = sorted(self._find_pods())
        self._services = sorted(
            place
            for position, one in enumerate(view.snapshot.services)
            for place in _place(one.cluster_addresses, position)
        )

    def covered_by(self, block: IPBlock) -> Covered:
        """What a block holds; the same block is looked up once."""
        if block not in self._covered:
            self._covered[block] = self._cover(block_ranges(block))
        return self._covered[block]

    def _find_pods(self) -> Iterable[_Place]:
        for position, pod in enumerate(self._view.snapshot.pods):
            if pod.is_endpoint and not pod.spec.host_network:
                places = _place(pod.addresses, position)
                self.pods_without += not places
                yield from places

    def _cover(self, ranges: tuple[AddressRange, ...]) -> Covered:
        pods, services = (_within(each, ranges) for each in (self._pods, self._services))
        snapshot = self._view.snapshot
        workloads = (self._name(snapshot.pods[position]) for position in pods.first)
        metadata = (snapshot.services[position].metadata for position in services.first)
        return Covered(
            not ranges,
            covers_family(ranges),
            pods.total,
            tuple(dict.fromkeys(workloads)),
            services.total,
            tuple(dict.fromkeys(f"{one.namespace}/Service/{one.name}" for one in metadata)),
        )

    @cached_property
    def _owners(self) -> OwnersByKey:
        return index_owners(self._view.snapshot.owners)

    def _name(self, pod: Pod) -> str:
        return str(workload_of(pod, self._owners))


class _Within(NamedTuple):
    """How many addresses are in some ranges, and whose the first are."""

    total: int
    first: tuple[int, ...]


def _place(addresses: Iterable[str], position: int) -> list[_Place]:
    """Addresses as sortable places; what is no address is as good as none."""
    found: list[_Place] = []
    for text in addresses:
        try:
            one = parse_address(text)
        except ValueError:
            continue
        found.append((one.family, one.first, position))
    return found


def _within(places: list[_Place], ranges: Iterable[AddressRange]) -> _Within:
    total, first = 0, list[int]()
    for family, low, high in ranges:
        start, stop = bisect_left(places, (family, low)), bisect_left(places, (family, high + 1))
        total += stop - start
        first += (position for _, _, position in places[start:stop][: _SHOWN - len(first)])
    return _Within(total, tuple(first))
