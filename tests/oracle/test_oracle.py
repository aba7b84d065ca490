"""The oracle itself is held to the specification, statement by statement, on hand-made clusters.

The clusters are written as manifests are, so that nothing but the statement stands in a test.
"""

from __future__ import annotations

from typing import Any

from auditor.model.objects import Pod
from auditor.model.snapshot import Snapshot
from tests.oracle.handmade import DENY_ALL, DENY_EGRESS, DENY_INGRESS, cluster, pod
from tests.oracle.oracle import OTHER, Oracle, allowed
from tests.oracle.rows import (
    WorkloadGroup,
    expected_rows,
    group_pods,
    sample_addresses,
    sample_ports,
)

OUTSIDE = "198.51.100.7"


def ask(
    snapshot: Snapshot,
    source: str,
    destination: str,
    protocol: str = "TCP",
    port: int | None = 80,
    *,
    blocks_match: bool = False,
) -> bool:
    """One question, with pods by name and anything else as an address."""
    ends: dict[str, Pod] = {one.name: one for one in snapshot.pods}
    return allowed(
        snapshot,
        ends.get(source, source),
        ends.get(destination, destination),
        protocol,
        port,
        ip_blocks_match_pods=blocks_match,
    )


A_AND_B = [pod("a", {"app": "a"}), pod("b", {"app": "b"})]


def test_without_policies_everything_is_allowed() -> None:
    """3.2: who is not isolated may be reached by everyone, on everything, and reach everyone."""
    snapshot = cluster(A_AND_B)
    assert ask(snapshot, "a", "b")
    assert ask(snapshot, OUTSIDE, "b", OTHER, None)
    assert ask(snapshot, "a", "2001:db8::1", "SCTP", 65535)


def test_a_policy_without_rules_denies() -> None:
    """3.3 and 3.11: isolation of either side alone closes a connection."""
    for spec in (DENY_INGRESS, DENY_EGRESS, DENY_ALL):
        assert not ask(cluster(A_AND_B, spec), "a", "b")
    assert ask(cluster(A_AND_B, DENY_INGRESS), "a", OUTSIDE)
    assert not ask(cluster(A_AND_B, DENY_INGRESS), OUTSIDE, "a")


def test_absent_policy_types_mean_ingress_and_egress_where_there_are_egress_rules() -> None:
    """3.1."""
    assert ask(cluster(A_AND_B, {}), "a", OUTSIDE)
    assert ask(cluster(A_AND_B, {"egress": []}), "a", OUTSIDE)
    assert not ask(cluster(A_AND_B, {}), OUTSIDE, "a")
    with_rule = cluster(A_AND_B, {"egress": [{"ports": [{"port": 443}]}]})
    assert not ask(with_rule, "a", OUTSIDE, port=80)
    assert ask(with_rule, "a", OUTSIDE, port=443)
    assert not ask(with_rule, OUTSIDE, "a")


def test_rules_of_an_unlisted_direction_are_inert() -> None:
    """3.1: present policyTypes are taken exactly."""
    snapshot = cluster(A_AND_B, {"policyTypes": ["Ingress"], "egress": [{"ports": [{"port": 1}]}]})
    assert ask(snapshot, "a", OUTSIDE)


def test_an_empty_rule_allows_everything() -> None:
    """3.3 and 3.4: `[{}]` is any peer, any port and any protocol, ICMP included."""
    snapshot = cluster(A_AND_B, DENY_INGRESS, {"ingress": [{}]})
    assert ask(snapshot, OUTSIDE, "b", OTHER, None)
    assert ask(snapshot, "a", "b", "SCTP", 9)


def test_icmp_needs_every_port_open() -> None:
    """3.10: a rule that lists ports, even all of all protocols, does not admit ICMP."""
    snapshot = cluster(
        A_AND_B, "ingress: [{ports: [{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]}]"
    )
    assert ask(snapshot, "a", "b", "SCTP", 65535)
    assert not ask(snapshot, "a", "b", OTHER, None)


def test_not_in_and_does_not_exist_match_objects_without_the_key() -> None:
    """2.2."""
    for expression in (
        "{key: app, operator: NotIn, values: [a]}",
        "{key: tier, operator: DoesNotExist}",
    ):
        snapshot = cluster(
            [pod("bare"), pod("server", {"role": "server"})],
            "{podSelector: {matchLabels: {role: server}},"
            f" ingress: [{{from: [{{podSelector: {{matchExpressions: [{expression}]}}}}]}}]}}",
        )
        assert ask(snapshot, "bare", "server")
        assert not ask(snapshot, OUTSIDE, "server")


def test_match_labels_and_expressions_are_anded() -> None:
    """2.1."""
    snapshot = cluster(
        [pod("x", {"app": "a"}), pod("y", {"app": "a", "tier": "b"})],
        "podSelector: {matchLabels: {app: a}, matchExpressions: [{key: tier, operator: Exists}]}",
    )
    assert ask(snapshot, "y", "x")
    assert not ask(snapshot, "x", "y")


def test_a_pod_selector_alone_never_crosses_namespaces() -> None:
    """3.6: with a namespace selector in the same item it does, and both must match."""
    pods = [pod("server"), pod("a", {"app": "a"}, namespace="other"), pod("b", namespace="other")]
    alone = cluster(pods, "ingress: [{from: [{podSelector: {matchLabels: {app: a}}}]}]")
    both = cluster(
        pods,
        "ingress: [{from: [{podSelector: {matchLabels: {app: a}}, namespaceSelector: {}}]}]",
    )
    items = cluster(
        pods,
        "ingress: [{from: [{podSelector: {matchLabels: {app: a}}}, {namespaceSelector: {}}]}]",
    )
    assert not ask(alone, "a", "server")
    assert ask(both, "a", "server")
    assert not ask(both, "b", "server")
    assert ask(items, "b", "server")


def test_a_namespace_is_always_labelled_with_its_name() -> None:
    """2.3."""
    snapshot = cluster(
        [pod("server"), pod("near", namespace="near"), pod("far", namespace="far")],
        "ingress: [{from: [{namespaceSelector: {matchLabels:"
        " {kubernetes.io/metadata.name: near}}}]}]",
    )
    assert ask(snapshot, "near", "server")
    assert not ask(snapshot, "far", "server")


def test_an_ip_block_is_its_cidr_minus_every_except() -> None:
    """3.7: and the families never match each other."""
    snapshot = cluster(
        A_AND_B,
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8,"
        " except: [10.1.0.0/16, 10.2.0.0/16]}}, {ipBlock: {cidr: '::/0'}}]}]",
    )
    assert ask(snapshot, "10.0.0.1", "a")
    assert not ask(snapshot, "10.1.0.0", "a")
    assert not ask(snapshot, "10.2.255.255", "a")
    assert ask(snapshot, "10.3.0.0", "a")
    assert not ask(snapshot, "11.0.0.0", "a")
    assert ask(snapshot, "2001:db8::1", "a")


def test_whether_ip_blocks_match_pods_is_a_setting() -> None:
    """3.7: a pod's address, of either family, or an unknown one by a whole family's block only."""
    pods = [pod("a", ips=["10.0.0.1", "fd00::1"]), pod("new"), pod("server", {"app": "server"})]
    subject = "podSelector: {matchLabels: {app: server}}"
    by_v6 = cluster(
        pods, f"{{{subject}, ingress: [{{from: [{{ipBlock: {{cidr: 'fd00::/8'}}}}]}}]}}"
    )
    whole = cluster(pods, f"{{{subject}, ingress: [{{from: [{{ipBlock: {{cidr: 0.0.0.0/0}}}}]}}]}}")
    holed = cluster(
        pods,
        f"{{{subject}, ingress:"
        " [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [192.0.2.0/24]}}]}]}",
    )
    assert ask(by_v6, "a", "server", blocks_match=True)
    assert not ask(by_v6, "new", "server", blocks_match=True)
    assert ask(whole, "new", "server", blocks_match=True)
    assert not ask(holed, "new", "server", blocks_match=True)
    assert ask(holed, "a", "server", blocks_match=True)
    for snapshot in (by_v6, whole, holed):
        assert not ask(snapshot, "a", "server")
        assert not ask(snapshot, "new", "server")


def test_end_port_is_inclusive_and_a_missing_port_is_every_port_of_the_protocol() -> None:
    """3.8."""
    snapshot = cluster(
        A_AND_B, "ingress: [{ports: [{port: 80, endPort: 90}, {protocol: UDP}, {port: 443}]}]"
    )
    admitted = [port for port in (79, 80, 90, 91, 443) if ask(snapshot, "a", "b", "TCP", port)]
    assert [80, 90, 443] == admitted
    assert ask(snapshot, "a", "b", "UDP", 91)
    assert not ask(snapshot, "a", "b", "SCTP", 80)


def test_a_named_port_is_resolved_at_the_destination() -> None:
    """3.9: by name and protocol, init sidecars included, plain init containers not."""
    server = pod(
        "server",
        containers=[
            {"ports": [{"name": "web", "containerPort": 8080}]},
            {"ports": [{"name": "web", "containerPort": 8080, "protocol": "UDP"}]},
        ],
        initContainers=[
            {"restartPolicy": "Always", "ports": [{"name": "web", "containerPort": 8081}]},
            {"ports": [{"name": "web", "containerPort": 8082}]},
        ],
    )
    pods = [server, pod("client")]
    into = cluster(pods, "ingress: [{ports: [{port: web}]}]")
    out_of = cluster(pods, "{policyTypes: [Egress], egress: [{ports: [{port: web}]}]}")
    for snapshot in (into, out_of):
        ports = [one for one in range(8079, 8084) if ask(snapshot, "client", "server", "TCP", one)]
        assert [8080, 8081] == ports
        assert not ask(snapshot, "client", "server", "UDP", 8080)
        assert not ask(snapshot, "server", "client", "TCP", 8080)
    assert ask(into, OUTSIDE, "server", "TCP", 8080)
    assert not ask(out_of, "client", OUTSIDE, "TCP", 8080)


def test_policies_add_up() -> None:
    """3.2: the union of all rules; there is no deny."""
    snapshot = cluster(
        A_AND_B,
        DENY_ALL,
        "ingress: [{ports: [{port: 80}]}]",
        "{policyTypes: [Egress], egress: [{ports: [{port: 80}, {port: 81}]}]}",
    )
    assert ask(snapshot, "a", "b", port=80)
    assert not ask(snapshot, "a", "b", port=81)


def test_a_pod_always_reaches_itself_and_its_own_node() -> None:
    """1.4: both ways, and the node both as an address and as a host-network pod that is there."""
    snapshot = cluster(
        [
            pod("a", nodeName="n1"),
            pod("here", nodeName="n1", hostNetwork=True),
            pod("there", nodeName="n2", hostNetwork=True),
            pod("nowhere", hostNetwork=True),
        ],
        DENY_ALL,
        nodes={"n1": ["10.9.0.1", "fd00:9::1"], "n2": ["10.9.0.2"]},
    )
    assert ask(snapshot, "a", "a", OTHER, None)
    for end in ("here", "10.9.0.1", "fd00:9:0::1"):
        assert ask(snapshot, "a", end)
        assert ask(snapshot, end, "a")
    for end in ("there", "nowhere", "10.9.0.2"):
        assert not ask(snapshot, "a", end)
        assert not ask(snapshot, end, "a")


def test_a_host_network_pod_is_the_address_of_its_node() -> None:
    """1.2: no policy selects it, as subject or peer; ipBlocks match it under any setting (3.7)."""
    pods = [
        pod("host", {"app": "host"}, nodeName="n1", hostNetwork=True),
        pod("unread", {"app": "host"}, nodeName="n2", hostNetwork=True, ips=["10.9.0.2"]),
        pod("pending", {"app": "host"}, hostNetwork=True),
        pod("server", {"app": "server"}),
    ]
    selected = cluster(pods, DENY_ALL, "ingress: [{from: [{podSelector: {}}]}]")
    assert not ask(selected, "host", "server")
    assert ask(selected, "host", OUTSIDE)
    assert ask(selected, OUTSIDE, "host")
    assert ask(selected, "host", "unread")

    nodes = {"n1": ["10.9.0.1"]}
    by_block = cluster(pods, "ingress: [{from: [{ipBlock: {cidr: 10.9.0.1/32}}]}]", nodes=nodes)
    both = cluster(pods, "ingress: [{from: [{ipBlock: {cidr: 10.9.0.0/24}}]}]", nodes=nodes)
    whole = cluster(pods, "ingress: [{from: [{ipBlock: {cidr: '::/0'}}]}]", nodes=nodes)
    names = ("host", "unread", "pending")
    for blocks_match in (False, True):
        for snapshot, expected in (
            (by_block, ["host"]),
            (both, ["host", "unread"]),
            (whole, ["pending"]),
        ):
            admitted = [n for n in names if ask(snapshot, n, "server", blocks_match=blocks_match)]
            assert expected == admitted


def test_a_host_network_destination_is_bound_by_the_source_alone() -> None:
    """1.2: and as an address it never resolves a named port (3.9)."""
    ports = [{"ports": [{"name": "web", "containerPort": 80}]}]
    pods = [pod("client"), pod("host", nodeName="n1", hostNetwork=True, containers=ports)]
    nodes = {"n1": ["10.9.0.1"]}
    egress = "{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.9.0.0/24}}]}]}"
    named = "{policyTypes: [Egress], egress: [{ports: [{port: web}]}]}"
    assert ask(cluster(pods, egress, nodes=nodes), "client", "host")
    assert not ask(cluster(pods, DENY_EGRESS, nodes=nodes), "client", "host")
    assert not ask(cluster(pods, named, nodes=nodes), "client", "host")


def test_finished_pods_are_no_endpoints() -> None:
    """1.1: a pod without an address is one."""
    snapshot = cluster(
        [pod("done", phase="Succeeded"), pod("failed", phase="Failed"), pod("new", phase="")]
    )
    assert not ask(snapshot, "done", "new")
    assert not ask(snapshot, "new", "failed")
    assert ask(snapshot, "new", OUTSIDE)


def test_pods_are_grouped_by_workload_and_by_what_policies_see() -> None:
    """1.6: labels that no selector tells apart, such as the template's hash, split nothing."""

    def shop(name: str, labels: dict[str, str], template: str) -> dict[str, Any]:
        every = {"pod-template-hash": template, **labels}
        return pod(name, every, owner=f"ReplicaSet/shop-{template}")

    snapshot = cluster(
        [
            shop("p1", {"tier": "a", "noise": "1"}, "aaaa"),
            shop("p2", {"tier": "a", "noise": "2"}, "bbbb"),
            shop("p3", {}, "bbbb"),
            pod("j", owner="Job/nightly-29400000"),
            pod("k", owner="Job/nightly-2940000"),
            pod("static", owner="Node/n1"),
        ],
        "podSelector: {matchExpressions: [{key: tier, operator: Exists}]}",
    )
    expected = {
        WorkloadGroup("shop", "Deployment", "shop", frozenset({"p1", "p2"})),
        WorkloadGroup("shop", "Deployment", "shop", frozenset({"p3"})),
        WorkloadGroup("shop", "CronJob", "nightly", frozenset({"j"})),
        WorkloadGroup("shop", "Job", "nightly-2940000", frozenset({"k"})),
        WorkloadGroup("shop", "Pod", "static", frozenset({"static"})),
    }
    assert expected == {group for group, _ in group_pods(snapshot)}


def test_traffic_with_an_own_node_is_never_listed() -> None:
    """1.4: a pair of workloads is listed where some of their pods are not on one node."""
    pods = [
        pod("a1", nodeName="n1", owner="DaemonSet/a"),
        pod("a2", nodeName="n2", owner="DaemonSet/a"),
        pod("b1", nodeName="n1", owner="StatefulSet/b"),
        pod("host", nodeName="n1", hostNetwork=True),
    ]
    snapshot = cluster(pods)
    rows = expected_rows(snapshot, Oracle(snapshot, ip_blocks_match_pods=False))
    pairs = {
        (source.name, destination.name)
        for source, destination, _, _ in rows
        if isinstance(source, WorkloadGroup) and isinstance(destination, WorkloadGroup)
    }
    assert {("a", "b"), ("b", "a"), ("a", "host"), ("host", "a")} == pairs


def test_every_boundary_and_its_neighbours_are_samples() -> None:
    """1.3 and 3.8: where behaviour can change, both sides of the change are asked for."""
    snapshot = cluster(
        A_AND_B,
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/30, except: [10.0.0.2/32]}}],"
        " ports: [{port: 80, endPort: 90}]}]",
    )
    addresses = sample_addresses(snapshot)
    assert {"9.255.255.255", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"} <= {
        *addresses
    }
    assert {"0.0.0.0", "255.255.255.255", "::"} <= {*addresses}  # noqa: S104  the space's ends
    tcp = [port for protocol, port in sample_ports(snapshot) if protocol == "TCP"]
    assert [1, 79, 80, 81, 89, 90, 91, 65535] == tcp
    assert (OTHER, None) in sample_ports(snapshot)
