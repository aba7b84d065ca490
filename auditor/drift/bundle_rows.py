"""Bundles → rows, sorted and streamed; memory does not grow with their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.drift.causes import Causes, ExplainedBundle
from auditor.drift.namespaces import Namespaces
from auditor.drift.responsible import Responsible, sort_causes
from auditor.model.connections import EndpointRecord, record_endpoint
from auditor.model.drift import Cause, ChangedRow
from auditor.model.findings import Direction
from auditor.model.ports import PortSet
from auditor.reachability.pair import Pair

_PAIRS_AT_A_TIME = 65_536
"""Pairs of ends of two namespaces that are sorted at once: at least one source with all its own."""

_NARROW = 64
"""Far ends up to which a bundle is filed under each of their namespaces."""


class _Listed(NamedTuple):
    """A bundle with what its rows say alike."""

    direction: Direction
    near: int
    far: FrozenBitMap
    ports: PortSet
    causes: tuple[Cause, ...] | None
    """None: they name the far end's objects, row by row."""
    explained: Causes


_Filed = defaultdict[int, list[_Listed]]
"""Bundles by the namespace of one of their ends."""

_Reached = list[tuple[int, _Listed]]
"""The destinations of a source, each with its bundle."""


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

    def __iter__(self) -> Iterator[ChangedRow]:
        """All rows; each call begins anew."""
        causes_of_row, record_of = self._responsible.causes_of_row, self._record
        for source, reached in self._by_source():
            source_record = record_of(source)
            for destination, one in reached:
                causes = one.causes
                if causes is None:
                    far = destination if one.direction is Direction.EGRESS else source
                    causes = causes_of_row(one.explained, far)
                yield ChangedRow(source_record, record_of(destination), one.ports, causes)

    def _listed(self) -> Iterator[_Listed]:
        ports_of = self._pair.current.view.evaluation.ports.describe_difference
        for direction, near, ports, far, causes in self._bundles:
            alike = sort_causes(causes.fixed) if causes.are_alike else None
            yield _Listed(direction, near, far, ports_of(ports), alike, causes)

    def _record(self, end: int) -> EndpointRecord:
        found = self._records.get(end)
        if found is None:
            found = self._records[end] = record_endpoint(self._pair.ends[end])
        return found

    def _by_source(self) -> Iterator[tuple[int, _Reached]]:
        """Each source once for every namespace that it reaches, with destinations sorted."""
        outgoing: _Filed = defaultdict(list)
        incoming: defaultdict[int, _Filed] = defaultdict(lambda: defaultdict(list))
        broad: list[_Listed] = []
        for one in self._listed():
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
        outgoing: Sequence[_Listed],
        namespace: int,
        incoming: Sequence[_Listed],
    ) -> Iterator[tuple[int, _Reached]]:
        """The rows from the ends of one namespace to those of another."""
        destinations = self._namespaces.runs[namespace]
        inside = FrozenBitMap(destinations)
        step = max(1, _PAIRS_AT_A_TIME // len(destinations))
        for start in range(sources.start, sources.stop, step):
            chunk = range(start, min(start + step, sources.stop))
            found: defaultdict[int, _Reached] = defaultdict(list)
            for one in outgoing:
                if one.near in chunk:
                    found[one.near] += ((far, one) for far in one.far & inside)
            here = FrozenBitMap(chunk)
            for one in incoming:
                for source in one.far & here:
                    found[source].append((one.near, one))
            for source, reached in sorted(found.items(), key=itemgetter(0)):
                yield source, sorted(reached, key=itemgetter(0))
