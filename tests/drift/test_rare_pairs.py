"""Pairs of clusters that chance seldom makes: one for each thing that can be a cause."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from auditor.model.connections import EndpointRecord
from auditor.model.drift import CauseKind
from auditor.model.recognition import Recognition
from auditor.model.snapshot import Snapshot
from auditor.reachability.pair import Side
from tests.drift.comparing import Comparison, check_rows
from tests.oracle.handmade import DENY_ALL, DENY_INGRESS, cluster, pod

SERVER = {"role": "server"}


class Rare(NamedTuple):
    """A pair, and the rows between pods that it must give: `+a→b` opened, `-a→b` closed."""

    previous: Snapshot
    current: Snapshot
    causes: dict[str, set[tuple[CauseKind, str]]]
    readings: tuple[bool, bool] = (True, True)


def server(**more: Any) -> dict[str, Any]:
    """The pod that policies of these pairs isolate."""
    return pod("server", SERVER, **more)


def serving(port: int) -> list[dict[str, Any]]:
    """Containers that declare the port web."""
    return [{"ports": [{"name": "web", "containerPort": port}]}]


def admit(rule: str) -> str:
    """A policy that isolates the server for ingress but for one rule."""
    return f"{{podSelector: {{matchLabels: {{role: server}}}}, ingress: [{rule}]}}"


def admit_block(cidr: str) -> str:
    """Another, that admits addresses."""
    return admit(f"{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}")


def admit_pods(selector: str) -> str:
    """Another, that admits pods."""
    return admit(f"{{from: [{{podSelector: {{{selector}}}}}]}}")


BY_NAME = admit("{ports: [{port: web}]}")
A = "matchLabels: {app: a}"
EGRESS_BY_NAME = (
    f"{{podSelector: {{{A}}}, policyTypes: [Egress], egress: [{{ports: [{{port: web}}]}}]}}"
)
TO_NAMED_A_OR_B = """
policyTypes: [Egress]
egress:
  - to: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [a, b]}]}}]
    ports: [{port: web}]
"""
ON_80, ON_81 = "{ports: [{port: 80}]}", "{ports: [{port: 80}, {port: 81}]}"
ONLY_81 = "{ports: [{port: 81}]}"
KINDS = CauseKind


def web(name: str, tier: str) -> dict[str, Any]:
    """A pod of the StatefulSet web."""
    return pod(name, {"tier": tier}, owner="StatefulSet/web")


OPEN_TO_A_AND_C = (
    DENY_INGRESS,
    "{podSelector: {matchExpressions: [{key: tier, operator: In, values: [a, c]}]}, ingress: [{}]}",
    "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Ingress]}",
)

RARE = {
    "a variant that came is compared with the one that went, not with the one that stays": Rare(
        cluster([web("w1", "a"), web("w2", "b"), server()], *OPEN_TO_A_AND_C),
        cluster([web("w1", "a"), web("w3", "c"), server()], *OPEN_TO_A_AND_C),
        {
            "+server→web": {(KINDS.LABELS_CHANGED, "shop/StatefulSet/web")},
            "+web→web": {(KINDS.LABELS_CHANGED, "shop/StatefulSet/web")},
        },
    ),
    "a variant that came beside those that stay is compared with all of them": Rare(
        cluster([web("w1", "a"), web("w2", "b"), server()], *OPEN_TO_A_AND_C),
        cluster([web("w1", "a"), web("w2", "b"), web("w3", "c"), server()], *OPEN_TO_A_AND_C),
        {},
    ),
    "a port name stands for another number": Rare(
        cluster([pod("client"), server(containers=serving(80))], BY_NAME),
        cluster([pod("client"), server(containers=serving(81))], BY_NAME),
        {
            "+client→server": {(KINDS.PORTS_CHANGED, "shop/Pod/server")},
            "-client→server": {(KINDS.PORTS_CHANGED, "shop/Pod/server")},
        },
    ),
    "a port name of an egress rule stands for another number": Rare(
        cluster(
            [pod("client", {"app": "a"}), server(containers=serving(80))],
            EGRESS_BY_NAME,
        ),
        cluster(
            [pod("client", {"app": "a"}), server()],
            EGRESS_BY_NAME,
        ),
        {"-client→server": {(KINDS.PORTS_CHANGED, "shop/Pod/server")}},
    ),
    "a pod has another address": Rare(
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.1/32")),
        cluster([pod("client", ips=["10.0.0.2"]), server()], admit_block("10.0.0.1/32")),
        {"-client→server": {(KINDS.ADDRESSES_CHANGED, "shop/Pod/client")}},
    ),
    "a pod has another address, and no ipBlock matches pods": Rare(
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.1/32")),
        cluster([pod("client", ips=["10.0.0.2"]), server()], admit_block("10.0.0.1/32")),
        {},
        (False, False),
    ),
    "a node has another address": Rare(
        cluster(
            [pod("host", nodeName="n1", hostNetwork=True), server()],
            admit_block("10.9.0.1/32"),
            nodes={"n1": ["10.9.0.1"]},
        ),
        cluster(
            [pod("host", nodeName="n1", hostNetwork=True), server()],
            admit_block("10.9.0.1/32"),
            nodes={"n1": ["10.9.0.2"]},
        ),
        {"-host→server": {(KINDS.ADDRESSES_CHANGED, "shop/Pod/host")}},
        (False, False),
    ),
    "a pod joins the network of its node": Rare(
        cluster([pod("client", SERVER), server(nodeName="n2")], DENY_INGRESS),
        cluster([pod("client", SERVER), server(nodeName="n2", hostNetwork=True)], DENY_INGRESS),
        {"+client→server": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/server")}},
    ),
    "a peer leaves the network of its node": Rare(
        cluster([pod("client", {"app": "a"}, hostNetwork=True), server()], admit_pods(A)),
        cluster([pod("client", {"app": "a"}), server()], admit_pods(A)),
        {"+client→server": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/client")}},
    ),
    "a pod leaves the node of a host-network pod": Rare(
        cluster([pod("host", nodeName="n1", hostNetwork=True), pod("a", nodeName="n1")]),
        cluster([pod("host", nodeName="n1", hostNetwork=True), pod("a", nodeName="n2")]),
        {
            "+a→host": {(KINDS.NODES_CHANGED, "shop/Pod/a")},
            "+host→a": {(KINDS.NODES_CHANGED, "shop/Pod/a")},
        },
    ),
    "a pod joins the network of the node where another stands": Rare(
        cluster([pod("host", nodeName="n1"), pod("a", nodeName="n1")]),
        cluster([pod("host", nodeName="n1", hostNetwork=True), pod("a", nodeName="n1")]),
        {
            "-a→host": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/host")},
            "-host→a": {(KINDS.HOST_NETWORK_CHANGED, "shop/Pod/host")},
        },
    ),
    "a port changes, and a label that makes no difference": Rare(
        cluster(
            [pod("client"), pod("peer", {"app": "a"}, containers=serving(80))], TO_NAMED_A_OR_B
        ),
        cluster(
            [pod("client"), pod("peer", {"app": "b"}, containers=serving(81))], TO_NAMED_A_OR_B
        ),
        {
            "+client→peer": {(KINDS.PORTS_CHANGED, "shop/Pod/peer")},
            "-client→peer": {(KINDS.PORTS_CHANGED, "shop/Pod/peer")},
        },
    ),
    "ipBlocks match pods now": Rare(
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.0/8")),
        cluster([pod("client", ips=["10.0.0.1"]), server()], admit_block("10.0.0.0/8")),
        {"+client→server": {(KINDS.IP_BLOCK_READING_CHANGED, "Cluster/cluster")}},
        (False, True),
    ),
    "a label of the peer lets it in, where a new policy does, too": Rare(
        cluster([pod("client", {"app": "b"}), server()], admit_pods(A)),
        cluster([pod("client", {"app": "a"}), server()], admit_pods(A), admit_pods("")),
        {
            "+client→server": {
                (KINDS.LABELS_CHANGED, "shop/Pod/client"),
                (KINDS.POLICY_ADDED, "shop/NetworkPolicy/policy-1"),
            }
        },
    ),
    "one direction opens for the namespace, the other for the pod": Rare(
        cluster(
            [pod("client", {"app": "a"}, namespace="other"), server()],
            admit("{from: [{namespaceSelector: {matchLabels: {in: 'yes'}}}]}"),
            "{podSelector: {matchLabels: {role: server}}, policyTypes: [Egress]}",
        ),
        cluster(
            [pod("client", {"app": "a"}, namespace="other"), server()],
            admit("{from: [{namespaceSelector: {matchLabels: {in: 'yes'}}}]}"),
            namespaces={"other": {"in": "yes"}},
        ),
        {
            "+client→server": {(KINDS.LABELS_CHANGED, "Namespace/other")},
            "+server→client": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-1")},
        },
    ),
    "a label takes the pod out of the policy that isolated it": Rare(
        cluster([pod("client"), server()], admit_pods(A)),
        cluster([pod("client"), pod("server")], admit_pods(A)),
        {"+client→server": {(KINDS.LABELS_CHANGED, "shop/Pod/server")}},
    ),
    "a policy grants more, beside one that denies": Rare(
        cluster([pod("client"), server()], DENY_INGRESS, admit(ON_80)),
        cluster([pod("client"), server()], DENY_INGRESS, admit(ON_81)),
        {
            "+client→server": {(KINDS.POLICY_CHANGED, "shop/NetworkPolicy/policy-1")},
        },
    ),
    "a policy that granted goes, beside one that denies": Rare(
        cluster([pod("client"), server()], DENY_INGRESS, admit(ON_80)),
        cluster([pod("client"), server()], DENY_INGRESS),
        {"-client→server": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-1")}},
    ),
    "a policy changes beside the one that grants": Rare(
        cluster([pod("client"), server()], admit(ON_80)),
        cluster([pod("client"), server()], admit(f"{ON_80}, {ON_80}"), admit(ONLY_81)),
        {"+client→server": {(KINDS.POLICY_ADDED, "shop/NetworkPolicy/policy-1")}},
    ),
    "a policy that isolates comes": Rare(
        cluster([pod("client"), server()]),
        cluster([pod("client"), server()], admit_pods(A)),
        {"-client→server": {(KINDS.POLICY_ADDED, "shop/NetworkPolicy/policy-0")}},
    ),
    "both directions of one connection open at once, each of which opens others, too": Rare(
        cluster([pod("client"), server()], DENY_ALL),
        cluster([pod("client"), server()]),
        {
            "+client→server": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-0")},
            "+server→client": {(KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-0")},
        },
    ),
    "policies that isolated go, all of them": Rare(
        cluster([pod("client"), server()], admit_pods(A), admit_pods("matchLabels: {app: b}")),
        cluster([pod("client"), server()]),
        {
            "+client→server": {
                (KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-0"),
                (KINDS.POLICY_REMOVED, "shop/NetworkPolicy/policy-1"),
            }
        },
    ),
}


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
