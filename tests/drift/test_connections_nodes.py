"""Connections that nodes, addresses and the reading of ipBlocks open and close."""

from __future__ import annotations

from typing import Any

from tests.drift.stating import state
from tests.oracle.handmade import DENY_INGRESS, cluster, pod

NODES = {"n1": ["10.9.0.1"], "n2": ["10.9.0.2"]}
FROM_N1 = "{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{ipBlock: {cidr: %s}}]}]}"


def test_a_host_network_pod_that_moves_has_another_address() -> None:
    """An ipBlock tells the nodes apart; what it may reach on its own node is not listed."""
    server = pod("server", {"app": "server"}, nodeName="n3")
    agent = [pod("agent", nodeName=node, hostNetwork=True) for node in ("n1", "n2")]
    policy = FROM_N1 % "10.9.0.1/32"
    assert {"-agent→server: every port": {"addresses-changed shop/Pod/agent"}} == state(
        cluster([server, agent[0]], policy, nodes=NODES),
        cluster([server, agent[1]], policy, nodes=NODES),
    )


def test_a_host_network_pod_that_moves_onto_a_pods_node_closes_their_row() -> None:
    """Traffic with the own node is never listed; what it can reach elsewhere stays."""
    pods = [pod("a", nodeName="n1"), pod("b", nodeName="n2")]
    previous, current = (
        cluster([*pods, pod("agent", nodeName=node, hostNetwork=True)], nodes=NODES)
        for node in ("n2", "n1")
    )
    moved = {"nodes-changed shop/Pod/agent"}
    assert {
        "+agent→b: every port": moved,
        "+b→agent: every port": moved,
        "-a→agent: every port": moved,
        "-agent→a: every port": moved,
    } == state(previous, current)


def test_a_workload_of_which_one_pod_leaves_the_node_of_another_pod_is_named() -> None:
    """Its row appears, for its pods now stand on several nodes."""
    agent = pod("agent", nodeName="n1", hostNetwork=True)
    one, other = (pod(f"w{n}", owner="StatefulSet/w", nodeName=f"n{n}") for n in (1, 2))
    moved = {"nodes-changed shop/StatefulSet/w"}
    assert {"+agent→w: every port": moved, "+w→agent: every port": moved} == state(
        cluster([agent, one]), cluster([agent, one, other])
    )


def test_a_pod_that_joins_the_network_of_its_node_is_open() -> None:
    """No policy selects it any more; the policy is as it was."""
    client = pod("client", nodeName="n2")
    server = pod("server", {"app": "server"}, nodeName="n1")
    on_host = pod("server", {"app": "server"}, nodeName="n1", hostNetwork=True)
    deny = "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}"
    assert {"+client→server: every port": {"host-network-changed shop/Pod/server"}} == state(
        cluster([client, server], deny), cluster([client, on_host], deny)
    )


def test_addresses_count_where_ip_blocks_match_pods() -> None:
    """And where they do not, another address is nothing."""
    client = [pod("client", ips=[one]) for one in ("10.0.0.1", "10.0.1.1")]
    server = pod("server", {"app": "server"})
    policy = FROM_N1 % "10.0.0.0/24"
    previous, current = (cluster([one, server], policy) for one in client)
    assert {"-client→server: every port": {"addresses-changed shop/Pod/client"}} == state(
        previous, current, readings=(True, True)
    )
    assert {} == state(previous, current)


def test_another_reading_of_ip_blocks_is_the_clusters() -> None:
    """One CNI matches pods by them and the other does not: all other things are the same."""
    snapshot = cluster(
        [pod("client", ips=["10.0.0.1"]), pod("server", {"app": "server"})],
        FROM_N1 % "10.0.0.0/24",
    )
    read_otherwise = {"ip-block-reading-changed Cluster/cluster"}
    opened = {"+client→server: every port": read_otherwise}
    assert opened == state(snapshot, snapshot, readings=(False, True))
    assert opened == state(snapshot, snapshot, readings=(None, True))
    assert {"-client→server: every port": read_otherwise} == state(
        snapshot, snapshot, readings=(True, None)
    )
    assert {} == state(snapshot, snapshot, readings=(None, False))


def test_a_port_name_that_stands_for_another_number_moves_the_row() -> None:
    """The old number closes, the new one opens."""

    def server(port: int) -> dict[str, Any]:
        containers = [{"ports": [{"name": "web", "containerPort": port}]}]
        return pod("server", {"app": "server"}, containers=containers)

    named = "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: web}]}]}"
    renumbered = {"ports-changed shop/Pod/server"}
    previous, current = (cluster([pod("client"), server(one)], named) for one in (80, 8080))
    assert {
        "+client→server: TCP 8080": renumbered,
        "-client→server: TCP 80": renumbered,
    } == state(previous, current)


def test_what_was_not_the_cause_is_not_named() -> None:
    """The client moved and was relabelled, too: the policy that came is what closed it."""
    agent = pod("agent", nodeName="n1", hostNetwork=True)
    server = pod("server", {"app": "server"}, nodeName="n3")
    previous = cluster([agent, server, pod("client", {"app": "x"}, nodeName="n1")])
    current = cluster([agent, server, pod("client", {"app": "y"}, nodeName="n2")], DENY_INGRESS)
    found = state(previous, current)
    assert {"policy-added shop/NetworkPolicy/policy-0"} == found["-client→server: every port"]
    assert {"nodes-changed shop/Pod/client"} == found["+client→agent: every port"]
