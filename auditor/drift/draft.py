"""A snapshot in the making: its objects by key, to be put and to be taken away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from auditor.model.objects import (
    Agent,
    Metadata,
    Namespace,
    NetworkPolicy,
    Node,
    Owner,
    Pod,
    Reference,
    Service,
)
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import ConfigMapEvidence, Gap, Snapshot, UnevaluatedPolicy
from auditor.model.workloads import index_owners, workload_of
from auditor.sources.unevaluated import unevaluated_gaps

T = TypeVar("T")


class Draft:
    """The objects of a snapshot by their keys; an object that is put again keeps its place."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.namespaces = _index(snapshot.namespaces, "Namespace")
        self.pods = _index(snapshot.pods, "Pod")
        self.services = _index(snapshot.services, "Service")
        self.nodes = _index(snapshot.nodes, "Node")
        self.policies = _index(snapshot.policies, "NetworkPolicy")
        self.owners = dict(index_owners(snapshot.owners))
        self.agents = _index(snapshot.agents, "DaemonSet")
        self.config_maps = {
            Reference(one.namespace, "ConfigMap", one.name): one for one in snapshot.config_maps
        }
        self.unevaluated = {
            Reference(one.namespace, one.kind, one.name): one
            for one in snapshot.unevaluated_policies
        }
        self.gaps = [*snapshot.gaps]

        self._by_type: dict[type, dict[Reference, Any]] = {
            Agent: self.agents,
            ConfigMapEvidence: self.config_maps,
            Namespace: self.namespaces,
            NetworkPolicy: self.policies,
            Node: self.nodes,
            Owner: self.owners,
            Pod: self.pods,
            Service: self.services,
            UnevaluatedPolicy: self.unevaluated,
        }

    @property
    def tables(self) -> tuple[dict[Reference, Any], ...]:
        """All objects, by key, kind by kind."""
        return (*self._by_type.values(),)

    def table_of(self, value: Any) -> dict[Reference, Any]:
        """The objects of a value's kind, by key."""
        return self._by_type[type(value)]

    def pods_by_workload(self) -> dict[Reference, list[Reference]]:
        """The keys of the pods of each workload, and of what stands between, as a ReplicaSet."""
        found: dict[Reference, dict[Reference, None]] = {}
        for key, pod in self.pods.items():
            for owner in _owners_of(pod, workload_of(pod, self.owners)):
                found.setdefault(owner, {})[key] = None
        return {owner: [*keys] for owner, keys in found.items()}

    def use_namespace(self, name: str) -> bool:
        """See to it that a namespace exists; whether it did."""
        key = Reference("", "Namespace", name)
        if key in self.namespaces:
            return True
        metadata = Metadata(name=name, labels={NAMESPACE_NAME_LABEL: name})
        self.namespaces[key] = Namespace(metadata=metadata, declared=False)
        return False

    def forget_gaps(self, key: Reference) -> None:
        """Drop the gaps of an object that is put anew, or goes: what was wrong with it is past."""
        self.gaps = [
            one
            for one in self.gaps
            if (one.namespace or "", one.kind, one.name) != tuple(key) or one.name is None
        ]

    def finish(self, gaps: Iterable[Gap] = ()) -> Snapshot:
        """The snapshot, with further gaps behind its own."""
        unevaluated = tuple(
            sorted(self.unevaluated.values(), key=lambda one: (one.namespace, one.name, one.kind))
        )
        kept = tuple(self.gaps)
        before, after = map(unevaluated_gaps, (self._snapshot.unevaluated_policies, unevaluated))
        if before != after:
            kept = (*(one for one in kept if one not in {*before}), *after)
        return msgspec.structs.replace(
            self._snapshot,
            namespaces=_sorted(self.namespaces),
            pods=_sorted(self.pods),
            services=_sorted(self.services),
            nodes=_sorted(self.nodes),
            policies=_sorted(self.policies),
            owners=_sorted(self.owners),
            agents=_sorted(self.agents),
            config_maps=tuple(
                sorted(self.config_maps.values(), key=lambda one: (one.namespace, one.name))
            ),
            unevaluated_policies=unevaluated,
            gaps=(*kept, *gaps),
        )


def _index(objects: Iterable[T], kind: str) -> dict[Reference, T]:
    return {_key(one, kind): one for one in objects}


def _key(one: Any, kind: str) -> Reference:
    metadata: Metadata = one.metadata
    return Reference(metadata.namespace, kind, metadata.name)


def _owners_of(pod: Pod, workload: Reference) -> Iterator[Reference]:
    yield workload
    if (owner := pod.metadata.controller) is not None:
        yield Reference(pod.namespace, owner.kind, owner.name)


def _sorted(objects: dict[Reference, T]) -> tuple[T, ...]:
    ordered = sorted(objects.items(), key=lambda item: (item[0].namespace, item[0].name))
    return tuple(one for _, one in ordered)
