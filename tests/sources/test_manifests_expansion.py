"""Workloads without pods in the input stand for the pods they would make (semantics 1.5)."""

import pytest

from auditor.model.objects import Reference
from auditor.model.snapshot import Blind, Snapshot
from auditor.model.workloads import index_owners, workload_of
from tests.sources.manifest_text import field_of, only_gap, pod, read

TEMPLATE = "template: {metadata: {labels: {app: web}}, spec: {hostNetwork: true, containers: []}}"
SELECTOR = "selector: {matchLabels: {app: web}}"


def workload(
    kind: str,
    fields: str = "",
    metadata: str = "",
    body: str = f"{SELECTOR}, {TEMPLATE}",
    status: str = "",
) -> str:
    """A workload called `web` in namespace `shop`."""
    version = "batch/v1" if kind.endswith("Job") else "apps/v1"
    return (
        f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: web, namespace: shop"
        f"{metadata and ', '}{metadata}}}, spec: {{{body}{fields and ', '}{fields}}}, "
        f"status: {{{status}}}}}\n"
    )


def owned_by(kind: str, name: str) -> str:
    """The metadata of an object that a workload controls."""
    return f"ownerReferences: [{{kind: {kind}, name: {name}, controller: true}}]"


def keys(snapshot: Snapshot) -> list[tuple[str, str]]:
    """The pods, and the workload of each, as the model names it."""
    owners = index_owners(snapshot.owners)
    return [(one.name, str(workload_of(one, owners))) for one in snapshot.pods]


CASES = {
    "a Deployment": (workload("Deployment"), ["web-1"]),
    "a Deployment of 1": (workload("Deployment", "replicas: 1"), ["web-1"]),
    "a Deployment of 5": (workload("Deployment", "replicas: 5"), ["web-1", "web-2"]),
    "a Deployment of 0": (workload("Deployment", "replicas: 0"), ["web-1"]),
    "a StatefulSet": (workload("StatefulSet", "replicas: 3"), ["web-0", "web-1"]),
    "a DaemonSet": (workload("DaemonSet"), ["web-1", "web-2"]),
    "a ReplicaSet": (workload("ReplicaSet", "replicas: 2"), ["web-1", "web-2"]),
    "a ReplicaSet of 0": (workload("ReplicaSet", "replicas: 0"), []),
    "a Job": (workload("Job", body=TEMPLATE), ["web-1"]),
    "a Job of several at once": (
        workload("Job", "parallelism: 4", body=TEMPLATE),
        ["web-1", "web-2"],
    ),
    "a CronJob": (
        workload("CronJob", body=f"jobTemplate: {{spec: {{{TEMPLATE}, parallelism: 2}}}}"),
        ["web-1", "web-2"],
    ),
}


@pytest.mark.parametrize(("text", "names"), CASES.values(), ids=CASES)
def test_a_workload_stands_for_its_pods(text: str, names: list[str]) -> None:
    """One or two, with the template's labels, controlled by the workload itself."""
    snapshot = read(text)
    kind = text.partition("kind: ")[2].partition(",")[0]
    assert [(name, f"shop/{kind}/web") for name in names] == keys(snapshot)
    assert all({"app": "web"} == one.labels for one in snapshot.pods)
    assert all(one.spec.host_network and one.is_endpoint for one in snapshot.pods)


def test_a_replication_controller_stands_for_its_pods() -> None:
    """Its selector is a mapping, and the template's labels where it is absent."""
    text = (
        "{apiVersion: v1, kind: ReplicationController, metadata: {name: web, namespace: shop}, "
        f"spec: {{replicas: 2, {TEMPLATE}}}}}"
    )
    assert [
        ("web-1", "shop/ReplicationController/web"),
        ("web-2", "shop/ReplicationController/web"),
    ] == keys(read(text))


@pytest.mark.parametrize(
    "status",
    ["completionTime: 2026-01-01T00:00:00Z", "conditions: [{type: Failed, status: 'True'}]"],
)
def test_a_finished_job_is_not_expanded(status: str) -> None:
    """It makes no pod any more."""
    assert [] == keys(read(workload("Job", body=TEMPLATE, status=status)))


def test_a_suspended_condition_finishes_no_job() -> None:
    """Only Complete and Failed do, where they are true."""
    conditions = "conditions: [{type: Suspended, status: 'True'}, {type: Failed, status: 'False'}]"
    assert 1 == len(read(workload("Job", body=TEMPLATE, status=conditions)).pods)


def test_kubectl_get_all_counts_each_pod_once() -> None:
    """The Deployment, its ReplicaSets and their pods are listed together."""
    replica_set = workload("ReplicaSet", "replicas: 1", owned_by("Deployment", "web"))
    replica_set = replica_set.replace("name: web,", "name: web-7d9f8,", 1)
    live = pod("web-7d9f8-abcde", f"namespace: shop, {owned_by('ReplicaSet', 'web-7d9f8')}")
    text = "---\n".join([workload("Deployment", "replicas: 2"), replica_set, live])
    assert [("web-7d9f8-abcde", "shop/Deployment/web")] == keys(read(text))


def test_a_workload_whose_owner_is_in_the_input_is_not_expanded() -> None:
    """Its owner is."""
    replica_set = workload("ReplicaSet", "replicas: 2", owned_by("Deployment", "web"))
    assert [("web-1", "shop/Deployment/web")] == keys(
        read(f"{workload('Deployment')}---\n{replica_set}")
    )


def test_an_owner_that_is_not_in_the_input_does_not_hinder() -> None:
    """The pods of its ReplicaSet are still pods of the Deployment."""
    replica_set = workload("ReplicaSet", "replicas: 1", owned_by("Deployment", "above"))
    assert [("web-1", "shop/Deployment/above")] == keys(read(replica_set))


def test_an_owner_that_is_no_workload_does_not_hinder() -> None:
    """An operator's object makes a StatefulSet; the StatefulSet makes the pods."""
    operator = (
        "{apiVersion: example.com/v1, kind: Database, metadata: {name: db, namespace: shop}}\n"
    )
    text = f"{operator}---\n{workload('StatefulSet', metadata=owned_by('Database', 'db'))}"
    assert ["web-0"] == [one.name for one in read(text).pods]


def test_pods_of_a_deployment_are_known_by_their_hash() -> None:
    """Its ReplicaSet need not be in the input."""
    live = pod(
        "web-7d9f8-abcde",
        "namespace: shop, labels: {pod-template-hash: 7d9f8}, "
        + owned_by("ReplicaSet", "web-7d9f8"),
    )
    assert [("web-7d9f8-abcde", "shop/Deployment/web")] == keys(
        read(f"{workload('Deployment')}---\n{live}")
    )


def test_pods_of_another_namespace_are_of_another_workload() -> None:
    """The same name means nothing there."""
    live = pod("web-0", f"namespace: other, {owned_by('StatefulSet', 'web')}")
    assert [("web-0", "other/StatefulSet/web"), ("web-0", "shop/StatefulSet/web")] == keys(
        read(f"{workload('StatefulSet')}---\n{live}")
    )


def test_made_names_do_not_meet_names_of_the_input() -> None:
    """A bare pod may be called as the first of a Deployment."""
    text = f"{workload('Deployment', 'replicas: 2')}---\n{pod('web-1', 'namespace: shop')}"
    assert [
        ("web-1", "shop/Pod/web-1"),
        ("web-2", "shop/Deployment/web"),
        ("web-3", "shop/Deployment/web"),
    ] == keys(read(text))


def test_jobs_and_replica_sets_are_kept_as_owners() -> None:
    """Pods are traced through them."""
    owners = read(f"{workload('Job', body=TEMPLATE)}---\n{workload('ReplicaSet')}").owners
    assert [("Job", "web"), ("ReplicaSet", "web")] == [
        (one.kind, one.metadata.name) for one in owners
    ]


def test_a_daemon_set_is_an_agent() -> None:
    """Its numbers are known where its status is."""
    status = "desiredNumberScheduled: 3, numberReady: 2"
    (agent,) = read(workload("DaemonSet", status=status)).agents
    assert (3, 2) == (agent.desired, agent.ready)


FAULTS = {
    "no selector": (workload("Deployment", body=TEMPLATE), "spec.selector"),
    "an empty selector": (
        workload("DaemonSet", body=f"selector: {{}}, {TEMPLATE}"),
        "spec.selector",
    ),
    "a selector of other labels": (
        workload("StatefulSet", body=f"selector: {{matchLabels: {{app: db}}}}, {TEMPLATE}"),
        "spec.template.metadata.labels",
    ),
    "negative replicas": (workload("ReplicaSet", "replicas: -1"), "spec.replicas"),
    "replicas in words": (workload("Deployment", "replicas: two"), "spec.replicas"),
    "a label": (
        workload("Job", body=TEMPLATE.replace("app: web", "app: 'a b'")),
        "spec.template.metadata.labels[app]",
    ),
    "a port": (
        workload(
            "CronJob",
            body="jobTemplate: {spec: {template: {spec: {containers: [{ports: [{}]}]}}}}",
        ),
        "spec.jobTemplate.spec.template.spec.containers[0].ports[0].containerPort",
    ),
}


@pytest.mark.parametrize(("text", "field"), FAULTS.values(), ids=FAULTS)
def test_a_workload_that_the_server_refuses_is_left_out(text: str, field: str) -> None:
    """Its gap names the field and says that pods are missing."""
    gap = only_gap(text)
    assert (field, Blind.PODS) == (field_of(gap), gap.blind)


def test_a_reference_names_a_workload() -> None:
    """The key that reports show is the workload's own."""
    snapshot = read(workload("Deployment"))
    assert Reference("shop", "Deployment", "web") == workload_of(snapshot.pods[0], {})
