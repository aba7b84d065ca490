"""A policy lets another environment in, or out to, by a label that a tenant can set.

What it means: a peer of the policy selects namespaces by a label (`team: shop`, say) and does not
pin their names, it matches pods in a namespace of another environment than the policy's own, and
such a connection exists today: both sides allow it on the rule's ports. An empty namespaceSelector
relies on no label and is not this finding.

Why it matters: whoever may edit a namespace may give it the label, and is let in with it. Only
`kubernetes.io/metadata.name` is set by the API server, to the namespace's own name, and cannot be
borrowed. Here the label reaches across environments already.

How to fix: select the namespaces by `kubernetes.io/metadata.name`. The manifest pins those that
the selector matches today, so that it changes no connection; then take out what does not belong.

When to waive: where admission control keeps tenants from setting the label, and the path between
the environments is meant.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated, Witness
from auditor.model.recognition import Environment
from auditor.model.selector_syntax import spell_selector
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector, Requirement
from auditor.model.snapshot import Blind
from auditor.reachability.compile import rules_of
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, describe_gaps, unread_namespaces
from auditor.rules._remediation import by_neutral_manifest, by_steps, with_peers, with_rules
from auditor.rules._tenant_labels import Link, Tenants, TrustingPeer, trusting_peers
from auditor.rules._witness import declared_ports, state_witness

SEVERITY = Severity.MEDIUM

_NAMESPACES_AT_MOST = 20
"""More names in a selector are no manifest that anyone reviews, nor evidence that anyone reads."""


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every policy by its peers with a namespaceSelector."""
    tenants = Tenants(view)
    for peer in trusting_peers(view):
        namespace = view.policies[peer.position].reference.namespace
        own = tenants.environment(namespace)
        if own is None:
            yield from _without_environment(view, peer, namespace)
        elif own.name is None:
            yield from _in_ambiguous(view, tenants, peer, namespace, own)
        else:
            yield from _judge(view, tenants, peer, own.name)
    yield from unread_namespaces(view, Blind.POLICIES)


def _judge(
    view: View, tenants: Tenants, peer: TrustingPeer, own: str
) -> Iterator[Hit | Unevaluated]:
    policy = view.policies[peer.position].reference
    link = tenants.crossing(peer, own)
    hit = None if link is None else _state(view, tenants, peer, own, link)
    if hit is None and tenants.may_cross(peer, own):
        yield Unevaluated(policy, f"{peer.place}: {view.doubt}")
    elif hit is None and tenants.may_link(peer, tenants.ambiguous(peer)):
        reason = f"{peer.place}: the environment of a namespace that it matches is ambiguous"
        yield Unevaluated(policy, reason)
    else:
        yield from tenants.sureness(peer).judge(policy, hit)


def _without_environment(view: View, peer: TrustingPeer, namespace: str) -> Iterator[Unevaluated]:
    """A policy of no environment trusts nobody of another, unless its labels were not read."""
    sure = certainty(view, (namespace,), Blind.NAMESPACE_LABELS)
    if unread := (*sure.unread, *sure.doubts):
        yield Unevaluated(view.policies[peer.position].reference, describe_gaps(unread))


def _in_ambiguous(
    view: View, tenants: Tenants, peer: TrustingPeer, namespace: str, own: Environment
) -> Iterator[Unevaluated]:
    """A policy of an ambiguous environment may trust another, where it lets any in or out."""
    others = tenants.known(peer) | tenants.ambiguous(peer)
    if tenants.may_link(peer, others):
        why = "; ".join(own.evidence)
        reason = f"the environment of namespace {namespace} is ambiguous: {why}"
        yield Unevaluated(view.policies[peer.position].reference, reason)


def _state(view: View, tenants: Tenants, peer: TrustingPeer, own: str, link: Link) -> Hit:
    policy = view.policies[peer.position].reference
    foreign = tenants.foreign_namespaces(peer, own)
    incoming = peer.direction is Direction.INGRESS
    others = ", ".join(sorted(set(foreign.values())))
    severity, reason = None, None
    if policy.namespace in view.recognition.system_namespaces:
        severity, reason = Severity.LOW, "it stands in a system namespace"
    return Hit(
        subject=policy,
        detail=peer.place,
        message=(
            f"{policy} {'admits' if incoming else 'lets its pods reach'} environment {others} by a "
            f"label: {peer.place} selects namespaces by {', '.join(peer.labels)}"
        ),
        hint=f"select the namespaces by {NAMESPACE_NAME_LABEL}, which nobody else can bear",
        severity=severity,
        severity_reason=reason,
        evidence={
            "labels": list(peer.labels),
            "namespace_selector": spell_selector(peer.selector),
            "environment": own,
            "other_environments": sorted(set(foreign.values())),
            "namespaces_of_others": len(foreign),
            "namespaces": list(foreign)[:_NAMESPACES_AT_MOST],
        },
        witness=_witness(view, peer, link),
        policies=(policy,),
        remediation=_mend(view, tenants, peer),
    )


def _witness(view: View, peer: TrustingPeer, link: Link) -> Witness:
    near, far = (view.endpoints.holders[bit][0] for bit in (link.subject, link.far))
    ends = (near, far) if peer.direction is Direction.EGRESS else (far, near)
    source, destination = (str(view.workloads[one].endpoint) for one in ends)
    preferred = declared_ports(view, ends[1])
    return state_witness(view, source, destination, link.ports, preferred=preferred)


def _mend(view: View, tenants: Tenants, peer: TrustingPeer) -> Remediation:
    """Pin what the selector matches today."""
    names = tenants.matched(peer.selector)
    if len(names) > _NAMESPACES_AT_MOST:
        return by_steps(
            f"it matches {len(names)} namespaces: find out which of them need the path",
            f"select these by {NAMESPACE_NAME_LABEL} in the place of the label",
        )
    pinned = LabelSelector(
        match_expressions=(Requirement(key=NAMESPACE_NAME_LABEL, operator="In", values=names),)
    )
    policy = view.policy(peer.position)
    rules = list(rules_of(policy, peer.direction))
    peers = list(rules[peer.rule].peers)
    peers[peer.item] = msgspec.structs.replace(peer.peer, namespace_selector=pinned)
    rules[peer.rule] = with_peers(rules[peer.rule], tuple(peers))
    return by_neutral_manifest(view, (with_rules(policy, peer.direction, tuple(rules)),))
