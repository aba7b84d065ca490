"""A policy has rules for a direction that its policyTypes does not list.

What it means: policyTypes is given and lacks Ingress or Egress, and the policy has rules for it.
Those rules are inert: they isolate nothing and they allow nothing. Where policyTypes is absent the
API server infers it (Ingress always, Egress where there are egress rules), and nothing is omitted.

Why it matters: whoever wrote the rules believes that they hold. Pods that were to be isolated are
open in the direction; pods that other policies isolate lack the connections that the rules were to
allow, and somebody will open more than that to make them work.

How to fix: list the direction in policyTypes, or take its rules out. Listing it isolates the pods
that the policy selects, so the manifest shown states what closes, and what opens for pods that are
isolated already; it keeps cluster DNS. Rules that allow everything are better taken out.

When to waive: while rules are being prepared for a date that is known; not for longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Severity, Unevaluated, Witness
from auditor.model.snapshot import Blind
from auditor.reachability.compile import isolated_directions, rules_of
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps, unread_policies
from auditor.rules._inert_rules import InertRules, mend_inert
from auditor.rules._witness import find_witness

SEVERITY = Severity.MEDIUM

_POLICIES_SHOWN = 20


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every policy that was read: each direction that it has rules for, and omits."""
    yield from unread_policies(view)
    for position, policy in enumerate(view.snapshot.policies):
        for direction in Direction:
            if rules_of(policy, direction) and direction not in isolated_directions(policy):
                yield _state(view, InertRules(view, position, direction))


def _state(view: View, inert: InertRules) -> Hit:
    policy, direction = inert.policy, inert.direction
    is_system = policy.namespace in view.recognition.system_namespaces
    number = len(rules_of(policy, direction))
    (listed,) = isolated_directions(policy)
    isolated = FrozenBitMap(one for one in inert.classes if view.group(direction, one).is_isolated)
    by = {position for bit in isolated for position in view.group(direction, bit).policies}
    evidence: dict[str, Any] = {
        "policy_types": list(policy.spec.policy_types),
        "inert_rules": number,
        "pods": sum(view.pods_in_class[one] for one in inert.classes),
        "pods_isolated_by_others": sum(view.pods_in_class[one] for one in isolated),
        "isolated_by": [str(one) for one in view.references(tuple(by))][:_POLICIES_SHOWN],
    }
    if unread := view.blind_spots(policy.namespace, Blind.PODS):
        evidence["pods_not_read"] = describe_gaps(unread)
    return Hit(
        subject=policy.reference,
        detail=direction.value,
        message=(
            f"{policy.reference} has {number:,} {direction} rule{'' if number == 1 else 's'} "
            f"without effect: its policyTypes list {listed.value.capitalize()} alone"
        ),
        hint=f"list {direction.value.capitalize()} in policyTypes, or take the rules out",
        severity=Severity.LOW if is_system else None,
        severity_reason="it stands in a system namespace" if is_system else None,
        evidence=evidence,
        witness=next(_find_witnesses(view, inert), None),
        policies=(policy.reference,),
        remediation=mend_inert(view, inert),
    )


def _find_witnesses(view: View, inert: InertRules) -> Iterator[Witness]:
    """Connections of today that the rules would not allow, of pods that nothing isolates."""
    denied = view.evaluation.index.everything - inert.peers
    for bit in inert.classes:
        if denied and not view.group(inert.direction, bit).is_isolated:
            holder = view.endpoints.holders[bit][0]
            found = find_witness(view, inert.direction, bit, holder=holder, among=denied)
            if found is not None:
                yield found
