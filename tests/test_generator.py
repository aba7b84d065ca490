"""The generator of the benchmarks' clusters."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
import ryaml

from auditor.model.objects import EgressRule, IngressRule, Pod
from auditor.model.workloads import index_owners, workload_of
from auditor.sources.pages import Page
from tests.benchmarks.changes import change_policies, close_namespaces
from tests.benchmarks.generator import Shape, make_snapshot, write_manifests, write_pod_pages

SMALL = Shape(pods=200, pods_per_namespace=25)
BARE = Shape(
    pods=60,
    pods_per_namespace=25,
    replicas=0,
    policies_per_namespace=8,
    pods_per_node=0,
    careless=0,
)


def read_manifests(paths: list[Path]) -> Counter[str]:
    """Count the objects of files by kind."""
    return Counter(
        document["kind"]
        for path in paths
        for document in ryaml.loads_all(path.read_text(encoding="utf-8"))
    )


def test_a_shape_gives_the_same_cluster_every_time() -> None:
    """Equal shapes give equal snapshots; another seed gives other policies and pods."""
    first = make_snapshot(SMALL)
    other = make_snapshot(SMALL._replace(seed=SMALL.seed + 1))
    assert first == make_snapshot(SMALL)
    assert first.policies != other.policies
    assert first.pods != other.pods


@pytest.mark.parametrize("pods", [100, 1_000, 1_001])
def test_a_cluster_has_the_size_asked_for(pods: int) -> None:
    """All pods count, the platform's too; the pods of a namespace and a workload are as asked."""
    shape = Shape(pods=pods, pods_per_namespace=25, replicas=5, careless=0)
    snapshot = make_snapshot(shape)
    owners = index_owners(snapshot.owners)
    applications = [one for one in snapshot.pods if one.namespace.startswith("app-")]
    by_namespace = Counter(one.namespace for one in applications)
    by_workload = Counter(workload_of(one, owners) for one in applications)
    policies = Counter(one.namespace for one in snapshot.policies)
    assert pods == len(snapshot.pods)
    assert pods == len({(one.namespace, one.name) for one in snapshot.pods})
    assert max(by_namespace.values()) == 25
    assert len([count for count in by_namespace.values() if count != 25]) <= 1
    assert len([count for count in by_workload.values() if count != 5]) <= 1
    assert {one.kind for one in by_workload} == {"Deployment"}
    assert set(policies.values()) == {shape.policies_per_namespace}


def test_manifests_hold_every_object_of_the_cluster(tmp_path: Path) -> None:
    """One file for each namespace; bare pods have neither owner nor status."""
    written = write_manifests(BARE, tmp_path)
    snapshot = make_snapshot(BARE)
    counted = read_manifests(written)
    pods = [
        document
        for path in written
        for document in ryaml.loads_all(path.read_text(encoding="utf-8"))
        if document["kind"] == "Pod"
    ]
    assert len(snapshot.namespaces) == len(written)
    assert {
        "Namespace": len(snapshot.namespaces),
        "NetworkPolicy": len(snapshot.policies),
        "Pod": 60,
    } == counted
    assert not any("status" in one or "ownerReferences" in one["metadata"] for one in pods)


def test_pages_hold_realistic_pods_that_decode_to_those_of_the_snapshot(tmp_path: Path) -> None:
    """A pod weighs 5 to 7 KB of JSON; what the model keeps of it is what the snapshot holds."""
    written = write_pod_pages(SMALL, tmp_path, page_size=150)
    decoder = msgspec.json.Decoder(Page[Pod])
    read = [one for path in written for one in decoder.decode(path.read_bytes()).items or ()]
    size = sum(path.stat().st_size for path in written) / SMALL.pods
    assert len(written) == 2
    assert 5_000 <= size <= 7_000
    assert {one.name: (one.labels, one.spec, one.status) for one in make_snapshot(SMALL).pods} == {
        one.name: (one.labels, one.spec, one.status) for one in read
    }


def test_generated_policies_use_what_policies_can_say() -> None:
    """Blocks with excepts, named ports, endPort, expressions and namespace labels all occur."""
    policies = make_snapshot(SMALL).policies
    rules: list[IngressRule | EgressRule] = []
    for one in policies:
        rules += (*one.spec.ingress, *one.spec.egress)
    peers = [peer for rule in rules for peer in rule.peers]
    ports = [port for rule in rules for port in rule.ports]
    assert any(peer.ip_block and peer.ip_block.excepts for peer in peers)
    assert any(peer.pod_selector and peer.pod_selector.match_expressions for peer in peers)
    assert any(peer.namespace_selector and peer.pod_selector for peer in peers)
    assert any(isinstance(port.port, str) for port in ports)
    assert any(port.end_port for port in ports)


def test_a_changed_cluster_has_the_share_of_its_policies_changed() -> None:
    """Some gone, some new, some written otherwise; the same at every run, and nothing else."""
    before = make_snapshot(SMALL)
    after = change_policies(before, share=0.25)
    assert after == change_policies(before, share=0.25)
    assert before == msgspec.structs.replace(after, policies=before.policies)
    old = {one.reference: one.spec for one in before.policies}
    new = {one.reference: one.spec for one in after.policies}
    changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
    removed, added = old.keys() - new.keys(), new.keys() - old.keys()
    assert removed
    assert added
    assert changed
    # what an edit leaves as it is, such as the ingress of a policy without any, stays
    assert 0.15 * len(old) <= len(removed) + len(added) + len(changed) <= 0.25 * len(old)
    assert sorted(new) == [one.reference for one in after.policies]


def test_closed_namespaces_are_the_first_with_a_default_deny_each() -> None:
    """In both directions, beside what is there."""
    before = make_snapshot(BARE._replace(policies_per_namespace=0))
    closed = close_namespaces(before, 2).policies
    assert [one.name for one in before.namespaces[:2]] == [one.namespace for one in closed]
    assert {("Ingress", "Egress")} == {one.spec.policy_types for one in closed}
