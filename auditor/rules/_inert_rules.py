"""Rules of a direction that policyTypes omits: what they would do, and how to mend that."""

from __future__ import annotations

from functools import cached_property

import msgspec
from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import NetworkPolicy
from auditor.reachability.closing import Change
from auditor.reachability.compile import Grant, rules_of
from auditor.reachability.permissions import GrantBy, form_group
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._kept_dns import cuts_dns, keep_dns
from auditor.rules._openness import allows_everyone
from auditor.rules._remediation import by_manifest, by_neutral_manifest, by_steps, with_rules


class InertRules:
    """The rules of a policy for a direction that its policyTypes omits."""

    def __init__(self, view: View, position: int, direction: Direction) -> None:
        self._view = view
        self.position = position
        self.direction = direction
        self.policy = view.policy(position)

    @cached_property
    def listing(self) -> NetworkPolicy:
        """The policy with the direction listed."""
        types = tuple(one.value.capitalize() for one in Direction)
        spec = msgspec.structs.replace(self.policy.spec, policy_types=types)
        return msgspec.structs.replace(self.policy, spec=spec)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules themselves."""
        return rules_of(self.policy, self.direction)

    @cached_property
    def classes(self) -> FrozenBitMap:
        """The classes of the pods that the policy selects today."""
        return self._view.policies[self.position].subjects & self._view.real_classes

    @cached_property
    def grants(self) -> tuple[Grant, ...]:
        """What the rules would allow."""
        compiler = self._view.evaluation.compiler
        return compiler.compile_rules(self.listing, self.direction)

    @cached_property
    def peers(self) -> FrozenBitMap:
        """The peers to which they would allow some port, or might."""
        allowed = (one.peers | one.possible for one in self.grants)
        return FrozenBitMap.union(FrozenBitMap(), *allowed)

    @cached_property
    def open_all(self) -> bool:
        """Whether a pod that the policy selects, or a new one, would be allowed everyone."""
        # a port by name is never every port
        own = [
            GrantBy(self.position, one.rule, one.peers | one.possible, one.ports, FrozenBitMap())
            for one in self.grants
        ]
        groups = self._view.evaluation.groups[self.direction]
        return any(
            allows_everyone(
                self._view,
                form_group(group.members, group.policies, [*group.grants, *own]),
            )
            for group in map(
                groups.groups.__getitem__,
                {groups.by_class[one] for one in self._view.policies[self.position].subjects},
            )
        )


def mend_inert(view: View, inert: InertRules) -> Remediation:
    """List the direction; take the rules out where they would allow everyone.

    What listing it isolates keeps cluster DNS, where that opens nothing.
    """
    direction = inert.direction
    if inert.open_all:
        without = with_rules(inert.policy, direction, ())
        return by_neutral_manifest(view, (without,), emptied=(direction,))
    change = Change(direction, (), ((inert.position, inert.listing),))
    if cuts_dns(view, change):
        rules = (*inert.rules, *keep_dns(view, direction, inert.classes))
        listing = with_rules(inert.listing, direction, rules)
        change = Change(direction, (), ((inert.position, listing),))
        if cuts_dns(view, change):
            return by_steps(
                f"add rules for cluster DNS to the {direction} of {inert.policy.reference}",
                f"then list {direction.value.capitalize()} in its policyTypes",
            )
    return by_manifest(view, change, opens=True)
