"""Pairs of clusters that chance seldom makes are compared exactly, and for exactly the causes."""

from __future__ import annotations

import pytest

from auditor.model.connections import EndpointRecord
from auditor.model.drift import CauseKind
from auditor.model.recognition import Recognition
from auditor.reachability.pair import Side
from tests.drift.comparing import Comparison, check_rows
from tests.drift.rare import RARE, admit, admit_pods, server, web
from tests.drift.stating import state
from tests.oracle.handmade import DENY_INGRESS, cluster, pod


@pytest.mark.parametrize("name", RARE)
def test_what_seldom_changes_is_found_and_named(name: str) -> None:
    """Exactly the rows between pods that are stated, each for exactly its causes."""
    rare = RARE[name]
    comparison = Comparison(
        *(
            Side(snapshot, ip_blocks_match_pods=reading)
            for snapshot, reading in zip(rare[:2], rare.readings, strict=True)
        )
    )
    check_rows(comparison)
    changes = comparison.changes()
    found = {
        f"{sign}{row.source.name}→{row.destination.name}": {
            (one.cause, one.object) for one in row.causes
        }
        for sign, rows in (("+", changes.opened()), ("-", changes.closed()))
        for row in rows
        if row.source.name and row.destination.name
    }
    assert rare.causes == found


ALL_PORTS = "[{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]"


def test_the_closing_of_icmp_alone_is_a_row() -> None:
    """Where every port of TCP, UDP and SCTP stays open, ICMP and the rest still close."""
    pods = [pod("client"), server()]
    comparison = Comparison(
        Side(cluster(pods, admit("{}"))), Side(cluster(pods, admit(f"{{ports: {ALL_PORTS}}}")))
    )
    check_rows(comparison)
    rows = list(comparison.changes().closed())
    assert rows
    assert [] == [row for row in rows if not row.ports]


@pytest.mark.parametrize("asking", [0, 1])
def test_what_one_side_asks_for_splits_the_workloads_of_both(asking: int) -> None:
    """A recognition's question is in the vocabulary of the other side, too."""
    pods = [web("w1", "a"), web("w2", "b"), server()]
    asked = Recognition(dns_pod_labels=({"tier": "a"},))
    recognitions = (asked, Recognition()) if asking == 0 else (Recognition(), asked)
    snapshots = (cluster(pods, DENY_INGRESS), cluster(pods))
    comparison = Comparison(*map(Side, snapshots, recognitions))
    check_rows(comparison)
    variants = {row.source.variant for row in comparison.changes().opened() if row.source.name}
    assert {("tier=a",), ("tier=b",), ()} == variants


def test_pods_that_only_together_may_connect_do_not_stand_in_for_one_that_may() -> None:
    """One of them may send and is not admitted, the other is admitted and may not send.

    In neither direction does the union of what they may differ; each pair does.
    """
    policies = (
        admit_pods("matchExpressions: [{key: tier, operator: In, values: [b, c]}]"),
        "{podSelector: {matchLabels: {tier: b}}, policyTypes: [Egress]}",
    )
    comparison = Comparison(
        Side(cluster([web("w1", "a"), web("w2", "b"), server()], *policies)),
        Side(cluster([web("w3", "c"), server()], *policies)),
    )
    check_rows(comparison)
    (row,) = (
        row
        for row in comparison.changes().opened()
        if row.destination.name == "server"
        and row.source == EndpointRecord("shop", "StatefulSet", "web", ("tier=c",))
    )
    assert [(CauseKind.LABELS_CHANGED, "shop/StatefulSet/web")] == [
        (one.cause, one.object) for one in row.causes
    ]


def test_each_end_is_undone_by_itself_where_both_are_of_one_workload() -> None:
    """The label of the policy's own end closes the row, as its change does; the peer's does not."""
    comparison = Comparison(
        Side(
            cluster(
                [web("w1", "a"), web("w2", "b")],
                "{podSelector: {matchLabels: {tier: a}}, ingress: [{}]}",
            )
        ),
        Side(cluster([web("w3", "c")], "{podSelector: {matchLabels: {tier: c}}}")),
    )
    check_rows(comparison)
    causes = {
        "labels-changed shop/StatefulSet/web",
        "policy-changed shop/NetworkPolicy/policy-0",
    }
    found = state(comparison.previous.snapshot, comparison.current.snapshot)
    assert {
        "-web[tier=a]→web[tier=b]: every port": causes,
        "-web[tier=b]→web[tier=a]: every port": causes,
    } == found
