"""Random folders of manifests in two namespaces, in which everything collides but names of pods."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from auditor.model.snapshot import Snapshot
from tests.rules.auditing import read_text

Key = tuple[str, str, str]
"""Kind, namespace and name."""

VERSIONS = {
    "Namespace": "v1",
    "Pod": "v1",
    "Service": "v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "CiliumNetworkPolicy": "cilium.io/v2",
    "Job": "batch/v1",
}
SPACES = ("one", "two")
NAMESPACES: dict[Key, Any] = {("Namespace", "", name): {} for name in SPACES}


def labels() -> st.SearchStrategy[dict[str, str]]:
    """Labels that collide."""
    return st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b"]))


def policy_specs() -> st.SearchStrategy[dict[str, Any]]:
    """Specs with explicit types: a cluster stores no others."""
    rules = st.lists(st.sampled_from([{}, {"ports": [{"port": 80}]}]), max_size=2)
    return st.fixed_dictionaries(
        {
            "podSelector": st.builds(lambda one: {"matchLabels": one}, labels()),
            "policyTypes": st.sampled_from([["Ingress"], ["Ingress", "Egress"]]),
        },
        optional={"ingress": rules, "egress": rules},
    )


@st.composite
def template_specs(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Specs of workloads, whose selector is met."""
    chosen = {"kept": "yes-it-is", **draw(labels())}
    number = "parallelism" if kind == "Job" else "replicas"
    port = draw(st.sampled_from([80, 443]))
    spec: dict[str, Any] = {
        number: draw(st.sampled_from([1, 2, 5])),
        "template": {
            "metadata": {"labels": chosen},
            "spec": {
                "hostNetwork": draw(st.booleans()),
                "containers": [{"name": "main", "ports": [{"containerPort": port}]}],
            },
        },
    }
    if kind != "Job":
        spec["selector"] = {"matchLabels": {"kept": "yes-it-is"}}
    return spec


def bodies(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """What an object of the kind says, but for its name."""
    match kind:
        case "NetworkPolicy":
            return st.builds(lambda spec: {"spec": spec}, policy_specs())
        case "Pod":
            return st.builds(lambda one: {"metadata": {"labels": one}}, labels())
        case "Service":
            return st.builds(lambda one: {"spec": {"selector": one, "ports": []}}, labels())
        case "CiliumNetworkPolicy":
            return st.sampled_from([{}, {"spec": {"ingress": []}}, {"spec": {"ingress": [{}]}}])
        case _:
            return st.builds(lambda spec: {"spec": spec}, template_specs(kind))


KINDS = ("NetworkPolicy", "Pod", "Service", "CiliumNetworkPolicy")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")


@st.composite
def folders(draw: st.DrawFn) -> dict[Key, Any]:
    """Objects by key, in two namespaces."""
    keys = st.tuples(
        st.sampled_from((*KINDS, *WORKLOADS)), st.sampled_from(SPACES), st.sampled_from("ab")
    )
    chosen = draw(st.lists(keys, max_size=5, unique=True))
    # workloads of one name would make pods of one name, which the sources tell apart as they come
    named = ((kind, namespace, f"{kind}-{name}".lower()) for kind, namespace, name in chosen)
    return {key: draw(bodies(key[0])) for key in named}


def write(folder: Mapping[Key, Any]) -> str:
    """The objects as documents of JSON, which is YAML."""
    documents = []
    for (kind, namespace, name), body in folder.items():
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        whole = {
            **body,
            "apiVersion": VERSIONS.get(kind, "apps/v1"),
            "kind": kind,
            "metadata": {**body.get("metadata", {}), **metadata},
        }
        documents.append(json.dumps(whole))
    return "\n---\n".join(documents)


def read(folder: Mapping[Key, Any]) -> Snapshot:
    """The objects as they are read, beside the namespaces."""
    return read_text(write(NAMESPACES | dict(folder)))
