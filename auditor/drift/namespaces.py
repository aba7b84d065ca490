"""The namespaces of row ends: each is one run of them, and the last are the external addresses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import groupby

from pyroaring import FrozenBitMap

from auditor.model.connections import AddressEndpoint, Endpoint
from auditor.reachability.index import EMPTY
from auditor.reachability.pair import Pair

_FEW = 32
"""Ends that are counted one by one."""

_BASES = 16
"""Large sets kept with their counts: the last that were unlike the others."""

_ALIKE = 8
"""How many times as large as what it differs by a set must be to be counted by another."""


class Namespaces:
    """Where row ends are, in bulk. Namespaces are numbered in order."""

    def __init__(self, pair: Pair) -> None:
        self.names: list[str | None] = []
        """Null stands for external addresses."""
        self.runs: list[range] = []
        self._of_end: list[int] = []
        for name, each in groupby(pair.ends, key=_namespace):
            start = len(self._of_end)
            self._of_end += (len(self.names) for _ in each)
            self.names.append(name)
            self.runs.append(range(start, len(self._of_end)))
        self._bases: deque[tuple[FrozenBitMap, dict[int, int]]] = deque(maxlen=_BASES)

    def of_end(self, end: int) -> int:
        """The namespace of an end."""
        return self._of_end[end]

    def of_ends(self, ends: FrozenBitMap) -> Iterator[int]:
        """The namespaces with some of the ends."""
        if not ends:
            return
        last, following = ends.max(), ends.min()
        while True:
            namespace = self._of_end[following]
            yield namespace
            stop = self.runs[namespace].stop
            if stop > last:
                return
            following = ends.next_set_bit(stop)

    def count(self, ends: FrozenBitMap) -> dict[int, int]:
        """How many of the ends each namespace has, if any."""
        if len(ends) <= _FEW:
            return self._adjusted({}, ends, EMPTY)
        for base, counts in self._bases:
            if base.symmetric_difference_cardinality(ends) * _ALIKE <= len(ends):
                return self._adjusted(counts, ends - base, base - ends)
        counts = {
            one: ends.range_cardinality(self.runs[one].start, self.runs[one].stop)
            for one in self.of_ends(ends)
        }
        self._bases.append((ends, counts))
        return counts

    def _adjusted(
        self, counts: dict[int, int], more: FrozenBitMap, fewer: FrozenBitMap
    ) -> dict[int, int]:
        adjusted = dict(counts)
        for ends, by in ((more, 1), (fewer, -1)):
            for end in ends:
                namespace = self._of_end[end]
                number = adjusted.get(namespace, 0) + by
                if number:
                    adjusted[namespace] = number
                else:
                    del adjusted[namespace]
        return adjusted


def _namespace(end: Endpoint) -> str | None:
    return None if isinstance(end, AddressEndpoint) else end.workload.namespace
