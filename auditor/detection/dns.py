"""Which workloads answer cluster DNS, and by which labels policies select their pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from auditor.detection.data import DetectionData
from auditor.model.objects import Pod, Reference
from auditor.model.workloads import OwnersByKey, workload_of


class Dns(NamedTuple):
    """Cluster DNS: its workloads, sorted, and the labels that select its pods."""

    workloads: tuple[Reference, ...]
    pod_labels: tuple[Mapping[str, str], ...]


def recognize_dns(
    pods: Iterable[Pod],
    owners: OwnersByKey,
    data: DetectionData,
    system_namespaces: frozenset[str],
) -> Dns:
    """The workloads in system namespaces with a label of cluster DNS.

    The labels are those of the pods found that a policy can select at all (host-network pods it
    cannot: semantics 1.2); where none was found, the usual ones.
    """
    known = data.dns
    workloads: set[Reference] = set()
    selectable: set[int] = set()
    for pod in pods:
        if pod.namespace not in system_namespaces or not pod.is_endpoint:
            continue
        matching = {
            number for number, labels in enumerate(known) if labels.items() <= pod.labels.items()
        }
        if matching:
            workloads.add(workload_of(pod, owners))
            selectable |= set() if pod.spec.host_network else matching
    pod_labels = tuple(known[number] for number in sorted(selectable)) or known[:1]
    return Dns(tuple(sorted(workloads)), pod_labels)
