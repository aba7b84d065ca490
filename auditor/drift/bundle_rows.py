"""Bundles → rows, sorted and streamed; memory does not grow with their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

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

_NARROW = 64
"""Far ends up to which a bundle is filed under each of their namespaces."""

_Filed = defaultdict[int, list[ExplainedBundle]]
"""Bundles by the namespace of one of their ends."""

_Unsorted = defaultdict[int, list[tuple[int, ExplainedBundle]]]
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
        self._records: dict[int, EndpointRecord] = {}
        self._describe = pair.current.view.evaluation.ports.describe_difference

    def __iter__(self) -> Iterator[ChangedRow]:
        """All rows; each call begins anew."""
        for source, destination, bundle in self._pairs():
            far = destination if bundle.direction is Direction.EGRESS else source
            yield ChangedRow(
                source=self._record(source),
                destination=self._record(destination),
                ports=self._describe(bundle.ports),
                causes=self._responsible.causes_of_row(bundle.causes, far),
            )

    def _record(self, end: int) -> EndpointRecord:
        found = self._records.get(end)
        if found is None:
            found = self._records[end] = record_endpoint(self._pair.ends[end])
        return found

    def _pairs(self) -> Iterator[tuple[int, int, ExplainedBundle]]:
        outgoing: _Filed = defaultdict(list)
        incoming: defaultdict[int, _Filed] = defaultdict(lambda: defaultdict(list))
        broad: list[ExplainedBundle] = []
        for one in self._bundles:
            namespace = self._namespaces.of_end(one.near)
            if one.direction is Direction.EGRESS:
                outgoing[namespace].append(one)
            elif len(one.far) > _NARROW:
                broad.append(one)
            else:
                for each in self._namespaces.of_ends(one.far):
                    incoming[each][namespace].append(one)
        for namespace, run in enumerate(self._namespaces.runs):
            arriving = incoming.pop(namespace, _Filed(list))
            for one in broad:
                if one.far.range_cardinality(run.start, run.stop):
                    arriving[self._namespaces.of_end(one.near)].append(one)
            leaving = outgoing.get(namespace, [])
            reached = {each for one in leaving for each in self._namespaces.of_ends(one.far)}
            for each in sorted(reached | arriving.keys()):
                yield from self._between(run, leaving, each, arriving.get(each, []))

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


def _destination(one: tuple[int, ExplainedBundle]) -> int:
    return one[0]
