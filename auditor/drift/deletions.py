"""What is to be deleted, found in a draft, and taken away with all that goes with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from auditor.drift.draft import Draft
from auditor.errors import UnknownNameError, UsageError
from auditor.model.kind_names import find_kind
from auditor.model.objects import Reference
from auditor.sources.kinds import BLIND, CLUSTER_WIDE

_WORKLOADS = (
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
)
_GROUPS = {
    kind: api_version.rpartition("/")[0]
    for api_version, kinds in BLIND.items()
    for kind in kinds
    if kind != "ConfigMap"
}
"""The kinds on which connections depend, each with its group."""

_NEAR = 3
_FORMS = "write kind/namespace/name, or kind/name of what is in no namespace"


def find_target(draft: Draft, text: str) -> Reference:
    """Find the object that is to be deleted: `netpol/shop/db`, `ns/shop`.

    Raises:
        UnknownNameError: there is no such object, or it was not read.
        UsageError: the text has another form, or names a kind that is not read.
    """
    kind_name, *names = text.split("/")
    if not names or not all(names):
        raise UsageError(f"{text!r} names no object", hint=_FORMS)
    groups = _GROUPS | {one.kind: one.kind.partition(".")[2] for one in draft.unevaluated}
    kind = find_kind(kind_name, groups)
    if kind is None:
        near = difflib.get_close_matches(kind_name, groups, n=_NEAR)
        hint = f"did you mean {' or '.join(near)}?" if near else f"kinds are {', '.join(groups)}"
        raise UsageError(f"kind {kind_name} is none on which connections depend", hint=hint)
    known = _keys(draft, kind)
    match names:
        case [name]:
            key = Reference("", kind, name)
        case [namespace, name] if kind not in CLUSTER_WIDE:
            key = Reference(namespace, kind, name)
        case _:
            raise UsageError(f"{text!r} names no {kind}", hint=_FORMS)
    if key not in known:
        raise _unknown(draft, key, known)
    return key


def _keys(draft: Draft, kind: str) -> set[Reference]:
    """The objects of a kind, of workloads those that pods, or what they own, tell of."""
    if kind in _WORKLOADS:
        above = (
            Reference(key.namespace, owner.kind, owner.name)
            for key, one in draft.owners.items()
            if (owner := one.metadata.controller) is not None
        )
        found = {*draft.pods_by_workload(), *draft.owners, *draft.agents, *above}
    else:
        found = {key for table in draft.tables for key in table}
    return {one for one in found if one.kind == kind}


def _unknown(draft: Draft, key: Reference, known: Iterable[Reference]) -> UnknownNameError:
    for gap in draft.gaps:
        hides = gap.blind is not None and gap.namespace in {None, key.namespace}
        if hides and gap.kind in {None, key.kind}:
            return UnknownNameError(
                f"{key} is not among what was read", hint=f"not all was read: {gap.reason}"
            )
    names = sorted("/".join(filter(None, (one.kind, one.namespace, one.name))) for one in known)
    wrong = "/".join(filter(None, (key.kind, key.namespace, key.name)))
    near = difflib.get_close_matches(wrong, names, n=_NEAR) or names[:_NEAR]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is no {key.kind}"
    return UnknownNameError(f"{wrong} is unknown", hint=hint)


def delete(draft: Draft, key: Reference) -> Iterator[str]:
    """Take an object away, with what goes with it; say so where it comes back.

    A namespace takes its objects along, a workload its pods. What a controller made anew is left.
    """
    if key.kind == "Namespace":
        _delete_namespace(draft, key)
    elif key.kind in _WORKLOADS or key.kind == "Pod":
        above = _controller(draft, key)
        if above is not None:
            yield f"{above} makes another {key.kind} in place of {key.name}: nothing changes"
            return
        _delete_workload(draft, key)
    else:
        for table in draft.tables:
            table.pop(key, None)
    draft.forget_gaps(key)


def _controller(draft: Draft, key: Reference) -> str | None:
    """What controls a pod, a ReplicaSet or a Job, and makes it again; a node its static pods."""
    one = draft.pods.get(key) or draft.owners.get(key)
    above = one.metadata.controller if one is not None else None
    return None if above is None else f"{above.kind} {above.name}"


def _delete_namespace(draft: Draft, key: Reference) -> None:
    del draft.namespaces[key]
    for table in draft.tables:
        for one in [one for one in table if one.namespace == key.name]:
            del table[one]
    draft.gaps = [one for one in draft.gaps if one.namespace != key.name]


def _delete_workload(draft: Draft, key: Reference) -> None:
    """Take away a workload, or a bare pod, with the pods and whatever stands between."""
    for pod in draft.pods_by_workload().get(key, ()):
        del draft.pods[pod]
    owned = [
        one
        for one, owner in draft.owners.items()
        if (above := owner.metadata.controller) is not None
        and (one.namespace, above.kind, above.name) == key
    ]
    for one in (key, *owned):
        draft.owners.pop(one, None)
        draft.agents.pop(one, None)
