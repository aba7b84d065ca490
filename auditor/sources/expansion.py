"""Workloads that have no pods in the input stand for the pods they would make (semantics 1.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from auditor.model.objects import Metadata, Owner, OwnerReference, Pod, Reference
from auditor.model.workloads import index_owners
from auditor.model.workloads import workload_of as workload_of_pod
from auditor.sources.workloads import Workload


def expand(
    workloads: Mapping[Reference, Workload], pods: Sequence[Pod], owners: Sequence[Owner]
) -> Iterator[Pod]:
    """The pods that stand for the workloads, with the workload as their controlling owner.

    Not expanded is a workload that makes no pod, whose pods are in the input, or whose owner is:
    `kubectl get all` lists a Deployment, its ReplicaSets and their pods.
    """
    have_pods = _find_workloads_of(pods, owners)
    taken = {(one.namespace, one.name) for one in pods}
    for reference, workload in workloads.items():
        above = workload.metadata.controller
        is_owned = (
            above is not None
            and Reference(reference.namespace, above.kind, above.name) in workloads
        )
        if reference in have_pods or is_owned:
            continue
        names = _name_pods(workload, taken)
        for _ in range(workload.pods):
            name = next(names)
            taken.add((reference.namespace, name))
            yield _make_pod(workload, name)


def _find_workloads_of(pods: Sequence[Pod], owners: Sequence[Owner]) -> set[Reference]:
    """The workloads of pods, and what stands between, such as a Deployment's ReplicaSet."""
    by_key = index_owners(owners)
    found: set[Reference] = set()
    for pod in pods:
        if (owner := pod.metadata.controller) is not None:
            found.add(Reference(pod.namespace, owner.kind, owner.name))
            found.add(workload_of_pod(pod, by_key))
    return found


def _name_pods(workload: Workload, taken: set[tuple[str, str]]) -> Iterator[str]:
    """`name-1`, `name-2` (from 0 for a StatefulSet, as live), without names that are in use."""
    number = 0 if workload.kind == "StatefulSet" else 1
    while True:
        name = f"{workload.metadata.name}-{number}"
        if (workload.metadata.namespace, name) not in taken:
            yield name
        number += 1


def _make_pod(workload: Workload, name: str) -> Pod:
    owner = OwnerReference(kind=workload.kind, name=workload.metadata.name, controller=True)
    return Pod(
        metadata=Metadata(
            name=name,
            namespace=workload.metadata.namespace,
            labels=workload.template.metadata.labels,
            annotations=workload.template.metadata.annotations,
            owner_references=(owner,),
        ),
        spec=workload.template.spec,
    )
