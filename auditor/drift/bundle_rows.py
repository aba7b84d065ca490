"""Bundles → rows, sorted and streamed; memory does not grow with their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from pyroaring import FrozenBitMap

from auditor.drift.causes import ExplainedBundle
from auditor.drift.namespaces import Namespaces
from auditor.drift.responsible import Responsible
from auditor.model.connections import EndpointRecord, record_endpoint
from auditor.model.drift import ChangedRow
from auditor.model.findings import Direction
from auditor.reachability.pair import Pair

_PAIRS_AT_A_TIME = 65_536
"""Pairs of ends of two namespaces that are sorted at once: at least one source with all its own."""

_ByNamespace = Mapping[int, Sequence[ExplainedBundle]]
_Unsorted = dict[int, list[tuple[int, ExplainedBundle]]]
"""(destination, its bundle) by source."""


class BundleRows:
    """The rows of bundles, by source namespace, destination namespace, source and destination."""

    def __init__(
        self,
        pair: Pair,
        namespaces: Namespaces,
        responsible: Responsible,
        bundles: Sequence[ExplainedBundle],
    ) -> None:
        self._pair = pair
        self._namespaces = namespaces
        self._responsible = responsible
        self._bundles = bundles
        self._describe = pair.current.view.evaluation.ports.describe

    def __iter__(self) -> Iterator[ChangedRow]:
        """All rows; each call begins anew."""
        for source, destination, bundle in self._pairs():
            far = destination if bundle.direction is Direction.EGRESS else source
            yield ChangedRow(
                source=self._records[source],
                destination=self._records[destination],
                ports=self._describe(bundle.ports),
                causes=self._responsible.causes_of_row(bundle.causes, far),
            )

    @cached_property
    def _records(self) -> tuple[EndpointRecord, ...]:
        return tuple(map(record_endpoint, self._pair.ends))

    def _pairs(self) -> Iterator[tuple[int, int, ExplainedBundle]]:
        by_source = self._file(Direction.EGRESS)
        by_destination = self._file(Direction.INGRESS)
        for namespace, run in enumerate(self._namespaces.runs):
            outgoing = by_source.get(namespace, ())
            reached = {each for one in outgoing for each in self._namespaces.of_ends(one.far)}
            incoming = {
                each: those
                for each, bundles in by_destination.items()
                if (those := [one for one in bundles if _meets(one.far, run)])
            }
            for each in sorted(reached | incoming.keys()):
                yield from self._between(run, outgoing, each, incoming.get(each, ()))

    def _between(
        self,
        sources: range,
        outgoing: Sequence[ExplainedBundle],
        namespace: int,
        incoming: Sequence[ExplainedBundle],
    ) -> Iterator[tuple[int, int, ExplainedBundle]]:
        """The rows from the ends of one namespace to those of another."""
        destinations = self._namespaces.runs[namespace]
        inside = FrozenBitMap(destinations)
        step = max(1, _PAIRS_AT_A_TIME // len(destinations))
        for start in range(sources.start, sources.stop, step):
            chunk = range(start, min(start + step, sources.stop))
            found: _Unsorted = defaultdict(list)
            for one in outgoing:
                if one.near in chunk:
                    found[one.near] += ((far, one) for far in one.far & inside)
            here = FrozenBitMap(chunk)
            for one in incoming:
                for source in one.far & here:
                    found[source].append((one.near, one))
            for source in sorted(found):
                for destination, one in sorted(found[source], key=_destination):
                    yield source, destination, one

    def _file(self, direction: Direction) -> _ByNamespace:
        """The bundles of a direction by the namespace of the near end."""
        found: defaultdict[int, list[ExplainedBundle]] = defaultdict(list)
        for one in self._bundles:
            if one.direction is direction:
                found[self._namespaces.of_end(one.near)].append(one)
        return found


def _destination(one: tuple[int, ExplainedBundle]) -> int:
    return one[0]


def _meets(ends: FrozenBitMap, run: range) -> bool:
    return ends.range_cardinality(run.start, run.stop) > 0
