"""The live API as a source: reads what the audit needs, and says what it could not read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar
from urllib.parse import quote

import msgspec

from auditor.errors import ClusterError
from auditor.model.objects import (
    Agent,
    Metadata,
    Namespace,
    NetworkPolicy,
    Node,
    Owner,
    Pod,
    Service,
)
from auditor.model.progress import Progress, unwatched
from auditor.model.retention import ConfigMapKeys, PolicyKind, Retention
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import (
    Blind,
    ClusterIdentity,
    ConfigMapEvidence,
    Gap,
    ListRecord,
    Snapshot,
    UnevaluatedPolicy,
)
from auditor.settings import ClusterAccess
from auditor.sources.agents import DaemonSet, agent_of
from auditor.sources.connection import Connection, RequestError, connect
from auditor.sources.decoding import decode
from auditor.sources.discovery import discover
from auditor.sources.faults import MalformedError
from auditor.sources.listing import Listing, list_objects
from auditor.sources.pages import METADATA_ONLY, Page, Resource
from auditor.sources.patience import PATIENCE, Patience
from auditor.sources.unevaluated import ListedPolicy, unevaluated_gaps, without_mirrors
from auditor.sources.wording import one_line

_NAMESPACES = Resource(
    "Namespace",
    "/api/v1",
    "namespaces",
    namespaced=False,
    effect="only namespaces that objects read live in are known",
    blind=Blind.NAMESPACE_LABELS,
)
_PODS = Resource(
    "Pod",
    "/api/v1",
    "pods",
    namespaced=True,
    effect="pods are not known, nor are their connections",
    blind=Blind.PODS,
)
_POLICIES = Resource(
    "NetworkPolicy",
    "/apis/networking.k8s.io/v1",
    "networkpolicies",
    namespaced=True,
    effect="policies are not known, so pods may be more isolated than reported",
    blind=Blind.POLICIES,
)
_SERVICES = Resource(
    "Service",
    "/api/v1",
    "services",
    namespaced=True,
    effect="services are not known, nor what they publish",
    blind=Blind.SERVICES,
)
_NODES = Resource(
    "Node",
    "/api/v1",
    "nodes",
    namespaced=False,
    effect="addresses of nodes are known only where a host-network pod shows them",
)
_DAEMON_SETS = Resource(
    "DaemonSet",
    "/apis/apps/v1",
    "daemonsets",
    namespaced=True,
    effect="the network plug-in may not be recognised",
)
_OWNERS = (
    Resource(
        "ReplicaSet",
        "/apis/apps/v1",
        "replicasets",
        namespaced=True,
        effect="deployments are told from the names of their pods",
        accept=METADATA_ONLY,
    ),
    Resource(
        "Job",
        "/apis/batch/v1",
        "jobs",
        namespaced=True,
        effect="cron jobs are told from the names of their pods",
        accept=METADATA_ONLY,
    ),
)
_CLUSTER_UID_NAMESPACE = "kube-system"

T = TypeVar("T")
Sortable = TypeVar("Sortable", Pod, Service, Node, NetworkPolicy, Namespace, Agent, Owner)


class _Named(msgspec.Struct, gc=False):
    """An object of which only the metadata is asked for."""

    metadata: Metadata


class _ConfigMap(msgspec.Struct):
    data: dict[str, str] | None = None


class _Version(msgspec.Struct, rename="camel"):
    """The answer of ``/version``."""

    git_version: str = ""


def collect(
    access: ClusterAccess,
    *,
    retention: Retention,
    clock: Callable[[], str],
    progress: Progress = unwatched,
    patience: Patience = PATIENCE,
) -> Snapshot:
    """Read a cluster. Nothing but GET is sent, one request at a time, and nothing is written.

    What may not be read, is not of the documented form, or is not there by the deadline of the
    access, is a gap of the snapshot. ``clock`` says the time, ISO 8601 in UTC.

    Raises:
        UsageError: the access names a kubeconfig or context that does not exist.
        ClusterError: the API server cannot be reached, or nothing may be read of it.
    """
    with connect(access, patience) as connection:
        return _Reader(connection, clock, progress).read(retention)


class _Reader:
    """One reading of a cluster: what was refused so far decides how the rest is asked for."""

    def __init__(
        self, connection: Connection, clock: Callable[[], str], progress: Progress
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._progress = progress
        self._gaps: list[Gap] = []
        self._lists: list[ListRecord] = []
        self._namespaces: dict[str, Namespace] = {}
        self._all_namespaces_known = False
        self._candidates: set[str] = set()
        """Namespaces to ask for one by one where a cluster-wide list is forbidden."""

    def read(self, retention: Retention) -> Snapshot:
        """Everything, in an order in which each list helps with the next."""
        started_at = self._clock()
        listed = self._list(_NAMESPACES, Page[Namespace])
        self._all_namespaces_known = not listed.gaps
        self._namespaces = {one.name: one for one in listed.items}
        # Where namespaces cannot be listed, the context's is the one that kubectl would ask for.
        self._candidates = set(self._namespaces) or {self._connection.namespace or "default"}
        pods = self._list(_PODS, Page[Pod])
        if not self._all_namespaces_known:
            self._candidates |= {one.namespace for one in pods.items}
        policies = self._list(_POLICIES, Page[NetworkPolicy])
        if listed.refusal and pods.refusal and policies.refusal:
            raise self._refused(listed.refusal)
        unevaluated = self._read_unevaluated(retention.policy_kinds, policies.items)
        services = self._list(_SERVICES, Page[Service]).items
        nodes = self._list(_NODES, Page[Node]).items
        daemon_sets = self._list(_DAEMON_SETS, Page[DaemonSet]).items
        owners = self._read_owners(pods.items)
        config_maps = [self._read_config_map(one) for one in retention.config_maps]
        self._complete_namespaces(
            {one.namespace for one in pods.items}
            | {one.namespace for one in policies.items}
            | {one.metadata.namespace for one in services}
        )
        cluster = self._identify()
        return Snapshot(
            origin="cluster",
            taken_at=started_at,
            cluster=cluster,
            namespaces=_sort(self._namespaces.values()),
            pods=_sort(pods.items),
            services=_sort(services),
            nodes=_sort(_narrow(one, retention) for one in nodes),
            policies=_sort(policies.items),
            owners=_sort(owners),
            agents=_sort(agent_of(one, retention.agents) for one in daemon_sets),
            config_maps=tuple(
                sorted(
                    (one for one in config_maps if one is not None),
                    key=lambda one: (one.namespace, one.name),
                )
            ),
            unevaluated_policies=unevaluated,
            gaps=tuple(self._gaps),
            finished_at=self._clock(),
            lists=tuple(self._lists),
        )

    def _list(
        self, resource: Resource, page: type[Page[T]], namespaces: Iterable[str] | None = None
    ) -> Listing[T]:
        """List a kind, in given namespaces or in all, and keep its gaps."""
        listing = list_objects(
            self._connection,
            resource,
            page,
            namespaces=self._candidates if namespaces is None else namespaces,
            all_namespaces_known=self._all_namespaces_known or namespaces is not None,
            clock=self._clock,
            progress=self._progress,
        )
        self._gaps += listing.gaps
        self._lists += listing.records
        return listing

    def _read_unevaluated(
        self, kinds: Iterable[PolicyKind], policies: Iterable[NetworkPolicy]
    ) -> tuple[UnevaluatedPolicy, ...]:
        """The policies of kinds that are not evaluated, by name (semantics, section 5)."""
        discovery = discover(self._connection, kinds)
        self._gaps += discovery.gaps
        read = [
            UnevaluatedPolicy(
                kind=resource.kind,
                namespace=one.metadata.namespace,
                name=one.metadata.name,
                digest=one.digest,
                generation=one.metadata.generation,
                uid=one.metadata.uid,
            )
            for resource in discovery.resources
            for one in self._list(resource, Page[ListedPolicy]).items
        ]
        found = without_mirrors(read, policies)
        self._gaps += unevaluated_gaps(found)
        return tuple(sorted(found, key=lambda one: (one.namespace, one.name, one.kind)))

    def _read_owners(self, pods: Iterable[Pod]) -> list[Owner]:
        """The ReplicaSets and Jobs that own a pod; nothing is asked for where there are none."""
        needed: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for pod in pods:
            if (owner := pod.metadata.controller) is not None:
                needed[owner.kind].add((pod.namespace, owner.name))
        owners: list[Owner] = []
        for resource in _OWNERS:
            keys = needed.get(resource.kind, set())
            if not keys:
                continue
            listing = self._list(resource, Page[_Named], {namespace for namespace, _ in keys})
            for one in listing.items:
                if (one.metadata.namespace, one.metadata.name) in keys:
                    # The labels are those of the pods: to name the workload they are not needed.
                    metadata = msgspec.structs.replace(one.metadata, labels={})
                    owners.append(Owner(kind=resource.kind, metadata=metadata))
        return owners

    def _read_config_map(self, wanted: ConfigMapKeys) -> ConfigMapEvidence | None:
        """The named keys of a ConfigMap; None where there is none, or it may not be read."""
        path = f"/api/v1/namespaces/{quote(wanted.namespace)}/configmaps/{quote(wanted.name)}"
        try:
            data = msgspec.json.decode(self._connection.get(path), type=_ConfigMap).data or {}
        except (RequestError, msgspec.DecodeError) as error:
            if not (isinstance(error, RequestError) and error.status == 404):
                self._gaps.append(
                    Gap(
                        kind="ConfigMap",
                        namespace=wanted.namespace,
                        name=wanted.name,
                        reason=f"cannot be read: {one_line(str(error))}",
                        effect="evidence of how the network plug-in is set up is missing",
                    )
                )
            return None
        values = {key: data[key] for key in wanted.keys if key in data}
        return ConfigMapEvidence(namespace=wanted.namespace, name=wanted.name, values=values)

    def _complete_namespaces(self, used: set[str]) -> None:
        """See to it that every namespace in use is known, and carries the label of its name.

        Where namespaces cannot be listed, and for one that came into being after they were, each
        is asked for by itself; unread labels are a gap (semantics, section 2.3).
        """
        asked = set() if self._all_namespaces_known else self._candidates
        for name in sorted((used | asked) - set(self._namespaces)):
            try:
                body = self._connection.get(f"/api/v1/namespaces/{quote(name, safe='')}")
                self._namespaces[name] = decode(msgspec.json.decode(body), Namespace)
            except (RequestError, msgspec.DecodeError, MalformedError) as error:
                if name not in used:
                    continue
                self._namespaces[name] = Namespace(metadata=Metadata(name=name), declared=False)
                self._gaps.append(
                    Gap(
                        kind="Namespace",
                        namespace=name,
                        name=name,
                        reason=f"cannot be read: {one_line(str(error))}",
                        effect="its labels are not known, so selectors may match it or not",
                        blind=Blind.NAMESPACE_LABELS,
                    )
                )
        self._namespaces = {
            name: _with_own_name(namespace) for name, namespace in self._namespaces.items()
        }

    def _refused(self, error: RequestError) -> ClusterError:
        if error.status == 403:
            return ClusterError(
                f"API server {self._connection.server} allows nothing to be read: {error.message}",
                hint="the account needs list on namespaces, pods and networkpolicies",
            )
        hint = "check the server of the context's cluster"
        if error.status == 200:
            hint = "check that the context's server is an API server and no login page"
        return ClusterError(
            f"API server {self._connection.server} answers no list: {error.message}", hint=hint
        )

    def _identify(self) -> ClusterIdentity:
        """Which cluster this is. Its version is no evidence: where refused, it is just unknown."""
        system = self._namespaces.get(_CLUSTER_UID_NAMESPACE)
        try:
            answer = msgspec.json.decode(self._connection.get("/version"), type=_Version)
        except (RequestError, msgspec.DecodeError):
            answer = _Version()
        return ClusterIdentity(
            name=self._connection.cluster,
            uid=(system.metadata.uid or None) if system is not None else None,
            version=answer.git_version or None,
        )


def _with_own_name(namespace: Namespace) -> Namespace:
    """The namespace with ``kubernetes.io/metadata.name``: servers before 1.21 do not set it."""
    if namespace.labels.get(NAMESPACE_NAME_LABEL) == namespace.name:
        return namespace
    labels = {**namespace.labels, NAMESPACE_NAME_LABEL: namespace.name}
    metadata = msgspec.structs.replace(namespace.metadata, labels=labels)
    return msgspec.structs.replace(namespace, metadata=metadata)


def _narrow(node: Node, retention: Retention) -> Node:
    """The node with only those annotations that are evidence."""
    read = node.metadata.annotations
    kept = {key: read[key] for key in retention.node_annotations if key in read}
    metadata = msgspec.structs.replace(node.metadata, annotations=kept)
    return msgspec.structs.replace(node, metadata=metadata)


def _sort(objects: Iterable[Sortable]) -> tuple[Sortable, ...]:
    """By namespace and name, as a snapshot has them."""
    return tuple(sorted(objects, key=lambda one: (one.metadata.namespace, one.metadata.name)))
