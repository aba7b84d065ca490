"""The pods that the control plane makes up look like those of real controllers."""

import ipaddress
import json
import re
from textwrap import dedent

import pytest

from tests.apiserver.client import JsonObject
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.controllers import NODE_NETWORK, POD_NETWORK

pytestmark = pytest.mark.apiserver

RANDOM_SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]{5}"

WORKLOADS = dedent("""
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web, namespace: shop}
    spec:
      replicas: 3
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec: {containers: [{name: main, image: example.com/web}]}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: idle, namespace: shop}
    spec:
      replicas: 0
      selector: {matchLabels: {app: idle}}
      template:
        metadata: {labels: {app: idle}}
        spec: {containers: [{name: main, image: example.com/idle}]}
    ---
    apiVersion: apps/v1
    kind: ReplicaSet
    metadata: {name: old, namespace: shop}
    spec:
      replicas: 0
      selector: {matchLabels: {app: old}}
      template:
        metadata: {labels: {app: old}}
        spec: {containers: [{name: main, image: example.com/old}]}
    ---
    apiVersion: v1
    kind: ReplicationController
    metadata: {name: legacy, namespace: shop}
    spec:
      replicas: 2
      template:
        metadata: {labels: {app: legacy}}
        spec: {containers: [{name: main, image: example.com/legacy}]}
    ---
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: db, namespace: shop}
    spec:
      replicas: 2
      serviceName: db
      selector: {matchLabels: {app: db}}
      template:
        metadata: {labels: {app: db}}
        spec:
          containers:
          - name: main
            image: example.com/db
            volumeMounts: [{name: data, mountPath: /var/lib/db}]
      volumeClaimTemplates:
      - metadata: {name: data}
        spec:
          accessModes: [ReadWriteOnce]
          resources: {requests: {storage: 1Gi}}
    ---
    apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: agent, namespace: shop}
    spec:
      selector: {matchLabels: {app: agent}}
      template:
        metadata: {labels: {app: agent}}
        spec:
          hostNetwork: true
          containers:
          - name: main
            image: example.com/agent
            securityContext: {privileged: true}
    ---
    apiVersion: batch/v1
    kind: CronJob
    metadata: {name: backup, namespace: shop}
    spec:
      schedule: "0 3 * * *"
      jobTemplate:
        spec:
          template:
            metadata: {labels: {app: backup}}
            spec:
              restartPolicy: Never
              containers: [{name: main, image: example.com/backup}]
    ---
    apiVersion: batch/v1
    kind: Job
    metadata: {name: shards, namespace: shop}
    spec:
      completions: 2
      parallelism: 5
      completionMode: Indexed
      template:
        metadata: {labels: {app: shards}}
        spec:
          restartPolicy: Never
          containers: [{name: main, image: example.com/shards}]
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: bare, namespace: shop, labels: {app: bare}}
    spec: {containers: [{name: main, image: example.com/bare}]}
    """)


@pytest.fixture(scope="module")
def shop(control_plane: ControlPlane) -> ControlPlane:
    """Apply a namespace of every workload kind and let its pods run."""
    control_plane.apply(WORKLOADS)
    control_plane.create_pods_of_controllers()
    return control_plane


def pods_of(control_plane: ControlPlane, app: str) -> list[JsonObject]:
    """List the pods with `app` as their label, in the order of their names."""
    pods = control_plane.client.list_all(f"/api/v1/pods?labelSelector=app%3D{app}")
    return sorted(pods, key=name_of)


def name_of(each: JsonObject) -> str:
    """Tell an object's name."""
    return str(each["metadata"]["name"])


def reference_to(each: JsonObject, kind: str) -> tuple[str, str, str]:
    """Tell what must name `each`, of this kind, as the owner of another object."""
    return kind, name_of(each), each["metadata"]["uid"]


def controller_of(each: JsonObject) -> tuple[str, str, str]:
    """Tell the kind, name and uid of the one owner, which controls."""
    (owner,) = each["metadata"]["ownerReferences"]
    assert owner["controller"] is True
    return owner["kind"], owner["name"], owner["uid"]


def test_deployment_owns_its_pods_through_a_replica_set(shop: ControlPlane) -> None:
    """Three replicas are three pods of one ReplicaSet, which the Deployment controls."""
    deployment = shop.client.get("/apis/apps/v1/namespaces/shop/deployments/web")
    (replica_set,) = shop.client.list_all("/apis/apps/v1/replicasets?labelSelector=app%3Dweb")
    labels = {
        "app": "web",
        "pod-template-hash": replica_set["metadata"]["labels"]["pod-template-hash"],
    }
    pods = pods_of(shop, "web")

    assert f"web-{labels['pod-template-hash']}" == name_of(replica_set)
    assert {"matchLabels": labels} == replica_set["spec"]["selector"]
    assert reference_to(deployment, "Deployment") == controller_of(replica_set)
    assert [reference_to(replica_set, "ReplicaSet")] * 3 == [controller_of(pod) for pod in pods]
    assert [labels] * 3 == [pod["metadata"]["labels"] for pod in pods]
    pattern = re.compile(f"{name_of(replica_set)}-{RANDOM_SUFFIX}")
    assert all(pattern.fullmatch(name_of(pod)) for pod in pods)


def test_workload_of_zero_gets_one_pod_unless_it_is_a_replica_set(shop: ControlPlane) -> None:
    """A Deployment scaled to zero counts as one pod, a ReplicaSet of zero as none."""
    assert (1, 0) == (len(pods_of(shop, "idle")), len(pods_of(shop, "old")))


def test_replication_controller_owns_its_pods(shop: ControlPlane) -> None:
    """A ReplicationController has its replicas as a ReplicaSet does."""
    controller = shop.client.get("/api/v1/namespaces/shop/replicationcontrollers/legacy")

    expected = [reference_to(controller, "ReplicationController")] * 2
    assert expected == [controller_of(pod) for pod in pods_of(shop, "legacy")]


def test_stateful_set_numbers_its_pods(shop: ControlPlane) -> None:
    """Two replicas are the pods 0 and 1, each with a volume claim of its own."""
    stateful_set = shop.client.get("/apis/apps/v1/namespaces/shop/statefulsets/db")
    pods = pods_of(shop, "db")

    assert ["db-0", "db-1"] == [name_of(pod) for pod in pods]
    assert [reference_to(stateful_set, "StatefulSet")] * 2 == [controller_of(pod) for pod in pods]
    volumes = [volume for pod in pods for volume in pod["spec"]["volumes"]]
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in volumes]
    assert ["data-db-0", "data-db-1"] == claims


def test_daemon_set_has_a_pod_on_every_node(shop: ControlPlane) -> None:
    """Each node holds one pod, which on the host's network has the node's address."""
    daemon_set = shop.client.get("/apis/apps/v1/namespaces/shop/daemonsets/agent")
    addresses = {
        name_of(node): node["status"]["addresses"][0]["address"]
        for node in shop.client.list_all("/api/v1/nodes")
    }
    pods = pods_of(shop, "agent")

    assert ["node-1", "node-2"] == sorted(addresses)
    assert all(ipaddress.ip_address(address) in NODE_NETWORK for address in addresses.values())
    assert addresses == {pod["spec"]["nodeName"]: pod["status"]["podIP"] for pod in pods}
    assert [reference_to(daemon_set, "DaemonSet")] * 2 == [controller_of(pod) for pod in pods]


def test_cron_job_owns_its_pod_through_a_job(shop: ControlPlane) -> None:
    """The Job is named after the minute it was due, and its pod after the Job."""
    cron_job = shop.client.get("/apis/batch/v1/namespaces/shop/cronjobs/backup")
    (pod,) = pods_of(shop, "backup")
    _, job_name, _ = controller_of(pod)
    job = shop.client.get(f"/apis/batch/v1/namespaces/shop/jobs/{job_name}")

    assert re.fullmatch(r"backup-\d{8}", job_name)
    assert re.fullmatch(f"{job_name}-{RANDOM_SUFFIX}", name_of(pod))
    assert reference_to(job, "Job") == controller_of(pod)
    assert reference_to(cron_job, "CronJob") == controller_of(job)


def test_indexed_job_numbers_its_pods(shop: ControlPlane) -> None:
    """An indexed Job runs no more pods than it has completions, each with its index."""
    index = "batch.kubernetes.io/job-completion-index"

    indices = [pod["metadata"]["labels"][index] for pod in pods_of(shop, "shards")]

    assert ["0", "1"] == indices


def test_every_pod_runs_on_a_node_under_an_address_of_its_own(shop: ControlPlane) -> None:
    """All pods run, placed on a node, and none shares an address but with its host."""
    pods = shop.client.list_all("/api/v1/pods")
    addresses = [
        pod["status"]["podIP"] for pod in pods if not pod["spec"].get("hostNetwork", False)
    ]

    assert {"Running"} == {pod["status"]["phase"] for pod in pods}
    assert {"node-1", "node-2"} == {pod["spec"]["nodeName"] for pod in pods}
    assert sorted(set(addresses)) == sorted(addresses)
    assert all(ipaddress.ip_address(address) in POD_NETWORK for address in addresses)


def test_bare_pod_has_the_whole_address_status_and_no_owner(shop: ControlPlane) -> None:
    """A bare pod runs too, under podIP and podIPs that agree."""
    (bare,) = pods_of(shop, "bare")

    assert "ownerReferences" not in bare["metadata"]
    assert [{"ip": bare["status"]["podIP"]}] == bare["status"]["podIPs"]
    assert ipaddress.ip_address(bare["status"]["hostIP"]) in NODE_NETWORK


def test_workloads_that_have_pods_get_no_more(shop: ControlPlane) -> None:
    """A second call finds nothing to create and changes no pod."""
    arguments = ("get", "pods", "--all-namespaces", "--output=json")
    before = json.loads(shop.kubectl(*arguments))

    assert () == shop.create_pods_of_controllers()
    assert before == json.loads(shop.kubectl(*arguments))
