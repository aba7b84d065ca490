"""A workload admits everyone, or may reach everyone, on every port.

What it means: at least one pod of the workload has an own side that allows everyone on every port
in the direction: every pod, those to come included, and every address of at least one IP family, on
every port of TCP and UDP. Either no policy isolates it, or the policies that do allow all that
again; those are named. Having a policy is not being isolated: one for the other direction alone
leaves this one open, and so does one whose rules are an allow-all. Pods on the host's network are
not judged here, for no policy can select them.

Why it matters: whoever gets into any pod of the cluster can talk to every port of an open
workload, whether or not anything ought to listen there; and an open workload that is broken into
can talk to everything that does not defend itself.

How to fix: isolate the workload in the direction, and allow the peers and ports that it needs.
Where a policy allows everything, take that rule out. The manifests shown keep cluster DNS.

When to waive: for a workload that everyone is meant to reach on every port, or that must reach
everyone (a scanner, a proxy for the cluster), with its owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from auditor.model.findings import Direction, Hit, Severity, Unevaluated, Witness
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind
from auditor.reachability.permissions import GrantBy
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, unread_namespaces
from auditor.rules._isolation_remediation import Open, mend_open
from auditor.rules._openness import (
    allows_everyone,
    find_openers,
    may_allow_everyone,
    spell_policies,
)
from auditor.rules._witness import find_witness

SEVERITY = Severity.MEDIUM

_DOING = {Direction.INGRESS: "admits everyone", Direction.EGRESS: "may reach everyone"}


class _Groups(NamedTuple):
    """The isolation groups of a direction that allow everyone, or may."""

    by_class: tuple[int, ...]
    open: dict[int, tuple[GrantBy, ...]]
    """Those that do, each with the grants that open it; none where nothing isolates."""
    doubtful: frozenset[int]


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that policies can select, each direction by itself."""
    pods = view.endpoints.pod_classes
    groups = {direction: _judge_groups(view, direction) for direction in Direction}
    for workload, variants in groupby(view.workloads, key=lambda one: one.endpoint.workload):
        nodes = tuple(variants)
        classes = [bit for node in nodes for bit in node.classes if bit in pods]
        sure = certainty(view, (workload.namespace,), Blind.POLICIES)
        for direction, (by_class, opened, doubtful) in groups.items():
            found = {bit: opened[by_class[bit]] for bit in classes if by_class[bit] in opened}
            if not found and any(by_class[bit] in doubtful for bit in classes):
                yield Unevaluated(workload, f"{direction}: {view.doubt}")
            elif found and not sure.unread:
                hit = _state(view, Open(workload, nodes, direction, found))
                yield from sure.judge(workload, hit)
            elif classes:
                yield from sure.judge(workload, None)
    yield from unread_namespaces(view, Blind.PODS)


def _judge_groups(view: View, direction: Direction) -> _Groups:
    groups = view.evaluation.groups[direction]
    opened: dict[int, tuple[GrantBy, ...]] = {}
    doubtful: set[int] = set()
    for number, group in enumerate(groups.groups):
        if allows_everyone(view, group):
            opened[number] = find_openers(view, group)
        elif may_allow_everyone(view, group):
            doubtful.add(number)
    return _Groups(groups.by_class, opened, frozenset(doubtful))


def _state(view: View, found: Open) -> Hit:
    workload, direction = found.workload, found.direction
    severity, reason = _grade(view, workload, direction)
    policies = view.references(tuple(one.policy for one in found.openers))
    isolating = [one for bit in found.classes for one in view.group(direction, bit).policies]
    counts = Counter(view.endpoints.class_of_pod[one] for node in found.nodes for one in node.pods)
    pods = sum(count for bit, count in counts.items() if not view.is_host(bit))
    open_pods = sum(counts[bit] for bit in found.classes)
    causes = [
        *(["no policy isolates it"] if found.is_unselected else []),
        *(
            [f"{spell_policies(policies)} allow{'' if len(policies) > 1 else 's'} everyone again"]
            if policies
            else []
        ),
    ]
    return Hit(
        subject=workload,
        detail=direction.value,
        message=(
            f"{workload} {_DOING[direction]} on every port"
            f"{'' if open_pods == pods else f', {open_pods:,} of its {pods:,} pods'}: "
            f"{', or '.join(causes)}"
        ),
        hint=f"isolate it for {direction} and allow only the peers and ports it needs",
        severity=severity,
        severity_reason=reason,
        evidence={
            "pods": pods,
            "open_pods": open_pods,
            "isolated_by": [str(one) for one in view.references(tuple(isolating))],
        },
        witness=_witness(view, found),
        policies=policies,
        remediation=mend_open(view, found),
    )


def _grade(
    view: View, workload: Reference, direction: Direction
) -> tuple[Severity | None, str | None]:
    if direction is Direction.EGRESS:
        return Severity.LOW, "its unrestricted egress is a finding of its own"
    if workload.namespace in view.recognition.system_namespaces:
        return Severity.LOW, "it stands in a system namespace"
    return None, None


def _witness(view: View, found: Open) -> Witness | None:
    """A connection of one of the open pods."""
    for node in found.nodes:
        for bit in node.classes:
            if bit in found.classes:
                holder = view.workload_numbers[node.endpoint]
                witness = find_witness(view, found.direction, bit, holder=holder)
                if witness is not None:
                    return witness
    return None
