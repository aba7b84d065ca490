"""A workload that is put gives its pods the new template, as a rollout would."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.objects import PodStatus
from auditor.model.snapshot import Snapshot
from tests.drift.changes import API, SHOP, WEB, live, make
from tests.rules.auditing import read_text


def pods_of(snapshot: Snapshot) -> list[tuple[str, dict[str, str]]]:
    """Names and labels of the pods."""
    return [(one.name, dict(one.labels)) for one in snapshot.pods]


def test_pods_of_a_cluster_get_the_new_template_in_their_place() -> None:
    """Names, nodes, addresses and the controllers' labels stay, as the number of pods does."""
    before = live(read_text(SHOP + WEB))
    hashed = msgspec.structs.replace(
        before,
        pods=tuple(
            msgspec.structs.replace(
                one,
                metadata=msgspec.structs.replace(
                    one.metadata, labels={**one.labels, "pod-template-hash": "5d8", "old": "x"}
                ),
            )
            for one in before.pods
        ),
    )
    change = WEB.replace("replicas: 2", "replicas: 5").replace("80", "8080").replace(
        "{app: web}}\n    spec", "{app: web, tier: front}}\n    spec"
    )  # fmt: skip
    after, _ = make(hashed, change)
    labels = {"app": "web", "tier": "front", "pod-template-hash": "5d8"}
    assert [("web-1", labels), ("web-2", labels)] == pods_of(after)
    for old, new in zip(before.pods, after.pods, strict=True):
        assert (old.metadata.uid, old.addresses) == (new.metadata.uid, new.addresses)
        assert old.spec.node_name == new.spec.node_name
        assert [8080] == [port.container_port for port in new.listening]


def test_pods_that_join_the_network_of_their_node_have_its_addresses() -> None:
    """Their own are known no more: they are not the node's."""
    change = WEB.replace("spec: {containers", "spec: {hostNetwork: true, containers")
    after, _ = make(live(read_text(SHOP + WEB)), change)
    assert [(True, (), "node-1"), (True, (), "node-2")] == [
        (one.spec.host_network, one.addresses, one.spec.node_name) for one in after.pods
    ]


def test_a_workload_scaled_to_nothing_has_no_pods() -> None:
    """In a cluster; in manifests it counts as one pod, and that is said."""
    before = read_text(SHOP + WEB + API)
    change = WEB.replace("replicas: 2", "replicas: 0")
    after, warnings = make(live(before), change)
    assert ["api-1", "api-2"] == [one.name for one in after.pods]
    assert () == warnings
    written, warnings = make(before, change)
    assert read_text(SHOP + change + API) == written
    assert ("Deployment shop/web of no replicas counts as one pod: it can be scaled up",) == (
        warnings
    )


def test_a_new_workload_has_the_pods_that_manifests_would_give_it() -> None:
    """They have no address as yet, nor a node; one of no replicas has none in a cluster."""
    before = live(read_text(SHOP + WEB))
    after, _ = make(before, API)
    assert ["api-1", "api-2", "web-1", "web-2"] == [one.name for one in after.pods]
    assert (PodStatus(), "") == (after.pods[0].status, after.pods[0].spec.node_name)
    assert before == make(before, API.replace("replicas: 2", "replicas: 0")).snapshot


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "ReplicaSet"])
def test_other_workloads_are_replaced_alike(kind: str) -> None:
    """By their own key: a Deployment of the same name keeps its pods."""
    other = API.replace("Deployment", kind)
    change = other.replace("labels: {app: api}", "labels: {app: api, tier: back}")
    before = live(read_text(SHOP + WEB + other))
    after, _ = make(before, change)
    assert {"app": "api", "tier": "back"} == after.pods[0].labels
    assert before.pods[2:] == after.pods[2:]


JOB = """\
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: sweep, namespace: shop}
spec:
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: sweep}}
        spec: {containers: []}
"""
RUN = """\
---
apiVersion: v1
kind: Pod
metadata:
  name: sweep-28700000-x
  namespace: shop
  uid: the-pod
  labels: {app: sweep, job-name: sweep-28700000}
  ownerReferences: [{kind: Job, name: sweep-28700000, controller: true}]
"""


def test_pods_of_a_cron_job_are_found_through_their_job() -> None:
    """They get the template of the one above; the label of the Job stays."""
    after, _ = make(live(read_text(SHOP + RUN)), JOB.replace("app: sweep", "app: broom"))
    assert [("sweep-28700000-x", {"app": "broom", "job-name": "sweep-28700000"})] == pods_of(after)


def test_a_cron_job_that_does_not_run_is_previewed_as_new() -> None:
    """A cluster shows its pods only while they run: nobody can say whether it is there."""
    after, warnings = make(live(read_text(SHOP)), JOB)
    assert ["sweep-1"] == [one.name for one in after.pods]
    assert ("CronJob shop/sweep has no pods now: it is previewed as a new one",) == warnings
    assert () == make(read_text(SHOP), JOB).warnings
