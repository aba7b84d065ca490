"""Exactly those policies and rules are redundant without which nothing changes."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.findings import Direction, Hit, Unevaluated
from auditor.model.objects import NetworkPolicy
from auditor.model.snapshot import Snapshot
from auditor.reachability.view import evaluate
from auditor.rules import policy_is_redundant
from tests.oracle.clusters import snapshots
from tests.oracle.oracle import is_finished, selector_matches
from tests.rules.crowded import crowded_snapshots, with_known_addresses
from tests.rules.own_sides import (
    OwnSide,
    every_peer,
    every_port,
    has_default_deny,
    is_isolating,
    selected_pods,
)

_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)

Verdicts = dict[tuple[str, str | None], bool]
"""Whether it is redundant, by policy (`namespace/kind/name`) and place."""


class Removing:
    """Tells whether anything changes without policies or rules, by trying it."""

    def __init__(self, snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> None:
        self._snapshot = snapshot
        self._reading = ip_blocks_match_pods
        self._peers = every_peer(snapshot)
        self._ports = every_port(snapshot)

    def verdicts(self) -> Verdicts:
        """Every policy, and the rules of those that are not redundant as a whole."""
        found: Verdicts = {}
        for policy in self._snapshot.policies:
            name = str(policy.reference)
            if self._waits(policy):
                continue
            found[name, None] = self._changes_nothing(policy, None)
            if found[name, None]:
                continue
            for direction in Direction:
                rules = getattr(policy.spec, direction.value)
                for index in range(len(rules) if is_isolating(policy, direction) else 0):
                    kept = {direction.value: (*rules[:index], *rules[index + 1 :])}
                    spec = msgspec.structs.replace(policy.spec, **kept)
                    without = msgspec.structs.replace(policy, spec=spec)
                    place = f"{direction.value}[{index}]"
                    found[name, place] = self._changes_nothing(policy, without)
        return found

    def _waits(self, policy: NetworkPolicy) -> bool:
        """Whether it selects nothing but pods that have finished."""
        return not selected_pods(self._snapshot, policy) and any(
            is_finished(one)
            and one.namespace == policy.namespace
            and not one.spec.host_network
            and selector_matches(policy.spec.pod_selector, one.labels)
            for one in self._snapshot.pods
        )

    def _changes_nothing(self, policy: NetworkPolicy, replacement: NetworkPolicy | None) -> bool:
        before = self._snapshot.policies
        kept = tuple(replacement if one is policy else one for one in before)
        after = tuple(one for one in kept if one is not None)
        return all(self._is_same(policy, one, before, after) for one in Direction)

    def _is_same(
        self,
        policy: NetworkPolicy,
        direction: Direction,
        before: tuple[NetworkPolicy, ...],
        after: tuple[NetworkPolicy, ...],
    ) -> bool:
        sides = [
            OwnSide(self._snapshot, direction, one, ip_blocks_match_pods=self._reading)
            for one in (before, after)
        ]
        for pod in selected_pods(self._snapshot, policy):
            for peer in self._peers:
                was, becomes = (one.ports_with(pod, peer, self._ports) for one in sides)
                if was != becomes:
                    return False
        was_denied, is_denied = (
            has_default_deny(one, policy.namespace, self._peers, self._ports) for one in sides
        )
        return was_denied == is_denied


def judge(
    snapshot: Snapshot, *, ip_blocks_match_pods: bool | None
) -> tuple[set[tuple[str, str | None]], set[str]]:
    """What the rule says: what is redundant, and the policies it could not judge."""
    view = evaluate(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    found = list(policy_is_redundant.check(view))
    hits = {(str(one.subject), one.detail) for one in found if isinstance(one, Hit)}
    return hits, {str(one.subject) for one in found if isinstance(one, Unevaluated)}


def redundant(snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> set[tuple[str, str | None]]:
    """What nothing changes without."""
    verdicts = Removing(snapshot, ip_blocks_match_pods=ip_blocks_match_pods).verdicts()
    return {key for key, is_redundant in verdicts.items() if is_redundant}


@settings(max_examples=300, deadline=None, suppress_health_check=_slow_checks)
@given(snapshot=st.one_of(snapshots(max_policies=5), crowded_snapshots()).map(with_known_addresses))
def test_what_is_redundant_is_what_nothing_changes_without(snapshot: Snapshot) -> None:
    """Where all is known, the rule names what could be removed, nothing else, and leaves no doubt.

    Each policy and each rule is removed from the cluster, and every pod is asked again.
    """
    found, unevaluated = judge(snapshot, ip_blocks_match_pods=False)
    assert redundant(snapshot, ip_blocks_match_pods=False) == found
    assert set() == unevaluated


@settings(max_examples=200, deadline=None, suppress_health_check=_slow_checks)
@given(snapshot=crowded_snapshots(), reading=st.booleans())
def test_unknown_addresses_leave_a_doubt_at_most(snapshot: Snapshot, *, reading: bool) -> None:
    """Where addresses are not known, nothing is named wrongly, and what is not named is doubted."""
    found, unevaluated = judge(snapshot, ip_blocks_match_pods=reading)
    wanted = redundant(snapshot, ip_blocks_match_pods=reading)
    assert found <= wanted
    assert {name for name, _ in wanted - found} <= unevaluated


@settings(max_examples=200, deadline=None, suppress_health_check=_slow_checks)
@given(snapshot=crowded_snapshots().map(with_known_addresses))
def test_what_hangs_on_the_reading_of_ip_blocks_is_not_evaluated(snapshot: Snapshot) -> None:
    """Where the CNI is not known, what is redundant in both readings is named, and only that.

    What is redundant in one of them is not evaluated, and nothing else is.
    """
    found, unevaluated = judge(snapshot, ip_blocks_match_pods=None)
    verdicts = [Removing(snapshot, ip_blocks_match_pods=one).verdicts() for one in (False, True)]
    whole = {name for each in verdicts for (name, place), yes in each.items() if yes and not place}
    both, either = set(), set()
    for key in verdicts[0].keys() & verdicts[1].keys():
        name, place = key
        # rules are judged where the policy is redundant in neither reading
        if place is None or name not in whole:
            says = {one[key] for one in verdicts}
            both |= {key} if says == {True} else set()
            either |= {name} if len(says) == 2 else set()
    assert both == found
    assert either == unevaluated
