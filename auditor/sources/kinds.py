"""Which objects of manifests are read, passed over, or unknown to API server 1.36."""

from __future__ import annotations

from collections.abc import Container, Mapping
from enum import Enum, auto
from typing import Final

from auditor.model.snapshot import Blind
from auditor.sources.naming import is_dns_label, is_dns_subdomain

BLIND: Final[Mapping[str, Mapping[str, Blind | None]]] = {
    "v1": {
        "ConfigMap": None,
        "Namespace": Blind.NAMESPACE_LABELS,
        "Node": None,
        "Pod": Blind.PODS,
        "ReplicationController": Blind.PODS,
        "Service": Blind.SERVICES,
    },
    "apps/v1": {
        "DaemonSet": Blind.PODS,
        "Deployment": Blind.PODS,
        "ReplicaSet": Blind.PODS,
        "StatefulSet": Blind.PODS,
    },
    "batch/v1": {"CronJob": Blind.PODS, "Job": Blind.PODS},
    "networking.k8s.io/v1": {"NetworkPolicy": Blind.POLICIES},
}
"""By apiVersion, the kinds that are read, and what an object left out keeps the audit from."""

CLUSTER_WIDE: Final = frozenset({"Namespace", "Node"})
"""Of the kinds that are read, those that no namespace holds."""

_PASSED_OVER = {
    "v1": {
        "Binding",
        "ComponentStatus",
        "Endpoints",
        "Event",
        "LimitRange",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "PodTemplate",
        "ResourceQuota",
        "Secret",
        "ServiceAccount",
        "Status",
    },
    "apps/v1": {"ControllerRevision"},
    "batch/v1": set[str](),
    "networking.k8s.io/v1": {"IPAddress", "Ingress", "IngressClass", "ServiceCIDR"},
}

NAMESPACED_AND_PASSED_OVER: Final = frozenset(
    {
        "ControllerRevision",
        "Endpoints",
        "EndpointSlice",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Lease",
        "LimitRange",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "ResourceQuota",
        "Role",
        "RoleBinding",
        "Secret",
        "ServiceAccount",
    }
)
"""Kinds that are not read and yet show that the namespace they name is in use."""

_FORMER_GROUP = "extensions"
"""Where Deployments, DaemonSets, ReplicaSets and NetworkPolicies once were."""

_POLICY_SUFFIX = "NetworkPolicy"
"""How every vendor's kind ends that is one of network policies."""


class Fate(Enum):
    """What becomes of an object, by its apiVersion and kind."""

    READ = auto()
    PASSED_OVER = auto()
    NOT_SERVED = auto()
    NO_VERSION = auto()
    NOT_EVALUATED = auto()
    UNKNOWN = auto()


def decide_fate(api_version: str, kind: str, vendor_groups: Container[str]) -> Fate:
    """What becomes of an object (semantics, sections 5 and 6).

    A kind that the audit reads in a version that is gone or cannot be, and an unknown kind in a
    group that is known in full, would be refused: such an object is missing. A policy in a group
    that nobody knows is one that is not evaluated. Everything else is somebody's own.

    ``vendor_groups`` are those of which every policy kind is known.
    """
    if api_version in BLIND:
        if kind in BLIND[api_version]:
            return Fate.READ
        return Fate.PASSED_OVER if kind in _PASSED_OVER[api_version] else Fate.UNKNOWN
    if _served_as(api_version, kind):
        return Fate.NOT_SERVED
    is_policy = kind.endswith(_POLICY_SUFFIX)
    if not (is_policy or is_read(kind)):
        return Fate.PASSED_OVER
    group, _, version = api_version.rpartition("/")
    if not (is_dns_subdomain(group) and is_dns_label(version)):
        return Fate.NO_VERSION
    if not is_policy:
        # The API server gives groups without a dot to itself alone.
        return Fate.PASSED_OVER if "." in group else Fate.NO_VERSION
    if group in vendor_groups:
        return Fate.PASSED_OVER
    return Fate.NOT_EVALUATED if _is_kind(kind) else Fate.UNKNOWN


def blind_of(kind: str) -> Blind | None:
    """What an object that was left out keeps the audit from, by its kind."""
    if kind.endswith(_POLICY_SUFFIX):
        return Blind.POLICIES
    return next((kinds[kind] for kinds in BLIND.values() if kind in kinds), None)


def is_read(kind: str) -> bool:
    """Whether some version of the kind is read."""
    return any(kind in kinds for kinds in BLIND.values())


def _is_kind(text: str) -> bool:
    """Whether the API server would let a kind have this name."""
    return text.isascii() and is_dns_label(text.lower())


def _served_as(api_version: str, kind: str) -> bool:
    """Whether the kind is read in another version of its group."""
    group = api_version.rpartition("/")[0]
    if group == _FORMER_GROUP:
        return kind in {"DaemonSet", "Deployment", "NetworkPolicy", "ReplicaSet"}
    return any(kind in kinds for one, kinds in BLIND.items() if one.rpartition("/")[0] == group)


def is_version_read(api_version: str) -> bool:
    """Whether kinds of this group and version are read."""
    return api_version in BLIND
