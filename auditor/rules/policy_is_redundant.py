"""A policy, or a rule of one, changes nothing: all would be permitted the same without it.

What it means: without the policy every pod of today would be permitted the same at its own side,
in both directions and with every peer (pods, new pods without labels, addresses), and the
namespace would have a default-deny in each direction just as it has now. A detail such as
`ingress[0]` says the same of one rule; rules are judged only where the whole policy is not
redundant. A policy that selects no pod is redundant, too, but not one that selects a finished pod:
the pods of a CronJob come and go. Rules of a direction that policyTypes leaves out are inert, and
another rule's matter.

Why it matters: who reads the policies believes that each of them counts. A redundant one hides
which policy it is that opens or closes, and grows stale unseen. Often it is a sign that another
rule is wider than it was meant to be, or that this one misses what it was meant to match.

How to fix: look at what covers it, and narrow that where it is too wide. Else delete the policy,
or take the rule out. Two policies that cover each other are both reported: delete one, then audit
again.

When to waive: for a deny-all that is kept as a net under policies which isolate the same pods, and
where policies are generated, or stand ready for pods to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from auditor.model.findings import Hit, Remediation, Severity, Unevaluated
from auditor.model.objects import NetworkPolicy, Peer, Reference
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Blind
from auditor.reachability.coverage import STEPS_AT_MOST, SearchExceededError
from auditor.reachability.view import View
from auditor.rules._certainty import Certainty, certainty, unread_namespaces
from auditor.rules._cover import Covers
from auditor.rules._peer_pods import unread_peers
from auditor.rules._places import placed_rules
from auditor.rules._redundancy import Judged, Reading, read, rests_on_unknown
from auditor.rules._remediation import by_steps
from auditor.rules._unselectable import Bar, Unselectable

SEVERITY = Severity.INFO

_EVERY_PEER = Peer(namespace_selector=LabelSelector())
"""What a rule without peers means, among pods."""

_TOO_MANY = f"what its policies permit twice was not decided within {STEPS_AT_MOST:,} steps"
_TOO_ENTANGLED = (
    "whether the namespace's default-deny hangs on it was not decided within "
    f"{STEPS_AT_MOST:,} steps"
)


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every policy, and the rules of those that are not redundant as a whole."""
    readings = read(view)
    undecided = {namespace for one in readings for namespace in one.undecided}
    for namespace in sorted(undecided):
        yield Unevaluated(Reference(namespace, "Namespace", namespace), _TOO_MANY)
    covers = Covers(view)
    for position, policy in enumerate(view.snapshot.policies):
        if policy.namespace in undecided or _waits_for_its_pods(view, position):
            continue
        whole = list(_judge(view, readings, covers, Judged(position)))
        yield from whole
        if not whole:
            for placed in placed_rules(policy):
                yield from _judge(view, readings, covers, Judged(position, placed))
    yield from unread_namespaces(view, Blind.POLICIES)


def _waits_for_its_pods(view: View, position: int) -> bool:
    """Whether it selects no endpoint, but pods that have finished: others like them may come."""
    if view.policies[position].subjects.intersect(view.real_classes):
        return False
    policy = view.policy(position)
    finished = view.remembered(Unselectable).find(
        Bar.FINISHED, (policy.namespace,), policy.spec.pod_selector
    )
    return finished is not None


def _judge(
    view: View, readings: Sequence[Reading], covers: Covers, judged: Judged
) -> Iterator[Hit | Unevaluated]:
    """State that it is redundant, or that this is not known; nothing where it is needed."""
    reference = view.policies[judged.position].reference
    where = f"{judged.placed.place}: " if judged.placed else ""
    try:
        missed = {one.misses(judged) for one in readings}
    except SearchExceededError:
        yield Unevaluated(reference, where + _TOO_ENTANGLED)
        return
    if missed == {True}:
        return
    if True in missed or rests_on_unknown(view, judged):
        yield Unevaluated(reference, where + view.doubt)
        return
    hit = _state(view, covers, judged)
    yield from _certainty(view, view.policy(judged.position)).judge(reference, hit)


def _certainty(view: View, policy: NetworkPolicy) -> Certainty:
    """What hides pods that may need the policy, and policies that the default-deny may rest on."""
    if all(one.blind is None for one in view.snapshot.gaps):
        return Certainty((), ())
    here = certainty(view, (policy.namespace,), Blind.POLICIES, Blind.PODS)
    peers = (
        gap
        for placed in placed_rules(policy)
        for peer in placed.rule.peers or (_EVERY_PEER,)
        if peer.ip_block is None
        for gap in unread_peers(view, policy.namespace, peer)
    )
    return here._replace(
        doubts=tuple(
            dict.fromkeys((*here.doubts, *(one for one in peers if one not in here.unread)))
        )
    )


def _state(view: View, covers: Covers, judged: Judged) -> Hit:
    policy = view.policies[judged.position]
    selected = policy.subjects & view.real_classes
    pods = sum(view.pods_in_class[one] for one in selected)
    place = judged.placed.place if judged.placed else None
    what = f"{policy.reference} {place}" if place else str(policy.reference)
    why = "what it permits is permitted without it" if pods else "it selects no pod"
    evidence: dict[str, Any] = {"pods": pods}
    covering = covers.name(judged)
    if covering is not None:
        evidence["covered_by"] = covering
    return Hit(
        subject=policy.reference,
        detail=place,
        message=f"{what} changes nothing: {why}",
        hint="delete it, or mend it where it was meant to change something",
        evidence=evidence,
        policies=(policy.reference,),
        remediation=_mend(policy.reference, place),
    )


def _mend(reference: Reference, place: str | None) -> Remediation:
    what = f"delete {reference}" if place is None else f"take {place} out of {reference}"
    return by_steps(
        "see what covers it, and whether that is wider than it was meant to be",
        f"{what}, unless it was meant to match what it does not match today",
        "audit again before the next: two that cover each other are redundant only one at a time",
    )
