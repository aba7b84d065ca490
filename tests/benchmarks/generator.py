"""Clusters of a chosen size, the same for the same shape: as objects, files and API answers.

Every namespace holds a few workloads of the tiers web, api, worker, db and cache, and the policies
of `policies.make_policies`. Namespaces belong to teams of four and to environments. The platform's
namespaces (kube-system with DNS, ingress-nginx, monitoring) come out of the number of pods asked
for, and so do the host-network agents where the cluster has nodes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import ryaml

from auditor.model.objects import Agent, Namespace, NetworkPolicy, Node, Owner, Pod
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Snapshot
from tests.benchmarks.pods import (
    Object,
    Place,
    fill_pod,
    make_pod,
    node_address,
    node_name,
)
from tests.benchmarks.policies import make_careless, make_policies

TIERS = ("web", "api", "worker", "db", "cache")
_IMAGES = {
    "web": "nginx:1.29",
    "api": "registry.example/api:4.2.0",
    "worker": "registry.example/worker:4.2.0",
    "db": "postgres:17",
    "cache": "redis:8",
}
_ENVIRONMENTS = ("dev", "test", "staging", "prod")
_NAMESPACES_OF_A_TEAM = 4
_TAKEN_AT = "2026-01-15T09:30:00Z"
_AGENT = "calico-node"
_HASH_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes writes hashes in: nothing in it can be taken for a word or a number."""
_PLATFORM = (
    ("ingress-nginx", "ingress-nginx", 2),
    ("kube-system", "coredns", 2),
    ("monitoring", "prometheus", 1),
)
"""(namespace, workload, pods)."""

T = TypeVar("T", Agent, Namespace, NetworkPolicy, Node, Owner, Pod)


class Shape(NamedTuple):
    """What cluster to generate. ``pods`` counts all of them."""

    pods: int
    pods_per_namespace: int = 50
    replicas: int = 3
    """Pods of a workload, all of one ReplicaSet; none: bare pods, every pod a tier of its own."""
    policies_per_namespace: int = 10
    pods_per_node: int = 30
    """0: no nodes, so no host-network agents either."""
    careless: float = 0.1
    """The share of namespaces that nobody closed."""
    seed: int = 1

    @property
    def nodes(self) -> int:
        """The number of nodes."""
        return -(-self.pods // self.pods_per_node) if self.pods_per_node else 0

    @property
    def platform_pods(self) -> int:
        """The pods of the platform: its own, and an agent on every node."""
        return self.nodes + sum(count for _, _, count in _PLATFORM)

    @property
    def namespaces(self) -> int:
        """The number of namespaces beside the platform's; the last may be smaller."""
        return -(-(self.pods - self.platform_pods) // self.pods_per_namespace)


class _Replica(NamedTuple):
    """A pod of a namespace, by its workload."""

    workload: str
    tier: str
    number: int


def make_namespaces(shape: Shape) -> Iterator[Object]:
    """The namespaces, sorted by name."""
    for number in range(shape.namespaces):
        yield _namespace(
            _namespace_name(number),
            team=_team(number),
            environment=_ENVIRONMENTS[number % len(_ENVIRONMENTS)],
        )
    for name, _, _ in _PLATFORM:
        yield _namespace(name)


def make_pods(shape: Shape) -> Iterator[Object]:
    """The lean pods, namespace by namespace."""
    left = shape.pods - shape.platform_pods
    number = 0
    for namespace in range(shape.namespaces):
        for replica in _replicas(shape, min(left, shape.pods_per_namespace)):
            place = Place(number, number % shape.nodes if shape.nodes else None)
            yield _application_pod(shape, namespace, replica, place)
            number += 1
        left -= shape.pods_per_namespace
    yield from _platform_pods(shape, number)


def make_policies_of(shape: Shape) -> Iterator[Object]:
    """The policies, namespace by namespace; the platform's namespaces have none."""
    left = shape.pods - shape.platform_pods
    for number in range(shape.namespaces):
        replicas = _replicas(shape, min(left, shape.pods_per_namespace))
        left -= shape.pods_per_namespace
        chance = random.Random(f"{shape.seed}/policies/{number}")
        policies = make_policies(
            _namespace_name(number),
            _team(number),
            list(dict.fromkeys(one.workload for one in replicas)),
            count=shape.policies_per_namespace,
            chance=chance,
        )
        yield from make_careless(policies) if chance.random() < shape.careless else policies


def make_nodes(shape: Shape) -> Iterator[Object]:
    """The nodes."""
    for number in range(shape.nodes):
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node_name(number)},
            "status": {
                "addresses": [{"type": "InternalIP", "address": node_address(number)}],
                "nodeInfo": {"kubeletVersion": "v1.36.0"},
            },
        }


def make_snapshot(shape: Shape) -> Snapshot:
    """The cluster as the sources hand it on: read live, with the owners of its pods."""
    return complete_snapshot(shape, (msgspec.convert(one, Pod) for one in make_pods(shape)))


def complete_snapshot(shape: Shape, pods: Iterator[Pod]) -> Snapshot:
    """The snapshot of a shape around pods that were decoded elsewhere."""
    read = _sort(pods)
    return Snapshot(
        origin="cluster",
        taken_at=_TAKEN_AT,
        namespaces=_sort(msgspec.convert(one, Namespace) for one in make_namespaces(shape)),
        pods=read,
        nodes=_sort(msgspec.convert(one, Node) for one in make_nodes(shape)),
        policies=_sort(msgspec.convert(one, NetworkPolicy) for one in make_policies_of(shape)),
        owners=_sort(_owners(read)),
        agents=_sort(_agents(shape)),
    )


def write_manifests(shape: Shape, folder: Path) -> list[Path]:
    """One YAML file for each namespace: itself, its policies and its pods.

    Bare pods come as they are written by hand, without status; owned ones as they are read.
    """
    objects: dict[str, list[Object]] = {}
    for one in make_namespaces(shape):
        objects[one["metadata"]["name"]] = [one]
    for one in (*make_policies_of(shape), *make_pods(shape)):
        kept = one if shape.replicas else {key: one[key] for key in one if key != "status"}
        objects[one["metadata"]["namespace"]].append(kept)
    written: list[Path] = []
    for name, documents in objects.items():
        path = folder / f"{name}.yaml"
        path.write_text("---\n".join(ryaml.dumps(one) for one in documents), encoding="utf-8")
        written.append(path)
    return written


def write_pod_pages(shape: Shape, folder: Path, *, page_size: int) -> list[Path]:
    """The API server's answers to a list of all pods, one JSON file for each page."""
    pods = map(fill_pod, make_pods(shape))
    written: list[Path] = []
    while items := list(islice(pods, page_size)):
        path = folder / f"pods-{len(written):05d}.json"
        path.write_bytes(pod_list_json(items))
        written.append(path)
    return written


def pod_list_json(items: list[Object]) -> bytes:
    """A PodList as the API server sends it."""
    return msgspec.json.encode(_pod_list("PodList", items))


def pod_list_yaml(items: list[Object]) -> str:
    """A List as `kubectl get pods -o yaml` prints it: one document."""
    text: str = ryaml.dumps(_pod_list("List", items))
    return text


def _pod_list(kind: str, items: list[Object]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"resourceVersion": "48151623"},
        "items": items,
    }


def _namespace_name(number: int) -> str:
    return f"app-{number:05d}"


def _team(number: int) -> str:
    return f"team-{number // _NAMESPACES_OF_A_TEAM:05d}"


def _namespace(name: str, **labels: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {NAMESPACE_NAME_LABEL: name, **labels}},
    }


def _replicas(shape: Shape, pods: int) -> Iterator[_Replica]:
    replicas = max(shape.replicas, 1)
    for position in range(pods):
        workload, number = divmod(position, replicas)
        round_, tier = divmod(workload, len(TIERS))
        yield _Replica(f"{TIERS[tier]}-{round_ + 1}", TIERS[tier], number)


def _application_pod(shape: Shape, namespace: int, replica: _Replica, place: Place) -> Object:
    workload, tier, number = replica
    chance = random.Random(f"{shape.seed}/{namespace}/{workload}")
    labels = {"app": workload, "app.kubernetes.io/part-of": _team(namespace), "tier": tier}
    owner = None
    name = workload
    if shape.replicas:
        digest = "".join(chance.choices(_HASH_ALPHABET, k=10))
        labels["pod-template-hash"] = digest
        owner = ("ReplicaSet", f"{workload}-{digest}")
        suffix = random.Random(f"{shape.seed}/{place.number}").getrandbits(20)
        name = f"{owner[1]}-{suffix:05x}{number}"
    return make_pod(
        _namespace_name(namespace),
        name,
        labels,
        _ports(tier, random.Random(f"{shape.seed}/ports/{namespace}")),
        image=_IMAGES[tier],
        owner=owner,
        place=place,
    )


def _ports(tier: str, chance: random.Random) -> list[Object]:
    """What the containers of a tier declare; the numbers behind the names differ by namespace."""
    http, metrics = chance.choice((8000, 8080)), chance.choice((9090, 9100, 9102))
    named: dict[str, list[tuple[str, int]]] = {
        "web": [("http", http), ("metrics", metrics)],
        "api": [("http", http), ("rpc", 9000), ("metrics", metrics)],
        "worker": [("metrics", metrics)],
        "db": [("postgres", 5432), ("metrics", 9187)],
        "cache": [("redis", 6379), ("metrics", 9121)],
    }
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in named[tier]]


def _platform_pods(shape: Shape, number: int) -> Iterator[Object]:
    for namespace, workload, count in _PLATFORM:
        label = "k8s-app" if namespace == "kube-system" else "app"
        value = "kube-dns" if namespace == "kube-system" else workload
        for replica in range(count):
            yield make_pod(
                namespace,
                f"{workload}-{replica}-00000",
                {label: value},
                [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
                image=f"registry.example/{workload}:1.0",
                owner=("StatefulSet", workload) if shape.replicas else None,
                place=Place(number, number % shape.nodes if shape.nodes else None),
            )
            number += 1
    for node in range(shape.nodes):
        yield make_pod(
            "kube-system",
            f"{_AGENT}-{node:05d}",
            {"k8s-app": _AGENT},
            [],
            image="quay.io/calico/node:v3.31.0",
            owner=("DaemonSet", _AGENT),
            place=Place(number + node, node),
            host_network=True,
        )


def _owners(pods: tuple[Pod, ...]) -> Iterator[Owner]:
    """The ReplicaSets that the pods name, each of a Deployment."""
    seen: set[tuple[str, str]] = set()
    for pod in pods:
        owner = pod.metadata.controller
        if owner is None or owner.kind != "ReplicaSet":
            continue
        if (pod.namespace, owner.name) not in seen:
            seen.add((pod.namespace, owner.name))
            deployment = owner.name.rpartition("-")[0]
            reference = {"kind": "Deployment", "name": deployment, "controller": True}
            metadata: dict[str, Any] = {
                "name": owner.name,
                "namespace": pod.namespace,
                "ownerReferences": [reference],
            }
            yield msgspec.convert({"kind": "ReplicaSet", "metadata": metadata}, Owner)


def _agents(shape: Shape) -> Iterator[Agent]:
    if shape.nodes:
        yield msgspec.convert(
            {
                "metadata": {"name": _AGENT, "namespace": "kube-system"},
                "containers": [{"name": _AGENT, "image": "quay.io/calico/node:v3.31.0"}],
                "desired": shape.nodes,
                "ready": shape.nodes,
            },
            Agent,
        )


def _sort(objects: Iterator[T]) -> tuple[T, ...]:
    return tuple(sorted(objects, key=lambda one: (one.metadata.namespace, one.metadata.name)))
