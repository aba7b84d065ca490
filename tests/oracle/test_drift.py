"""The oracle of drift is held to the definition, statement by statement, on hand-made pairs."""

from __future__ import annotations

from typing import Any

from auditor.model.drift import Cause, CauseKind
from auditor.model.objects import Reference
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from tests.oracle.drift import CURRENT, DriftOracle, End, Fact, Half, Variant
from tests.oracle.drift_causes import CauseOracle
from tests.oracle.handmade import DENY_INGRESS, cluster, pod

OPEN_TO_A = "ingress: [{ports: [{port: 80}], from: [{podSelector: {matchLabels: {tier: a}}}]}]"


def web(name: str, tier: str, **more: Any) -> dict[str, Any]:
    """A pod of the StatefulSet web."""
    return pod(name, {"tier": tier}, owner="StatefulSet/web", **more)


def server(**more: Any) -> dict[str, Any]:
    """A pod that is isolated, and admits tier=a."""
    return pod("server", {"role": "server"}, **more)


def compare(previous: Snapshot, current: Snapshot, **more: Any) -> DriftOracle:
    """Compare with ipBlocks that match no pods."""
    return DriftOracle(Half(previous, **more), Half(current, **more))


def spell(end: End) -> str:
    """A variant as its workload's name and its pods then → now."""
    if isinstance(end, str):
        return end
    then, now = (",".join(sorted(each)) for each in end.pods)
    return f"{end.workload.name}({then}→{now})"


def pairs(facts: set[Fact]) -> set[tuple[str, str]]:
    """Who to whom, addresses left out."""
    return {
        (spell(source), spell(destination))
        for source, destination, _, _ in facts
        if not isinstance(source, str) and not isinstance(destination, str)
    }


def ports(facts: set[Fact], source: str, destination: str) -> set[tuple[str, int | None]]:
    """The ports of one pair."""
    return {
        (protocol, port)
        for one, other, protocol, port in facts
        if (spell(one), spell(other)) == (source, destination)
    }


def test_a_split_alone_is_no_drift() -> None:
    """A policy that tells pods apart which were one compares each with what both were."""
    pods = [web("w1", "a"), web("w2", "b"), server()]
    told_apart = "{podSelector: {matchLabels: {tier: b}}, ingress: [{}]}"
    drift = compare(cluster(pods), cluster(pods, told_apart))
    assert 3 == len(drift.variants)
    assert set() == drift.opened() | drift.closed()


def test_a_label_changed_on_all_pods_compares_the_old_pods_with_the_new() -> None:
    """What the new pods may do, and the old might not, opened; the reverse closed."""
    previous = cluster([web("w1", "b"), server()], OPEN_TO_A)
    current = cluster([web("w9", "a"), server()], OPEN_TO_A)
    drift = compare(previous, current)
    # the policy selects every pod: web's own too, but there is nobody to reach them
    assert {("web(→w9)", "server(server→server)")} == pairs(drift.opened())
    assert {("TCP", 80)} == ports(drift.opened(), "web(→w9)", "server(server→server)")
    assert set() == drift.closed()
    assert {("web(w9→)", "server(server→server)")} == pairs(compare(current, previous).closed())


def test_half_a_rollout_compares_old_and_new_pods_with_the_old() -> None:
    """The new pods are compared with the old variant; the old are themselves on both sides."""
    previous = cluster([web("w1", "b"), server()], OPEN_TO_A)
    current = cluster([web("w1", "b"), web("w9", "a"), server()], OPEN_TO_A)
    drift = compare(previous, current)
    # w9 reaches w1, of its own workload, where a pod like w1 did not reach one like w1
    assert {("web(→w9)", "server(server→server)"), ("web(→w9)", "web(w1→w1)")} == pairs(
        drift.opened()
    )
    assert set() == drift.closed()


def test_variants_that_went_are_compared_with_those_that_came() -> None:
    """What stands in are the workload's variants of that side alone, where there are some."""
    previous = cluster([web("w1", "a"), web("w2", "b"), server()], OPEN_TO_A)
    current = cluster([web("w1", "a"), web("w3", "c"), server()], OPEN_TO_A)
    # tier=b and tier=c are one variant to this selector
    assert set() == compare(previous, current).opened() | compare(previous, current).closed()
    named = "{podSelector: {matchLabels: {tier: c}}, policyTypes: [Ingress], ingress: [{}]}"
    drift = compare(
        cluster([web("w1", "a"), web("w2", "b"), server()], OPEN_TO_A, named),
        cluster([web("w1", "a"), web("w3", "c"), server()], OPEN_TO_A, named),
    )
    # w3 is compared with w2, not with w1: its ingress opened to all, its egress is as it was
    assert {
        ("web(w1→w1)", "web(→w3)"),
        ("server(server→server)", "web(→w3)"),
    } == pairs(drift.opened())
    assert {("TCP", 80)} & ports(drift.opened(), "web(w1→w1)", "web(→w3)") == set()


def test_a_workload_that_came_counts_with_all_its_connections() -> None:
    """In both directions, addresses included, and to itself not."""
    previous = cluster([server()], DENY_INGRESS)
    current = cluster([server(), pod("new")], DENY_INGRESS)
    drift = compare(previous, current)
    assert set() == pairs(drift.opened())
    addresses = {source for source, destination, _, _ in drift.opened()}
    assert {Variant(Reference("shop", "Pod", "new"), (frozenset(), frozenset({"new"})))} == {
        *addresses
    }
    opened = compare(cluster([server()]), cluster([server(), pod("new")])).opened()
    assert {
        ("new(→new)", "server(server→server)"),
        ("server(server→server)", "new(→new)"),
    } == pairs(opened)


def test_a_rollout_is_no_drift() -> None:
    """Other names and another ReplicaSet are the same workload."""

    def shop(name: str, template: str) -> dict[str, Any]:
        labels = {"tier": "a", "pod-template-hash": template}
        return pod(name, labels, owner=f"ReplicaSet/shop-{template}", ips=["10.0.0.1"])

    previous = cluster([shop("s1", "aaaa"), shop("s2", "aaaa"), server()], OPEN_TO_A)
    current = cluster([shop("s3", "bbbb"), server()], OPEN_TO_A)
    assert set() == compare(previous, current).opened() | compare(previous, current).closed()


def test_traffic_with_an_own_node_is_left_out_of_either_side() -> None:
    """A pod that leaves the node of a host-network pod appears with it."""
    host = pod("host", nodeName="n1", hostNetwork=True)
    previous = cluster([host, pod("a", nodeName="n1")])
    current = cluster([host, pod("a", nodeName="n2")])
    assert {("a(a→a)", "host(host→host)"), ("host(host→host)", "a(a→a)")} == pairs(
        compare(previous, current).opened()
    )


def test_questions_split_workloads_as_selectors_of_policies_do() -> None:
    """What a recognition asks for is in the vocabulary of both."""
    snapshot = cluster([web("w1", "a"), web("w2", "b")])
    asked = (LabelSelector(match_labels={"tier": "a"}),)
    assert 1 == len(compare(snapshot, snapshot).variants)
    assert 2 == len(compare(snapshot, snapshot, questions=asked).variants)


def faults_of(drift: DriftOracle, *causes: Cause) -> list[str]:
    """What the oracle of causes says of the row from web to server, all of its ports opened."""
    facts = drift.opened()
    (row,) = {
        (one, two)
        for one, two, *_ in facts
        if spell(one).startswith("web") and spell(two).startswith("server")
    }
    asked = {(protocol, port) for *ends, protocol, port in facts if tuple(ends) == row}
    return CauseOracle(drift).faults(CURRENT, *row, asked, causes)


def test_causes_are_the_policies_that_allow_and_what_changed_of_them() -> None:
    """A policy that is the same object on both sides sends the question on to the labels."""
    relabelled = compare(
        cluster([web("w1", "b"), server()], OPEN_TO_A),
        cluster([web("w1", "a"), server()], OPEN_TO_A),
    )
    labels = Cause(CauseKind.LABELS_CHANGED, "shop/StatefulSet/web")
    changed = Cause(CauseKind.POLICY_CHANGED, "shop/NetworkPolicy/policy-0")
    assert [] == faults_of(relabelled, labels)
    assert faults_of(relabelled)
    assert faults_of(relabelled, changed)
    assert faults_of(relabelled, Cause(CauseKind.LABELS_CHANGED, "shop/Pod/server"))
    assert faults_of(relabelled, Cause(CauseKind.ADDRESSES_CHANGED, "shop/StatefulSet/web"))
    rewritten = compare(
        cluster([web("w1", "a"), server()], DENY_INGRESS),
        cluster([web("w1", "a"), server()], OPEN_TO_A),
    )
    assert [] == faults_of(rewritten, changed)
    assert faults_of(rewritten, labels)
    assert faults_of(rewritten, changed, labels)


def test_causes_of_what_nothing_isolates_any_more_are_the_policies_that_did() -> None:
    """All that isolated the end, whatever they granted; one that is left adds nothing to it."""
    pods = [web("w1", "b"), server()]
    one_way = "{podSelector: {matchLabels: {role: server}}, policyTypes: [Egress], egress: [{}]}"
    only_server = "{podSelector: {matchLabels: {role: server}}, policyTypes: [Ingress]}"
    gone = compare(cluster(pods, only_server, DENY_INGRESS), cluster(pods, one_way))
    changed, removed, added = (
        Cause(CauseKind.POLICY_CHANGED, "shop/NetworkPolicy/policy-0"),
        Cause(CauseKind.POLICY_REMOVED, "shop/NetworkPolicy/policy-1"),
        Cause(CauseKind.POLICY_ADDED, "shop/NetworkPolicy/policy-1"),
    )
    assert [] == faults_of(gone, changed, removed)
    assert faults_of(gone, removed)
    assert faults_of(gone, changed, added)


def test_the_causes_of_a_workload_that_came_are_itself_alone() -> None:
    """Whatever else changed."""
    added = compare(cluster([server()], DENY_INGRESS), cluster([server(), web("w1", "a")]))
    assert [] == faults_of(added, Cause(CauseKind.WORKLOAD_ADDED, "shop/StatefulSet/web"))
    assert faults_of(added, Cause(CauseKind.LABELS_CHANGED, "shop/StatefulSet/web"))
    assert faults_of(added, Cause(CauseKind.POLICY_REMOVED, "shop/NetworkPolicy/policy-0"))
