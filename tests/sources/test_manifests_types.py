"""Wrong types at any field: a gap that names the field, and never an exception."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import ManifestsError
from tests.sources.manifest_text import field_of, read

Path = tuple[str | int, ...]

POD_SPEC = {
    "nodeName": "node",
    "hostNetwork": True,
    "containers": [
        {
            "name": "web",
            "image": "web",
            "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
        }
    ],
    "initContainers": [{"name": "init", "image": "init", "restartPolicy": "Always"}],
}
METADATA = {
    "name": "web",
    "namespace": "shop",
    "uid": "1",
    "resourceVersion": "2",
    "labels": {"app": "web"},
    "ownerReferences": [{"kind": "Other", "name": "other", "controller": True}],
}
SELECTOR = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}],
}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": POD_SPEC}
PORTS = [{"protocol": "TCP", "port": 80, "endPort": 90}]
PEERS = [
    {"podSelector": SELECTOR, "namespaceSelector": SELECTOR},
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
]
OBJECTS: dict[str, dict[str, Any]] = {
    "Namespace": {"apiVersion": "v1", "metadata": METADATA},
    "Pod": {
        "apiVersion": "v1",
        "metadata": METADATA,
        "spec": POD_SPEC,
        "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]},
    },
    "Service": {
        "apiVersion": "v1",
        "metadata": METADATA,
        "spec": {
            "type": "LoadBalancer",
            "selector": {"app": "web"},
            "ports": [
                {"name": "a", "port": 1, "protocol": "TCP", "targetPort": "b", "nodePort": 30000}
            ],
            "externalIPs": ["10.0.0.1"],
            "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "externalTrafficPolicy": "Local",
            "clusterIP": "10.96.0.7",
            "clusterIPs": ["10.96.0.7"],
        },
    },
    "Node": {
        "apiVersion": "v1",
        "metadata": {**METADATA, "annotations": {"k3s.io/node-args": "[]"}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0"},
        },
    },
    "NetworkPolicy": {
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {**METADATA, "managedFields": [{"manager": "kubectl"}]},
        "spec": {
            "podSelector": SELECTOR,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": PEERS, "ports": PORTS}],
            "egress": [{"to": PEERS, "ports": PORTS}],
        },
    },
    "Deployment": {
        "apiVersion": "apps/v1",
        "metadata": METADATA,
        "spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE},
    },
    "DaemonSet": {
        "apiVersion": "apps/v1",
        "metadata": METADATA,
        "spec": {"selector": SELECTOR, "template": TEMPLATE},
        "status": {"desiredNumberScheduled": 1, "numberReady": 1},
    },
    "ReplicationController": {
        "apiVersion": "v1",
        "metadata": METADATA,
        "spec": {"replicas": 2, "selector": {"app": "web"}, "template": TEMPLATE},
    },
    "Job": {
        "apiVersion": "batch/v1",
        "metadata": METADATA,
        "spec": {"parallelism": 2, "template": TEMPLATE},
        "status": {"completionTime": "", "conditions": [{"type": "Failed", "status": "False"}]},
    },
    "CronJob": {
        "apiVersion": "batch/v1",
        "metadata": METADATA,
        "spec": {"jobTemplate": {"spec": {"parallelism": 2, "template": TEMPLATE}}},
    },
    "ConfigMap": {
        "apiVersion": "v1",
        "metadata": {"name": "cilium-config", "namespace": "kube-system"},
        "data": {"a": "1"},
    },
    "CiliumNetworkPolicy": {
        "apiVersion": "cilium.io/v2",
        "metadata": {"name": "web", "namespace": "shop"},
    },
}
NEIGHBOUR = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "zz", "namespace": "zz"}}
NO_TEXT = "\x00 no such"
WRONG: tuple[Any, ...] = (True, 17.5, -7, NO_TEXT, [[]], {"a": {}}, [5], {"a": 5})
TEXT_OR_NUMBER = ("targetPort",)


def find_paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all that is in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from find_paths(one, (*path, key))


def spell(path: Path) -> str:
    """A path as the API server spells it, with the keys of labels in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int) or step in {"app", "a", "k3s.io/node-args"}:
            text += f"[{step}]"
        else:
            text += f".{step}"
    return text.removeprefix(".")


def replace(whole: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The object with something else at a path."""
    changed: Any = json.loads(json.dumps(whole))
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dict(changed)


def at(whole: Any, path: Path) -> Any:
    """What is at a path."""
    for step in path:
        whole = whole[step]
    return whole


CASES = [
    (kind, path) for kind, whole in OBJECTS.items() for path in find_paths({"kind": kind, **whole})
]


@pytest.mark.parametrize(
    ("kind", "path"), CASES, ids=[f"{kind}-{spell(path)}" for kind, path in CASES]
)
def test_a_wrong_type_is_a_gap_that_names_the_field(kind: str, path: Path) -> None:
    """Whatever stands there; its neighbour in the list is read."""
    whole = {"kind": kind, **OBJECTS[kind]}
    right = at(whole, path)
    for wrong in WRONG:
        if isinstance(wrong, type(right)) or (
            path[-1] in TEXT_OR_NUMBER and wrong in (-7, NO_TEXT)
        ):
            continue
        broken = replace(whole, path, wrong)
        snapshot = read(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": [broken, NEIGHBOUR]})
        )
        assert ["zz"] == [one.name for one in snapshot.pods if one.namespace == "zz"]
        fields = [field_of(gap) or "" for gap in snapshot.gaps]
        wanted = f"items[0].{spell(path)}"
        assert any(field.startswith(wanted) for field in fields), (wrong, fields)


def test_what_is_mutated_is_read_without_gaps() -> None:
    """The objects of these tests are right before they are made wrong."""
    whole = [{"kind": kind, **one} for kind, one in OBJECTS.items()]
    snapshot = read(json.dumps({"apiVersion": "v1", "kind": "List", "items": whole}))
    assert [("CiliumNetworkPolicy.cilium.io", "shop")] == [
        (gap.kind, gap.namespace) for gap in snapshot.gaps
    ]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(CASES), ANYTHING)
def test_anything_anywhere_is_read_or_a_gap(case: tuple[str, Path], value: Any) -> None:
    """No value at any field raises anything, in JSON and in YAML."""
    import yaml

    kind, path = case
    broken = replace({"kind": kind, **OBJECTS[kind]}, path, value)
    for text in (json.dumps(broken), yaml.safe_dump(broken)):
        snapshot = read(f"{text}\n---\n{json.dumps(NEIGHBOUR)}")
        assert ["zz"] == [one.name for one in snapshot.pods if one.namespace == "zz"]


@given(ANYTHING)
def test_any_document_is_read_or_a_gap_or_an_error(value: Any) -> None:
    """Nothing but a ManifestsError is ever raised."""
    with suppress(ManifestsError):
        assert "manifests" == read(json.dumps(value)).origin


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_bytes_are_read_or_a_gap_or_an_error(data: str | bytes) -> None:
    """Nothing but a ManifestsError is ever raised."""
    with suppress(ManifestsError):
        assert "manifests" == read(data).origin
