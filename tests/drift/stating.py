"""What opened and closed, in words short enough to compare with what a test expects."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.drift.connections import compare_connections
from auditor.model.connections import EndpointRecord
from auditor.model.drift import ChangedRow
from auditor.model.ports import describe_ports
from auditor.model.snapshot import Snapshot
from auditor.reachability.pair import Side, evaluate_pair

Stated = dict[str, set[str]]
"""`+source→destination: ports` of what opened, `-` of what closed, each with its causes."""


def state(
    previous: Snapshot,
    current: Snapshot,
    *,
    readings: tuple[bool | None, bool | None] = (False, False),
    addresses: bool = False,
) -> Stated:
    """All rows; those with addresses only where they are asked for.

    Of namespace `shop`, workloads are named without namespace and kind.
    """
    changes = compare_connections(
        evaluate_pair(
            Side(previous, ip_blocks_match_pods=readings[0]),
            Side(current, ip_blocks_match_pods=readings[1]),
        )
    )
    return {
        **_state("+", changes.opened(), addresses=addresses),
        **_state("-", changes.closed(), addresses=addresses),
    }


def _state(sign: str, rows: Iterable[ChangedRow], *, addresses: bool) -> Stated:
    return {
        f"{sign}{name(row.source)}→{name(row.destination)}: {describe_ports(row.ports)}": {
            f"{one.cause.value} {one.object}" for one in row.causes
        }
        for row in rows
        if addresses or not (row.source.addresses or row.destination.addresses)
    }


def name(end: EndpointRecord) -> str:
    """An end as tests write it."""
    if end.addresses is not None:
        return end.addresses
    where = "" if end.namespace == "shop" else f"{end.namespace}/"
    variant = f"[{','.join(end.variant)}]" if end.variant else ""
    return f"{where}{end.name}{variant}"
