"""Permissions that allow every peer on every port: as open as if nothing isolated."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import NetworkPolicy, Reference
from auditor.reachability.compile import rules_of
from auditor.reachability.permissions import GrantBy, Group, form_group, without_rules
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._kept_dns import keep_granted_dns
from auditor.rules._remediation import by_steps, with_rules

_NAMED_AT_MOST = 5


def allows_everything(view: View, group: Group) -> bool:
    """Whether a permission is every peer, addresses and pods to come included, on every port."""
    if not group.cells:
        return False
    ports, peers = group.cells[-1]  # they are in order, and the mask of all ports is the largest
    return ports == view.all_ports and peers == view.evaluation.index.everything


def may_allow_everything(view: View, group: Group) -> bool:
    """Whether a permission would allow everything if what is unknown were so (`View.doubt`)."""
    if not group.possible:
        return False
    grants = (one._replace(peers=one.peers | one.possible) for one in group.grants)
    return allows_everything(view, form_group(group.members, group.policies, grants))


def find_openers(view: View, group: Group) -> tuple[GrantBy, ...]:
    """The grants that allow an isolated group everything again, alone or together; else none."""
    if not group.is_isolated or not allows_everything(view, group):
        return ()
    wide = [one for one in group.grants if one.ports == view.all_ports]
    alone = tuple(one for one in wide if one.peers == view.evaluation.index.everything)
    return alone or tuple(wide) or group.grants


def is_open_without(
    view: View, direction: Direction, endpoint: int, openers: Collection[GrantBy]
) -> bool:
    """Whether an endpoint is allowed everything even after the openers' rules are gone."""
    known = view.remembered(_known_remainders)
    number = view.evaluation.groups[direction].by_class[endpoint]
    key = (direction, number, frozenset((one.policy, one.rule) for one in openers))
    if key not in known:
        rest = without_rules(view.group(direction, endpoint), openers)
        known[key] = allows_everything(view, rest)
    return known[key]


def without_openers(
    view: View, direction: Direction, openers: Collection[GrantBy]
) -> tuple[tuple[int, NetworkPolicy], ...]:
    """The openers' policies, by position, without the rules that open.

    What those rules allow of cluster DNS stays allowed, where a pod would lose it.
    """
    found: list[tuple[int, NetworkPolicy]] = []
    for position in sorted({one.policy for one in openers}):
        policy = view.policy(position)
        dropped = {one.rule for one in openers if one.policy == position}
        rules: list[Rule] = []
        for index, rule in enumerate(rules_of(policy, direction)):
            if index not in dropped:
                rules.append(rule)
            elif index == min(dropped):
                rules += keep_granted_dns(view, direction, position, openers)
        found.append((position, with_rules(policy, direction, tuple(rules))))
    return tuple(found)


def _known_remainders(_: View) -> dict[tuple[Direction, int, frozenset[tuple[int, int]]], bool]:
    """What was found of groups without some rules: the workloads of a group share the answer."""
    return {}


def narrowing_steps(view: View, openers: Collection[GrantBy]) -> Remediation:
    """The advice where a direction stays open without the openers' rules."""
    policies = view.references(tuple(one.policy for one in openers))
    return by_steps(
        "narrow the rules of these policies until together they no longer allow every peer on "
        "every port: " + ", ".join(map(str, policies))
    )


def spell_policies(policies: Sequence[Reference]) -> str:
    """Policies in a message: the first few, and how many more."""
    named = ", ".join(map(str, policies[:_NAMED_AT_MOST]))
    more = len(policies) - _NAMED_AT_MOST
    return f"{named} and {more:,} more" if more > 0 else named
