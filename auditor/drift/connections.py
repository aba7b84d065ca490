"""Connections that opened and closed between two snapshots, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from pyroaring import FrozenBitMap

from auditor.drift.bundle_rows import BundleRows
from auditor.drift.bundles import Bundle, Comparison
from auditor.drift.causes import ExplainedBundle
from auditor.drift.explain import Explainer
from auditor.drift.group_counts import count_groups
from auditor.drift.namespaces import Namespaces
from auditor.drift.responsible import Responsible
from auditor.drift.side_rows import SideRows
from auditor.model.collector import uncollected
from auditor.model.connections import WorkloadEndpoint
from auditor.model.drift import ChangedRow, ConnectionDrift, ConnectionGroup, Totals, Uncompared
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
        *,
        not_compared: tuple[Uncompared, ...],
    ) -> None:
        self.totals = totals
        """Numbers of rows."""
        self.groups = groups
        """By namespaces, sorted by how many rows opened, then closed, most first."""
        self.not_compared = not_compared
        """The namespaces whose connections are left out."""
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
            not_compared=self.not_compared,
        )


@uncollected()
def compare_connections(
    pair: Pair,
    *,
    shown: Callable[[Reference], bool] | None = None,
    unseen: tuple[Uncompared, ...] = (),
) -> ConnectionChanges:
    """Compare the rows of both sides.

    ``shown``: the workloads wanted; rows with such a one at either end are kept. None: all.
    ``unseen``: namespaces in which one side saw what the other did not; rows with an end in such a
    one are left out.
    """
    previous, current = SideRows(pair.previous), SideRows(pair.current)
    opened = _Way(pair, current, previous, opened=True)
    closed = _Way(pair, previous, current, opened=False)
    seen = FrozenBitMap(range(len(pair.ends))) - _ends(pair, _is_unseen(unseen))
    wanted = None if shown is None else _ends(pair, shown) & seen
    for changes in Comparison(pair, previous, current).compare():
        near = changes.affected.near
        if near not in seen:
            continue
        kept = seen if wanted is None or near in wanted else wanted
        for way, bundles in ((opened, changes.opened), (closed, changes.closed)):
            way.bundles += way.explainer.explain(changes.affected, _narrow(bundles, kept))
    namespaces = Namespaces(pair)
    ways = (opened, closed)
    return ConnectionChanges(
        Totals(opened=opened.rows, closed=closed.rows),
        count_groups(namespaces, [(one.responsible, one.bundles) for one in ways]),
        *(BundleRows(pair, namespaces, one.responsible, one.bundles) for one in ways),
        not_compared=unseen,
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


def _narrow(bundles: Iterable[Bundle], kept: FrozenBitMap) -> tuple[Bundle, ...]:
    """The bundles with these far ends alone."""
    return tuple(one._replace(far=far) for one in bundles if (far := one.far & kept))


def _is_unseen(unseen: tuple[Uncompared, ...]) -> Callable[[Reference], bool]:
    hidden = {one.namespace for one in unseen}
    return lambda workload: None in hidden or workload.namespace in hidden


def _ends(pair: Pair, chosen: Callable[[Reference], bool]) -> FrozenBitMap:
    """The workloads' ends that are chosen."""
    return FrozenBitMap(
        number
        for number, end in enumerate(pair.ends)
        if isinstance(end, WorkloadEndpoint) and chosen(end.workload)
    )
