"""Which workload a pod belongs to, by an identity that survives a rollout (semantics 1.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from auditor.model.objects import Owner, OwnerReference, Pod, Reference

_JOB_OF_CRONJOB = re.compile(r"^(?P<cronjob>.+)-\d{8,}$")
_TEMPLATE_HASH = "pod-template-hash"

OwnersByKey = Mapping[Reference, Owner]


def index_owners(owners: Iterable[Owner]) -> OwnersByKey:
    """The ReplicaSets and Jobs that were read, by key."""
    return {Reference(one.metadata.namespace, one.kind, one.metadata.name): one for one in owners}


def workload_of(pod: Pod, owners: OwnersByKey) -> Reference:
    """The workload of a pod.

    The controlling owner, a ReplicaSet resolved to its Deployment and a Job to its CronJob: by the
    owner's own reference where the owner was read, else by its name. A bare pod, and a static pod
    (which its Node owns), is its own workload.
    """
    owner = pod.metadata.controller
    if owner is None or owner.kind == "Node":
        return Reference(pod.namespace, "Pod", pod.name)
    direct = Reference(pod.namespace, owner.kind, owner.name)
    known = owners.get(direct)
    if known is not None:
        above = known.metadata.controller
        return direct if above is None else Reference(pod.namespace, above.kind, above.name)
    return _resolve_by_name(pod, owner) or direct


def _resolve_by_name(pod: Pod, owner: OwnerReference) -> Reference | None:
    if owner.kind == "ReplicaSet":
        suffix = f"-{pod.labels.get(_TEMPLATE_HASH, '')}"
        if len(suffix) > 1 and owner.name.endswith(suffix):
            return Reference(pod.namespace, "Deployment", owner.name.removesuffix(suffix))
    if owner.kind == "Job" and (match := _JOB_OF_CRONJOB.match(owner.name)):
        return Reference(pod.namespace, "CronJob", match["cronjob"])
    return None
