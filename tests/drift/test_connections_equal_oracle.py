"""On pairs of small clusters, what opened and closed is exactly what the slow oracle says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.connections import compare_connections
from auditor.model.drift import Cause, CauseKind, ChangedRow
from auditor.model.objects import Reference
from auditor.model.snapshot import Snapshot
from auditor.reachability.pair import Side, evaluate_pair
from tests.drift.comparing import Comparison, check_rows
from tests.drift.pairs import edited, pairs, unrelated
from tests.oracle.clusters import snapshots
from tests.oracle.edits import Edited, edit

# The tracer of coverage takes most of the time here, and other tests cover the engine's lines.
pytestmark = pytest.mark.no_cover

PAIRS_EDITED = 300
PAIRS_EDITED_ONCE = 300
PAIRS_UNRELATED = 60
PAIRS_ELSE = 60

SWAPPED = {
    CauseKind.POLICY_ADDED: CauseKind.POLICY_REMOVED,
    CauseKind.POLICY_REMOVED: CauseKind.POLICY_ADDED,
    CauseKind.WORKLOAD_ADDED: CauseKind.WORKLOAD_REMOVED,
    CauseKind.WORKLOAD_REMOVED: CauseKind.WORKLOAD_ADDED,
}


@pytest.mark.slow
@pairs(PAIRS_EDITED)
@given(comparison=edited())
def test_what_edits_open_and_close_is_the_oracles(comparison: Comparison) -> None:
    """Every row states what the oracle states, and nothing is missing; its causes hold."""
    check_rows(comparison)


@pytest.mark.slow
@pairs(PAIRS_UNRELATED)
@given(comparison=unrelated())
def test_what_differs_between_any_two_clusters_is_the_oracles(comparison: Comparison) -> None:
    """However much differs at once."""
    check_rows(comparison)


@pytest.mark.slow
@pairs(PAIRS_EDITED_ONCE)
@given(data=st.data(), snapshot=snapshots(), ip_blocks_match_pods=st.booleans())
def test_one_edit_is_the_cause_of_all_it_opens_and_closes(
    data: st.DataObject,
    snapshot: Snapshot,
    ip_blocks_match_pods: bool,  # noqa: FBT001  a drawn value
) -> None:
    """Nothing else is named; and what means the same as before opens and closes nothing."""
    after = data.draw(edit(Edited(snapshot, ip_blocks_match_pods)))
    changes = Comparison(
        Side(snapshot, ip_blocks_match_pods=ip_blocks_match_pods),
        Side(after.snapshot, ip_blocks_match_pods=after.ip_blocks_match_pods),
    ).changes()
    wrong = [
        (after.name, row)
        for row in (*changes.opened(), *changes.closed())
        if not {(one.cause, one.object) for one in row.causes} <= after.blame
    ]
    assert [] == wrong[:2]


@pairs(PAIRS_ELSE)
@given(snapshot=snapshots())
def test_switching_the_reading_of_ip_blocks_is_the_cause_of_what_it_opens(
    snapshot: Snapshot,
) -> None:
    """And opens what the other CNI would: it can close nothing."""
    changes = Comparison(
        Side(snapshot, ip_blocks_match_pods=False), Side(snapshot, ip_blocks_match_pods=True)
    ).changes()
    cause = Cause(CauseKind.IP_BLOCK_READING_CHANGED, "Cluster/cluster")
    assert {(cause,)} >= {row.causes for row in changes.opened()}
    assert [] == list(changes.closed())


@pairs(PAIRS_ELSE)
@given(comparison=edited())
def test_totals_and_groups_count_the_rows(comparison: Comparison) -> None:
    """Each row counts once, in the group of its namespaces, which has its causes."""
    changes = comparison.changes()
    opened, closed = list(changes.opened()), list(changes.closed())
    assert (len(opened), len(closed)) == (changes.totals.opened, changes.totals.closed)
    counts = [Counter(map(_namespaces, rows)) for rows in (opened, closed)]
    assert {key: tuple(one[key] for one in counts) for key in counts[0] | counts[1]} == {
        (one.source, one.destination): (one.opened, one.closed) for one in changes.groups
    }
    sizes = [(-one.opened, -one.closed) for one in changes.groups]
    assert sorted(sizes) == sizes
    for group in changes.groups:
        causes = {
            cause
            for row in (*opened, *closed)
            if _namespaces(row) == (group.source, group.destination)
            for cause in row.causes
        }
        assert len(set(group.causes)) == len(group.causes) == min(10, len(causes))
        assert causes >= set(group.causes)
        assert len(causes) - len(group.causes) == group.causes_omitted


def _namespaces(row: ChangedRow) -> tuple[str | None, str | None]:
    return row.source.namespace, row.destination.namespace


@pairs(PAIRS_ELSE)
@given(comparison=edited(), rows=st.sampled_from([0, 1, 2, 7, 1000]))
def test_a_limit_keeps_the_first_rows_and_counts_the_rest(
    comparison: Comparison, rows: int
) -> None:
    """Of what opened and of what closed, each; totals and groups stay."""
    changes = comparison.changes()
    drift = changes.limit(rows)
    assert tuple(islice(changes.opened(), rows)) == drift.opened
    assert tuple(islice(changes.closed(), rows)) == drift.closed
    assert changes.totals == drift.totals
    assert changes.groups == drift.groups
    assert (drift.totals.opened - len(drift.opened), drift.totals.closed - len(drift.closed)) == (
        drift.omitted.opened,
        drift.omitted.closed,
    )


@pairs(PAIRS_ELSE)
@given(snapshot=snapshots(), ip_blocks_match_pods=st.sampled_from([None, False, True]))
def test_a_cluster_does_not_differ_from_itself(
    snapshot: Snapshot,
    ip_blocks_match_pods: bool | None,  # noqa: FBT001  a drawn value
) -> None:
    """Nothing opened, nothing closed."""
    side = Side(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    changes = Comparison(side, side).changes()
    assert (0, 0) == (changes.totals.opened, changes.totals.closed)
    assert [] == [*changes.opened(), *changes.closed(), *changes.groups]


@pairs(PAIRS_ELSE)
@given(comparison=edited())
def test_the_other_way_round_what_opened_closes(comparison: Comparison) -> None:
    """Row by row, and for the same causes in the other words."""
    there, back = comparison.changes(), comparison.swapped().changes()
    for rows, turned in ((there.opened(), back.closed()), (there.closed(), back.opened())):
        assert [_spell(row, {}) for row in rows] == [_spell(row, SWAPPED) for row in turned]


def _spell(row: ChangedRow, words: Mapping[CauseKind, CauseKind]) -> tuple[object, ...]:
    causes = {(words.get(one.cause, one.cause), one.object) for one in row.causes}
    return row.source, row.destination, row.ports, causes


@pairs(PAIRS_ELSE)
@given(comparison=edited(), namespace=st.sampled_from(["one", "two"]))
def test_narrowing_shows_rows_with_an_end_shown(comparison: Comparison, namespace: str) -> None:
    """Of either end; what is shown is as it is without narrowing, and alone is counted."""

    def shown(workload: Reference) -> bool:
        return workload.namespace == namespace

    pair = evaluate_pair(*comparison)
    everything, narrowed = compare_connections(pair), compare_connections(pair, shown=shown)
    for whole, part in (
        (everything.opened(), narrowed.opened()),
        (everything.closed(), narrowed.closed()),
    ):
        assert [row for row in whole if namespace in _namespaces(row)] == list(part)
    assert (len(list(narrowed.opened())), len(list(narrowed.closed()))) == (
        narrowed.totals.opened,
        narrowed.totals.closed,
    )
    assert {
        (one.source, one.destination): one
        for one in everything.groups
        if namespace in (one.source, one.destination)
    } == {(one.source, one.destination): one for one in narrowed.groups}
