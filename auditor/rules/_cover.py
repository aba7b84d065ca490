"""What stands in for a redundant policy or rule: the rules that give the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from auditor.model.findings import Direction
from auditor.reachability.coverage import SearchExceededError, Steps
from auditor.reachability.permissions import Cell, Group
from auditor.reachability.view import View
from auditor.rules._overlap import take_away
from auditor.rules._places import spell_rule
from auditor.rules._redundancy import Judged

_SHOWN = 20
_STEPS = 100_000
"""Looks at grants, for all the policies of one namespace."""


class Covers:
    """Names what covers policies and rules, as far as the budget of their namespace goes."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._steps: dict[str, Steps] = {}

    def name(self, judged: Judged) -> list[str] | None:
        """The rules that give the same, first found; None where that is too much to find out."""
        namespace = self._view.policies[judged.position].reference.namespace
        steps = self._steps.setdefault(namespace, Steps(_STEPS))
        found: dict[str, None] = {}
        try:
            for one in self._find(judged, steps):
                if one not in found and len(found) == _SHOWN:
                    return [*sorted(found), "and more"]
                found[one] = None
        except SearchExceededError:
            return None
        return sorted(found)

    def _find(self, judged: Judged, steps: Steps) -> Iterator[str]:
        view = self._view
        policy = view.policies[judged.position]
        subjects = policy.subjects & view.real_classes
        for direction in policy.grants:
            if judged.placed is None or judged.placed.direction is direction:
                steps.spend(len(subjects))
                groups = view.evaluation.groups[direction]
                for number in sorted({groups.by_class[one] for one in subjects}):
                    yield from self._in_group(judged, direction, groups.groups[number], steps)

    def _in_group(
        self, judged: Judged, direction: Direction, group: Group, steps: Steps
    ) -> Iterator[str]:
        policies = self._view.policies
        wanted = [
            Cell(one.ports, one.peers)
            for one in group.grants
            if one.peers and judged.holds(direction, one)
        ]
        if not wanted and judged.placed is None:
            # it only isolates, and so does another
            others = (one for one in group.policies if one != judged.position)
            yield from (str(policies[one].reference) for one in islice(others, 1))
        for grant in group.grants:
            if not wanted:
                break
            steps.spend(len(wanted))
            if not judged.holds(direction, grant) and any(
                cell.ports & grant.ports and cell.peers.intersect(grant.peers) for cell in wanted
            ):
                wanted = take_away(wanted, grant.ports, grant.peers)
                place = spell_rule(direction, grant.rule)
                yield f"{policies[grant.policy].reference} {place}"
