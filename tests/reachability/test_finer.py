"""Finer views: external space cut where a question cuts it, and everything else as it was."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import FrozenBitMap

from auditor.model.connections import AddressEndpoint
from auditor.model.findings import Direction
from auditor.model.objects import IPBlock
from auditor.model.snapshot import Snapshot
from auditor.reachability.connections import list_connections
from auditor.reachability.selection import pods_by_class
from auditor.reachability.view import View, evaluate
from tests.oracle.clusters import BLOCKS, snapshots
from tests.rules.auditing import read_text

METADATA_SERVICE = IPBlock(cidr="169.254.169.254/32")

CLUSTER = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
status: {podIPs: [{ip: 10.0.0.7}]}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: app, labels: {app: job}}
spec: {containers: [{name: main, image: nginx}]}
status: {podIPs: [{ip: 10.0.0.8}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: app}
spec: {podSelector: {}, policyTypes: [Egress], egress: []}
"""

OUTSIDE = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: outside, namespace: app}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}
"""


def reached(view: View) -> list[str]:
    """The addresses that `web` may reach."""
    return [
        str(one.destination)
        for one in list_connections(view)
        if str(one.source) == "app/Pod/web" and isinstance(one.destination, AddressEndpoint)
    ]


def test_a_finer_view_names_the_address_asked_for() -> None:
    """The part that held it is cut; the view that was asked stays as it is."""
    view = evaluate(read_text(CLUSTER + OUTSIDE))
    assert ["0.0.0.0-255.255.255.255"] == reached(view)
    assert [
        "0.0.0.0-169.254.169.253",
        "169.254.169.254-169.254.169.254",
        "169.254.169.255-255.255.255.255",
    ] == reached(view.finer([METADATA_SERVICE]))
    assert ["0.0.0.0-255.255.255.255"] == reached(view)


def test_a_view_that_is_cut_so_already_is_its_own_finer_view() -> None:
    """Whole families, blocks of policies, and blocks asked for before cut nothing more."""
    view = evaluate(read_text(CLUSTER + OUTSIDE))
    assert view is view.finer([])
    assert view is view.finer([IPBlock(cidr="0.0.0.0/0"), IPBlock(cidr="::/0")])
    finer = view.finer([METADATA_SERVICE])
    all_but = IPBlock(cidr="0.0.0.0/0", excepts=("169.254.169.254/32",))
    assert finer is finer.finer([METADATA_SERVICE, all_but])


def test_blocks_that_cut_alike_share_a_finer_view() -> None:
    """It is evaluated once, however the blocks are spelled."""
    view = evaluate(read_text(CLUSTER + OUTSIDE))
    all_but = IPBlock(cidr="0.0.0.0/0", excepts=("169.254.169.254/32",))
    assert view.finer([METADATA_SERVICE]) is view.finer([all_but])
    assert view.finer([METADATA_SERVICE]) is not view.finer([IPBlock(cidr="10.0.0.0/8")])


def test_a_finer_view_of_a_finer_view_keeps_its_cuts() -> None:
    """Cuts add up."""
    view = evaluate(read_text(CLUSTER + OUTSIDE))
    finer = view.finer([METADATA_SERVICE]).finer([IPBlock(cidr="200.0.0.0/8")])
    assert 5 == len(reached(finer))


def test_the_first_block_of_a_cluster_tells_pods_apart_by_address() -> None:
    """Where blocks match pods: without any, no policy could tell them apart by it."""
    view = evaluate(read_text(CLUSTER), ip_blocks_match_pods=True)
    whole = IPBlock(cidr="0.0.0.0/0")
    assert not view.evaluation.index.block(whole)[1]
    finer = view.finer([whole])
    assert view is not finer
    assert finer.real_classes <= finer.evaluation.index.block(whole)[1]


def test_a_finer_view_numbers_policies_and_workloads_alike() -> None:
    """A change that names policies by position means the same ones there."""
    view = evaluate(read_text(CLUSTER + OUTSIDE))
    finer = view.finer([METADATA_SERVICE])
    assert [one.reference for one in view.policies] == [one.reference for one in finer.policies]
    assert view.workload_numbers == finer.workload_numbers


@pytest.mark.slow
@settings(
    max_examples=200,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
)
@given(
    snapshot=snapshots(max_pods=6, max_policies=4),
    reading=st.sampled_from([None, True, False]),
    blocks=st.lists(st.sampled_from([*BLOCKS, METADATA_SERVICE]), min_size=1, max_size=3),
)
def test_a_finer_view_is_the_evaluation_with_its_blocks(
    snapshot: Snapshot, *, reading: bool | None, blocks: list[IPBlock]
) -> None:
    """Rows and permissions are alike, and what blocks match where their reading is known."""
    finer = evaluate(snapshot, ip_blocks_match_pods=reading).finer(blocks)
    anew = evaluate(snapshot, ip_blocks_match_pods=reading, blocks=frozenset(blocks))
    assert finer.endpoints.parts.parts == anew.endpoints.parts.parts
    assert list(list_connections(anew)) == list(list_connections(finer))
    assert anew.gaps == finer.gaps
    assert permissions(anew) == permissions(finer)
    for block in blocks if reading is not None else ():
        assert matched(anew, block) == matched(finer, block)


def matched(view: View, block: IPBlock) -> tuple[object, ...]:
    """What a block matches: addresses and nodes, pods, and whether anything may be missed."""
    outside, pods, narrow = view.evaluation.index.block(block)
    return spell(view, outside), spell(view, pods), narrow


def spell(view: View, bits: FrozenBitMap) -> tuple[list[int], list[str]]:
    """The pods, by position, and the addresses of bits."""
    by_class = view.remembered(pods_by_class)
    pods = {position for bit in bits & view.real_classes for position in by_class[bit]}
    return sorted(pods), [str(view.spell(bit)) for bit in bits & view.external]


def permissions(view: View) -> dict[tuple[Direction, int], object]:
    """What each pod's own side allows, and may allow besides, by pods and addresses."""
    return {
        (direction, position): (
            [(ports, spell(view, peers)) for ports, peers in group.cells],
            [(one.policy, one.rule, one.ports, spell(view, one.peers)) for one in group.grants],
            [(one.policy, one.rule, spell(view, one.possible)) for one in group.possible],
        )
        for direction in Direction
        for position, bit in enumerate(view.endpoints.class_of_pod)
        if bit >= 0
        for group in [view.group(direction, bit)]
    }
