"""Kinds as people write them: in any case, in the plural, short, or with their group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SHORT_NAMES: Final[Mapping[str, str]] = {
    "cj": "CronJob",
    "deploy": "Deployment",
    "ds": "DaemonSet",
    "netpol": "NetworkPolicy",
    "no": "Node",
    "ns": "Namespace",
    "po": "Pod",
    "rc": "ReplicationController",
    "rs": "ReplicaSet",
    "sts": "StatefulSet",
    "svc": "Service",
}
"""kubectl's."""

_SHORT_NAMES_OF_POLICIES: Final[Mapping[str, tuple[str, ...]]] = {
    "acnp": ("ClusterNetworkPolicy.crd.antrea.io",),
    "annp": ("NetworkPolicy.crd.antrea.io",),
    "anp": ("AdminNetworkPolicy.policy.networking.k8s.io",),
    "banp": ("BaselineAdminNetworkPolicy.policy.networking.k8s.io",),
    "ccnp": ("CiliumClusterwideNetworkPolicy.cilium.io",),
    "cnp": (
        "CiliumNetworkPolicy.cilium.io",
        "ClusterNetworkPolicy.policy.networking.k8s.io",
        "NetworkPolicy.projectcalico.org",
    ),
    "gnp": ("GlobalNetworkPolicy.projectcalico.org",),
}
"""kubectl's, of kinds that not every cluster has: several may share a name."""


def find_kind(text: str, groups: Mapping[str, str]) -> str | None:
    """The kind that is meant: `netpol`, `networkpolicies`, `networkpolicies.networking.k8s.io`.

    ``groups`` holds the group of each kind there is; kinds are spelled as the API spells them, or
    `Kind.group`. A group, or a version and a group, may follow; else the first kind of that name
    is meant.
    """
    for one in _SHORT_NAMES_OF_POLICIES.get(text.lower(), ()):
        if one in groups:
            return one
    stem, dot, rest = SHORT_NAMES.get(text.lower(), text).lower().partition(".")
    for kind, group in groups.items():
        name = kind.lower().partition(".")[0]
        plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
        if stem in {name, plural} and (not dot or f".{rest}".endswith(f".{group}")):
            return kind
    return None
