"""Which policies and rules the pods of today would not miss, by isolation group, exactly.

A rule is needed where it alone gives some peer a port. A policy is needed where its rules together
do, or where it alone isolates. Peers are every bit of the view: pods, hosts, addresses, and new
pods without labels.
"""

from __future__ import annotations

from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.reachability.coverage import SearchExceededError, Steps
from auditor.reachability.index import EMPTY
from auditor.reachability.permissions import GrantBy, Group, form_group
from auditor.reachability.view import View
from auditor.rules._default_deny import DefaultDeny
from auditor.rules._openness import allows_everything
from auditor.rules._overlap import Held, find_alone
from auditor.rules._places import PlacedRule


class Judged(NamedTuple):
    """A policy by position, or one of its rules."""

    position: int
    placed: PlacedRule | None = None

    def holds(self, direction: Direction, grant: GrantBy) -> bool:
        """Whether a grant is the policy's, or the rule's."""
        if grant.policy != self.position or self.placed is None:
            return grant.policy == self.position
        return self.placed[:2] == (direction, grant.rule)


class Reading:
    """What would be missed, in one reading of what is unknown.

    As evaluated; or, beside that reading, as it would be if whatever may be allowed were allowed.
    """

    def __init__(self, view: View, evaluated: Reading | None = None) -> None:
        self._view = view
        self._evaluated = evaluated
        counted = _counted(view) if evaluated else EMPTY
        self.needed: dict[Direction, Needed] = {
            one: evaluated.needed[one]
            if evaluated and not _may_allow_more(view, one, counted)
            else find_needed(view, one, counted)
            for one in Direction
        }
        self._default_denies: dict[tuple[str, Direction], DefaultDeny] = {}

    @property
    def undecided(self) -> set[str]:
        """Namespaces whose policies are too many to decide within the budget."""
        return {namespace for one in self.needed.values() for namespace in one.undecided}

    def misses(self, judged: Judged) -> bool:
        """Whether anything changes without the policy, or without the rule.

        Raises:
            SearchExceededError: whether the default-deny hangs on it is too hard to decide.

        """
        position, placed = judged
        if placed is None:
            directions = tuple(self._view.policies[position].grants)
            return any(position in self.needed[one].policies for one in directions) or any(
                self.default_deny(position, one).hangs_on_policy(position) for one in directions
            )
        needed = self.needed[placed.direction]
        if _ends_isolation(self._view, judged):
            return position in needed.policies or (
                self.default_deny(position, placed.direction).hangs_on_policy(position)
            )
        return (position, placed.number) in needed.rules or (
            self.default_deny(position, placed.direction).hangs_on_rule(position, placed.number)
        )

    def default_deny(self, position: int, direction: Direction) -> DefaultDeny:
        """The default-deny of the policy's namespace in a direction."""
        view = self._view
        namespace = view.policies[position].reference.namespace
        found = self._default_denies.get((namespace, direction))
        if found is None:
            evaluated = view.group(direction, view.newcomer_in(namespace))
            newcomer = evaluated
            if self._evaluated is not None:
                newcomer = _widen(evaluated, view.evaluation.index.everything)
            if self._evaluated is not None and newcomer is evaluated:
                found = self._evaluated.default_deny(position, direction)
            else:
                found = DefaultDeny(view, namespace, direction, newcomer)
            self._default_denies[namespace, direction] = found
        return found


class Needed(NamedTuple):
    """What pods of today need in one direction."""

    policies: set[int]
    rules: set[tuple[int, int]]
    """(policy, rule)."""
    undecided: set[str]
    """Namespaces whose policies are too many to decide within the budget."""


def find_needed(view: View, direction: Direction, counted: FrozenBitMap = EMPTY) -> Needed:
    """Find what is needed, if peers that may match besides did match as far as they are counted."""
    needed = Needed(set(), set(), set())
    steps: dict[str, Steps] = {}
    groups = [
        (view.policies[group.policies[0]].reference.namespace, _widen(group, counted))
        for group in view.evaluation.groups[direction].groups
        if group.is_isolated and group.members.intersect(view.real_classes)
    ]
    for judge in (_judge_rules, _judge_policies):
        for namespace, group in groups:
            if namespace in needed.undecided:
                continue
            try:
                judge(view, group, needed, steps.setdefault(namespace, Steps()))
            except SearchExceededError:
                needed.undecided.add(namespace)
    return needed


def _counted(view: View) -> FrozenBitMap:
    """The peers of which it counts that they may match besides.

    Where the CNI's reading is known, only addresses are unknown; and that of a pod that is only
    imagined is nothing that a snapshot could know.
    """
    if view.ip_blocks_match_pods is None:
        return view.evaluation.index.everything
    return view.real_classes


def _may_allow_more(view: View, direction: Direction, counted: FrozenBitMap) -> bool:
    return any(
        grant.possible.intersect(counted)
        for policy in view.policies
        for grant in policy.grants.get(direction, ())
    )


def _widen(group: Group, counted: FrozenBitMap) -> Group:
    """The group if what may match besides did match; the same object where nothing may."""
    if not any(one.possible.intersect(counted) for one in group.grants):
        return group
    grants = (one._replace(peers=one.peers | (one.possible & counted)) for one in group.grants)
    return form_group(group.members, group.policies, grants)


def _judge_rules(view: View, group: Group, needed: Needed, steps: Steps) -> None:
    judged: list[Held[tuple[int, int]]] = []
    firm: list[GrantBy] = []
    for one in group.grants:
        if (unit := one[:2]) in needed.rules:
            firm.append(one)
        else:
            judged.append(Held(unit, one))
    if judged:
        alone = find_alone(judged, firm, steps)
        needed.rules.update(alone)
        if not _is_as_open(view, group):
            needed.policies.update(policy for policy, _ in alone)


def _judge_policies(view: View, group: Group, needed: Needed, steps: Steps) -> None:
    open_policies = [one for one in group.policies if one not in needed.policies]
    if not open_policies:
        return
    if len(group.policies) == 1:
        if not _is_as_open(view, group):
            needed.policies.update(open_policies)
        return
    judged: list[Held[int]] = []
    firm: list[GrantBy] = []
    for one in group.grants:
        if one.policy in needed.policies:
            firm.append(one)
        else:
            judged.append(Held(one.policy, one))
    if judged:
        needed.policies.update(find_alone(judged, firm, steps))


def _is_as_open(view: View, group: Group) -> bool:
    """Whether one policy isolates and allows everything: without it, nothing changes."""
    return len(group.policies) == 1 and allows_everything(view, group)


def read(view: View) -> tuple[Reading, ...]:
    """As evaluated, and besides as it may be, where some ipBlock may match more."""
    evaluated = Reading(view)
    everything = view.evaluation.index.everything
    if not any(_may_allow_more(view, one, everything) for one in Direction):
        return (evaluated,)
    return evaluated, Reading(view, evaluated)


def _ends_isolation(view: View, judged: Judged) -> bool:
    """Whether the policy isolates for egress by this rule alone: its policyTypes are absent."""
    spec = view.policy(judged.position).spec
    return (
        judged.placed is not None
        and judged.placed.direction is Direction.EGRESS
        and not spec.policy_types
        and len(spec.egress) == 1
    )


def rests_on_unknown(view: View, judged: Judged) -> bool:
    """Whether pods whose addresses are not known decide, each by itself, what it gives.

    Where one ipBlock gives a port to addresses, whatever covers it there covers it for a pod with
    any of them. A port by name is given to pods alone.
    """
    return view.ip_blocks_match_pods is True and any(
        grant.possible.intersect(view.real_classes) and not grant.peers.intersect(view.external)
        for direction, grants in view.policies[judged.position].grants.items()
        for grant in grants
        if judged.placed is None or judged.placed[:2] == (direction, grant.rule)
    )
