"""A snapshot: everything that was read of a cluster at one time, and what was not."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from auditor.model._value import Value
from auditor.model.objects import Agent, Namespace, NetworkPolicy, Node, Owner, Pod, Service


class Blind(StrEnum):
    """What a gap keeps the audit from knowing. A verdict that needs it is not certain."""

    PODS = "pods"
    """Some pods are not in the snapshot, or not whole."""
    POLICIES = "policies"
    """Some policies that could open or close connections are not evaluated."""
    NAMESPACE_LABELS = "namespace-labels"
    """The labels of some namespaces are unknown."""
    SERVICES = "services"
    """Some Services are not in the snapshot: what publishes pods is not known whole."""
    OBJECTS = "objects"
    """Something unknown is missing: pods, policies and labels may all be."""


class GapSource(Value, frozen=True):
    """Where a gap arose: the file, the document (`document 2, line 14`), and the field in it."""

    file: str | None = None
    document: str | None = None
    field: str | None = None


class Gap(Value, frozen=True):
    """What could not be read, parsed or evaluated, why, and what that means.

    ``namespace`` None means cluster-wide or unknown. ``blind`` None means that the evaluation is
    as the API server's would be (an unknown field, a duplicate): the gap is shown, and changes no
    verdict.
    """

    kind: str | None
    namespace: str | None
    name: str | None
    reason: str
    effect: str
    source: GapSource | None = None
    blind: Blind | None = None


class UnevaluatedPolicy(Value, frozen=True):
    """A policy of a kind that the engine does not evaluate (semantics, section 5).

    ``kind`` is spelled `kind.group`, for instance `CiliumNetworkPolicy.cilium.io`; ``namespace``
    is empty for a cluster-wide one. Of what it says nothing is kept but what tells a change.
    """

    kind: str
    namespace: str
    name: str
    digest: str | None = None
    """SHA-256 (hex) of what it says, where the object was read whole."""
    generation: int | None = None
    """``metadata.generation``: the API server counts what is written to the spec of an object."""
    uid: str = ""
    """``metadata.uid``: which object the generation is of."""


class ConfigMapEvidence(Value, frozen=True):
    """The named keys of a ConfigMap that says how a CNI is set up."""

    namespace: str
    name: str
    values: dict[str, str]


class ClusterIdentity(Value, frozen=True):
    """Which cluster: a name for people, and the UID of kube-system; unknown from manifests."""

    name: str | None = None
    uid: str | None = None
    version: str | None = None


class ListRecord(Value, frozen=True):
    """A list as it was read of an API server, page by page. Times are ISO 8601, UTC.

    A list that broke off has a record of what was read of it, and a gap.
    """

    kind: str
    namespace: str | None
    """None: cluster-wide."""
    resource_version: str
    """Of the first page; empty where the server gave none."""
    pages: int
    items: int
    started_at: str
    finished_at: str
    inconsistent: bool = False
    """Whether its pages show the cluster at different moments."""


class Snapshot(Value, frozen=True):
    """One reading of a cluster, or of manifests. ``taken_at`` is ISO 8601, UTC.

    Sequences are sorted by namespace and name. Namespaces hold every namespace that an object
    uses; pods hold only endpoints and finished pods as read, manifests' workloads expanded.
    """

    origin: Literal["cluster", "manifests"]
    taken_at: str
    cluster: ClusterIdentity = ClusterIdentity()
    namespaces: tuple[Namespace, ...] = ()
    pods: tuple[Pod, ...] = ()
    services: tuple[Service, ...] = ()
    nodes: tuple[Node, ...] = ()
    policies: tuple[NetworkPolicy, ...] = ()
    owners: tuple[Owner, ...] = ()
    agents: tuple[Agent, ...] = ()
    config_maps: tuple[ConfigMapEvidence, ...] = ()
    unevaluated_policies: tuple[UnevaluatedPolicy, ...] = ()
    gaps: tuple[Gap, ...] = ()
    documents_ignored: int = 0
    """Documents of manifests without apiVersion and kind: counted, not a gap."""
    finished_at: str | None = None
    """When the reading that began at ``taken_at`` ended; None: of manifests, or not known."""
    lists: tuple[ListRecord, ...] = ()
    """In the order in which they were read: each shows its own moment of the cluster."""
