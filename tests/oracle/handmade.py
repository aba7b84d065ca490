"""Hand-made clusters, written as manifests are, in one namespace unless they say otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from auditor.model.snapshot import Snapshot

DENY_ALL = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
DENY_INGRESS = {"podSelector": {}, "policyTypes": ["Ingress"]}
DENY_EGRESS = {"podSelector": {}, "policyTypes": ["Egress"]}


def pod(name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A pod of namespace `shop`; ``namespace``, ``ips``, ``owner`` and the rest as the API."""
    spec = {key: more[key] for key in more if key not in {"namespace", "ips", "owner", "phase"}}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": more.get("namespace", "shop"),
        "labels": labels or {},
    }
    if "owner" in more:
        kind, _, owner = more["owner"].partition("/")
        metadata["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
    return {
        "metadata": metadata,
        "spec": spec,
        "status": {
            "phase": more.get("phase", "Running"),
            "podIPs": [{"ip": one} for one in more.get("ips", ())],
        },
    }


def cluster(
    pods: list[dict[str, Any]],
    *specs: str | dict[str, Any],
    nodes: dict[str, list[str]] | None = None,
    namespaces: dict[str, dict[str, str]] | None = None,
) -> Snapshot:
    """A snapshot of the pods and of policies in `shop`, given by their specs (YAML or data)."""
    policies = [
        {
            "metadata": {"name": f"policy-{index}", "namespace": "shop"},
            "spec": yaml.safe_load(spec) if isinstance(spec, str) else spec,
        }
        for index, spec in enumerate(specs)
    ]
    names = {"shop", *(one["metadata"]["namespace"] for one in pods)}
    labels = {name: (namespaces or {}).get(name, {}) for name in sorted(names)}
    return msgspec.convert(
        {
            "origin": "cluster",
            "takenAt": "2026-01-01T00:00:00Z",
            "namespaces": [
                {"metadata": {"name": name, "labels": each}} for name, each in labels.items()
            ],
            "pods": pods,
            "policies": policies,
            "nodes": [
                {
                    "metadata": {"name": name},
                    "status": {
                        "addresses": [{"type": "InternalIP", "address": one} for one in addresses]
                    },
                }
                for name, addresses in (nodes or {}).items()
            ],
        },
        Snapshot,
    )
