"""The cluster holds policies of kinds that are not evaluated: they may change what is stated.

What it means: beside NetworkPolicy there are objects of other kinds that open or close connections
(detail: the kind), such as CiliumNetworkPolicy, Calico's policies, AdminNetworkPolicy or Istio's
AuthorizationPolicy. They are counted by name; what they say is not read. Whatever in this report
they could change carries a gap. A list of such a kind that could not be read leaves the cluster
not evaluated.

Why it matters: some of these kinds overrule NetworkPolicies. A connection that is listed may be
closed by them, and one that is not listed may be open: the report is right about NetworkPolicies,
and not about the cluster.

How to fix: read these policies beside the report. Where a NetworkPolicy can say the same, let it:
two languages for one matter are two places to forget.

When to waive: where the kind's policies are reviewed on their own, by somebody who is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind, Gap, UnevaluatedPolicy
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps
from auditor.rules._remediation import by_steps
from auditor.sources.unevaluated import unevaluated_gaps

SEVERITY = Severity.MEDIUM

_CLUSTER = Reference("", "Cluster", "cluster")
_SHOWN = 20


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every kind of which there are objects, and what may hide others."""
    by_kind: dict[str, list[UnevaluatedPolicy]] = defaultdict(list)
    for one in view.snapshot.unevaluated_policies:
        by_kind[one.kind].append(one)
    for kind, policies in sorted(by_kind.items()):
        yield _state(kind, policies)
    if hidden := _unread_kinds(view):
        yield Unevaluated(_CLUSTER, describe_gaps(hidden))


def _unread_kinds(view: View) -> tuple[Gap, ...]:
    """The gaps that may hide policies of other kinds: not those that only count what was found."""
    counted = set(unevaluated_gaps(view.snapshot.unevaluated_policies))
    return tuple(
        one
        for one in view.snapshot.gaps
        if one not in counted
        and (
            one.blind is Blind.OBJECTS
            or (one.blind is Blind.POLICIES and one.kind != "NetworkPolicy")
        )
    )


def _state(kind: str, policies: list[UnevaluatedPolicy]) -> Hit:
    count, are = ("1 policy", "is") if len(policies) == 1 else (f"{len(policies)} policies", "are")
    namespaces = sorted({one.namespace for one in policies if one.namespace})
    where = f" in {_count_namespaces(namespaces)}" if namespaces else ""
    return Hit(
        subject=_CLUSTER,
        detail=kind,
        message=f"{count} of kind {kind}{where} {are} not evaluated, and may change what is stated",
        hint="read these policies beside the report: they may change what it states",
        evidence={
            "kind": kind,
            "policies": len(policies),
            "namespaces": namespaces[:_SHOWN],
            "namespaces_in_all": len(namespaces),
            "names": [_spell(one) for one in policies[:_SHOWN]],
        },
        remediation=by_steps(
            f"list them with kubectl get {kind.lower()} -A, and read them beside the report",
            "put what a NetworkPolicy can say into NetworkPolicies",
            "keep the others few, and have them reviewed on their own",
        ),
    )


def _count_namespaces(namespaces: list[str]) -> str:
    return f"namespace {namespaces[0]}" if len(namespaces) == 1 else f"{len(namespaces)} namespaces"


def _spell(policy: UnevaluatedPolicy) -> str:
    return f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name
