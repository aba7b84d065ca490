"""Permissions that allow everyone on every port: as good as if nothing isolated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import NetworkPolicy, Reference
from auditor.reachability.compile import rules_of
from auditor.reachability.permissions import GrantBy, Group, form_group, without_rules
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._kept_dns import keep_granted_dns
from auditor.rules._remediation import by_steps, with_rules

_NAMED_AT_MOST = 5


class Everyone(NamedTuple):
    """Peers and ports: whoever is allowed all of them is open in effect.

    SCTP, protocols without ports and the other IP family are hardly missed. Pods on the host's
    network are known by the addresses of their nodes, and need not be among the peers.
    """

    ports: int
    """Every port of TCP and of UDP."""
    peers: FrozenBitMap
    """Every pod, those to come included, and every address of one IP family."""


def everyone(view: View) -> tuple[Everyone, ...]:
    """Everyone, by each IP family."""
    return view.remembered(_everyone)


def _everyone(view: View) -> tuple[Everyone, ...]:
    ports, pods = view.evaluation.ports, view.evaluation.index.pods
    mask = ports.mask("TCP") | ports.mask("UDP")
    return tuple(Everyone(mask, pods | one) for one in view.families.values())


def allows_everyone(view: View, group: Group) -> bool:
    """Whether a permission is everyone of at least one IP family on every port of TCP and UDP."""
    return bool(allowed_of_everyone(view, group))


def allowed_of_everyone(view: View, group: Group) -> tuple[Everyone, ...]:
    """By which IP families a permission is everyone."""
    return tuple(
        one
        for one in everyone(view)
        if one.peers
        <= FrozenBitMap.union(
            FrozenBitMap(),
            *(cell.peers for cell in group.cells if cell.ports & one.ports == one.ports),
        )
    )


def allows_everything(view: View, group: Group) -> bool:
    """Whether a permission is every peer on every port of every protocol, just as without policy.

    More than `allows_everyone`: without the policies that give it, nothing at all changes.
    """
    if not group.cells:
        return False
    ports, peers = group.cells[-1]  # they are in order, and the mask of all ports is the largest
    return ports == view.all_ports and peers == view.evaluation.index.everything


def may_allow_everyone(view: View, group: Group) -> bool:
    """Whether a permission would allow everyone if what is unknown were so (`View.doubt`)."""
    if not group.possible:
        return False
    grants = (one._replace(peers=one.peers | one.possible) for one in group.grants)
    return allows_everyone(view, form_group(group.members, group.policies, grants))


def find_openers(view: View, group: Group) -> tuple[GrantBy, ...]:
    """The grants that allow an isolated group everyone again, alone or together; else none.

    Together they are those on every port, or those of every pod or every address, if such do it.
    """
    if not group.is_isolated or not allows_everyone(view, group):
        return ()
    wide = _on_every_port(view, group.grants)
    each = everyone(view)
    alone = tuple(one for one in wide if any(one.peers >= whole.peers for whole in each))
    if alone:
        return alone
    wholes = (view.evaluation.index.pods, *view.families.values())
    sweeping = tuple(one for one in group.grants if any(one.peers >= whole for whole in wholes))
    for together in (wide, sweeping):
        if allows_everyone(view, form_group(group.members, group.policies, together)):
            return together
    return group.grants


def _on_every_port(view: View, grants: Iterable[GrantBy]) -> tuple[GrantBy, ...]:
    every = everyone(view)[0].ports
    return tuple(one for one in grants if one.ports & every == every)


def is_open_without(
    view: View, direction: Direction, endpoint: int, openers: Collection[GrantBy]
) -> bool:
    """Whether an endpoint is allowed everyone even after the openers' rules are gone."""
    known = view.remembered(_known_remainders)
    number = view.evaluation.groups[direction].by_class[endpoint]
    key = (direction, number, frozenset((one.policy, one.rule) for one in openers))
    if key not in known:
        rest = without_rules(view.group(direction, endpoint), openers)
        known[key] = allows_everyone(view, rest)
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
        "narrow the rules of these policies until together they no longer allow everyone on "
        "every port: " + ", ".join(map(str, policies))
    )


def spell_policies(policies: Sequence[Reference]) -> str:
    """Policies in a message: the first few, and how many more."""
    named = ", ".join(map(str, policies[:_NAMED_AT_MOST]))
    more = len(policies) - _NAMED_AT_MOST
    return f"{named} and {more:,} more" if more > 0 else named
