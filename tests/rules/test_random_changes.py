"""What changes close and open is exact on random small clusters: held against full evaluation."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.findings import Direction
from auditor.model.objects import EgressRule, IngressRule, IPBlock, NetworkPolicy, Peer
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from auditor.reachability.closing import Change
from auditor.reachability.compile import isolated_directions, rules_of
from auditor.reachability.view import View, evaluate
from auditor.reachability.vocabulary import Rule
from auditor.rules._remediation import by_manifest, new_policy, with_rules
from tests.oracle.clusters import BLOCKS, SELECTORS, snapshots
from tests.rules.applying import apply_policies, compare_rows, find_differences
from tests.rules.auditing import read_text

METADATA_SERVICE = IPBlock(cidr="0.0.0.0/0", excepts=("169.254.169.254/32",))


@pytest.mark.slow
@settings(
    max_examples=300,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
@given(
    data=st.data(),
    snapshot=snapshots(max_pods=6, max_policies=4),
    reading=st.sampled_from([None, True, False]),
    direction=st.sampled_from(list(Direction)),
)
def test_what_changes_close_and_open_is_exact(
    data: st.DataObject, snapshot: Snapshot, *, reading: bool | None, direction: Direction
) -> None:
    """A policy that takes another one's rules, or is added with them, does what is said of it."""
    view = evaluate(snapshot, ip_blocks_match_pods=reading)
    change = data.draw(changes(view, direction))
    remediation = by_manifest(view, change, opens=True)
    assert remediation.manifest is not None
    after = apply_policies(snapshot, read_text(remediation.manifest).policies)
    assert [] == list(find_differences(compare_rows(view, after), remediation))


@st.composite
def changes(draw: st.DrawFn, view: View, direction: Direction) -> Change:
    """Policies replaced and added, of what the cluster's policies mention, and of any address."""
    places = range(len(view.policies))
    replaced = draw(st.lists(st.sampled_from(places), max_size=2, unique=True))
    added = draw(st.lists(st.sampled_from(places), min_size=0 if replaced else 1, max_size=2))
    rules = st.one_of(_rules(view, direction), _rules_for_addresses(direction))
    return Change(
        direction,
        tuple(
            new_policy(
                view,
                view.policy(one).namespace,
                f"added-{number}",
                draw(st.sampled_from([view.policy(one).spec.pod_selector, *SELECTORS])),
                direction,
                rules=draw(rules),
            )
            for number, one in enumerate(added)
        ),
        tuple(
            (one, _isolating(with_rules(view.policy(one), direction, draw(rules)), direction))
            for one in replaced
        ),
    )


def _rules(view: View, direction: Direction) -> st.SearchStrategy[tuple[Rule, ...]]:
    """The rules of some policy of the cluster."""
    return st.sampled_from(
        [
            _turned(rules_of(one, each), direction)
            for one in view.snapshot.policies
            for each in Direction
        ]
    )


def _rules_for_addresses(direction: Direction) -> st.SearchStrategy[tuple[Rule, ...]]:
    """Every pod and an ipBlock that no policy need mention: of pods, of nodes, of the outside."""
    blocks = st.sampled_from([*BLOCKS, METADATA_SERVICE])
    return blocks.map(
        lambda one: _turned(
            (EgressRule(peers=(Peer(namespace_selector=LabelSelector()), Peer(ip_block=one))),),
            direction,
        )
    )


def _isolating(policy: NetworkPolicy, direction: Direction) -> NetworkPolicy:
    """The policy, made to isolate in a direction."""
    directions = {*isolated_directions(policy), direction}
    types = tuple(one.value.capitalize() for one in Direction if one in directions)
    spec = msgspec.structs.replace(policy.spec, policy_types=types)
    return msgspec.structs.replace(policy, spec=spec)


def _turned(rules: tuple[Rule, ...], direction: Direction) -> tuple[Rule, ...]:
    """The rules as those of a direction."""
    kind = IngressRule if direction is Direction.INGRESS else EgressRule
    return tuple(kind(peers=one.peers, ports=one.ports) for one in rules)
