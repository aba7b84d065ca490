"""Permissions that allow every peer on every port: as open as if nothing isolated."""

from __future__ import annotations

from collections.abc import Collection

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy
from auditor.reachability.compile import rules_of
from auditor.reachability.permissions import GrantBy, Group, form_group
from auditor.reachability.view import View
from auditor.rules._remediation import with_rules


def allows_everything(view: View, group: Group) -> bool:
    """Whether a permission is every peer, addresses and pods to come included, on every port."""
    return any(
        cell.ports == view.all_ports and cell.peers == view.evaluation.index.everything
        for cell in group.cells
    )


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


def is_open_without(view: View, group: Group, openers: Collection[GrantBy]) -> bool:
    """Whether a group is allowed everything even after the openers' rules are gone."""
    dropped = {(one.policy, one.rule) for one in openers}
    kept = (one for one in group.grants if (one.policy, one.rule) not in dropped)
    return allows_everything(view, form_group(group.members, group.policies, kept))


def without_openers(
    view: View, direction: Direction, openers: Collection[GrantBy]
) -> tuple[tuple[int, NetworkPolicy], ...]:
    """The openers' policies, by position, without the rules that open."""
    found: list[tuple[int, NetworkPolicy]] = []
    for position in sorted({one.policy for one in openers}):
        drop = {one.rule for one in openers if one.policy == position}
        kept = tuple(
            rule
            for index, rule in enumerate(rules_of(view.policy(position), direction))
            if index not in drop
        )
        found.append((position, with_rules(view.policy(position), direction, kept)))
    return tuple(found)
