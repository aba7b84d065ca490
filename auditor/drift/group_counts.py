"""How many rows opened and closed from one namespace to another, and why: counted, not listed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pyroaring import BitMap, FrozenBitMap

from auditor.drift.causes import Causes, ExplainedBundle
from auditor.drift.namespaces import Namespaces
from auditor.drift.responsible import Responsible, sort_causes
from auditor.model.drift import Cause, ConnectionGroup
from auditor.model.findings import Direction

CAUSES_AT_MOST = 10
"""Named of a group; the rest is counted."""

_Ends = tuple[int, int]
"""The namespaces of the source and of the destination, by number."""


class _Group:
    """The rows between two namespaces, while they are counted."""

    def __init__(self) -> None:
        self.counts = [0, 0]
        """Opened, closed."""
        self.causes: set[Cause] = set()


def count_groups(
    namespaces: Namespaces, ways: Sequence[tuple[Responsible, Iterable[ExplainedBundle]]]
) -> tuple[ConnectionGroup, ...]:
    """Count what opened and what closed, in this order; most rows first."""
    groups: defaultdict[_Ends, _Group] = defaultdict(_Group)
    for way, (responsible, bundles) in enumerate(ways):
        counts, far_ends = _count(namespaces, bundles)
        named = _Named(namespaces, responsible)
        for ends, number in counts.items():
            groups[ends].counts[way] += number
        for (direction, near, causes), far in far_ends.items():
            for other in namespaces.of_ends(FrozenBitMap(far)):
                groups[_order(direction, near, other)].causes |= named.in_namespace(
                    causes, far, other
                )
    return tuple(
        sorted(
            (_record(namespaces, ends, group) for ends, group in groups.items()),
            key=lambda one: (
                -one.opened,
                -one.closed,
                one.source is None,
                one.source or "",
                one.destination is None,
                one.destination or "",
            ),
        )
    )


_FarEnds = dict[tuple[Direction, int, Causes], BitMap]
"""By the namespace of near ends: all far ends of rows with the same causes."""


def _count(
    namespaces: Namespaces, bundles: Iterable[ExplainedBundle]
) -> tuple[dict[_Ends, int], _FarEnds]:
    counts: defaultdict[_Ends, int] = defaultdict(int)
    far_ends: _FarEnds = {}
    for direction, near, _, far, causes in bundles:
        namespace = namespaces.of_end(near)
        for other, number in namespaces.count(far).items():
            counts[_order(direction, namespace, other)] += number
        # those of the far ends by themselves: they are the same for many near ends
        for part in (Causes(causes.fixed), causes._replace(fixed=frozenset())):
            if part != Causes():
                far_ends.setdefault((direction, namespace, part), BitMap()).update(far)
    return counts, far_ends


class _Named:
    """The causes of rows with far ends of one namespace, those by name, too."""

    def __init__(self, namespaces: Namespaces, responsible: Responsible) -> None:
        self._runs = [FrozenBitMap(run) for run in namespaces.runs]
        self._responsible = responsible
        self._known: dict[tuple[Causes, FrozenBitMap], frozenset[Cause]] = {}

    def in_namespace(self, causes: Causes, far: BitMap, namespace: int) -> frozenset[Cause]:
        if causes.are_alike:
            return causes.fixed
        key = causes, self._runs[namespace] & far
        found = self._known.get(key)
        if found is None:
            each = (self._responsible.name_causes(causes, one) for one in key[1])
            found = self._known[key] = frozenset[Cause]().union(*each)
        return found


def _order(direction: Direction, near: int, far: int) -> _Ends:
    return (near, far) if direction is Direction.EGRESS else (far, near)


def _record(namespaces: Namespaces, ends: _Ends, group: _Group) -> ConnectionGroup:
    causes = sort_causes(group.causes)
    return ConnectionGroup(
        source=namespaces.names[ends[0]],
        destination=namespaces.names[ends[1]],
        opened=group.counts[0],
        closed=group.counts[1],
        causes=causes[:CAUSES_AT_MOST],
        causes_omitted=max(0, len(causes) - CAUSES_AT_MOST),
    )
