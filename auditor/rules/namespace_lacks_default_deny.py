"""A namespace does not deny by default: a new pod in it is open.

What it means: a pod that is created in the namespace tomorrow, with whatever labels, may be reached
by anyone (ingress) or may reach anyone (egress). Either some label set is selected by no policy of
that direction, or the policies that select a pod without labels allow everyone again: every pod and
every address of at least one IP family, on every port of TCP and UDP. The decision is exact over
label sets: an empty podSelector covers everything, and so may a set of selectors that leaves no way
around.

Why it matters: Kubernetes allows every connection that no policy forbids. Without default-deny,
each new workload is exposed from its first second, and each forgotten label opens a hole.

How to fix: add a policy with an empty podSelector that lists the direction in policyTypes and has
no rules for it, then allow what is needed in policies of its own. Where a policy opens everything
again, take that rule out of it.

When to waive: for a namespace that only holds cluster infrastructure whose traffic cannot be
enumerated, with a date at which that is looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated, Witness
from auditor.model.objects import Namespace, NetworkPolicy, Reference
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Blind
from auditor.reachability.closing import Change
from auditor.reachability.coverage import STEPS_AT_MOST, SearchExceededError, find_escape
from auditor.reachability.permissions import GrantBy
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, describe_gaps
from auditor.rules._kept_dns import keep_dns, keep_dns_apart
from auditor.rules._openness import (
    allows_everyone,
    find_openers,
    is_open_without,
    may_allow_everyone,
    narrowing_steps,
    without_openers,
)
from auditor.rules._remediation import by_manifest, by_steps, new_policy
from auditor.rules._witness import find_witness

SEVERITY = Severity.HIGH

_DNS_FIRST = (
    "first allow cluster DNS, by policies of their own, to the pods that have it today",
    "then add a policy with an empty podSelector and without rules",
)
"""Where a default-deny would cut names off."""


class _Opening(NamedTuple):
    """Why a new pod is open: labels that escape every policy, or policies that allow all again."""

    escape: dict[str, str] | None
    openers: tuple[GrantBy, ...]


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every namespace, each direction by itself."""
    for number, namespace in enumerate(view.snapshot.namespaces):
        subject = Reference(namespace.name, "Namespace", namespace.name)
        sure = certainty(view, (namespace.name,), Blind.POLICIES)
        for direction in Direction:
            try:
                opening = _find_opening(view, namespace, direction)
            except SearchExceededError:
                reason = (
                    f"{direction}: whether the policies' selectors cover every label set was not "
                    f"decided within {STEPS_AT_MOST:,} steps"
                )
                yield Unevaluated(subject, reason)
                continue
            newcomer = view.newcomer_in(namespace.name)
            if opening is None and may_allow_everyone(view, view.group(direction, newcomer)):
                reason = f"{direction}: {view.doubt}"
                yield Unevaluated(subject, reason)
                continue
            hit = opening and _state(view, number, subject, direction, opening)
            yield from sure.judge(subject, hit)


def _find_opening(view: View, namespace: Namespace, direction: Direction) -> _Opening | None:
    selectors = [
        view.policy(position).spec.pod_selector
        for position in view.policies_in.get(namespace.name, ())
        if direction in view.policies[position].grants
    ]
    escape = find_escape(selectors)
    openers = find_openers(view, view.group(direction, view.newcomer_in(namespace.name)))
    if escape is None and not openers:
        return None
    return _Opening(None if escape is None else dict(escape), openers)


def _state(
    view: View, number: int, subject: Reference, direction: Direction, opening: _Opening
) -> Hit:
    name = subject.name
    severity, reason = _grade(view, name)
    doing = "be reached by anyone" if direction is Direction.INGRESS else "reach anyone"
    policies = view.references(tuple(sorted({one.policy for one in opening.openers})))
    if opening.escape is None:
        named = ", ".join(str(one) for one in policies)
        allow = "allow" if len(policies) > 1 else "allows"
        message = f"namespace {name} denies no {direction} by default: {named} {allow} it all again"
    else:
        message = f"namespace {name} has no default-deny for {direction}: a new pod may {doing}"
    evidence: dict[str, Any] = {"pods": view.pods_per_namespace[name]}
    if unread := view.blind_spots(name, Blind.PODS):
        evidence["pods_not_read"] = describe_gaps(unread)
    if opening.escape is not None:
        evidence["unselected_labels"] = opening.escape
    return Hit(
        subject=subject,
        detail=direction.value,
        message=message,
        hint="deny by default with an empty podSelector, then allow what is needed",
        severity=severity,
        severity_reason=reason,
        evidence=evidence,
        witness=_witness(view, number, direction),
        policies=policies,
        remediation=_mend(view, subject.name, direction, opening),
    )


def _grade(view: View, name: str) -> tuple[Severity | None, str | None]:
    if name in view.recognition.system_namespaces:
        return Severity.LOW, "it is a system namespace"
    if not view.pods_per_namespace[name] and not view.blind_spots(name, Blind.PODS):
        return Severity.MEDIUM, "the namespace holds no pods"
    return None, None


def _witness(view: View, number: int, direction: Direction) -> Witness | None:
    """A connection of a pod of the namespace that is as open as a new one would be."""
    for bit in view.endpoints.namespace_runs[number]:
        group = view.group(direction, bit)
        if view.endpoints.holders[bit] and allows_everyone(view, group):
            found = find_witness(view, direction, bit, holder=view.endpoints.holders[bit][0])
            if found is not None:
                return found
    return None


def _mend(view: View, namespace: str, direction: Direction, opening: _Opening) -> Remediation:
    """Add a default-deny where labels escape; take the rules that open everything out."""
    added: list[NetworkPolicy] = []
    if opening.escape is not None:
        held = (one for one in view.run_of(namespace) if view.endpoints.holders[one])
        rules = keep_dns(view, direction, held)
        name = f"default-deny-{direction.value}"
        added.append(new_policy(view, namespace, name, LabelSelector(), direction, rules=rules))
        apart = () if rules else keep_dns_apart(view, namespace, direction, added)
        if apart is None:
            return by_steps(*_DNS_FIRST)
        added += apart
    replaced = without_openers(view, direction, opening.openers)
    newcomer = view.newcomer_in(namespace)
    if opening.openers and is_open_without(view, direction, newcomer, opening.openers):
        return narrowing_steps(view, opening.openers)
    return by_manifest(view, Change(direction, tuple(added), replaced))
