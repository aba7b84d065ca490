"""What controllers, scheduler and kubelet would have done, as far as an audit can see it.

Pods run, owned and named as Kubernetes makes them. A workload scaled to zero still gets one pod,
since it can be scaled up, and so does a suspended one: the audit of manifests counts them alike.
A ReplicaSet of zero, which is an old revision, gets none.
"""

import itertools
import json
import zlib
from copy import deepcopy
from datetime import UTC, datetime
from ipaddress import IPv4Network

from tests.apiserver.client import Client, JsonObject

POD_NETWORK = IPv4Network("10.244.0.0/16")
NODE_NETWORK = IPv4Network("192.0.2.0/24")
_NODES_WHERE_NONE_EXIST = 2

_APPS = "/apis/apps/v1"
_BATCH = "/apis/batch/v1"
# Kubernetes generates names of these letters only: no vowels, nothing that reads like one.
_SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def create_pods(client: Client) -> tuple[str, ...]:
    """Create the pods of all workloads that have none, place every pod on a node and let it run.

    Returns:
        The keys (`namespace/name`) of the pods created, in the order of their creation.

    Raises:
        RequestError: the API server refused one of the objects.

    """
    nodes = _Nodes(client)
    controllers = _Controllers(client, nodes)
    for deployment in client.list_all(f"{_APPS}/deployments"):
        controllers.create_replica_set(deployment)
    for cron_job in client.list_all(f"{_BATCH}/cronjobs"):
        controllers.create_job(cron_job)

    for controller in client.list_all("/api/v1/replicationcontrollers"):
        controllers.create_replicas("v1", "ReplicationController", controller)
    for replica_set in client.list_all(f"{_APPS}/replicasets"):
        if replica_set["spec"]["replicas"] > 0:
            controllers.create_replicas("apps/v1", "ReplicaSet", replica_set)
    for stateful_set in client.list_all(f"{_APPS}/statefulsets"):
        controllers.create_ordinals(stateful_set)
    for daemon_set in client.list_all(f"{_APPS}/daemonsets"):
        controllers.create_one_per_node(daemon_set)
    for job in client.list_all(f"{_BATCH}/jobs"):
        if not _is_finished(job):
            controllers.create_completions(job)

    _run_pods(client, nodes)
    return tuple(controllers.created_pods)


class _Nodes:
    """The cluster's nodes, made up where there are none, handed out in turn."""

    def __init__(self, client: Client) -> None:
        nodes = client.list_all("/api/v1/nodes")
        if not nodes:
            nodes = [
                client.create("/api/v1/nodes", {"metadata": {"name": f"node-{number}"}})
                for number in range(1, _NODES_WHERE_NONE_EXIST + 1)
            ]
        known = {_name(node): _internal_address(node) for node in nodes}
        free = (address for address in NODE_NETWORK.hosts() if str(address) not in known.values())
        self.addresses = {
            name: address or _report_node(client, name, str(next(free)))
            for name, address in known.items()
        }
        self._turns = itertools.cycle(sorted(self.addresses))

    def next(self) -> str:
        """Name the node whose turn it is."""
        return next(self._turns)


class _Controllers:
    """Creates what workloads lack; knows who owns something already."""

    def __init__(self, client: Client, nodes: _Nodes) -> None:
        self._client = client
        self._nodes = nodes
        owned = [
            *client.list_all("/api/v1/pods"),
            *client.list_all(f"{_APPS}/replicasets"),
            *client.list_all(f"{_BATCH}/jobs"),
        ]
        self._owners = {
            owner["uid"]
            for each in owned
            for owner in each["metadata"].get("ownerReferences", ())
            if owner.get("controller")
        }
        self.created_pods: list[str] = []

    def create_replica_set(self, deployment: JsonObject) -> None:
        """Create the Deployment's current ReplicaSet, unless it has one."""
        if self._has_children(deployment):
            return
        name, namespace = _name(deployment), _namespace(deployment)
        spec = deepcopy(deployment["spec"])
        template = spec["template"]
        own_label = {"pod-template-hash": _hash_template(template)}
        labels = {**template["metadata"].get("labels", {}), **own_label}
        template["metadata"]["labels"] = labels
        spec["selector"].setdefault("matchLabels", {}).update(own_label)
        replica_set = {
            "metadata": {
                "name": f"{name}-{own_label['pod-template-hash']}",
                "labels": labels,
                "annotations": {"deployment.kubernetes.io/revision": "1"},
                "ownerReferences": [_owner("apps/v1", "Deployment", deployment)],
            },
            "spec": {
                "replicas": max(1, spec["replicas"]),
                "selector": spec["selector"],
                "template": template,
            },
        }
        self._client.create(f"{_APPS}/namespaces/{namespace}/replicasets", replica_set)

    def create_job(self, cron_job: JsonObject) -> None:
        """Create one Job of the CronJob, named after the minute it is due, unless it has one."""
        if self._has_children(cron_job):
            return
        template = cron_job["spec"]["jobTemplate"]
        minute = int(datetime.now(UTC).timestamp()) // 60
        job = {
            "metadata": {
                "name": f"{_name(cron_job)}-{minute}",
                "labels": template.get("metadata", {}).get("labels", {}),
                "ownerReferences": [_owner("batch/v1", "CronJob", cron_job)],
            },
            "spec": template["spec"],
        }
        self._client.create(f"{_BATCH}/namespaces/{_namespace(cron_job)}/jobs", job)

    def create_replicas(self, api_version: str, kind: str, controller: JsonObject) -> None:
        """Create the pods of a ReplicaSet or ReplicationController, unless it has some."""
        if self._has_children(controller):
            return
        for _ in range(max(1, controller["spec"]["replicas"])):
            pod = self._pod(api_version, kind, controller)
            pod["metadata"]["generateName"] = f"{_name(controller)}-"
            self._create_pod(pod)

    def create_ordinals(self, stateful_set: JsonObject) -> None:
        """Create a StatefulSet's numbered pods with their volume claims, unless it has some."""
        if self._has_children(stateful_set):
            return
        name, spec = _name(stateful_set), stateful_set["spec"]
        start = spec.get("ordinals", {}).get("start", 0)
        for ordinal in range(start, start + max(1, spec["replicas"])):
            pod_name = f"{name}-{ordinal}"
            pod = self._pod("apps/v1", "StatefulSet", stateful_set)
            pod["metadata"]["name"] = pod_name
            pod["metadata"]["labels"] |= {
                "apps.kubernetes.io/pod-index": str(ordinal),
                "controller-revision-hash": f"{name}-{_hash_template(spec['template'])}",
                "statefulset.kubernetes.io/pod-name": pod_name,
            }
            pod["spec"] |= {"hostname": pod_name, "subdomain": spec.get("serviceName", "")}
            pod["spec"].setdefault("volumes", []).extend(
                {"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{pod_name}"}}
                for claim in map(_name, spec.get("volumeClaimTemplates", ()))
            )
            self._create_pod(pod)

    def create_one_per_node(self, daemon_set: JsonObject) -> None:
        """Create a DaemonSet's pods, one on each node, unless it has some."""
        if self._has_children(daemon_set):
            return
        for node in self._nodes.addresses:
            pod = self._pod("apps/v1", "DaemonSet", daemon_set)
            pod["metadata"]["generateName"] = f"{_name(daemon_set)}-"
            pod["metadata"]["labels"] |= {
                "controller-revision-hash": _hash_template(daemon_set["spec"]["template"]),
                "pod-template-generation": "1",
            }
            pod["spec"]["nodeName"] = node
            self._create_pod(pod)

    def create_completions(self, job: JsonObject) -> None:
        """Create as many pods of a Job as may run at a time, unless it has some."""
        if self._has_children(job):
            return
        spec = job["spec"]
        at_a_time = min(spec["parallelism"], spec.get("completions", spec["parallelism"]))
        for index in range(max(1, at_a_time)):
            pod = self._pod("batch/v1", "Job", job)
            pod["metadata"]["generateName"] = f"{_name(job)}-"
            if spec.get("completionMode") == "Indexed":
                pod["metadata"]["generateName"] = f"{_name(job)}-{index}-"
                pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = str(index)
            self._create_pod(pod)

    def _has_children(self, owner: JsonObject) -> bool:
        return owner["metadata"]["uid"] in self._owners

    def _pod(self, api_version: str, kind: str, owner: JsonObject) -> JsonObject:
        """Make a pod of the owner's template; it still lacks a name."""
        template = deepcopy(owner["spec"]["template"])
        metadata = template.get("metadata", {})
        return {
            "metadata": {
                "namespace": _namespace(owner),
                "labels": metadata.get("labels", {}),
                "annotations": metadata.get("annotations", {}),
                "ownerReferences": [_owner(api_version, kind, owner)],
            },
            "spec": template["spec"],
        }

    def _create_pod(self, pod: JsonObject) -> None:
        path = f"/api/v1/namespaces/{_namespace(pod)}/pods"
        self.created_pods.append(_key(self._client.create(path, pod)))


def _run_pods(client: Client, nodes: _Nodes) -> None:
    """Place pods that wait without an address on a node where needed, and report them running."""
    pods = client.list_all("/api/v1/pods")
    taken = {pod["status"].get("podIP") for pod in pods}
    free = (str(address) for address in POD_NETWORK.hosts() if str(address) not in taken)
    for pod in pods:
        if pod["status"]["phase"] != "Pending" or "podIP" in pod["status"]:
            continue
        path = f"/api/v1/namespaces/{_namespace(pod)}/pods/{_name(pod)}"
        node = pod["spec"].get("nodeName")
        if node is None:
            node = nodes.next()
            target = {"apiVersion": "v1", "kind": "Node", "name": node}
            metadata = {"name": _name(pod)}
            client.create(f"{path}/binding", {"metadata": metadata, "target": target})
        host_address = nodes.addresses[node]
        on_host = pod["spec"].get("hostNetwork", False)
        status = _running(host_address if on_host else next(free), host_address)
        client.merge(f"{path}/status", {"status": status})


def _running(address: str, host_address: str) -> JsonObject:
    """Make the status of a pod that runs and is ready."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": host_address,
        "hostIPs": [{"ip": host_address}],
        "startTime": now,
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": now}
            for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
        ],
    }


def _internal_address(node: JsonObject) -> str | None:
    addresses = node.get("status", {}).get("addresses", ())
    return next((each["address"] for each in addresses if each["type"] == "InternalIP"), None)


def _report_node(client: Client, name: str, address: str) -> str:
    """Report a node as ready under an address, which is returned."""
    status = {
        "addresses": [
            {"type": "InternalIP", "address": address},
            {"type": "Hostname", "address": name},
        ],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    client.merge(f"/api/v1/nodes/{name}/status", {"status": status})
    return address


def _owner(api_version: str, kind: str, owner: JsonObject) -> JsonObject:
    """Make the reference that a controller puts on what it creates."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": _name(owner),
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _is_finished(job: JsonObject) -> bool:
    conditions = job.get("status", {}).get("conditions", ())
    return any(
        each["type"] in {"Complete", "Failed"} and each["status"] == "True" for each in conditions
    )


def _hash_template(template: JsonObject) -> str:
    """Hash a pod template into letters as Kubernetes does; the hash function is another one."""
    number = zlib.crc32(json.dumps(template, sort_keys=True).encode())
    return "".join(_SAFE_LETTERS[ord(digit) % len(_SAFE_LETTERS)] for digit in str(number))


def _name(each: JsonObject) -> str:
    return str(each["metadata"]["name"])


def _namespace(each: JsonObject) -> str:
    return str(each["metadata"]["namespace"])


def _key(each: JsonObject) -> str:
    return f"{_namespace(each)}/{_name(each)}"
