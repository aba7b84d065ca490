"""A rule lists a namespaceSelector and a podSelector as two peers, of which either is enough.

What it means: in the list of a rule's peers one item has a namespaceSelector alone, and another a
podSelector alone. Every pod of the namespaces matches, and so does every such pod of the policy's
own namespace. If both selectors stood in one item (one dash less), both would have to match, and
the policy's pods would be permitted less today, all other rules considered. It is not reported
where the half by which the rule is wider is an item of another rule of the namespace, for the same
direction, without the same other half beside it: there it is meant.

Why it matters: one dash decides between "these pods of those namespaces" and "all pods of those
namespaces, and these pods here, too". Reviewers read past it, and the policy looks closed.

How to fix: write both selectors into one item. Where either is meant to be enough, write two rules,
so that nobody takes them for one item.

When to waive: where either is meant and the rule must stay as it is, as when it is generated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated, Witness
from auditor.model.selector_syntax import spell_selector
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.closing import Change
from auditor.reachability.compile import rules_of
from auditor.reachability.coverage import STEPS_AT_MOST, SearchExceededError, Steps
from auditor.reachability.view import View
from auditor.rules._certainty import Certainty, certainty, describe_gaps, unread_policies
from auditor.rules._dns import Dns
from auditor.rules._ored import Loss, Ored, Uses, find_loss, find_ored, half_of
from auditor.rules._peer_pods import unread_peers
from auditor.rules._places import PlacedRule, placed_rules, spell_peer
from auditor.rules._remediation import by_manifest, by_steps, with_rules
from auditor.rules._witness import find_witness

SEVERITY = Severity.MEDIUM

_TOO_MANY = f"what other rules permit as well was not decided within {STEPS_AT_MOST:,} steps"
_ASKED_AT_MOST = 100
"""Classes of the policy's pods among which a witness is looked for."""


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every rule with such a pair of peers."""
    yield from unread_policies(view)
    steps: dict[str, Steps] = defaultdict(Steps)
    for position, policy in enumerate(view.snapshot.policies):
        for placed in placed_rules(policy):
            try:
                yield from _judge(view, position, placed, steps[policy.namespace])
            except SearchExceededError:
                yield Unevaluated(policy.reference, f"{placed.place}: {_TOO_MANY}")


def _judge(
    view: View, position: int, placed: PlacedRule, steps: Steps
) -> Iterator[Hit | Unevaluated]:
    """State the first pair that one item would change; or that this is not known of some."""
    reference = view.policies[position].reference
    doubts: list[str] = []
    for ored in find_ored(view, position, placed, steps):
        if _is_meant(view, ored):
            continue
        loss = find_loss(view, ored, steps)
        if loss is None:
            gaps = _hiding(view, ored)
            doubts += [describe_gaps(gaps)] if gaps else []
        elif find_loss(view, ored, steps, possible=True) is None:
            doubts.append(view.doubt)
        else:
            yield from _certainty(view, ored).judge(reference, _state(view, ored, loss))
            return
    for one in dict.fromkeys(doubts):
        yield Unevaluated(reference, f"{placed.place}: {one}")


def _is_meant(view: View, ored: Ored) -> bool:
    """Whether the half that one item would narrow the most is used by itself in another rule."""
    (namespaces, pods), matched = ored.halves, ored.matched
    is_by_namespace = _count(view, matched.namespaces - matched.both) >= _count(
        view, matched.pods - matched.both
    )
    wider, other = (namespaces, pods) if is_by_namespace else (pods, namespaces)
    namespace = view.policies[ored.position].reference.namespace
    return view.remembered(Uses).is_apart(namespace, ored.placed.direction, wider, other)


def _count(view: View, classes: FrozenBitMap) -> int:
    """How many pods the classes hold."""
    return sum(view.pods_in_class[one] for one in classes)


def _hiding(view: View, ored: Ored) -> tuple[Gap, ...]:
    """What hides pods that the pair may match, or that the policy may select."""
    policy = view.policies[ored.position]
    namespace = policy.reference.namespace
    found = [gap for one in ored.items for gap in unread_peers(view, namespace, one)]
    if not policy.subjects.intersect(view.real_classes):
        found += view.blind_spots(namespace, Blind.PODS)
    return tuple(dict.fromkeys(found))


def _certainty(view: View, ored: Ored) -> Certainty:
    """What hides policies that may permit the same, and pods that are not counted."""
    namespace = view.policies[ored.position].reference.namespace
    here = certainty(view, (namespace,), Blind.POLICIES)
    uncounted = _hiding(view, ored)
    return here._replace(doubts=tuple(dict.fromkeys((*here.doubts, *uncounted))))


def _state(view: View, ored: Ored, loss: Loss) -> Hit:
    position, placed, _, _, matched = ored
    reference = view.policies[position].reference
    severity, reason = _grade(view, reference.namespace, matched.both)
    either, both = _count(view, matched.either), _count(view, matched.both)
    return Hit(
        subject=reference,
        detail=placed.place,
        message=(
            f"{reference} names its peers by either of two selectors at {placed.place}, not by "
            f"both: {either:,} {'pod matches' if either == 1 else 'pods match'}, "
            f"{both:,} {'matches' if both == 1 else 'match'} both"
        ),
        hint="write both selectors into one item, or two rules where either is enough",
        severity=severity,
        severity_reason=reason,
        evidence=_explain(view, ored),
        witness=_witness(view, placed, loss),
        policies=(reference,),
        remediation=_mend(view, ored),
    )


def _grade(view: View, namespace: str, both: FrozenBitMap) -> tuple[Severity | None, str | None]:
    if namespace in view.recognition.system_namespaces:
        return Severity.LOW, "it stands in a system namespace"
    if not both:
        return Severity.LOW, "no pod matches both selectors: either may be what is meant"
    return None, None


def _explain(view: View, ored: Ored) -> dict[str, Any]:
    """Both readings, each with the pods of today that it matches."""
    position, placed, pair, _, matched = ored
    item = pair.as_one(placed.rule)
    namespaces, pods = (
        spell_selector(one) for one in (item.namespace_selector, item.pod_selector) if one
    )
    return {
        "namespace_selector": {
            "place": spell_peer(placed.direction, placed.number, pair.namespaces),
            "selector": namespaces,
            "pods": _count(view, matched.namespaces),
        },
        "pod_selector": {
            "place": spell_peer(placed.direction, placed.number, pair.pods),
            "selector": pods,
            "pods": _count(view, matched.pods),
        },
        "as_two_items": {
            "means": (
                f"every pod of namespaces with {namespaces}, and pods with {pods} of "
                f"{view.policies[position].reference.namespace}"
            ),
            "pods": _count(view, matched.either),
        },
        "as_one_item": {
            "means": f"pods with {pods} of namespaces with {namespaces}",
            "pods": _count(view, matched.both),
        },
    }


def _witness(view: View, placed: PlacedRule, loss: Loss) -> Witness | None:
    """A connection of today that one item would close."""
    for bit in islice(loss.group.members & view.real_classes, _ASKED_AT_MOST):
        for ports, peers in loss.cells:
            found = find_witness(
                view,
                placed.direction,
                bit,
                holder=view.endpoints.holders[bit][0],
                among=peers,
                on=ports,
            )
            if found is not None:
                return found
    return None


def _mend(view: View, ored: Ored) -> Remediation:
    """One item in the place of the two, if that leaves somebody, DNS, and no other such pair."""
    position, (direction, number, rule), pair, _, matched = ored
    joined = pair.joined(rule)
    left = {half[0] for one in joined.peers if (half := half_of(one))}
    if not matched.both or len(left) == 2 or _closes_dns(view, ored):
        return by_steps(
            "write both selectors into one item of the list, if both are meant to match",
            "or write a rule for each, if either is meant to be enough",
        )
    policy = view.policy(position)
    rules = rules_of(policy, direction)
    changed = with_rules(policy, direction, (*rules[:number], joined, *rules[number + 1 :]))
    return by_manifest(view, Change(direction, (), ((position, changed),)))


def _closes_dns(view: View, ored: Ored) -> bool:
    """Whether one item may cut pods off from cluster DNS."""
    dns = view.remembered(Dns).pods
    if ored.placed.direction is Direction.INGRESS:
        return view.policies[ored.position].subjects.intersect(dns)
    return (ored.matched.either - ored.matched.both).intersect(dns)
