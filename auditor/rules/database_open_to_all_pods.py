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
from itertools import groupby
from typing import Any, NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated, Witness
from auditor.model.objects import NetworkPolicy, Reference
from auditor.model.ports import describe_ports
from auditor.model.recognition import Database
from auditor.model.snapshot import Blind
from auditor.reachability.closing import Change
from auditor.reachability.compile import rules_of
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.reach import reach_of
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._certainty import certainty, describe_unread_pods, unread_namespaces
from auditor.rules._remediation import (
    by_manifest,
    by_steps,
    new_policy,
    selector_of,
    with_peers,
    with_rules,
)
from auditor.rules._witness import find_witness

SEVERITY = Severity.HIGH

_INGRESS = Direction.INGRESS
_NAMESPACES_SHOWN = 20


class _Admission(NamedTuple):
    """A class of the database that admits a pod without labels, from where, on which ports."""

    holder: int
    """The workload, by position in the view's."""
    bit: int
    detail: str
    ports: int


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that is recognised as a database."""
    databases = view.recognition.databases
    for workload, variants in groupby(view.workloads, key=lambda one: one.endpoint.workload):
        if workload not in databases:
            continue
        nodes = tuple(variants)
        sure = certainty(view, (workload.namespace,), Blind.POLICIES)
        admission = _find_admission(view, workload.namespace, nodes)
        if admission is None and _may_admit(view, nodes):
            yield Unevaluated(workload, view.doubt)
            continue
        hit = admission and _state(view, workload, databases[workload], nodes, admission)
        yield from sure.judge(workload, hit)
    yield from unread_namespaces(view, Blind.PODS)


def _find_admission(
    view: View, namespace: str, nodes: tuple[WorkloadNode, ...]
) -> _Admission | None:
    for detail in ("cluster", "namespace"):
        newcomer = _newcomer(view, namespace, detail)
        for node in nodes:
            for bit in node.classes:
                if ports := view.group(_INGRESS, bit).ports_with(newcomer):
                    return _Admission(view.workload_numbers[node.endpoint], bit, detail, ports)
    return None


def _may_admit(view: View, nodes: tuple[WorkloadNode, ...]) -> bool:
    return any(
        view.group(_INGRESS, bit).possible_ports_with(view.stranger)
        for node in nodes
        for bit in node.classes
    )


def _state(
    view: View,
    workload: Reference,
    database: Database,
    nodes: tuple[WorkloadNode, ...],
    admission: _Admission,
) -> Hit:
    severity, reason = _grade(view, workload, admission)
    whom = "any pod of the cluster" if admission.detail == "cluster" else "any pod of its namespace"
    ports = describe_ports(view.evaluation.ports.describe(admission.ports))
    newcomer = _newcomer(view, workload.namespace, admission.detail)
    group = view.group(_INGRESS, admission.bit)
    policies = tuple(sorted({one.policy for one in group.grants if newcomer in one.peers}))
    return Hit(
        subject=workload,
        detail=admission.detail,
        message=f"{database.engine} {workload} admits {whom} on {ports}",
        hint="isolate its pods for ingress and admit only the workloads that need it",
        severity=severity,
        severity_reason=reason,
        evidence=_count(view, database, nodes, ports),
        witness=_witness(view, workload, database, admission),
        policies=view.references(policies),
        remediation=_mend(view, workload, nodes),
    )


def _newcomer(view: View, namespace: str, detail: str) -> int:
    """The pod without labels that a detail speaks of."""
    return view.stranger if detail == "cluster" else view.newcomer_in(namespace)


def _grade(
    view: View, workload: Reference, admission: _Admission
) -> tuple[Severity | None, str | None]:
    if workload.namespace in view.recognition.system_namespaces:
        return Severity.LOW, "it stands in a system namespace"
    if admission.detail == "namespace":
        return Severity.MEDIUM, "only pods of its own namespace are admitted"
    return None, None


def _connecting(view: View, nodes: tuple[WorkloadNode, ...]) -> FrozenBitMap:
    """The classes of pods that can connect today, both sides considered."""
    reach = reach_of(view, _INGRESS)
    bits = (bit for node in nodes for bit in node.classes)
    peers = [cell.peers for bit in bits for cell in reach.of(bit)]
    return FrozenBitMap.union(FrozenBitMap(), *peers) & view.real_classes


def _count(
    view: View, database: Database, nodes: tuple[WorkloadNode, ...], ports: str
) -> dict[str, Any]:
    connecting = _connecting(view, nodes)
    own = [position for node in nodes for position in node.pods]
    own_bits = [view.endpoints.class_of_pod[position] for position in own]
    pods = view.count_pods(connecting) - sum(bit in connecting for bit in own_bits)
    total = view.count_pods(view.real_classes) - len(own)
    itself = {view.workload_numbers[node.endpoint] for node in nodes}
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
        "engine": database.engine,
        "recognised_by": list(database.evidence),
        "ports": ports,
        "pods_that_connect": pods,
        "pods_in_all": total,
        "share": round(pods / total, 4) if total else 0.0,
        "namespaces_that_connect": len(namespaces),
        "namespaces": namespaces[:_NAMESPACES_SHOWN],
    }


def _witness(
    view: View, workload: Reference, database: Database, admission: _Admission
) -> Witness | None:
    """A pod that connects today: of another namespace first, where the cluster is admitted."""
    preferred = tuple(("TCP", port) for port in database.ports)
    home = FrozenBitMap(view.run_of(workload.namespace))
    pods = view.real_classes
    for among in (pods - home, pods) if admission.detail == "cluster" else (pods & home,):
        found = find_witness(
            view,
            _INGRESS,
            admission.bit,
            holder=admission.holder,
            among=among,
            preferred=preferred,
        )
        if found is not None:
            return found
    return None


def _mend(view: View, workload: Reference, nodes: tuple[WorkloadNode, ...]) -> Remediation:
    """Isolate what is open; take the peers that admit pods without labels out of policies."""
    pods = [pod for node in nodes for pod in view.pods_of(node)]
    if any(pod.spec.host_network for pod in pods):
        return by_steps(
            "no NetworkPolicy restricts a pod on the host's network: run it on the pod network",
            "then isolate it for ingress and admit only the workloads that need it",
        )
    groups = {view.group(_INGRESS, bit) for node in nodes for bit in node.classes}
    added: tuple[NetworkPolicy, ...] = ()
    if any(not one.is_isolated for one in groups):
        selector = selector_of(pods)
        if selector is None:
            return by_steps(
                "give the pods a label of their own in the workload's template",
                "then isolate them for ingress by it and admit only the workloads that need it",
            )
        name = f"{workload.name}-deny-ingress"
        added = (new_policy(view, workload.namespace, name, selector, _INGRESS),)
    wide = {view.stranger, view.newcomer_in(workload.namespace)}
    replaced = tuple(
        (position, _narrowed(view, position, wide))
        for position in sorted(
            {
                grant.policy
                for one in groups
                for grant in one.grants
                if any(newcomer in grant.peers for newcomer in wide)
            }
        )
    )
    return by_manifest(view, Change(_INGRESS, added, replaced))


def _narrowed(view: View, position: int, wide: set[int]) -> NetworkPolicy:
    """The policy without the peers that match a pod without labels."""
    policy = view.policy(position)
    kept: list[Rule] = []
    for rule in rules_of(policy, _INGRESS):
        peers = tuple(
            one for one in rule.peers if not view.matches_any(policy.namespace, one, wide)
        )
        if peers:
            kept.append(with_peers(rule, peers))
    return with_rules(policy, _INGRESS, tuple(kept))
