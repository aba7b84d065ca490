"""Two snapshots and what was judged of them → what changed from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from auditor.drift.compared import Compared, record_side
from auditor.drift.connections import ConnectionChanges, compare_connections
from auditor.drift.findings import compare_findings
from auditor.drift.policies import compare_policies
from auditor.drift.scope import compare_scope
from auditor.drift.unseen import find_unseen
from auditor.model.drift import DRIFT_SCHEMA, Drift
from auditor.model.objects import Reference
from auditor.reachability.pair import Side, evaluate_pair


class Comparison(NamedTuple):
    """The drift as the contract has it, and the connections to be read on beyond its rows."""

    drift: Drift
    changes: ConnectionChanges


def compare(
    previous: Compared,
    current: Compared,
    *,
    shown: Callable[[Reference], bool] | None = None,
    rows: int = 1000,
) -> Comparison:
    """Compare two sides: policies, connections, findings and scope.

    ``shown``: the workloads whose connections are wanted, at either end; None: all. ``rows`` is
    how many that opened, and how many that closed, the drift lists.
    """
    pair = evaluate_pair(_side(previous), _side(current))
    unseen = find_unseen(previous.snapshot, current.snapshot)
    changes = compare_connections(pair, shown=shown, unseen=unseen)
    drift = Drift(
        schema=DRIFT_SCHEMA,
        previous=record_side(previous),
        current=record_side(current),
        policies=compare_policies(previous.snapshot, current.snapshot),
        connections=changes.limit(rows),
        findings=compare_findings(previous, current),
        scope=compare_scope(previous, current),
    )
    return Comparison(drift, changes)


def _side(one: Compared) -> Side:
    return Side(one.snapshot, one.recognition, one.ip_blocks_match_pods)
