"""Connections that workloads open and close: new, gone, rolled out, split or relabelled."""

from __future__ import annotations

from typing import Any

from tests.drift.stating import state
from tests.oracle.handmade import DENY_INGRESS, cluster, pod

SERVER = pod("server", {"app": "server"})
TO_A = "ingress: [{ports: [{port: 80}], from: [{podSelector: {matchLabels: {tier: a}}}]}]"
SERVER_TO_A = f"{{podSelector: {{matchLabels: {{app: server}}}}, {TO_A}}}"


def web(name: str, tier: str, **more: Any) -> dict[str, Any]:
    """A pod of the Deployment web."""
    labels = {"tier": tier, "pod-template-hash": more.pop("template", "aaaa")}
    owner = f"ReplicaSet/web-{labels['pod-template-hash']}"
    return pod(name, labels, owner=owner, **more)


def test_a_new_workload_counts_with_all_its_connections() -> None:
    """With pods and with addresses; both are named where both are new."""
    found = state(cluster([SERVER]), cluster([SERVER, pod("b"), pod("c")]), addresses=True)
    new = {one: f"workload-added shop/Pod/{one}" for one in "bc"}
    assert {new["b"]} == found["+b→server: every port"] == found["+server→b: every port"]
    assert {new["b"], new["c"]} == found["+b→c: every port"]
    assert {new["c"]} == found["+c→0.0.0.0-255.255.255.255: every port"]
    assert 6 + 2 * 4 == len(found)


def test_a_workload_that_is_gone_closes_all_its_connections_whatever_else_changed() -> None:
    """The policy that came with it is not named."""
    found = state(cluster([SERVER, web("w1", "a")]), cluster([SERVER], DENY_INGRESS))
    assert {
        "-server→web: every port": {"workload-removed shop/Deployment/web"},
        "-web→server: every port": {"workload-removed shop/Deployment/web"},
    } == found


def test_a_new_workload_of_the_class_of_an_old_one_is_new_alone() -> None:
    """The old one, alike to every policy, keeps its rows."""
    found = state(cluster([SERVER, pod("old")]), cluster([SERVER, pod("old"), pod("new")]))
    assert {"new"} == {cause.rpartition("/")[2] for causes in found.values() for cause in causes}
    assert {"+new→old", "+old→new", "+new→server", "+server→new"} == {
        row.partition(":")[0] for row in found
    }


def test_a_rollout_changes_no_connection() -> None:
    """Another ReplicaSet, other names, addresses and nodes: the same workload."""
    previous = [SERVER, web("w1", "a", ips=["10.0.0.1"], nodeName="n1"), web("w2", "a")]
    current = [
        SERVER,
        web("w3", "a", template="bbbb", ips=["10.0.0.9"], nodeName="n2"),
    ]
    block = "{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"
    for readings in ((False, False), (True, True), (None, None)):
        assert {} == state(
            cluster(previous, SERVER_TO_A, block),
            cluster(current, SERVER_TO_A, block),
            readings=readings,
            addresses=True,
        )


def test_a_label_removed_from_all_pods_closes_what_it_opened() -> None:
    """Said once of the old pods: of the new, there is nothing that they had."""
    assert {
        "-web[tier=a]→server: TCP 80": {"labels-changed shop/Deployment/web"},
    } == state(
        cluster([SERVER, web("w1", "a")], SERVER_TO_A),
        cluster([SERVER, web("w2", "b", template="bbbb")], SERVER_TO_A),
    )


def test_a_label_that_frees_pods_of_a_policy_opens_them() -> None:
    """The policy is as it was; the labels are not."""
    deny_a = "{podSelector: {matchLabels: {tier: a}}, policyTypes: [Ingress]}"
    assert {"+server→web[tier=b]: every port": {"labels-changed shop/Deployment/web"}} == state(
        cluster([SERVER, web("w1", "a")], deny_a), cluster([SERVER, web("w1", "b")], deny_a)
    )


def test_a_half_done_rollout_compares_old_and_new_pods_with_the_old() -> None:
    """Only the new ones opened something."""
    assert {
        "+web[tier=a]→server: TCP 80": {"labels-changed shop/Deployment/web"},
    } == state(
        cluster([SERVER, web("w1", "b")], SERVER_TO_A),
        cluster([SERVER, web("w1", "b"), web("w2", "a", template="bbbb")], SERVER_TO_A),
    )


def test_a_split_by_a_new_policy_alone_changes_no_connection() -> None:
    """Two variants now, and one before: each is compared with what both were."""
    told_apart = "{podSelector: {matchLabels: {tier: b}}, ingress: [{}]}"
    pods = [SERVER, web("w1", "a"), web("w2", "b")]
    assert {} == state(cluster(pods), cluster(pods, told_apart))


def test_the_finer_split_names_the_variant_that_changed() -> None:
    """A policy that closes one variant closes no other."""
    closing = "{podSelector: {matchLabels: {tier: b}}, policyTypes: [Egress]}"
    pods = [SERVER, web("w1", "a"), web("w2", "b")]
    assert {
        "-web[tier=b]→server: every port": {"policy-added shop/NetworkPolicy/policy-0"},
        "-web[tier=b]→web[tier=a]: every port": {"policy-added shop/NetworkPolicy/policy-0"},
    } == state(cluster(pods), cluster(pods, closing))


def test_a_relabelled_namespace_is_named_itself() -> None:
    """The policy, the pods and their labels are as they were."""
    admit = (
        "{podSelector: {matchLabels: {app: server}},"
        " ingress: [{from: [{namespaceSelector: {matchLabels: {env: prod}}}]}]}"
    )
    pods = [SERVER, pod("client", namespace="other")]
    previous, current = (
        cluster(pods, admit, namespaces={"other": {"env": env}}) for env in ("dev", "prod")
    )
    assert {"+other/client→server: every port": {"labels-changed Namespace/other"}} == state(
        previous, current
    )
    assert {"-other/client→server: every port": {"labels-changed Namespace/other"}} == state(
        current, previous
    )


def test_a_workload_with_pods_of_several_classes_counts_once() -> None:
    """Two pods that declare other ports under one name: a row is what either of them may."""
    named = "{podSelector: {matchLabels: {tier: a}}, ingress: [{ports: [{port: web}]}]}"

    def declaring(name: str, port: int) -> dict[str, Any]:
        return web(name, "a", containers=[{"ports": [{"name": "web", "containerPort": port}]}])

    pods = [SERVER, declaring("w1", 80), declaring("w2", 81)]
    assert {"-server→web: TCP 81": {"ports-changed shop/Deployment/web"}} == state(
        cluster(pods, named), cluster([SERVER, declaring("w1", 80)], named)
    )
    assert {} == state(
        cluster(pods, named), cluster([SERVER, declaring("w3", 81), declaring("w4", 80)], named)
    )


def test_pods_of_one_variant_whose_labels_no_selector_tells_apart_are_the_same() -> None:
    """The mentioned key has another value, and every selector judges it alike."""
    assert {} == state(
        cluster([SERVER, web("w1", "b")], SERVER_TO_A),
        cluster([SERVER, web("w1", "c")], SERVER_TO_A),
    )
