"""Thousands of policies in one namespace are decided within a budget, or not evaluated."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from auditor.model.findings import Hit, Unevaluated
from auditor.model.objects import (
    IngressRule,
    NetworkPolicy,
    Peer,
    PolicyPort,
)
from auditor.model.selectors import LabelSelector, Requirement
from auditor.model.snapshot import Snapshot
from auditor.reachability.view import evaluate
from auditor.rules import peers_are_ored, policy_is_redundant
from tests.benchmarks.crowd import CROWDS, EVERYTHING, allow, app, crowd
from tests.reachability.test_coverage import pigeonholes

# Sheer size: the tracer of coverage would double what takes long already.
pytestmark = pytest.mark.no_cover


def check(snapshot: Snapshot) -> tuple[list[Hit], list[Unevaluated]]:
    """What the rule finds, and what it could not judge."""
    found = list(policy_is_redundant.check(evaluate(snapshot)))
    return (
        [one for one in found if isinstance(one, Hit)],
        [one for one in found if isinstance(one, Unevaluated)],
    )


def positions(hits: Sequence[Hit]) -> list[int]:
    """The numbers of the policies found as a whole."""
    assert all(one.detail is None for one in hits)
    return [int(one.subject.name.partition("-")[2]) for one in hits]


COUNT = 600


@pytest.mark.parametrize(
    ("policies", "redundant"),
    [
        pytest.param(CROWDS["all select every pod"](COUNT), [], id="all select every pod"),
        pytest.param(
            [allow(one, EVERYTHING, app(1), PolicyPort(port=1 + one)) for one in range(COUNT)],
            [],
            id="all select every pod, each with a port of its own",
        ),
        pytest.param(
            [allow(one, EVERYTHING, app(1), PolicyPort(port=80)) for one in range(COUNT)],
            list(range(COUNT)),
            id="all say the same",
        ),
        pytest.param(
            CROWDS["each selects an app of its own"](COUNT), [], id="each selects an app of its own"
        ),
        pytest.param(
            CROWDS["half select every pod, half an app"](COUNT),
            # each app's own policy admits what the one before it admits to every pod
            list(range(1, COUNT, 2)),
            id="half select every pod, half an app",
        ),
    ],
)
def test_many_policies_of_one_namespace_are_decided(
    policies: Sequence[NetworkPolicy], redundant: list[int]
) -> None:
    """Hundreds of policies that select the same pods, or each its own, are no hard question."""
    hits, unevaluated = check(crowd(policies, pods=COUNT))
    assert redundant == positions(hits)
    assert [] == unevaluated


def test_ports_too_entangled_leave_the_namespace_unevaluated() -> None:
    """A thousand ranges that all overlap are beyond the budget: no policy of theirs is judged."""
    policies = [
        allow(one, EVERYTHING, EVERYTHING, PolicyPort(port=1 + one, end_port=30_000 + one))
        for one in range(1_050)
    ]
    hits, unevaluated = check(crowd(policies, pods=1))
    assert [] == hits
    assert ["app/Namespace/app"] == [str(one.subject) for one in unevaluated]
    assert ["what its policies permit twice was not decided within 1,000,000 steps"] == [
        one.reason for one in unevaluated
    ]


def test_selectors_too_entangled_leave_their_policies_unevaluated() -> None:
    """Whether the default-deny hangs on a policy may be too hard; what pods need is still said."""
    eighty = PolicyPort(port=80)
    hard = [allow(one, each, EVERYTHING, eighty) for one, each in enumerate(pigeonholes(7))]
    needed = allow(len(hard), app(0), EVERYTHING, PolicyPort(port=8080))
    hits, unevaluated = check(crowd([*hard, needed], pods=1))
    assert [] == hits
    assert {
        "whether the namespace's default-deny hangs on it was not decided within 1,000,000 steps"
    } == {one.reason for one in unevaluated}
    # the pod lacks the keys: some of the hard ones select it, and cover one another
    assert {one.reference for one in hard} == {one.subject for one in unevaluated}


def test_what_covers_is_named_as_far_as_the_budget_goes() -> None:
    """Where there are too many policies to look through, what covers the later ones is not said."""
    twins = [allow(one, EVERYTHING, app(one // 2), PolicyPort(port=80)) for one in range(1_200)]
    hits, _ = check(crowd(twins, pods=600))
    assert list(range(1_200)) == positions(hits)
    named = [one.evidence["covered_by"] for one in hits if "covered_by" in one.evidence]
    assert 0 < len(named) < len(hits)
    assert ["app/NetworkPolicy/policy-00001 ingress[0]"] == named[0]


def test_twenty_rules_that_cover_are_named_at_most() -> None:
    """A policy that dozens of others cover together names twenty of them, and says so."""
    has_app = LabelSelector(match_expressions=(Requirement(key="app", operator="Exists"),))
    pieces = [allow(1 + one, EVERYTHING, app(one)) for one in range(30)]
    hits, _ = check(crowd([allow(0, EVERYTHING, has_app), *pieces], pods=30))
    assert list(range(31)) == positions(hits)
    *covering, more = hits[0].evidence["covered_by"]
    assert [f"app/NetworkPolicy/policy-{one:05} ingress[0]" for one in range(1, 21)] == covering
    assert "and more" == more


def test_pairs_of_peers_too_many_to_look_at_are_not_evaluated() -> None:
    """A rule of hundreds of both kinds of peers is beyond the budget: it is not guessed at."""
    peers = [
        *(Peer(pod_selector=app(one)) for one in range(200)),
        *(Peer(namespace_selector=app(one)) for one in range(200)),
    ]
    policy = allow(0, EVERYTHING, EVERYTHING)
    rule = IngressRule(peers=tuple(peers))
    spec = msgspec.structs.replace(policy.spec, ingress=(rule,))
    policy = msgspec.structs.replace(policy, spec=spec)
    (found,) = peers_are_ored.check(evaluate(crowd([policy], pods=1)))
    assert isinstance(found, Unevaluated)
    assert "app/NetworkPolicy/policy-00000" == str(found.subject)
    assert (
        "ingress[0]: what other rules permit as well was not decided within 1,000,000 steps"
        == found.reason
    )
