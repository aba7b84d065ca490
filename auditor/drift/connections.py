"""Connections that opened and closed between two snapshots, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from pyroaring import FrozenBitMap

from auditor.drift.bundle_rows import BundleRows
from auditor.drift.bundles import Comparison
from auditor.drift.causes import ExplainedBundle
from auditor.drift.explain import Explainer
from auditor.drift.group_counts import count_groups
from auditor.drift.namespaces import Namespaces
from auditor.drift.responsible import Responsible
from auditor.drift.side_rows import SideRows
from auditor.model.collector import uncollected
from auditor.model.connections import WorkloadEndpoint
from auditor.model.drift import ChangedRow, ConnectionDrift, ConnectionGroup, Totals
from auditor.model.objects import Reference
from auditor.reachability.pair import Pair


class ConnectionChanges:
    """All of them, in little memory: rows are written out only while they are read."""

    def __init__(
        self,
        totals: Totals,
        groups: tuple[ConnectionGroup, ...],
        opened: BundleRows,
        closed: BundleRows,
    ) -> None:
        self.totals = totals
        """Numbers of rows."""
        self.groups = groups
        """By namespaces, sorted by how many rows opened, then closed, most first."""
        self._opened = opened
        self._closed = closed

    def opened(self) -> Iterator[ChangedRow]:
        """The rows with ports that are allowed now and were not; each call begins anew.

        Sorted by source namespace, destination namespace, source, destination; addresses last.
        """
        return iter(self._opened)

    def closed(self) -> Iterator[ChangedRow]:
        """The rows with ports that were allowed and are not; likewise."""
        return iter(self._closed)

    def limit(self, rows: int) -> ConnectionDrift:
        """The first rows of each sort, and how many more there are."""
        opened, closed = (tuple(islice(each, rows)) for each in (self.opened(), self.closed()))
        return ConnectionDrift(
            opened=opened,
            closed=closed,
            totals=self.totals,
            omitted=Totals(
                opened=self.totals.opened - len(opened), closed=self.totals.closed - len(closed)
            ),
            groups=self.groups,
        )


@uncollected()
def compare_connections(
    pair: Pair, *, shown: Callable[[Reference], bool] | None = None
) -> ConnectionChanges:
    """Compare the rows of both sides.

    ``shown``: the workloads wanted; rows with such a one at either end are kept. None: all.
    """
    previous, current = SideRows(pair.previous), SideRows(pair.current)
    opened = _Way(pair, current, previous, opened=True)
    closed = _Way(pair, previous, current, opened=False)
    wanted = _wanted(pair, shown)
    for changes in Comparison(pair, previous, current).compare():
        for way, bundles in ((opened, changes.opened), (closed, changes.closed)):
            narrowed = bundles
            if wanted is not None and changes.affected.near not in wanted:
                narrowed = tuple(
                    one._replace(far=far) for one in bundles if (far := one.far & wanted)
                )
            way.bundles += way.explainer.explain(changes.affected, narrowed)
    namespaces = Namespaces(pair)
    ways = (opened, closed)
    return ConnectionChanges(
        Totals(opened=opened.rows, closed=closed.rows),
        count_groups(namespaces, [(one.responsible, one.bundles) for one in ways]),
        *(BundleRows(pair, namespaces, one.responsible, one.bundles) for one in ways),
    )


class _Way:
    """The rows that one side has and the other has not, as they are found."""

    def __init__(self, pair: Pair, allowing: SideRows, denying: SideRows, *, opened: bool) -> None:
        self.responsible = Responsible(pair.ends, allowing, denying, opened=opened)
        self.explainer = Explainer(allowing, denying, self.responsible, opened=opened)
        self.bundles: list[ExplainedBundle] = []

    @property
    def rows(self) -> int:
        """Their number."""
        return sum(len(one.far) for one in self.bundles)


def _wanted(pair: Pair, shown: Callable[[Reference], bool] | None) -> FrozenBitMap | None:
    """The ends that are shown."""
    if shown is None:
        return None
    known: dict[Reference, bool] = {}
    found: list[int] = []
    for number, end in enumerate(pair.ends):
        if isinstance(end, WorkloadEndpoint):
            if end.workload not in known:
                known[end.workload] = shown(end.workload)
            if known[end.workload]:
                found.append(number)
    return FrozenBitMap(found)
