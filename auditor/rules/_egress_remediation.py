"""Remediations of egress that allows too much of external space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import EgressRule, NetworkPolicy
from auditor.reachability.address_parts import block_ranges
from auditor.reachability.closing import Change, Closing
from auditor.reachability.compile import rules_of
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._internet import Egress, Wide
from auditor.rules._remediation import (
    EVERY_POD,
    by_manifest,
    by_steps,
    new_policy,
    selector_of,
    selects_isolated,
    with_peers,
    with_rules,
)

_EGRESS = Direction.EGRESS
_TRIES_AT_MOST = 64
"""Peers taken out one after the other before the advice is given in words."""


class _Taken(NamedTuple):
    """A peer to take out of a rule; ``peer`` None: the rule allows every peer."""

    position: int
    rule: int
    peer: int | None


def mend_egress(view: View, egress: Egress, wide: Wide) -> Remediation:
    """Close the outside and leave the pods of the cluster open, as they are today.

    An open workload is isolated with every pod as its peer; in the policies of an isolated one the
    widest ipBlocks go, until not too much is allowed any more.
    """
    if any(
        not view.group(_EGRESS, bit).is_isolated for node in egress.nodes for bit in node.classes
    ):
        selector = selector_of(pod for node in egress.nodes for pod in view.pods_of(node))
        namespace, name = egress.workload.namespace, f"{egress.workload.name}-egress-inside"
        if selector is None or selects_isolated(view, namespace, selector, _EGRESS):
            return by_steps(
                "give the pods a label of their own in the workload's template",
                "then isolate them for egress by it and allow the addresses that they need",
            )
        inside = (EgressRule(peers=(EVERY_POD,)),)
        policy = new_policy(view, namespace, name, selector, _EGRESS, rules=inside)
        change = Change(_EGRESS, (policy,))
        if not _is_wide(view, egress, wide, change):
            return by_manifest(view, change)
    known = view.remembered(_known_narrowings)
    groups = (view.group(_EGRESS, bit) for node in egress.nodes for bit in node.classes)
    # what is left depends on the policies alone: no egress rule is read differently by pods
    key = (wide, egress.group.policies, frozenset(one.policies for one in groups))
    if key not in known:
        known[key] = _narrow(view, egress, wide)
    return known[key]


def _known_narrowings(_: View) -> dict[tuple[object, ...], Remediation]:
    """What was found for workloads of the same policies."""
    return {}


def _narrow(view: View, egress: Egress, wide: Wide) -> Remediation:
    """Take the widest peers out, until not too much is allowed any more."""
    taken: list[_Taken] = []
    for one in _by_width(view, egress)[:_TRIES_AT_MOST]:
        taken.append(one)
        change = Change(_EGRESS, (), _without(view, taken))
        if not _is_wide(view, egress, wide, change):
            return by_manifest(view, change)
    return by_steps(
        "narrow the egress rules of these policies to the addresses that are needed: "
        + ", ".join(str(view.policies[one].reference) for one in egress.group.policies)
    )


def _is_wide(view: View, egress: Egress, wide: Wide, change: Change) -> bool:
    """Whether the workload's own side still allows too much after the change."""
    closing = view.remembered(Closing)
    return any(
        wide(view, group) is not None
        for node in egress.nodes
        for _, group in closing.outcomes(node.endpoint, change)
    )


def _by_width(view: View, egress: Egress) -> list[_Taken]:
    """Every peer outside the cluster that the workload's policies allow, the widest first."""
    positions = {
        position
        for node in egress.nodes
        for bit in node.classes
        for position in view.group(_EGRESS, bit).policies
    }
    found: list[tuple[int, _Taken]] = []
    for position in sorted(positions):
        for index, rule in enumerate(rules_of(view.policy(position), _EGRESS)):
            if not rule.peers:
                found.append((1 << 129, _Taken(position, index, None)))
            for number, peer in enumerate(rule.peers):
                if peer.ip_block is not None:
                    ranges = block_ranges(peer.ip_block)
                    # families are compared by the share of their own space
                    width = sum(
                        (one.last - one.first + 1) << (96 if one.family == 4 else 0)
                        for one in ranges
                    )
                    found.append((width, _Taken(position, index, number)))
    return [one for _, one in sorted(found, key=lambda each: (-each[0], each[1][:2]))]


def _without(view: View, taken: list[_Taken]) -> tuple[tuple[int, NetworkPolicy], ...]:
    return tuple(
        (
            position,
            _narrowed(view.policy(position), [one for one in taken if one.position == position]),
        )
        for position in sorted({one.position for one in taken})
    )


def _narrowed(policy: NetworkPolicy, taken: list[_Taken]) -> NetworkPolicy:
    return with_rules(policy, _EGRESS, tuple(_kept_rules(policy, taken)))


def _kept_rules(policy: NetworkPolicy, taken: list[_Taken]) -> Iterator[Rule]:
    for index, rule in enumerate(rules_of(policy, _EGRESS)):
        gone = {one.peer for one in taken if one.rule == index}
        if None in gone:
            yield with_peers(rule, (EVERY_POD,))
            continue
        peers = tuple(one for number, one in enumerate(rule.peers) if number not in gone)
        if peers or not rule.peers:
            yield with_peers(rule, peers)
