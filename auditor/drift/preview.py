"""A snapshot as it would be with a change made to it.

What exists is replaced whole, as `kubectl replace` does it; what does not is created, as by
`kubectl create`. Of a cluster, pods are as its controllers would have them after a rollout; of
manifests, as workloads are read of manifests: one of no replicas still counts (semantics 1.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from auditor.drift.deletions import delete, find_target
from auditor.drift.draft import Draft
from auditor.drift.kept_fields import find_kept_fields
from auditor.drift.stored import (
    AT_TIMES,
    with_assignments,
    with_policy_types,
    with_service_defaults,
    with_template,
    with_unknown_content,
)
from auditor.errors import UsageError
from auditor.model.objects import (
    Agent,
    Metadata,
    NetworkPolicy,
    Node,
    NodeStatus,
    Pod,
    PodStatus,
    Reference,
    Service,
)
from auditor.model.snapshot import Gap, Snapshot, UnevaluatedPolicy
from auditor.sources.expansion import expand
from auditor.sources.manifests import Written
from auditor.sources.reading import Accepted
from auditor.sources.workloads import Workload

NO_OBJECTS = Written((), (), ())


class Change(NamedTuple):
    """What somebody is about to do."""

    written: Written = NO_OBJECTS
    """The objects of the files that are to be put."""
    deletions: tuple[str, ...] = ()
    """`kind/namespace/name`, or `kind/name` of what is in no namespace; kinds as kubectl knows."""


class Previewed(NamedTuple):
    """The snapshot after the change, and what a person should know of it."""

    snapshot: Snapshot
    warnings: tuple[str, ...]


def preview(snapshot: Snapshot, change: Change) -> Previewed:
    """Make a change to a snapshot. What goes, goes first.

    Raises:
        UnknownNameError: what is to be deleted is not there.
        UsageError: a deletion is malformed, or an object is both put and deleted.
    """
    draft = Draft(snapshot)
    targets = [find_target(draft, text) for text in change.deletions]
    _refuse_contradictions(change.written, targets)
    warnings = [warning for one in targets for warning in delete(draft, one)]
    putting = _Putting(draft, is_live=snapshot.origin == "cluster")
    for one in change.written.objects:
        warnings += putting.put(one)
    warnings += putting.put_workloads(change.written)
    warnings += (
        f"{_name(one)} bears on no connection: it is passed over"
        for one in change.written.passed_over
    )
    gaps = (_in_change(one) for one in change.written.gaps)
    return Previewed(draft.finish(gaps), tuple(dict.fromkeys(warnings)))


def _in_change(gap: Gap) -> Gap:
    return msgspec.structs.replace(gap, reason=f"in the change: {gap.reason}")


def _refuse_contradictions(written: Written, targets: list[Reference]) -> None:
    deleted = {*targets}
    spaces = {one.name for one in targets if one.kind == "Namespace"}
    for one in written.objects:
        if one.reference in deleted or one.namespace in spaces:
            raise UsageError(
                f"{_name(one.reference)} is both put and deleted",
                hint="preview one change after the other",
            )


def _name(key: Reference) -> str:
    """`NetworkPolicy shop/db`."""
    where = f"{key.namespace}/{key.name}" if key.namespace else key.name
    return f"{key.kind} {where}"


class _Putting:
    """Puts objects into a draft. ``is_live``: it is of a cluster, not of manifests."""

    def __init__(self, draft: Draft, *, is_live: bool) -> None:
        self._draft = draft
        self._is_live = is_live

    def put(self, one: Accepted) -> Iterator[str]:
        """Put an object, all but the pods of a workload; say what is worth knowing."""
        if one.namespace:
            if not one.mentioned.namespace:
                yield f"{_name(one.reference)} names no namespace: it is put into {one.namespace}"
            if not self._draft.use_namespace(one.namespace) and self._is_live:
                yield (
                    f"namespace {one.namespace} does not exist: the API server would refuse "
                    f"{_name(one.reference)}"
                )
        self._draft.forget_gaps(one.reference)
        for value in one.values:
            if not isinstance(value, Workload):
                yield from self._put_value(one, value)

    def _put_value(self, one: Accepted, value: Any) -> Iterator[str]:
        table, key = self._draft.table_of(value), one.reference
        live = table.get(key)
        value = self._complete(value, live)
        if live is not None and hasattr(live, "metadata"):
            metadata = _identify(value.metadata, live.metadata)
            value = msgspec.structs.replace(value, metadata=metadata)
            for field in find_kept_fields(one.mentioned, live, value):
                yield (
                    f"kubectl apply may keep {field} of {_name(key)}, which the file does not "
                    "mention; here the object is replaced whole"
                )
        if isinstance(live, UnevaluatedPolicy) and self._is_live:
            yield (
                f"{_name(key)} is not evaluated: whether it changes, and what it opens or closes, "
                "is not known"
            )
        table[key] = value

    def _complete(self, value: Any, live: Any) -> Any:
        """The object with what the server adds to it, and what it takes from no file."""
        match value, live:
            case NetworkPolicy(), _ if self._is_live:
                return with_policy_types(value)
            case UnevaluatedPolicy(), _ if self._is_live:
                return with_unknown_content(value)
            case Pod(), _:
                return self._place(value, live)
            case Service(), _:
                stored = with_service_defaults(value) if self._is_live else value
                return stored if live is None else with_assignments(stored, live)
            case Node(), Node() if self._is_live or value.status == NodeStatus():
                return msgspec.structs.replace(value, status=live.status)
            case Agent(), Agent():
                return msgspec.structs.replace(value, desired=live.desired, ready=live.ready)
            case _:
                return value

    def _place(self, pod: Pod, live: Pod | None) -> Pod:
        """The pod where it stands; a cluster takes no status from a file."""
        if live is None:
            return msgspec.structs.replace(pod, status=PodStatus()) if self._is_live else pod
        spec = pod.spec
        status = live.status if self._is_live or pod.status == PodStatus() else pod.status
        return msgspec.structs.replace(
            pod,
            spec=msgspec.structs.replace(spec, node_name=spec.node_name or live.spec.node_name),
            status=status,
        )

    def put_workloads(self, written: Written) -> Iterator[str]:
        """Give the pods of workloads that were put their templates, and make those that lack."""
        workloads = {
            one.reference: one
            for accepted in written.objects
            for one in accepted.values
            if isinstance(one, Workload)
        }
        pods = self._draft.pods_by_workload()
        for key, workload in workloads.items():
            if workload.wanted == 0:
                if self._is_live:
                    workloads[key] = workload._replace(pods=0)
                elif workload.pods:
                    yield f"{_name(key)} of no replicas counts as one pod: it can be scaled up"
            if self._is_live and workload.kind in AT_TIMES and key not in pods:
                yield f"{_name(key)} has no pods now: it is previewed as a new one"
            for place in pods.get(key, ()):
                self._update(place, workload)
        for pod in expand(workloads, [*self._draft.pods.values()], [*self._draft.owners.values()]):
            self._draft.pods[Reference(pod.namespace, "Pod", pod.name)] = pod

    def _update(self, place: Reference, workload: Workload) -> None:
        """Roll a pod out anew, or take it away: its workload has none, or its pods are made."""
        pod = self._draft.pods[place]
        if (self._is_live and workload.wanted == 0) or _is_made(pod, workload):
            del self._draft.pods[place]
            return
        template = workload.template
        metadata = Metadata(
            name=pod.name,
            labels=template.metadata.labels,
            annotations=template.metadata.annotations,
        )
        self._draft.pods[place] = with_template(pod, metadata, template.spec)


def _is_made(pod: Pod, workload: Workload) -> bool:
    """Whether a pod only stands for those that a workload of manifests would make."""
    owner = pod.metadata.controller
    return (
        (pod.metadata.uid, pod.status, pod.spec.node_name)
        == ("", PodStatus(), workload.template.spec.node_name)
        and owner is not None
        and (owner.kind, owner.name) == (workload.kind, workload.metadata.name)
    )


def _identify(metadata: Any, live: Any) -> Any:
    """The metadata of the object that takes a live one's place, with what the server keeps of it.

    An owner that is not mentioned takes the object back.
    """
    kept = {
        "uid": live.uid,
        "resource_version": live.resource_version,
        "owner_references": metadata.owner_references or live.owner_references,
    }
    if hasattr(live, "managed_fields"):
        kept["managed_fields"] = live.managed_fields
    return msgspec.structs.replace(metadata, **kept)
