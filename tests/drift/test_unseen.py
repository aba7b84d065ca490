"""Where connections are not compared: what one side read and the other did not."""

from __future__ import annotations

import msgspec
import pytest

from auditor.drift.connections import compare_connections
from auditor.drift.unseen import find_unseen
from auditor.model.drift import Uncompared
from auditor.model.objects import (
    Metadata,
    Namespace,
    NetworkPolicy,
    Pod,
    PolicyMetadata,
    PolicySpec,
)
from auditor.model.recognition import Recognition
from auditor.model.snapshot import Blind, Gap, Snapshot, UnevaluatedPolicy
from auditor.reachability.pair import Side, evaluate_pair
from auditor.sources.unevaluated import unevaluated_gaps

OPEN = Snapshot(
    origin="cluster",
    taken_at="",
    namespaces=tuple(Namespace(Metadata(name=name)) for name in ("one", "two")),
    pods=tuple(Pod(Metadata(name="web", namespace=name)) for name in ("one", "two")),
)
CLOSED = msgspec.structs.replace(
    OPEN,
    policies=(
        NetworkPolicy(
            PolicyMetadata(name="deny", namespace="one"),
            PolicySpec(policy_types=("Ingress", "Egress")),
        ),
    ),
)


def gap(namespace: str | None, blind: Blind | None, kind: str | None = "Pod") -> Gap:
    """A gap."""
    return Gap(
        kind=kind, namespace=namespace, name=None, reason="forbidden", effect="", blind=blind
    )


def _side(snapshot: Snapshot) -> Side:
    return Side(snapshot, Recognition(), ip_blocks_match_pods=None)


def with_gaps(snapshot: Snapshot, *gaps: Gap) -> Snapshot:
    """The snapshot with these gaps."""
    return msgspec.structs.replace(snapshot, gaps=gaps)


@pytest.mark.parametrize(
    "blind", [Blind.PODS, Blind.POLICIES, Blind.NAMESPACE_LABELS, Blind.OBJECTS]
)
def test_what_one_side_alone_did_not_read_is_not_compared(blind: Blind) -> None:
    """Whichever side it is; the reason says which."""
    blinded = with_gaps(OPEN, gap("one", blind))
    assert (Uncompared("one", "in the current snapshot: forbidden"),) == find_unseen(
        CLOSED, blinded
    )
    assert (Uncompared("one", "in the previous snapshot: forbidden"),) == find_unseen(
        blinded, CLOSED
    )


def test_what_hides_no_connection_is_compared() -> None:
    """Services, and what the API server would read alike, hide none; nor does what both lack."""
    for harmless in (gap("one", Blind.SERVICES), gap("one", None)):
        assert () == find_unseen(OPEN, with_gaps(CLOSED, harmless))
    hidden = gap("one", Blind.PODS)
    assert () == find_unseen(with_gaps(OPEN, hidden), with_gaps(CLOSED, hidden))


def test_policies_of_kinds_that_are_not_evaluated_hide_nothing() -> None:
    """Who adds one must not hide by it what else was opened."""
    policy = UnevaluatedPolicy("CiliumNetworkPolicy.cilium.io", "one", "any")
    vendor = msgspec.structs.replace(
        OPEN, unevaluated_policies=(policy,), gaps=tuple(unevaluated_gaps((policy,)))
    )
    assert () == find_unseen(CLOSED, vendor)


def test_a_gap_of_the_whole_cluster_leaves_nothing_to_compare() -> None:
    """Where the list of all policies was forbidden, every one of them looks gone."""
    blinded = with_gaps(OPEN, gap("one", Blind.PODS), gap(None, Blind.POLICIES))
    (everything,) = find_unseen(CLOSED, blinded)
    assert everything.namespace is None


def test_an_unread_namespace_hides_itself_alone() -> None:
    """It bears its own name, and stands in no namespace."""
    unread = msgspec.structs.replace(gap(None, Blind.NAMESPACE_LABELS, "Namespace"), name="two")
    assert ["two"] == [one.namespace for one in find_unseen(CLOSED, with_gaps(OPEN, unread))]


def test_rows_with_an_end_that_was_not_seen_are_left_out_and_the_others_stay() -> None:
    """Also rows from addresses; with nothing unseen all are there."""
    pair = evaluate_pair(_side(CLOSED), _side(OPEN))
    whole = compare_connections(pair)
    ends = {(row.source.namespace, row.destination.namespace) for row in whole.opened()}
    assert {("one", "two"), ("two", "one"), ("one", None), (None, "one")} == ends
    unseen = (Uncompared("one", "forbidden"),)
    narrowed = compare_connections(pair, unseen=unseen)
    assert [] == list(narrowed.opened())
    assert unseen == narrowed.limit(10).not_compared
    other = compare_connections(pair, unseen=(Uncompared("two", "forbidden"),))
    kept = {(row.source.namespace, row.destination.namespace) for row in other.opened()}
    assert {("one", None), (None, "one")} == kept
    assert other.totals.opened == len(list(other.opened()))
    assert 0 == compare_connections(pair, unseen=(Uncompared(None, ""),)).totals.opened
