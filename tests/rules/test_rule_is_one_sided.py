"""Exactly those rules are one-sided of which some peer denies every port to every pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.findings import Direction, Hit, Unevaluated
from auditor.model.objects import NetworkPolicy, Peer, Pod
from auditor.model.snapshot import Snapshot
from auditor.reachability.view import View, evaluate
from auditor.rules import _one_sided, rule_is_one_sided
from tests.oracle.clusters import snapshots
from tests.oracle.handmade import cluster, pod
from tests.oracle.oracle import is_finished, selector_matches
from tests.rules.crowded import crowded_snapshots, with_known_addresses
from tests.rules.own_sides import (
    OwnSide,
    every_port,
    is_isolating,
    rules_in_effect,
    selected_pods,
)

_slow_checks = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.function_scoped_fixture,
)

Place = tuple[str, str]
"""A policy (`namespace/kind/name`) and a place in it."""


class Denied(NamedTuple):
    """What a finding says: who denies, and which policies are named."""

    workloads: frozenset[str]
    policies: frozenset[str]


def denying_pods(snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> dict[Place, set[str]]:
    """The pods that deny each rule, pair by pair; rules of which none does are left out."""
    ports = every_port(snapshot)
    far_sides = {
        one: OwnSide(snapshot, one, snapshot.policies, ip_blocks_match_pods=ip_blocks_match_pods)
        for one in Direction
    }
    found: dict[Place, set[str]] = {}
    for policy, direction, index in rules_in_effect(snapshot):
        rule = getattr(policy.spec, direction.value)[index]
        near = OwnSide(
            snapshot,
            direction,
            [only_rule(policy, direction, index)],
            ip_blocks_match_pods=ip_blocks_match_pods,
        )
        far = far_sides[opposite(direction)]
        subjects = selected_pods(snapshot, policy)
        for each in snapshot.pods:
            if not any(names(one, each, policy, snapshot) for one in rule.peers):
                continue
            pairs = [
                (near.ports_with(one, each, ports), far.ports_with(each, one, ports))
                for one in subjects
                if one is not each
            ]
            offered = [(given, admitted) for given, admitted in pairs if given]
            if offered and not any(given & admitted for given, admitted in offered):
                place = f"{direction.value}[{index}]"
                found.setdefault((str(policy.reference), place), set()).add(key(each))
    return found


def only_rule(policy: NetworkPolicy, direction: Direction, index: int) -> NetworkPolicy:
    """The policy with one of its rules alone."""
    kept = {direction.value: (getattr(policy.spec, direction.value)[index],)}
    types = (direction.value.capitalize(),)
    spec = msgspec.structs.replace(policy.spec, policy_types=types, **kept)
    return msgspec.structs.replace(policy, spec=spec)


def opposite(direction: Direction) -> Direction:
    """The direction that the other end needs."""
    return Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS


def names(peer: Peer, candidate: Pod, policy: NetworkPolicy, snapshot: Snapshot) -> bool:
    """Whether a peer selects a pod, and by a label: `{}` names nobody."""
    if peer.ip_block is not None or is_finished(candidate) or candidate.spec.host_network:
        return False
    selectors = [one for one in (peer.pod_selector, peer.namespace_selector) if one is not None]
    if not any(one.match_labels or one.match_expressions for one in selectors):
        return False
    if peer.namespace_selector is None:
        if candidate.namespace != policy.namespace:
            return False
    else:
        (namespace,) = (one for one in snapshot.namespaces if one.name == candidate.namespace)
        if not selector_matches(peer.namespace_selector, namespace.labels):
            return False
    return peer.pod_selector is None or selector_matches(peer.pod_selector, candidate.labels)


def key(one: Pod) -> str:
    """A pod by namespace and name."""
    return f"{one.namespace}/{one.name}"


def judge(
    snapshot: Snapshot, *, ip_blocks_match_pods: bool | None
) -> tuple[dict[Place, Denied], set[str], View]:
    """What the rule says, the policies it could not judge, and the view."""
    view = evaluate(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    found = list(rule_is_one_sided.check(view))
    hits = {
        (str(one.subject), str(one.detail)): Denied(
            frozenset(one.evidence["denied_by"]), frozenset(map(str, one.policies))
        )
        for one in found
        if isinstance(one, Hit)
    }
    return hits, {str(one.subject) for one in found if isinstance(one, Unevaluated)}, view


def described(view: View, denying: dict[Place, set[str]]) -> dict[Place, Denied]:
    """The denying pods of each rule, as a finding names them."""
    return {
        place: Denied(
            frozenset(
                str(one.endpoint)
                for one in view.workloads
                if any(key(each) in pods for each in view.pods_of(one))
            ),
            frozenset(isolating(view.snapshot, place, pods)),
        )
        for place, pods in denying.items()
    }


def isolating(snapshot: Snapshot, place: Place, pods: set[str]) -> Iterator[str]:
    """The policy of the place, and those that isolate the pods in the opposite direction."""
    yield place[0]
    direction = opposite(Direction(place[1].partition("[")[0]))
    for policy in snapshot.policies:
        if is_isolating(policy, direction) and any(
            key(one) in pods for one in selected_pods(snapshot, policy)
        ):
            yield str(policy.reference)


@settings(max_examples=200, deadline=None, suppress_health_check=_slow_checks)
@given(
    snapshot=st.one_of(crowded_snapshots(max_pods=7), snapshots()).map(with_known_addresses),
    few=st.sampled_from([0, _one_sided.FEW]),
)
def test_one_sided_rules_are_those_that_some_peer_denies(
    snapshot: Snapshot, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found pair by pair, and so they are whether peers are asked one by one or subjects are."""
    monkeypatch.setattr(_one_sided, "FEW", few)
    hits, unevaluated, view = judge(snapshot, ip_blocks_match_pods=False)
    assert described(view, denying_pods(snapshot, ip_blocks_match_pods=False)) == hits
    assert set() == unevaluated


@settings(max_examples=150, deadline=None, suppress_health_check=_slow_checks)
@given(
    snapshot=crowded_snapshots(max_pods=7).map(with_known_addresses),
    few=st.sampled_from([0, _one_sided.FEW]),
)
def test_what_ip_blocks_may_let_through_is_not_evaluated(
    snapshot: Snapshot, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the CNI is not known, pods that deny in both readings are named, and only they.

    A rule that all of them would let through in one reading is not evaluated.
    """
    monkeypatch.setattr(_one_sided, "FEW", few)
    hits, unevaluated, view = judge(snapshot, ip_blocks_match_pods=None)
    narrow, wide = (denying_pods(snapshot, ip_blocks_match_pods=one) for one in (False, True))
    both = {place: pods & wide.get(place, set()) for place, pods in narrow.items()}
    assert described(view, {place: pods for place, pods in both.items() if pods}) == hits
    assert {name for (name, _), pods in both.items() if not pods} == unevaluated


WAYS = pytest.mark.parametrize("few", [0, _one_sided.FEW], ids=["by subject", "by peer"])


def deny_each(*names: str) -> list[str]:
    """Policies that let no one in but the pod itself."""
    return [
        f"{{podSelector: {{matchLabels: {{app: {one}}}}}, policyTypes: [Ingress],"
        f" ingress: [{{from: [{{podSelector: {{matchLabels: {{app: {one}}}}}}}]}}]}}"
        for one in names
    ]


@WAYS
def test_a_pod_that_admits_itself_alone_admits_none(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod of the policy that is its own peer does not count, however the peers are asked."""
    monkeypatch.setattr(_one_sided, "FEW", few)
    pods = [pod(one, {"app": one, "role": "peer"}) for one in ("a", "b", "c")]
    to_peers = """{podSelector: {matchExpressions: [{key: app, operator: In, values: [a, web]}]},
      policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {role: peer}}}]}]}"""
    snapshot = cluster([pod("web", {"app": "web"}), *pods], to_peers, *deny_each("a", "b", "c"))
    hits, unevaluated, _ = judge(snapshot, ip_blocks_match_pods=False)
    assert {"shop/Pod/a", "shop/Pod/b", "shop/Pod/c"} == hits[
        "shop/NetworkPolicy/policy-0", "egress[0]"
    ].workloads
    assert set() == unevaluated


@WAYS
def test_peers_that_may_let_the_rule_through_are_not_named(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses admitted may be those of pods: of three peers, the one that admits none denies."""
    monkeypatch.setattr(_one_sided, "FEW", few)
    pods = [pod(one, {"app": one, "role": "peer"}) for one in ("a", "b", "c")]
    to_peers = """{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress],
      egress: [{to: [{podSelector: {matchLabels: {role: peer}}}]}]}"""
    admit_addresses = """{podSelector: {matchExpressions: [{key: app, operator: NotIn,
      values: [c]}]}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"""
    snapshot = cluster(
        [pod("web", {"app": "web"}), *pods], to_peers, admit_addresses, *deny_each("a", "b", "c")
    )
    place = ("shop/NetworkPolicy/policy-0", "egress[0]")
    unknown, _, _ = judge(snapshot, ip_blocks_match_pods=None)
    assert {"shop/Pod/c"} == unknown[place].workloads
    known, _, _ = judge(snapshot, ip_blocks_match_pods=False)
    assert {"shop/Pod/a", "shop/Pod/b", "shop/Pod/c"} == known[place].workloads
