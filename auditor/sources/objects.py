"""Objects of the kinds that are read, from what a parser returned to the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from auditor.model._value import Value
from auditor.model.objects import (
    Metadata,
    Namespace,
    NetworkPolicy,
    Node,
    Owner,
    Pod,
    Service,
)
from auditor.model.retention import Retention
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import ConfigMapEvidence, UnevaluatedPolicy
from auditor.sources.admission import check_metadata, check_pod, check_policy, check_service
from auditor.sources.agents import DaemonSet, agent_of
from auditor.sources.decoding import decode
from auditor.sources.faults import Fault, MalformedError
from auditor.sources.kinds import CLUSTER_WIDE
from auditor.sources.unevaluated import digest_content
from auditor.sources.workloads import SHAPES, check_workload, is_owner, workload_of

DEFAULT_NAMESPACE = "default"


class Built(NamedTuple):
    """An object, and what the API server would refuse in it.

    ``values`` are of the model, or a `Workload`: a DaemonSet is also an agent, a Job also an owner.
    """

    namespace: str
    name: str
    values: tuple[Any, ...]
    faults: Iterator[Fault]


class _Named(Value, frozen=True):
    name: str
    namespace: str = ""


class _Identified(Value, frozen=True):
    metadata: _Named


class _ConfigMap(Value, frozen=True):
    metadata: Metadata
    data: Mapping[str, str] = {}


def build(kind: str, raw: dict[Any, Any], retention: Retention) -> Built:
    """Build an object of a kind that is read.

    An object that is not in a namespace and should be is in `default`.

    Raises:
        MalformedError: a field is of the wrong type, or a required one is missing.

    """
    placed = _place(raw, cluster_wide=kind in CLUSTER_WIDE)
    match kind:
        case "Namespace":
            return _build_namespace(placed)
        case "Node":
            return _build_node(placed, retention)
        case "Pod":
            pod = decode(placed, Pod)
            return _built(kind, pod.metadata, (pod,), check_pod(pod.spec, "spec"))
        case "Service":
            service = decode(placed, Service)
            return _built(kind, service.metadata, (service,), check_service(service))
        case "NetworkPolicy":
            policy = decode(placed, NetworkPolicy)
            return _built(kind, policy.metadata, (policy,), check_policy(policy))
        case "ConfigMap":
            return _build_config_map(placed, retention)
        case _:
            return _build_workload(kind, placed, retention)


def build_unevaluated(raw: dict[Any, Any], kind: str, *, namespaced: bool) -> Built:
    """Build a policy of a kind that is counted and not evaluated: its name, and a digest.

    ``kind`` is spelled `kind.group`.

    Raises:
        MalformedError: it has no name, or one of the wrong type, or is nested too deeply.

    """
    identity = decode(_place(raw, cluster_wide=not namespaced), _Identified).metadata
    try:
        digest = digest_content(raw)
    except RecursionError:
        raise MalformedError(Fault("", "is nested too deeply")) from None
    policy = UnevaluatedPolicy(
        kind=kind, namespace=identity.namespace, name=identity.name, digest=digest
    )
    return Built(policy.namespace, policy.name, (policy,), iter(()))


def _place(raw: dict[Any, Any], *, cluster_wide: bool) -> dict[Any, Any]:
    """The object in its namespace: `default` where it names none, none where it cannot have one."""
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict):
        return raw
    namespace = metadata.get("namespace")
    if cluster_wide and isinstance(namespace, str):
        return {**raw, "metadata": {**metadata, "namespace": ""}}
    if not cluster_wide and namespace in ("", None):
        return {**raw, "metadata": {**metadata, "namespace": DEFAULT_NAMESPACE}}
    return raw


def _built(
    kind: str, metadata: Metadata, values: tuple[Any, ...], faults: Iterator[Fault]
) -> Built:
    return Built(metadata.namespace, metadata.name, values, _chain(kind, metadata, faults))


def _chain(kind: str, metadata: Metadata, faults: Iterator[Fault]) -> Iterator[Fault]:
    yield from check_metadata(
        metadata, cluster_wide=kind in CLUSTER_WIDE, is_namespace=kind == "Namespace"
    )
    yield from faults


def _build_namespace(raw: dict[Any, Any]) -> Built:
    metadata = decode(raw, Namespace).metadata
    # The API server sets this label, whatever the manifest says.
    labels = {**metadata.labels, NAMESPACE_NAME_LABEL: metadata.name}
    namespace = Namespace(metadata=msgspec.structs.replace(metadata, labels=labels))
    return _built("Namespace", metadata, (namespace,), iter(()))


def _build_node(raw: dict[Any, Any], retention: Retention) -> Built:
    node = decode(raw, Node)
    kept = {
        name: value
        for name, value in node.metadata.annotations.items()
        if name in retention.node_annotations
    }
    metadata = msgspec.structs.replace(node.metadata, annotations=kept)
    narrowed = msgspec.structs.replace(node, metadata=metadata)
    return _built("Node", metadata, (narrowed,), iter(()))


def _build_config_map(raw: dict[Any, Any], retention: Retention) -> Built:
    """Of a ConfigMap only the keys that are evidence are kept; of most, nothing."""
    identity = decode(raw, _Identified).metadata
    keys = {
        key
        for one in retention.config_maps
        if (one.namespace, one.name) == (identity.namespace, identity.name)
        for key in one.keys
    }
    if not keys:
        return Built(identity.namespace, identity.name, (), iter(()))
    config_map = decode(raw, _ConfigMap)
    evidence = ConfigMapEvidence(
        namespace=identity.namespace,
        name=identity.name,
        values={key: value for key, value in config_map.data.items() if key in keys},
    )
    return _built("ConfigMap", config_map.metadata, (evidence,), iter(()))


def _build_workload(kind: str, raw: dict[Any, Any], retention: Retention) -> Built:
    wire = decode(raw, SHAPES[kind])
    values: tuple[Any, ...] = (workload_of(kind, wire),)
    if kind == "DaemonSet":
        values = (*values, agent_of(decode(raw, DaemonSet), retention.agents))
    if is_owner(kind):
        values = (*values, Owner(kind=kind, metadata=wire.metadata))
    return _built(kind, wire.metadata, values, check_workload(wire))
