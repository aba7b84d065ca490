"""A peer of a rule matches no pod, so the rule allows less than it says.

What it means: a podSelector, a namespaceSelector, or both in one item, of a rule that is in effect
match no pod of the cluster that policies can match by labels. The evidence says why: no namespace
bears the labels; the namespaces hold no such pod, and what the nearest one misses; a podSelector
alone looks only in the policy's own namespace; or only pods on the host's network, or only finished
ones (info: they may run again), bear the labels. A selector that is empty on purpose, and an
ipBlock, are not meant.

Why it matters: the connection that the rule was written for is closed, without an error anywhere.
Where a deny-all stands beside it, that is an outage, or a rule that everybody believes in; and a
pod that bears the labels by chance tomorrow is let in.

How to fix: compare the selectors with the labels of the namespaces and pods that were meant.
Namespaces bear `kubernetes.io/metadata.name` without anybody's doing. Kustomize's commonLabels
puts its labels into the selectors of peers, too: use `labels` without `includeSelectors`.

When to waive: for a peer that is not deployed yet, or that is removed now and then.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.objects import NetworkPolicy, Peer
from auditor.model.selector_syntax import spell_selector
from auditor.model.selectors import NAMESPACE_NAME_LABEL, Requirement
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps, unread_policies
from auditor.rules._no_match import Cause, NoMatch, explain_peer
from auditor.rules._peer_pods import matched_pods, unread_peers
from auditor.rules._places import placed_rules
from auditor.rules._remediation import by_steps

SEVERITY = Severity.LOW

_Canonical = tuple[str, tuple[Requirement, ...] | None, tuple[Requirement, ...] | None]

_TAKE_OUT = "take the peer out where what it meant is gone"
_STEPS = {
    Cause.NO_NAMESPACE: (
        f"select the namespace by {NAMESPACE_NAME_LABEL}, or give it the label",
        _TAKE_OUT,
    ),
    Cause.NO_PODS: ("wait for the pods, or select the namespace that holds them", _TAKE_OUT),
    Cause.HOST_NETWORK: (
        "run the pods on the pod network, or admit their nodes' addresses with an ipBlock",
        _TAKE_OUT,
    ),
    Cause.FINISHED: ("keep the peer where the pods run again, or take it out",),
    Cause.ELSEWHERE: (
        "add a namespaceSelector to the same item, beside the podSelector",
        _TAKE_OUT,
    ),
    Cause.LABELS: (
        "make the podSelector meet the labels of the pods' template",
        _TAKE_OUT,
    ),
}


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every peer with selectors, also of policies that select no pods."""
    yield from unread_policies(view)
    explained: dict[_Canonical, NoMatch] = {}
    for policy in view.snapshot.policies:
        for rule in placed_rules(policy):
            for place, peer in rule.peers:
                if peer.ip_block is not None or _is_empty(peer):
                    continue
                if matched_pods(view, policy.namespace, peer):
                    continue
                if gaps := unread_peers(view, policy.namespace, peer):
                    yield Unevaluated(policy.reference, describe_gaps(gaps))
                    continue
                key = _canonical(policy.namespace, peer)
                if key not in explained:
                    explained[key] = explain_peer(view, policy.namespace, peer)
                yield _state(policy, place, peer, explained[key])


def _is_empty(peer: Peer) -> bool:
    """Whether the peer asks for no label: `{}` is meant for whatever comes."""
    selectors = (peer.pod_selector, peer.namespace_selector)
    return not any(one is not None and one.requirements() for one in selectors)


def _canonical(namespace: str, peer: Peer) -> _Canonical:
    """What the explanation rests on: the policy's namespace only where the peer looks there."""
    pods, namespaces = (
        None if one is None else one.requirements()
        for one in (peer.pod_selector, peer.namespace_selector)
    )
    return (namespace if namespaces is None else "", pods, namespaces)


def _state(policy: NetworkPolicy, place: str, peer: Peer, found: NoMatch) -> Hit:
    severity, reason = None, None
    if found.cause is Cause.FINISHED:
        severity, reason = Severity.INFO, "it matches finished pods, which may run again"
    return Hit(
        subject=policy.reference,
        detail=place,
        message=f"{policy.reference} matches no pod at {place}: {found.why}",
        hint="make its selectors meet the labels of what was meant, or take it out",
        severity=severity,
        severity_reason=reason,
        evidence={"peer": _spell(peer), **found.evidence},
        policies=(policy.reference,),
        remediation=by_steps(*_STEPS[found.cause]),
    )


def _spell(peer: Peer) -> dict[str, str]:
    """The selectors of a peer as kubectl writes them; an empty one is `{}`."""
    selectors = {"namespaceSelector": peer.namespace_selector, "podSelector": peer.pod_selector}
    return {
        field: spell_selector(one) or "{}" for field, one in selectors.items() if one is not None
    }
