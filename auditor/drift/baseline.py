"""The cluster as a folder of manifests wants it: what `diff --baseline` compares the cluster with.

Manifests say which policies, namespaces and workloads there shall be; they know neither addresses
nor nodes. What they do not speak of is taken from the cluster, so that it makes no difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from auditor.drift.stored import (
    AT_TIMES,
    with_policy_types,
    with_template,
    with_unknown_content,
)
from auditor.model.objects import Namespace, Owner, Pod, Reference
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.model.workloads import index_owners, workload_of
from auditor.sources.unevaluated import unevaluated_gaps

_SHOWN = 5
_DEFAULT = "default"
"""The namespace that every cluster has: nobody declares it, and what is in it may be anybody's."""


class Desired(NamedTuple):
    """The cluster as it should be, and what was taken as it is, for people."""

    snapshot: Snapshot
    notes: tuple[str, ...]


def desire(
    cluster: Snapshot, baseline: Snapshot, *, system_namespaces: Collection[str] = ()
) -> Desired:
    """Make the cluster what the baseline, which was read of manifests, says.

    Policies are the baseline's alone. A namespace that it declares has its labels. The pods of a
    workload that it declares are rolled out by its template. In a namespace in which it declares
    workloads, there are no others. Nodes, services, agents and the identity are the cluster's.

    Where it declares a namespace or a workload, there is no namespace of the cluster that it does
    not speak of, but for ``system_namespaces``, which are the cluster's.
    """
    unwanted = _unwanted(cluster, baseline, system_namespaces)
    gone = unwanted - {_DEFAULT}
    pods = _Pods(cluster, baseline, unwanted)
    owners = {**index_owners(baseline.owners), **index_owners(cluster.owners)}
    policies, unevaluated = baseline.policies, baseline.unevaluated_policies
    if cluster.origin == "cluster":
        policies = tuple(map(with_policy_types, policies))
        unevaluated = tuple(map(with_unknown_content, unevaluated))
    snapshot = msgspec.structs.replace(
        cluster,
        taken_at=baseline.taken_at,
        namespaces=tuple(_namespaces(cluster, baseline, gone)),
        services=tuple(one for one in cluster.services if one.metadata.namespace not in gone),
        pods=tuple(sorted(pods.desired, key=_place)),
        owners=tuple(sorted(owners.values(), key=_place)),
        policies=policies,
        unevaluated_policies=unevaluated,
        gaps=tuple(_gaps(cluster, baseline)),
    )
    return Desired(snapshot, (*_notes(cluster, baseline, gone), *pods.notes()))


def _place(one: Owner | Pod) -> tuple[str, str]:
    return one.metadata.namespace, one.metadata.name


def _unwanted(
    cluster: Snapshot, baseline: Snapshot, system_namespaces: Collection[str]
) -> frozenset[str]:
    """The namespaces of the cluster that are not in a baseline that says which there shall be."""
    if not baseline.pods and not any(one.declared for one in baseline.namespaces):
        return frozenset()
    spoken_of = {one.name for one in baseline.namespaces}
    there = {one.name for one in cluster.namespaces}
    return frozenset(there - spoken_of - {*system_namespaces})


def _namespaces(
    cluster: Snapshot, baseline: Snapshot, gone: Collection[str]
) -> Iterator[Namespace]:
    there = {one.name: one for one in cluster.namespaces if one.name not in gone}
    wanted = {one.name: one for one in baseline.namespaces if one.declared or one.name not in there}
    for name in sorted(there.keys() | wanted.keys()):
        own, declared = there.get(name), wanted.get(name)
        if own is not None and declared is not None:
            metadata = msgspec.structs.replace(
                own.metadata,
                labels=declared.metadata.labels,
                annotations=declared.metadata.annotations,
            )
            yield Namespace(metadata=metadata)
        elif (one := declared or own) is not None:
            yield one


def _gaps(cluster: Snapshot, baseline: Snapshot) -> Iterator[Gap]:
    """What hides policies of the cluster hides none of the baseline, which has its own gaps."""
    yield from (one for one in cluster.gaps if one.blind is not Blind.POLICIES)
    counted = unevaluated_gaps(baseline.unevaluated_policies)
    for one in baseline.gaps:
        if one not in counted:
            yield msgspec.structs.replace(one, reason=f"in the baseline: {one.reason}")
    yield from counted


class _Pods:
    """The pods of the cluster as the baseline wants them, workload by workload."""

    def __init__(self, cluster: Snapshot, baseline: Snapshot, unwanted: Collection[str]) -> None:
        templates = _by_workload(baseline)
        running = _by_workload(cluster)
        self._spaces = {one.namespace for one in templates}.union(unwanted)
        self._unread = {one.namespace for one in cluster.gaps if _hides_pods(one)}
        self.desired: list[Pod] = []
        self._kept: set[str] = set()
        self._left_out: list[Reference] = []
        self._absent: list[Reference] = []
        self._unknown: list[Reference] = []
        for workload, pods in running.items():
            if (made := templates.get(workload)) is not None:
                template = made[0]
                self.desired += (
                    with_template(one, template.metadata, template.spec) for one in pods
                )
            elif workload.namespace in self._spaces:
                self._left_out.append(workload)
            else:
                self._kept.add(workload.namespace)
                self.desired += pods
        for workload, made in templates.items():
            if workload not in running:
                self._add(workload, made)

    def _add(self, workload: Reference, made: list[Pod]) -> None:
        """Add the pods of a workload that is not there, if it would be seen if it were."""
        if workload.kind in AT_TIMES or {None, workload.namespace} & self._unread:
            self._unknown.append(workload)
        else:
            self._absent.append(workload)
            self.desired += made

    def notes(self) -> Iterator[str]:
        """What was taken as it is, and what was not."""
        if self._kept:
            yield (
                f"the baseline declares no workloads in {_list(self._kept)}: they are taken as "
                "they are"
            )
        if self._left_out:
            yield f"the baseline does not declare {_list(map(_name, self._left_out))}"
        if self._absent:
            yield f"the cluster has no pods of {_list(map(_name, self._absent))}"
        if self._unknown:
            yield (
                f"whether the cluster has {_list(map(_name, self._unknown))} cannot be seen, as no "
                "pods were read: not compared"
            )


def _by_workload(snapshot: Snapshot) -> Mapping[Reference, list[Pod]]:
    owners = index_owners(snapshot.owners)
    found: dict[Reference, list[Pod]] = {}
    for pod in snapshot.pods:
        found.setdefault(workload_of(pod, owners), []).append(pod)
    return found


def _hides_pods(gap: Gap) -> bool:
    return gap.blind in {Blind.PODS, Blind.OBJECTS}


def _notes(cluster: Snapshot, baseline: Snapshot, gone: Collection[str]) -> Iterator[str]:
    if not baseline.policies and not baseline.unevaluated_policies:
        yield "the baseline declares no policy: it wants every connection open"
    if gone:
        yield f"the baseline does not speak of namespaces {_list(gone)}: it does not want them"
    known = {one.name for one in baseline.namespaces if one.declared}
    if others := {one.name for one in cluster.namespaces} - known - {*gone}:
        yield f"the baseline does not declare namespaces {_list(others)}: their labels are taken"
    if cluster.origin == "cluster" and _names(baseline) & _names(cluster):
        yield "policies of kinds that are not evaluated are compared by name, not by what they say"
    if baseline.services or baseline.nodes:
        yield "services and nodes are taken from the cluster, whatever the baseline declares"


def _names(snapshot: Snapshot) -> set[Reference]:
    """The policies of kinds that are not evaluated."""
    return {Reference(one.namespace, one.kind, one.name) for one in snapshot.unevaluated_policies}


def _name(workload: Reference) -> str:
    return f"{workload.kind} {workload.namespace}/{workload.name}"


def _list(names: Iterable[str]) -> str:
    """The first five, sorted, and how many more."""
    ordered = sorted(names)
    rest = len(ordered) - _SHOWN
    shown = ", ".join(ordered[:_SHOWN])
    return f"{shown} and {rest} more" if rest > 0 else shown
