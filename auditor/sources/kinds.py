"""Which objects of manifests are read, passed over, or unknown to API server 1.36."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from auditor.model.snapshot import Blind

BLIND: Final[Mapping[str, Mapping[str, Blind | None]]] = {
    "v1": {
        "ConfigMap": None,
        "Namespace": Blind.NAMESPACE_LABELS,
        "Node": None,
        "Pod": Blind.PODS,
        "ReplicationController": Blind.PODS,
        "Service": None,
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


class Fate(Enum):
    """What becomes of an object, by its apiVersion and kind."""

    READ = auto()
    PASSED_OVER = auto()
    NOT_SERVED = auto()
    UNKNOWN = auto()


def decide_fate(api_version: str, kind: str) -> Fate:
    """What becomes of an object (semantics, section 6).

    A kind that the audit reads in a version that is gone, and an unknown kind in a group that is
    known in full, would be refused: such an object is missing. Everything else is somebody's own.
    """
    if api_version in BLIND:
        if kind in BLIND[api_version]:
            return Fate.READ
        return Fate.PASSED_OVER if kind in _PASSED_OVER[api_version] else Fate.UNKNOWN
    return Fate.NOT_SERVED if _served_as(api_version, kind) else Fate.PASSED_OVER


def blind_of(kind: str) -> Blind | None:
    """What an object that was left out keeps the audit from, by its kind."""
    return next((kinds[kind] for kinds in BLIND.values() if kind in kinds), None)


def is_read(kind: str) -> bool:
    """Whether some version of the kind is read."""
    return any(kind in kinds for kinds in BLIND.values())


def _served_as(api_version: str, kind: str) -> bool:
    """Whether the kind is read in another version of its group."""
    group = api_version.rpartition("/")[0]
    if group == _FORMER_GROUP:
        return kind in {"DaemonSet", "Deployment", "NetworkPolicy", "ReplicaSet"}
    return any(kind in kinds for one, kinds in BLIND.items() if one.rpartition("/")[0] == group)


def is_version_read(api_version: str) -> bool:
    """Whether kinds of this group and version are read."""
    return api_version in BLIND
