"""Exactly those rules are reported of which one item in the place of two would change something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings

from auditor.model.findings import Direction, Hit, Unevaluated
from auditor.model.objects import EgressRule, IngressRule, NetworkPolicy, Peer, Pod
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from auditor.reachability.view import evaluate
from auditor.rules import peers_are_ored
from tests.oracle.oracle import is_finished, selector_matches
from tests.rules.crowded import crowded_snapshots, with_known_addresses
from tests.rules.own_sides import OwnSide, every_port, rules_in_effect, selected_pods

_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)

Place = tuple[str, str]
"""A policy (`namespace/kind/name`) and a place in it."""

Rule = IngressRule | EgressRule


class Reported(NamedTuple):
    """What a finding says of a pair: where the halves stand, and how many pods match what."""

    namespaces: str
    pods: str
    matched: tuple[int, int, int, int]
    """By the namespaceSelector, by the podSelector, by either, by both."""


class Joining:
    """Tells what changes if two items become one, by trying it."""

    def __init__(self, snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> None:
        self._snapshot = snapshot
        self._reading = ip_blocks_match_pods
        self._ports = every_port(snapshot)
        self._pods = [
            one for one in snapshot.pods if not is_finished(one) and not one.spec.host_network
        ]

    def reported(self) -> dict[Place, set[Reported]]:
        """Every pair that is to be reported, by rule."""
        found: dict[Place, set[Reported]] = {}
        for policy, direction, index in rules_in_effect(self._snapshot):
            rule = getattr(policy.spec, direction.value)[index]
            place = f"{direction.value}[{index}]"
            field = "from" if direction is Direction.INGRESS else "to"
            for first, second in pairs(rule):
                if self._is_meant(policy, direction, index, (first, second)):
                    continue
                if self._changes(policy, direction, index, (first, second)):
                    said = Reported(
                        f"{place}.{field}[{first}]",
                        f"{place}.{field}[{second}]",
                        self._counts(policy, rule.peers[first], rule.peers[second]),
                    )
                    found.setdefault((str(policy.reference), place), set()).add(said)
        return found

    def _changes(
        self, policy: NetworkPolicy, direction: Direction, index: int, pair: tuple[int, int]
    ) -> bool:
        """Whether some pod of the policy is permitted something else with some pod of today."""
        replaced = replace_rule(policy, direction, index, pair)
        before = self._snapshot.policies
        after = tuple(replaced if one is policy else one for one in before)
        sides = [
            OwnSide(self._snapshot, direction, one, ip_blocks_match_pods=self._reading)
            for one in (before, after)
        ]
        return any(
            len({frozenset(one.ports_with(pod, peer, self._ports)) for one in sides}) == 2
            for pod in selected_pods(self._snapshot, policy)
            for peer in self._pods
        )

    def _is_meant(
        self, policy: NetworkPolicy, direction: Direction, index: int, pair: tuple[int, int]
    ) -> bool:
        """Whether the half that narrows the most stands in another rule, without the other one."""
        peers = getattr(policy.spec, direction.value)[index].peers
        by_namespace, by_pod = (peers[one] for one in pair)
        one_item = joined(by_namespace, by_pod)
        narrowed = [
            len(
                [
                    one
                    for one in self._pods
                    if self._matches(half, one, policy) and not self._matches(one_item, one, policy)
                ]
            )
            for half in (by_namespace, by_pod)
        ]
        wider, other = (
            (by_namespace, by_pod) if narrowed[0] >= narrowed[1] else (by_pod, by_namespace)
        )
        for each, each_direction, number in rules_in_effect(self._snapshot):
            is_same_rule = (each, number) == (policy, index)
            if (each.namespace, each_direction) != (policy.namespace, direction) or is_same_rule:
                continue
            listed = getattr(each.spec, direction.value)[number].peers
            if has(listed, wider) and not has(listed, other):
                return True
        return False

    def _counts(
        self, policy: NetworkPolicy, by_namespace: Peer, by_pod: Peer
    ) -> tuple[int, int, int, int]:
        one_item = joined(by_namespace, by_pod)
        first, second, both = (
            {(one.namespace, one.name) for one in self._pods if self._matches(item, one, policy)}
            for item in (by_namespace, by_pod, one_item)
        )
        return len(first), len(second), len(first | second), len(both)

    def _matches(self, item: Peer, pod: Pod, policy: NetworkPolicy) -> bool:
        (namespace,) = (one for one in self._snapshot.namespaces if one.name == pod.namespace)
        if item.namespace_selector is None:
            is_inside = pod.namespace == policy.namespace
        else:
            is_inside = selector_matches(item.namespace_selector, namespace.labels)
        return is_inside and (
            item.pod_selector is None or selector_matches(item.pod_selector, pod.labels)
        )


def pairs(rule: Rule) -> Iterator[tuple[int, int]]:
    """The indexes of a namespaceSelector and of a podSelector that stand alone, not `{}`."""
    for first, by_namespace in enumerate(rule.peers):
        for second, by_pod in enumerate(rule.peers):
            if (
                is_some(by_namespace.namespace_selector)
                and by_namespace.pod_selector is None
                and is_some(by_pod.pod_selector)
                and by_pod.namespace_selector is None
            ):
                yield first, second


def is_some(selector: LabelSelector | None) -> bool:
    """Whether there is a selector, and it asks for something."""
    return selector is not None and bool(selector.match_labels or selector.match_expressions)


def has(peers: tuple[Peer, ...], item: Peer) -> bool:
    """Whether an item is among the peers, however its selector is written."""
    return any(spelled(one) == spelled(item) for one in peers)


def spelled(item: Peer) -> tuple[object, ...]:
    """An item by what it asks for."""
    if item.ip_block is not None:
        return (item.ip_block,)
    return tuple(
        None if one is None else one.requirements()
        for one in (item.namespace_selector, item.pod_selector)
    )


def joined(by_namespace: Peer, by_pod: Peer) -> Peer:
    """The item in which both must match."""
    return Peer(
        namespace_selector=by_namespace.namespace_selector, pod_selector=by_pod.pod_selector
    )


def replace_rule(
    policy: NetworkPolicy, direction: Direction, index: int, pair: tuple[int, int]
) -> NetworkPolicy:
    """The policy with one item in the place of two."""
    rules = list(getattr(policy.spec, direction.value))
    peers = rules[index].peers
    one_item = joined(peers[pair[0]], peers[pair[1]])
    others = tuple(one for number, one in enumerate(peers) if number not in pair)
    rules[index] = msgspec.structs.replace(rules[index], peers=(one_item, *others))
    spec = msgspec.structs.replace(policy.spec, **{direction.value: tuple(rules)})
    return msgspec.structs.replace(policy, spec=spec)


def judge(
    snapshot: Snapshot, *, ip_blocks_match_pods: bool | None
) -> tuple[dict[Place, Reported], set[str]]:
    """What the rule says, and the policies it could not judge."""
    view = evaluate(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    found = list(peers_are_ored.check(view))
    hits = {
        (str(one.subject), str(one.detail)): Reported(
            one.evidence["namespace_selector"]["place"],
            one.evidence["pod_selector"]["place"],
            tuple(
                one.evidence[key]["pods"]
                for key in ("namespace_selector", "pod_selector", "as_two_items", "as_one_item")
            ),
        )
        for one in found
        if isinstance(one, Hit)
    }
    return hits, {str(one.subject) for one in found if isinstance(one, Unevaluated)}


@settings(max_examples=300, suppress_health_check=_slow_checks)
@given(snapshot=crowded_snapshots(max_pods=8).map(with_known_addresses))
def test_rules_reported_are_those_that_one_item_would_change(snapshot: Snapshot) -> None:
    """Found by joining each pair and asking every pod again; one pair of a rule is named."""
    hits, unevaluated = judge(snapshot, ip_blocks_match_pods=False)
    wanted = Joining(snapshot, ip_blocks_match_pods=False).reported()
    assert wanted.keys() == hits.keys()
    assert all(said in wanted[place] for place, said in hits.items())
    assert set() == unevaluated


@settings(max_examples=200, suppress_health_check=_slow_checks)
@given(snapshot=crowded_snapshots(max_pods=8).map(with_known_addresses))
def test_what_ip_blocks_may_permit_as_well_is_not_evaluated(snapshot: Snapshot) -> None:
    """Where the CNI is not known, rules that change in both readings are reported, and only they.

    Those that change in one of them are not evaluated.
    """
    hits, unevaluated = judge(snapshot, ip_blocks_match_pods=None)
    narrow, wide = (Joining(snapshot, ip_blocks_match_pods=one).reported() for one in (False, True))
    both = {place: pairs & wide.get(place, set()) for place, pairs in narrow.items()}
    assert {place for place, found in both.items() if found} == hits.keys()
    assert all(said in both[place] for place, said in hits.items())
    assert {name for (name, _), found in both.items() if not found} == unevaluated
