"""What changed → what of it one audience may see: the other ends of connections are not named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from auditor.drift.compare import Comparison
from auditor.findings.secrecy import ANOTHER, OTHERS, Secrecy
from auditor.model.connections import EndpointRecord
from auditor.model.drift import (
    Cause,
    ChangedRow,
    ConnectionDrift,
    ConnectionGroup,
    Drift,
    PolicyDrift,
    ScopeChange,
    Totals,
)

_CLUSTER = "Cluster/cluster"
_CAUSES_AT_MOST = 10
_UNNAMED = EndpointRecord(namespace=ANOTHER)


def extract_drift(comparison: Comparison, secrecy: Secrecy, *, rows: int = 1000) -> Drift:
    """Narrow a comparison of what was judged for an audience to what it may see.

    Rows that are alike once their other ends are not named become one, which says how many
    workloads stand there: totals and groups count these. ``rows`` of either sort are listed.
    """
    drift = comparison.drift
    connections = drift.connections
    if secrecy.is_narrow:
        connections = _merge(comparison, secrecy, rows)
    not_compared = tuple(
        one for one in connections.not_compared if not secrecy.hides(one.namespace)
    )
    connections = msgspec.structs.replace(connections, not_compared=not_compared)
    return msgspec.structs.replace(
        drift,
        policies=secrecy.hide_record(_own_policies(drift.policies, secrecy)),
        connections=secrecy.hide_record(connections),
        findings=secrecy.hide_record(drift.findings),
        scope=secrecy.hide_record(tuple(_own_scope(drift.scope, secrecy))),
    )


def _own_policies(policies: PolicyDrift, secrecy: Secrecy) -> PolicyDrift:
    def is_own(key: str) -> bool:
        return key.partition("/")[0] in secrecy.own

    return PolicyDrift(
        added=tuple(filter(is_own, policies.added)),
        removed=tuple(filter(is_own, policies.removed)),
        changed=tuple(one for one in policies.changed if is_own(one.key)),
    )


def _own_scope(changes: Iterable[ScopeChange], secrecy: Secrecy) -> Iterator[ScopeChange]:
    """Changes of the audience's namespaces and of the cluster; of files and others none."""
    for one in changes:
        head, slash, rest = one.object.partition("/")
        place = rest if head == "Namespace" else head
        if place in secrecy.own or one.object == _CLUSTER or (not slash and head.isalnum()):
            yield one


def _merge(comparison: Comparison, secrecy: Secrecy, limit: int) -> ConnectionDrift:
    opened = _merge_rows(comparison.changes.opened(), secrecy)
    closed = _merge_rows(comparison.changes.closed(), secrecy)
    listed = Totals(opened=min(len(opened), limit), closed=min(len(closed), limit))
    return ConnectionDrift(
        opened=opened[:limit],
        closed=closed[:limit],
        totals=Totals(opened=len(opened), closed=len(closed)),
        omitted=Totals(opened=len(opened) - listed.opened, closed=len(closed) - listed.closed),
        groups=_group(opened, closed),
        not_compared=comparison.drift.connections.not_compared,
    )


def _merge_rows(rows: Iterable[ChangedRow], secrecy: Secrecy) -> tuple[ChangedRow, ...]:
    """The rows without the names of others, each once, in the order in which they come."""
    merged: Counter[ChangedRow] = Counter()
    for one in rows:
        merged[
            ChangedRow(
                source=_hide_end(one.source, secrecy),
                destination=_hide_end(one.destination, secrecy),
                ports=one.ports,
                causes=_hide_causes(one.causes, secrecy),
            )
        ] += 1
    return tuple(
        msgspec.structs.replace(
            one,
            source=_count_end(one.source, number),
            destination=_count_end(one.destination, number),
        )
        for one, number in merged.items()
    )


def _hide_end(end: EndpointRecord, secrecy: Secrecy) -> EndpointRecord:
    return _UNNAMED if secrecy.hides(end.namespace) else secrecy.hide_record(end)


def _count_end(end: EndpointRecord, number: int) -> EndpointRecord:
    if end != _UNNAMED or number == 1:
        return end
    return EndpointRecord(namespace=OTHERS, name=f"{number:,} workloads")


def _hide_causes(causes: Iterable[Cause], secrecy: Secrecy) -> tuple[Cause, ...]:
    return tuple(
        dict.fromkeys(Cause(one.cause, _hide_object(one.object, secrecy)) for one in causes)
    )


def _hide_object(key: str, secrecy: Secrecy) -> str:
    """The key of an object that changed: a policy, a workload, a Namespace or the Cluster."""
    head, _, rest = key.partition("/")
    place = rest if head == "Namespace" else head
    return key if place in secrecy.own or key == _CLUSTER else f"in {ANOTHER}"


def _group(
    opened: Iterable[ChangedRow], closed: Iterable[ChangedRow]
) -> tuple[ConnectionGroup, ...]:
    numbers: defaultdict[tuple[str | None, str | None], list[int]] = defaultdict(lambda: [0, 0])
    causes: defaultdict[tuple[str | None, str | None], dict[Cause, None]] = defaultdict(dict)
    for position, rows in enumerate((opened, closed)):
        for one in rows:
            ends = _place(one.source), _place(one.destination)
            numbers[ends][position] += 1
            causes[ends].update(dict.fromkeys(one.causes))
    groups = [
        ConnectionGroup(
            source=source,
            destination=destination,
            opened=counts[0],
            closed=counts[1],
            causes=tuple(causes[source, destination])[:_CAUSES_AT_MOST],
            causes_omitted=max(0, len(causes[source, destination]) - _CAUSES_AT_MOST),
        )
        for (source, destination), counts in numbers.items()
    ]
    return tuple(
        sorted(
            groups,
            key=lambda one: (-one.opened, -one.closed, one.source or "", one.destination or ""),
        )
    )


def _place(end: EndpointRecord) -> str | None:
    return OTHERS if end.namespace == ANOTHER else end.namespace
