"""A database admits any pod of the cluster, or any pod of its namespace.

What it means: the policies at the database's own side let in, on some port, a pod that bears no
labels: from a new namespace without labels (detail `cluster`), or from the database's own
namespace (detail `namespace`). The question is put to the evaluated permissions, not to the text
of a policy, and counts as it would for a pod that does not exist yet. How many of today's pods can
connect, both sides considered, is in the evidence.

Why it matters: whoever gets into any pod, a forgotten debug shell or a compromised front end, can
then talk to the data store directly; its password is the only wall left.

How to fix: isolate the database's pods for ingress, and admit the workloads that need it by their
labels, on the database's port.

When to waive: for a store without data worth protecting (a cache of public content, say), with an
owner who says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated, Witness
from auditor.model.objects import NetworkPolicy, Reference
from auditor.model.ports import describe_ports
from auditor.model.snapshot import Blind
from auditor.reachability.reach import reach_of
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, describe_unread_pods, unread_namespaces
from auditor.rules._databases import (
    DataStore,
    admitting,
    find_databases,
    grade_system,
    holder_of,
    ingress_groups,
    mend_ingress,
    without_peers,
)
from auditor.rules._witness import find_witness

SEVERITY = Severity.HIGH

_INGRESS = Direction.INGRESS
_NAMESPACES_SHOWN = 20


class _Admission(NamedTuple):
    """A class of the database that admits a pod without labels, from where, on which ports."""

    bit: int
    detail: str
    ports: int


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that is recognised as a database."""
    for store in view.remembered(find_databases):
        workload = store.workload
        sure = certainty(view, (workload.namespace,), Blind.POLICIES)
        admission = _find_admission(view, store)
        if admission is None and _may_admit(view, store):
            yield Unevaluated(workload, view.doubt)
            continue
        yield from sure.judge(workload, admission and _state(view, store, admission))
    yield from unread_namespaces(view, Blind.PODS)


def _find_admission(view: View, store: DataStore) -> _Admission | None:
    for detail in ("cluster", "namespace"):
        newcomer = _newcomer(view, store.workload.namespace, detail)
        for bit, group in ingress_groups(view, store):
            if ports := group.ports_with(newcomer):
                return _Admission(bit, detail, ports)
    return None


def _may_admit(view: View, store: DataStore) -> bool:
    return any(group.possible_ports_with(view.stranger) for _, group in ingress_groups(view, store))


def _state(view: View, store: DataStore, admission: _Admission) -> Hit:
    workload = store.workload
    severity, reason = _grade(view, workload, admission)
    whom = "any pod of the cluster" if admission.detail == "cluster" else "any pod of its namespace"
    ports = describe_ports(view.evaluation.ports.describe(admission.ports))
    newcomer = _newcomer(view, workload.namespace, admission.detail)
    group = view.group(_INGRESS, admission.bit)
    policies = tuple(sorted({one.policy for one in group.grants if newcomer in one.peers}))
    return Hit(
        subject=workload,
        detail=admission.detail,
        message=f"{store.name} admits {whom} on {ports}",
        hint="isolate its pods for ingress and admit only the workloads that need it",
        severity=severity,
        severity_reason=reason,
        evidence=_count(view, store, ports),
        witness=_witness(view, store, admission),
        policies=view.references(policies),
        remediation=_mend(view, store),
    )


def _newcomer(view: View, namespace: str, detail: str) -> int:
    """The pod without labels that a detail speaks of."""
    return view.stranger if detail == "cluster" else view.newcomer_in(namespace)


def _grade(
    view: View, workload: Reference, admission: _Admission
) -> tuple[Severity | None, str | None]:
    if low := grade_system(view, workload):
        return low
    if admission.detail == "namespace":
        return Severity.MEDIUM, "only pods of its own namespace are admitted"
    return None, None


def _connecting(view: View, store: DataStore) -> FrozenBitMap:
    """The classes of pods that can connect today, both sides considered."""
    reach = reach_of(view, _INGRESS)
    peers = [cell.peers for bit in store.bits for cell in reach.of(bit)]
    return FrozenBitMap.union(FrozenBitMap(), *peers) & view.real_classes


def _count(view: View, store: DataStore, ports: str) -> dict[str, Any]:
    connecting = _connecting(view, store)
    own = [position for node in store.nodes for position in node.pods]
    own_bits = [view.endpoints.class_of_pod[position] for position in own]
    pods = view.count_pods(connecting) - sum(bit in connecting for bit in own_bits)
    total = view.count_pods(view.real_classes) - len(own)
    itself = {view.workload_numbers[node.endpoint] for node in store.nodes}
    shared = connecting & FrozenBitMap(own_bits)
    beside = {one for bit in shared for one in view.endpoints.holders[bit]} - itself
    others = connecting - shared
    namespaces = sorted(
        {name for name, bits in view.bits_in.items() if bits.intersect(others)}
        | {view.workloads[one].endpoint.workload.namespace for one in beside}
    )
    unread = view.remembered(describe_unread_pods)
    return {
        **({"pods_not_read": unread} if unread else {}),
        **store.evidence,
        "ports": ports,
        "pods_that_connect": pods,
        "pods_in_all": total,
        "share": round(pods / total, 4) if total else 0.0,
        "namespaces_that_connect": len(namespaces),
        "namespaces": namespaces[:_NAMESPACES_SHOWN],
    }


def _witness(view: View, store: DataStore, admission: _Admission) -> Witness | None:
    """A pod that connects today: of another namespace first, where the cluster is admitted."""
    home = FrozenBitMap(view.run_of(store.workload.namespace))
    pods = view.real_classes
    for among in (pods - home, pods) if admission.detail == "cluster" else (pods & home,):
        found = find_witness(
            view,
            _INGRESS,
            admission.bit,
            holder=holder_of(view, store, admission.bit),
            among=among,
            preferred=store.usual_ports,
        )
        if found is not None:
            return found
    return None


def _mend(view: View, store: DataStore) -> Remediation:
    """Isolate what is open; take the peers that admit pods without labels out of policies."""
    wide = {view.stranger, view.newcomer_in(store.workload.namespace)}
    positions = admitting(view, store, lambda grant: any(one in grant.peers for one in wide))
    return mend_ingress(
        view,
        store,
        aim="admit only the workloads that need it",
        name=f"{store.workload.name}-deny-ingress",
        replaced=tuple((one, _narrowed(view, one, wide)) for one in positions),
    )


def _narrowed(view: View, position: int, wide: set[int]) -> NetworkPolicy:
    """The policy without the peers that match a pod without labels."""
    namespace = view.policy(position).namespace
    return without_peers(view, position, lambda peer: view.matches_any(namespace, peer, wide))
