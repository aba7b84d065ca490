"""Totals, groups by namespaces, the first rows, and narrowing."""

from __future__ import annotations

import itertools

from auditor.drift.connections import ConnectionChanges, compare_connections
from auditor.model.drift import Cause, CauseKind, ConnectionGroup, Totals
from auditor.model.objects import Reference
from auditor.model.snapshot import Snapshot
from auditor.reachability.pair import Side, evaluate_pair
from tests.drift.stating import name
from tests.oracle.handmade import DENY_EGRESS, DENY_INGRESS, cluster, pod

SHOP = [pod("b"), pod("a")]
OTHERS = [pod("x", namespace="alpha"), pod("y", namespace="zeta")]


def compare(previous: Snapshot, current: Snapshot) -> ConnectionChanges:
    """The comparison with ipBlocks that match no pods."""
    return compare_connections(evaluate_pair(Side(previous), Side(current)))


def test_rows_come_by_namespaces_and_then_by_workloads() -> None:
    """Source namespace, destination namespace, source, destination; addresses last of each."""
    changes = compare(cluster(OTHERS), cluster([*OTHERS, *SHOP]))
    rows = [(name(row.source), name(row.destination)) for row in changes.opened()]
    assert [
        ("alpha/x", "a"),
        ("alpha/x", "b"),
        ("a", "alpha/x"),
        ("b", "alpha/x"),
        ("a", "b"),
        ("b", "a"),
        ("a", "zeta/y"),
        ("b", "zeta/y"),
    ] == rows[:8]
    assert [source for source, _ in rows[8:12]] == ["a", "a", "b", "b"]
    assert ["zeta/y", "zeta/y"] == [source for source, _ in rows[12:14]]
    assert ["a", "b", "a", "b"] == [destination for _, destination in rows[14:]]
    assert rows == [(name(row.source), name(row.destination)) for row in changes.opened()]


def test_groups_count_what_opened_and_what_closed_between_two_namespaces() -> None:
    """Most opened rows first; each cause once, whichever of the two it is of."""
    changes = compare(
        cluster([*SHOP, *OTHERS], DENY_INGRESS), cluster([*SHOP, *OTHERS], DENY_EGRESS)
    )
    changed = Cause(CauseKind.POLICY_CHANGED, "shop/NetworkPolicy/policy-0")
    groups = [(one.source, one.destination, one.opened, one.closed) for one in changes.groups]
    assert [
        (None, "shop", 4, 0),
        ("alpha", "shop", 2, 0),
        ("zeta", "shop", 2, 0),
        ("shop", None, 0, 4),
        ("shop", "alpha", 0, 2),
        ("shop", "zeta", 0, 2),
    ] == sorted(groups, key=lambda one: (-one[2], -one[3], one[0] or "", one[1] or ""))
    assert sorted(groups, key=lambda one: (-one[2], -one[3])) == groups
    assert {(changed,)} == {one.causes for one in changes.groups}
    assert Totals(opened=8, closed=8) == changes.totals


def test_a_group_names_ten_causes_and_counts_the_rest() -> None:
    """Twelve workloads came."""
    new = [pod(f"new-{number:02}") for number in range(12)]
    (group,) = (
        one
        for one in compare(cluster(OTHERS), cluster([*OTHERS, *new])).groups
        if (one.source, one.destination) == ("alpha", "shop")
    )
    causes = tuple(
        Cause(CauseKind.WORKLOAD_ADDED, f"shop/Pod/new-{number:02}") for number in range(10)
    )
    assert (
        ConnectionGroup(
            source="alpha",
            destination="shop",
            opened=12,
            closed=0,
            causes=causes,
            causes_omitted=2,
        )
        == group
    )


def test_the_first_rows_are_listed_and_the_rest_is_counted() -> None:
    """Of what opened and of what closed, each."""
    changes = compare(cluster([*SHOP, *OTHERS]), cluster([*OTHERS, pod("new")]))
    drift = changes.limit(3)
    assert tuple(itertools.islice(changes.opened(), 3)) == drift.opened
    assert 3 == len(drift.closed)
    assert changes.totals == drift.totals
    assert (
        Totals(opened=changes.totals.opened - 3, closed=changes.totals.closed - 3) == drift.omitted
    )
    assert Totals(opened=0, closed=0) == changes.limit(1000).omitted


def test_only_rows_with_a_shown_end_are_compared() -> None:
    """At either end; totals and groups are of these alone."""

    def is_of_alpha(workload: Reference) -> bool:
        return workload.namespace == "alpha"

    pair = evaluate_pair(Side(cluster(OTHERS)), Side(cluster([*OTHERS, *SHOP])))
    changes = compare_connections(pair, shown=is_of_alpha)
    rows = [(name(row.source), name(row.destination)) for row in changes.opened()]
    assert [("alpha/x", "a"), ("alpha/x", "b"), ("a", "alpha/x"), ("b", "alpha/x")] == rows
    assert Totals(opened=4, closed=0) == changes.totals
    assert {("alpha", "shop"), ("shop", "alpha")} == {
        (one.source, one.destination) for one in changes.groups
    }


def test_equal_snapshots_have_no_connection_drift() -> None:
    """No rows, no groups."""
    snapshot = cluster([*SHOP, *OTHERS], DENY_INGRESS)
    changes = compare(snapshot, snapshot)
    assert ([], []) == (list(changes.opened()), list(changes.closed()))
    assert (Totals(opened=0, closed=0), ()) == (changes.totals, changes.groups)
