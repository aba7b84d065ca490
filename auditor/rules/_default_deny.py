"""What of a namespace's default-deny hangs on one of its policies, or on one of their rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property

from auditor.model.findings import Direction
from auditor.model.selectors import LabelSelector
from auditor.reachability.coverage import Steps, find_escape
from auditor.reachability.index import Canonical
from auditor.reachability.permissions import GrantBy, Group
from auditor.reachability.view import View
from auditor.rules._openness import allowed_of_everyone
from auditor.rules._overlap import Held, Unit, find_alone


class DefaultDeny:
    """The default-deny of a namespace in a direction, as `namespace-lacks-default-deny` judges it.

    It is there if the policies' selectors leave no label set out, and if a pod without labels is
    not allowed everyone again. ``newcomer`` is that pod's group, which may be as one reading of
    what is unknown has it. Any answer may raise a `SearchExceededError`.
    """

    def __init__(self, view: View, namespace: str, direction: Direction, newcomer: Group) -> None:
        self._newcomer = newcomer
        self._open = allowed_of_everyone(view, newcomer) if newcomer.is_isolated else ()
        self._is_open = bool(self._open)
        self._steps = Steps()
        self._canonical: dict[int, Canonical] = {}
        distinct: dict[Canonical, LabelSelector] = {}
        for position in view.policies_in.get(namespace, ()):
            if direction in view.policies[position].grants:
                selector = view.policy(position).spec.pod_selector
                canonical = self._canonical[position] = selector.requirements()
                distinct[canonical] = selector
        self._counts = Counter(self._canonical.values())
        # the widest first: few of them leave nothing out
        self._distinct = dict(sorted(distinct.items(), key=lambda one: len(one[0])))

    def hangs_on_policy(self, position: int) -> bool:
        """Whether it comes or goes with a policy."""
        if position not in self._canonical or self._escapes:
            return False
        if position not in self._newcomer.policies:
            # what opens it, or nothing, still does
            return not self._is_open and self._escapes_without(position)
        if len(self._newcomer.policies) == 1:
            return not self._is_open
        if self._is_open and position not in self._opening_policies:
            return False
        return self._is_open != self._escapes_without(position)

    def hangs_on_rule(self, position: int, rule: int) -> bool:
        """Whether it comes with the end of a rule, all else of the policy staying as it is."""
        return self._is_open and not self._escapes and (position, rule) in self._opening_rules

    @cached_property
    def _opening_policies(self) -> set[int]:
        """The policies without which a pod without labels is not allowed everyone any more."""
        return self._find_opening(lambda one: one.policy)

    @cached_property
    def _opening_rules(self) -> set[tuple[int, int]]:
        """The same of rules."""
        return self._find_opening(lambda one: (one.policy, one.rule))

    def _find_opening(self, unit_of: Callable[[GrantBy], Unit]) -> set[Unit]:
        """What alone gives something of everyone, by each IP family by which that is allowed."""
        found = (
            find_alone(
                [
                    Held(unit_of(one), one._replace(ports=ports, peers=peers))
                    for one in self._newcomer.grants
                    if (ports := one.ports & whole.ports) and (peers := one.peers & whole.peers)
                ],
                (),
                self._steps,
            )
            for whole in self._open
        )
        return set.intersection(*found)

    @cached_property
    def _escapes(self) -> bool:
        """Whether some label set is left out by every policy of today."""
        return find_escape(self._distinct.values(), self._steps) is not None

    def _escapes_without(self, position: int) -> bool:
        """Whether some label set is left out once a policy is gone; none is today."""
        canonical = self._canonical[position]
        if self._counts[canonical] > 1 or canonical not in self._core:
            return False
        others = (one for key, one in self._distinct.items() if key != canonical)
        return find_escape(others, self._steps) is not None

    @cached_property
    def _core(self) -> dict[Canonical, LabelSelector]:
        """A few selectors that leave no label set out by themselves: others cannot matter."""
        core: dict[Canonical, LabelSelector] = {}
        while (escape := find_escape(core.values(), self._steps)) is not None:
            for key, selector in self._distinct.items():
                self._steps.spend(1)
                if selector.matches(escape):
                    core[key] = selector
                    break
        return core
