"""Policies of one side → the same on the other: by name, or renamed, by what they say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from auditor.drift.stored import with_policy_types
from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Reference
from auditor.reachability.compile import isolated_directions, rules_of


class PolicyPair(NamedTuple):
    """A policy as the side has it that allows, and as the side has it that denies."""

    allowing: NetworkPolicy
    denying: NetworkPolicy

    def differ(self, direction: Direction) -> bool:
        """Whether they say different things of a direction.

        What the API server takes for what is absent is no difference.
        """
        one, other = self
        if one.spec == other.spec:
            return False
        return (
            one.spec.pod_selector != other.spec.pod_selector
            or rules_of(one, direction) != rules_of(other, direction)
            or (direction in isolated_directions(one)) != (direction in isolated_directions(other))
        )


def pair_policies(
    allowing: Iterable[NetworkPolicy], denying: Iterable[NetworkPolicy]
) -> Mapping[Reference, PolicyPair]:
    """The policies that both sides have, by key; one that was renamed is there under either name.

    Renamed: there is on one side alone a policy that says the same, in the same namespace, as one
    that is on the other side alone.
    """
    mine, theirs = ({one.reference: one for one in each} for each in (allowing, denying))
    found = {
        key: PolicyPair(one, other)
        for key, one in mine.items()
        if (other := theirs.get(key)) is not None
    }
    alone = [
        _by_content(each[key] for key in sorted(each.keys() - found.keys()))
        for each in (mine, theirs)
    ]
    for content in alone[0].keys() & alone[1].keys():
        for one, other in zip(alone[0][content], alone[1][content], strict=False):
            found[one.reference] = found[other.reference] = PolicyPair(one, other)
    return found


def _by_content(
    policies: Iterable[NetworkPolicy],
) -> Mapping[tuple[str, bytes], list[NetworkPolicy]]:
    found: dict[tuple[str, bytes], list[NetworkPolicy]] = defaultdict(list)
    for one in policies:
        spec = msgspec.json.encode(with_policy_types(one).spec, order="deterministic")
        found[one.namespace, spec].append(one)
    return found
