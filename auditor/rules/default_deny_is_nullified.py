"""A namespace isolates its pods, and its policies allow everything again.

What it means: a pod without labels in the namespace is isolated in the direction, and the rules of
the policies that select it together allow everyone: every pod, those to come included, and every
address of at least one IP family, on every port of TCP and UDP. The policies named are those whose
rules do it, alone or only together; whether a deny-all stands beside them changes nothing, for
policies add up. An allow-all for selected labels only is a matter of the workload, not of the
namespace: see workload-is-not-isolated.

Why it matters: the namespace looks closed. There is a policy, a tool that counts policies is
content, and whoever reads the deny-all believes it. One rule without peers and ports undoes it for
every pod that the policy selects.

How to fix: take the rule that allows everything out of the policies named, and allow what is
needed in policies of its own. The manifest shown keeps cluster DNS where that rule alone gave it.

When to waive: for a namespace whose traffic another layer filters (a mesh, cluster-wide policies),
with the owner of that layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated, Witness
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind
from auditor.reachability.permissions import GrantBy
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, describe_gaps
from auditor.rules._isolation_remediation import take_out
from auditor.rules._openness import (
    find_openers,
    is_open_without,
    may_allow_everyone,
    narrowing_steps,
    spell_policies,
)
from auditor.rules._witness import find_witness

SEVERITY = Severity.MEDIUM


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every namespace, each direction by itself."""
    for namespace in view.snapshot.namespaces:
        subject = Reference(namespace.name, "Namespace", namespace.name)
        sure = certainty(view, (namespace.name,), Blind.POLICIES)
        for direction in Direction:
            group = view.group(direction, view.newcomer_in(namespace.name))
            openers = find_openers(view, group)
            if not openers and may_allow_everyone(view, group):
                yield Unevaluated(subject, f"{direction}: {view.doubt}")
                continue
            hit = _state(view, subject, direction, openers) if openers else None
            yield from sure.judge(subject, hit)


def _state(
    view: View, subject: Reference, direction: Direction, openers: tuple[GrantBy, ...]
) -> Hit:
    name = subject.name
    is_system = name in view.recognition.system_namespaces
    group = view.group(direction, view.newcomer_in(name))
    policies = view.references(tuple(one.policy for one in openers))
    evidence: dict[str, Any] = {
        "pods": view.pods_per_namespace[name],
        "isolated_by": [str(one) for one in view.references(group.policies)],
    }
    if unread := view.blind_spots(name, Blind.PODS):
        evidence["pods_not_read"] = describe_gaps(unread)
    return Hit(
        subject=subject,
        detail=direction.value,
        message=(
            f"namespace {name} is isolated for {direction} in vain: "
            f"{spell_policies(policies)} allow{'' if len(policies) > 1 else 's'} it all again"
        ),
        hint="take the rules that allow everything out, then allow what is needed",
        severity=Severity.LOW if is_system else None,
        severity_reason="it is a system namespace" if is_system else None,
        evidence=evidence,
        witness=_witness(view, name, direction, openers),
        policies=policies,
        remediation=_mend(view, name, direction, openers),
    )


def _witness(
    view: View, namespace: str, direction: Direction, openers: tuple[GrantBy, ...]
) -> Witness | None:
    """A connection of a pod of the namespace to which the same rules allow everything."""
    wanted = {(one.policy, one.rule) for one in openers}
    for bit in view.run_of(namespace):
        holders = view.endpoints.holders[bit]
        opened_by = {
            (one.policy, one.rule) for one in find_openers(view, view.group(direction, bit))
        }
        if holders and wanted <= opened_by:
            found = find_witness(view, direction, bit, holder=holders[0])
            if found is not None:
                return found
    return None


def _mend(
    view: View, namespace: str, direction: Direction, openers: tuple[GrantBy, ...]
) -> Remediation:
    """Take the rules that open out, where that is enough."""
    if is_open_without(view, direction, view.newcomer_in(namespace), openers):
        return narrowing_steps(view, openers)
    return take_out(view, direction, openers)
