"""Remediations of traffic between environments.

At the destination the sources' namespaces are shut out, and everything else is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import IngressRule, IPBlock, NetworkPolicy, Peer
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector, Requirement
from auditor.reachability.closing import Change
from auditor.reachability.compile import rules_of
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._environments import Leak
from auditor.rules._remediation import (
    by_manifest,
    by_steps,
    new_policy,
    selector_of,
    selects_isolated,
    with_peers,
    with_rules,
)

_INGRESS = Direction.INGRESS
OBJECTS_AT_MOST = 20
"""More policies, or more namespaces in a selector, are no manifest that anyone reviews."""

_STEPS = (
    "deny ingress by default in the destination's namespaces",
    "admit peers by namespaceSelector and podSelector together, never by podSelector alone",
    "take peers with an empty namespaceSelector out of the policies named",
)


def mend_leak(view: View, leak: Leak, sources: tuple[str, ...]) -> Remediation:
    """Shut the source namespaces out at every destination that they reach."""
    if leak.sources.intersect(view.hosts) or leak.destinations.intersect(view.hosts):
        return by_steps(
            *_STEPS, "run the workloads on the host's network elsewhere: no policy selects them"
        )
    if len(sources) > OBJECTS_AT_MOST:
        return by_steps(*_STEPS)
    added = list(_isolating(view, leak, sources))
    replaced = tuple(_narrowing(view, leak, sources))
    if None in added or len(added) + len(replaced) > OBJECTS_AT_MOST:
        return by_steps(*_STEPS)
    policies = tuple(one for one in added if one is not None)
    return by_manifest(view, Change(_INGRESS, policies, replaced))


def _isolating(view: View, leak: Leak, sources: tuple[str, ...]) -> Iterator[NetworkPolicy | None]:
    """Policies for destinations that nothing isolates; None where no selector can tell them."""
    open_bits = FrozenBitMap(
        one for one in leak.destinations if not view.group(_INGRESS, one).is_isolated
    )
    rule = IngressRule(peers=all_but(view, sources))
    by_namespace: dict[str, list[int]] = {}
    for bit in open_bits:
        by_namespace.setdefault(view.namespace_of(bit) or "", []).append(bit)
    for namespace, bits in by_namespace.items():
        held = [one for one in view.run_of(namespace) if view.endpoints.holders[one]]
        if not any(view.group(_INGRESS, one).is_isolated for one in held):
            selector = LabelSelector()
            yield new_policy(
                view, namespace, "other-environments", selector, _INGRESS, rules=(rule,)
            )
            continue
        made: list[NetworkPolicy] = []
        for number in sorted({one for bit in bits for one in view.endpoints.holders[bit]}):
            workload = view.workloads[number]
            chosen = selector_of(view.pods_of(workload))
            if (
                chosen is None
                or selects_isolated(view, namespace, chosen, _INGRESS)
                or len(made) == OBJECTS_AT_MOST
            ):
                yield None
                return
            # variants of a workload may share a selector, workloads of two kinds a name
            if all(one.spec.pod_selector != chosen for one in made):
                name = f"{workload.endpoint.workload.name}-other-environments"
                made.append(
                    new_policy(view, namespace, name, chosen, _INGRESS, rules=(rule,), besides=made)
                )
        yield from made


def _narrowing(
    view: View, leak: Leak, sources: tuple[str, ...]
) -> Iterator[tuple[int, NetworkPolicy]]:
    """The policies that admit the sources, without them."""
    positions = {
        grant.policy
        for bit in leak.destinations
        for grant in view.group(_INGRESS, bit).grants
        if grant.peers.intersect(leak.sources)
    }
    for position in sorted(positions):
        yield position, shut_out(view, position, leak.sources, sources)


def shut_out(
    view: View, position: int, endpoints: FrozenBitMap, namespaces: tuple[str, ...]
) -> NetworkPolicy:
    """A policy whose ingress rules no longer admit the endpoints, all of the namespaces."""
    policy = view.policy(position)
    rules = tuple(_narrowed(view, policy, set(endpoints), namespaces))
    return with_rules(policy, _INGRESS, rules)


def _narrowed(
    view: View, policy: NetworkPolicy, endpoints: set[int], namespaces: tuple[str, ...]
) -> Iterator[Rule]:
    for rule in rules_of(policy, _INGRESS):
        if not rule.peers:
            yield with_peers(rule, all_but(view, namespaces))
            continue
        peers: list[Peer] = []
        for peer in rule.peers:
            if not view.matches_any(policy.namespace, peer, endpoints):
                peers.append(peer)
            elif peer.namespace_selector is not None:
                peers.append(_without(peer, peer.namespace_selector, namespaces))
        if peers:
            yield with_peers(rule, tuple(peers))


def all_but(view: View, namespaces: tuple[str, ...]) -> tuple[Peer, ...]:
    """Every peer but the pods of the namespaces.

    Where ipBlocks match pods, addresses cannot be named without letting those pods in again: they
    are left out, and what that closes is stated.
    """
    pods = _without(Peer(), LabelSelector(), namespaces)
    if view.ip_blocks_match_pods:
        return (pods,)
    return (pods, *(Peer(ip_block=IPBlock(cidr=one)) for one in ("0.0.0.0/0", "::/0")))


def _without(peer: Peer, selector: LabelSelector, sources: tuple[str, ...]) -> Peer:
    others = Requirement(key=NAMESPACE_NAME_LABEL, operator="NotIn", values=sources)
    narrowed = msgspec.structs.replace(
        selector, match_expressions=(*selector.match_expressions, others)
    )
    return msgspec.structs.replace(peer, namespace_selector=narrowed)
