"""Two snapshots in one universe: bits, ports and row ends that mean the same on both sides."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.connections import WorkloadEndpoint
from auditor.model.objects import Reference
from auditor.model.recognition import Database, Recognition
from auditor.model.snapshot import Snapshot
from auditor.reachability.pair import Pair, Side, evaluate_pair
from auditor.reachability.verdict import PodEnd, decide
from auditor.reachability.view import evaluate
from tests.oracle.clusters import snapshots
from tests.oracle.handmade import cluster, pod

FROM_BLOCK = "ingress: [{from: [{ipBlock: {cidr: %s}}]}]"
SELECTING = "{podSelector: {matchLabels: {tier: %s}}, ingress: [{ports: [{port: %s}]}]}"


def web(name: str, tier: str) -> dict[str, Any]:
    """A pod of the StatefulSet web."""
    return pod(name, {"tier": tier}, owner="StatefulSet/web")


def pair_of(previous: Snapshot, current: Snapshot) -> Pair:
    """Both sides with ipBlocks that match no pods."""
    return evaluate_pair(*(Side(one, ip_blocks_match_pods=False) for one in (previous, current)))


def named(pair: Pair) -> list[str]:
    """The row ends that are workloads: their names and variants."""
    return [
        f"{one.workload.name}{list(one.variant)}" if one.variant else one.workload.name
        for one in pair.ends
        if isinstance(one, WorkloadEndpoint)
    ]


def standing(pair: Pair, end: str) -> tuple[list[str], list[str]]:
    """The pods that stand for an end on either side."""
    number = named(pair).index(end)
    return tuple(  # type: ignore[return-value]  # two, for there are two sides
        [
            one.name
            for position in side.standing[number]
            for one in side.view.pods_of(side.view.workloads[position])
        ]
        for side in (pair.previous, pair.current)
    )


def existing(pair: Pair, end: str) -> tuple[bool, bool]:
    """Whether an end has pods on either side."""
    number = named(pair).index(end)
    return number in pair.previous.existing, number in pair.current.existing


def test_both_sides_number_the_same_bits_and_cut_the_same_ports() -> None:
    """Labels, ports and blocks that one side's policies mention count on the other."""
    previous = cluster([web("w1", "a"), pod("x")], SELECTING % ("a", 80))
    current = cluster([web("w1", "b"), pod("x")], FROM_BLOCK % "10.0.0.0/8")
    pair = pair_of(previous, current)
    one, other = pair.previous.view.endpoints, pair.current.view.endpoints
    assert one.classes == other.classes
    assert one.parts.parts == other.parts.parts
    assert 4 == len(one.parts.parts)
    assert {(("tier", "a"),), (("tier", "b"),), ()} == {key.labels for key in one.classes}
    ports = [side.view.evaluation.ports for side in (pair.previous, pair.current)]
    assert ports[0].mask("TCP", 80, 80) == ports[1].mask("TCP", 80, 80)
    assert ports[0].all == ports[1].all
    assert ports[0].describe(ports[1].mask("TCP", 80, 80)) == ports[1].describe(
        ports[1].mask("TCP", 80, 80)
    )


def test_what_a_recognition_asks_for_is_cut_on_both_sides() -> None:
    """The own ports of a database that one side alone has; the labels of its cluster DNS."""
    snapshot = cluster([web("w1", "a"), web("w2", "b")])
    database = Database(engine="postgresql", ports=(5432,), evidence=())
    recognition = Recognition(
        databases={Reference("shop", "StatefulSet", "web"): database},
        dns_pod_labels=({"tier": "a"},),
    )
    pair = evaluate_pair(Side(snapshot), Side(snapshot, recognition))
    ports = pair.previous.view.evaluation.ports
    assert ports.mask("TCP", 5432, 5432) not in {ports.mask("TCP"), ports.mask("TCP", 5432)}
    assert ["web['tier=a']", "web['tier=b']"] == named(pair)


def test_a_class_may_be_held_on_one_side_alone() -> None:
    """The bit is there on both, and nobody holds it where there is no such pod."""
    policy = SELECTING % ("a", 80)
    pair = pair_of(cluster([web("w1", "a")], policy), cluster([web("w1", "b")], policy))
    held = [
        {key.labels for key, holders in zip(one.classes, one.holders, strict=True) if holders}
        for one in (pair.previous.view.endpoints, pair.current.view.endpoints)
    ]
    assert [{(("tier", "a"),)}, {(("tier", "b"),)}] == held


def test_labels_of_namespaces_are_each_sides_own() -> None:
    """One that a side does not have bears there what it bears on the other: it tells nothing."""
    previous = cluster([pod("x")], namespaces={"shop": {"env": "dev"}})
    current = cluster(
        [pod("x"), pod("y", namespace="new")],
        namespaces={"shop": {"env": "prod"}, "new": {"env": "test"}},
    )
    pair = pair_of(previous, current)
    labels = [
        {one.name: dict(one.labels) for one in side.view.endpoints.namespaces[:-1]}
        for side in (pair.previous, pair.current)
    ]
    assert [
        {"new": {"env": "test"}, "shop": {"env": "dev"}},
        {"new": {"env": "test"}, "shop": {"env": "prod"}},
    ] == labels


def test_variants_are_split_by_the_pods_of_both_sides() -> None:
    """A workload of which each side has one variant, and not the same, has two."""
    policy = SELECTING % ("a", 80)
    pair = pair_of(cluster([web("w1", "a")], policy), cluster([web("w2", "b")], policy))
    assert ["web['tier=a']", "web['tier=b']"] == named(pair)
    assert (True, False) == existing(pair, "web['tier=a']")
    assert (["w1"], ["w2"]) == standing(pair, "web['tier=a']") == standing(pair, "web['tier=b']")
    assert ["web"] == named(pair_of(cluster([web("w1", "a")]), cluster([web("w2", "b")])))


def test_who_has_no_counterpart_stands_in_for_a_variant_that_is_not_there() -> None:
    """Else all variants of the side do; where the workload is not there, none does."""
    policies = [SELECTING % (tier, 80) for tier in "abc"]
    went_and_came = pair_of(
        cluster([web("w1", "a"), web("w2", "b")], *policies),
        cluster([web("w1", "a"), web("w3", "c")], *policies),
    )
    assert (["w2"], ["w3"]) == standing(went_and_came, "web['tier=c']")
    assert (["w2"], ["w3"]) == standing(went_and_came, "web['tier=b']")
    came = pair_of(
        cluster([web("w1", "a"), web("w2", "b")], *policies),
        cluster([web("w1", "a"), web("w2", "b"), web("w3", "c")], *policies),
    )
    assert (["w1", "w2"], ["w3"]) == standing(came, "web['tier=c']")
    new = pair_of(cluster([pod("x")], *policies), cluster([pod("x"), web("w1", "a")], *policies))
    assert ([], ["w1"]) == standing(new, "web")
    number = named(new).index("web")
    assert () == new.previous.bits[number]
    assert number not in new.previous.populated


def test_the_bits_of_an_end_are_those_of_all_that_stand_for_it() -> None:
    """Sorted, each once; an address part is its own bit on both sides."""
    policies = [SELECTING % (tier, 80) for tier in "abc"]
    pair = pair_of(
        cluster([web("w1", "a"), web("w2", "b")], *policies),
        cluster([web("w1", "a"), web("w2", "b"), web("w3", "c")], *policies),
    )
    both = tuple(
        sorted(
            bit
            for end in ("web['tier=a']", "web['tier=b']")
            for bit in pair.previous.bits[named(pair).index(end)]
        )
    )
    assert both == pair.previous.bits[named(pair).index("web['tier=c']")]
    first = pair.previous.view.endpoints.external.start
    assert ((first,), (first + 1,)) == pair.previous.bits[-2:] == pair.current.bits[-2:]
    assert len(pair.ends) == len(pair.current.bits) == pair.first_address + 2


@pytest.mark.parametrize(
    ("readings", "classes"), [((True, False), 2), ((None, True), 2), ((None, False), 1)]
)
def test_addresses_tell_pods_apart_where_either_side_reads_blocks_so(
    readings: tuple[bool | None, bool | None], classes: int
) -> None:
    """On both sides then, for the bits are the same; a reading that is not known is no such."""
    pods = [pod("x", ips=["10.0.0.1"]), pod("y", ips=["10.9.0.1"])]
    snapshot = cluster(pods, FROM_BLOCK % "10.0.0.0/24")
    pair = evaluate_pair(*(Side(snapshot, ip_blocks_match_pods=one) for one in readings))
    for side in (pair.previous, pair.current):
        assert classes == len(side.view.real_classes)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
@given(
    pair=st.tuples(snapshots(max_pods=6), snapshots(max_pods=6)),
    readings=st.tuples(st.booleans(), st.booleans()),
)
def test_each_side_says_what_it_says_alone(
    pair: tuple[Snapshot, Snapshot], readings: tuple[bool, bool]
) -> None:
    """Whatever the other side is: every verdict between its pods is that of `evaluate`."""
    sides = [
        Side(one, ip_blocks_match_pods=reading) for one, reading in zip(pair, readings, strict=True)
    ]
    for side, found in zip(sides, evaluate_pair(*sides)[:2], strict=True):
        alone = evaluate(side.snapshot, ip_blocks_match_pods=side.ip_blocks_match_pods)
        pods = [PodEnd(*key) for key in alone.pod_positions]
        for source, destination in product(pods, repeat=2):
            assert (
                decide(alone, source, destination).ports
                == decide(found.view, source, destination).ports
            )
