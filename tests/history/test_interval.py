"""The interval view: what each rule said of each namespace over a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HistoryError, UsageError
from auditor.history.interval import JudgedRun, tally_interval, view_interval
from auditor.history.period import Period, parse_period, read_time, spell_time
from auditor.history.store import open_store
from auditor.model.findings import RuleStatus, SubjectRecord
from auditor.model.history import IntervalRow, IntervalState, IntervalView
from auditor.model.report import FindingRecord, RuleRecord
from tests.history.runs import CLUSTER, keep_runs, time_of
from tests.history.tampering import keep_store
from tests.reports.audits import make_finding

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = "2026-12-31T12:00:00Z"
PERIOD = parse_period("2026-01-01", "2026-01-31", now=NOW)
SATISFIED, UNSATISFIED, NOT_EVALUATED = (
    IntervalState.ALWAYS_SATISFIED,
    IntervalState.UNSATISFIED,
    IntervalState.NOT_EVALUATED,
)


def rule(
    name: str, status: RuleStatus = RuleStatus.PASS, *not_evaluated: str, **changes: str | None
) -> RuleRecord:
    """What became of a rule."""
    record = RuleRecord(
        id=name, status=status, declared_only=False, reason=None, not_evaluated=not_evaluated
    )
    return msgspec.structs.replace(record, **changes)


def finding(
    name: str, namespace: str | None, kind: str = "Deployment", status: str = "open"
) -> FindingRecord:
    """A finding of a rule."""
    subject = SubjectRecord(namespace=namespace, kind=kind, name="web")
    return make_finding(1, rule=name, subject=subject, status=status)


def run(
    day: int,
    judged: tuple[str, ...],
    rules: tuple[RuleRecord, ...],
    *findings: FindingRecord,
    is_narrowed: bool = False,
) -> JudgedRun:
    """A run on a day of the period, from 0."""
    return JudgedRun(START + timedelta(days=day), judged, is_narrowed, rules, findings)


def view(*runs: JudgedRun) -> IntervalView:
    """The view over runs."""
    return tally_interval("uid:1", PERIOD, runs, pruned=0)


def rows(seen: IntervalView) -> dict[tuple[str | None, str], IntervalRow]:
    """The rows by place."""
    return {(one.namespace, one.rule): one for one in seen.rows}


def states(*runs: JudgedRun) -> dict[tuple[str | None, str], IntervalState]:
    """The states by place."""
    return {place: one.state for place, one in rows(view(*runs)).items()}


def test_a_rule_without_a_finding_is_always_satisfied() -> None:
    """In each namespace, and as to the cluster."""
    assert {
        (None, "a"): SATISFIED,
        ("x", "a"): SATISFIED,
        ("y", "a"): SATISFIED,
    } == states(run(0, ("x", "y"), (rule("a"),)), run(1, ("x", "y"), (rule("a"),)))


def test_a_finding_makes_its_namespace_unsatisfied() -> None:
    """That one alone; the row says how often, and from when to when."""
    quiet = run(0, ("x", "y"), (rule("a"),))
    fail = rule("a", RuleStatus.FAIL)
    seen = view(
        quiet,
        run(1, ("x", "y"), (fail,), finding("a", "x"), finding("a", "x", status="waived")),
        run(2, ("x", "y"), (fail,), finding("a", "x", status="waived")),
        run(3, ("x", "y"), (rule("a"),)),
    )
    assert {("x", "a"), ("y", "a")} == set(rows(seen))
    assert (
        IntervalRow(
            namespace="x",
            rule="a",
            state=UNSATISFIED,
            runs=4,
            unsatisfied=2,
            not_evaluated=0,
            waived=1,
            first_unsatisfied_at="2026-01-02T00:00:00Z",
            last_unsatisfied_at="2026-01-03T00:00:00Z",
        )
        == rows(seen)["x", "a"]
    )
    assert SATISFIED is rows(seen)["y", "a"].state


@pytest.mark.parametrize("namespace", ["x", None])
def test_a_finding_about_a_namespace_lies_in_it(namespace: str | None) -> None:
    """Whichever way its subject is spelled."""
    subject = SubjectRecord(namespace=namespace, kind="Namespace", name="x")
    found = make_finding(1, rule="a", subject=subject)
    assert {("x", "a"): UNSATISFIED, ("y", "a"): SATISFIED} == states(
        run(0, ("x", "y"), (rule("a", RuleStatus.FAIL),), found)
    )


@pytest.mark.parametrize("kind", ["Cluster", "Environments"])
def test_a_finding_outside_namespaces_is_told_once(kind: str) -> None:
    """No namespace is called satisfied of a rule that dev→prod violates; another rule's are."""
    found = finding("a", None, kind)
    assert {
        (None, "a"): UNSATISFIED,
        (None, "b"): SATISFIED,
        ("x", "b"): SATISFIED,
    } == states(run(0, ("x",), (rule("a", RuleStatus.FAIL), rule("b")), found))


@pytest.mark.parametrize(
    "silent",
    [
        rule("a", RuleStatus.ERROR),
        rule("a", RuleStatus.DISABLED),
        rule("a", RuleStatus.NOT_EVALUATED),
        rule("a", RuleStatus.NOT_EVALUATED, "Cluster/cluster"),
        rule("a", RuleStatus.PASS, "Node/n", "Cluster/cluster"),
        rule("a", RuleStatus.NOT_EVALUATED, "nonsense"),
    ],
)
def test_a_silent_rule_is_evaluated_nowhere(silent: RuleRecord) -> None:
    """It failed, was disabled, or could not judge the cluster: one such run is enough."""
    assert dict.fromkeys([(None, "a"), ("x", "a"), ("y", "a")], NOT_EVALUATED) == states(
        run(0, ("x", "y"), (rule("a"),)), run(1, ("x", "y"), (silent,))
    )


@pytest.mark.parametrize("key", ["x/Deployment/web", "x/Namespace/x", "Namespace/x"])
def test_a_subject_that_was_not_judged_covers_its_namespace(key: str) -> None:
    """A namespace is not satisfied where one of its workloads was not judged."""
    assert {("x", "a"): NOT_EVALUATED, ("y", "a"): SATISFIED, (None, "a"): NOT_EVALUATED} == states(
        run(0, ("x", "y"), (rule("a", RuleStatus.NOT_EVALUATED, key),))
    )


def test_environments_that_were_not_judged_lie_in_no_namespace() -> None:
    """The row without a namespace says so."""
    record = rule("a", RuleStatus.NOT_EVALUATED, "Environments/dev→prod")
    assert {(None, "a"): NOT_EVALUATED, ("x", "a"): SATISFIED} == states(run(0, ("x",), (record,)))


def test_a_finding_goes_before_what_was_not_judged() -> None:
    """A run counts once: as unsatisfied."""
    partly = rule("a", RuleStatus.FAIL, "x/Deployment/other")
    row = rows(view(run(0, ("x",), (partly,), finding("a", "x"))))["x", "a"]
    assert (UNSATISFIED, 1, 0) == (row.state, row.unsatisfied, row.not_evaluated)


def test_a_rule_that_a_run_did_not_know_was_not_evaluated_there() -> None:
    """Later versions know more rules: that says nothing of earlier times."""
    seen = rows(view(run(0, ("x",), (rule("a"),)), run(1, ("x",), (rule("a"), rule("b")))))
    assert (NOT_EVALUATED, 2, 1) == (
        seen["x", "b"].state,
        seen["x", "b"].runs,
        seen["x", "b"].not_evaluated,
    )
    assert SATISFIED is seen["x", "a"].state


def test_runs_that_did_not_judge_a_namespace_do_not_count_for_it() -> None:
    """A namespace that no run judged has no row, whatever a finding says."""
    seen = rows(
        view(
            run(0, ("x",), (rule("a"),), finding("a", "z")),
            run(1, ("x", "y"), (rule("a"),)),
        )
    )
    assert {"x": 2, "y": 1, None: 2} == {place[0]: one.runs for place, one in seen.items()}
    assert {SATISFIED} == {one.state for one in seen.values()}


def test_a_run_narrowed_to_labels_leaves_the_rest_of_a_namespace_unseen() -> None:
    """What it found is found all the same."""
    narrowed = run(
        0,
        ("x", "y"),
        (rule("a", RuleStatus.FAIL),),
        finding("a", "x"),
        is_narrowed=True,
    )
    assert {("x", "a"): UNSATISFIED, ("y", "a"): NOT_EVALUATED} == states(narrowed)


def test_the_view_says_how_densely_it_was_sampled() -> None:
    """The median of the times between runs, and the longest time in which nothing was seen."""
    seen = view(*(run(day, (), ()) for day in (1, 2, 4, 9)))
    day = 86400.0
    assert (4, "2026-01-02T00:00:00Z", "2026-01-10T00:00:00Z") == (
        seen.runs,
        seen.first_run_at,
        seen.last_run_at,
    )
    assert 2 * day == seen.median_interval_seconds
    # from the last run to the end of the last day
    assert 22 * day - 1 == seen.longest_interval_seconds


def test_a_period_without_runs_was_not_sampled() -> None:
    """All of it is the longest time in which nothing was seen; there are no rows."""
    seen = tally_interval("uid:1", PERIOD, (), pruned=2)
    assert (0, None, None, None, 31 * 86400.0 - 1, 2, ()) == (
        seen.runs,
        seen.first_run_at,
        seen.last_run_at,
        seen.median_interval_seconds,
        seen.longest_interval_seconds,
        seen.pruned,
        seen.rows,
    )


def test_a_day_is_meant_whole() -> None:
    """From its first second to its last; a time without a zone is UTC, others are converted."""
    period = parse_period("2026-03-01", "2026-03-01", now=NOW)
    assert ("2026-03-01T00:00:00Z", "2026-03-01T23:59:59Z") == tuple(map(spell_time, period))
    assert period.holds(datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=UTC))
    assert not period.holds(datetime(2026, 3, 2, tzinfo=UTC))
    assert not period.holds(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC))
    timed = parse_period("2026-03-01T12:00:00", "2026-03-01T12:00:00-02:00", now=NOW)
    assert ("2026-03-01T12:00:00Z", "2026-03-01T14:00:00Z") == tuple(map(spell_time, timed))


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("yesterday", "2026-01-01", "--since yesterday is no date or time"),
        ("2026-01-01", "2026-02-30", "--until 2026-02-30 is no date or time"),
        ("2026-01-01", "", "--until  is no date or time"),
        ("0001-01-01T00:00:00+14:00", "2026-01-01", "--since 0001-01-01T00:00:00+14:00 is no"),
        ("2027-01-01", "2027-01-02", "the period ends before it begins: 2027-01-01T00:00:00Z to"),
        ("2026-01-02", "2026-01-01", "the period ends before it begins: 2026-01-02T00:00:00Z to"),
    ],
)
def test_what_is_no_period_is_refused(since: str, until: str, message: str) -> None:
    """The flag is named, and the forms are said."""
    with pytest.raises(UsageError) as caught:
        parse_period(since, until, now=NOW)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_a_kept_time_that_is_none_is_an_error_of_the_store() -> None:
    """Somebody altered it."""
    with pytest.raises(HistoryError, match="start of run 1 is no time: soon"):
        read_time("soon", "start of run 1")


class _Told(NamedTuple):
    """One run, as the oracle sees it: of one rule, what was said of each namespace."""

    judged: frozenset[str]
    failed: frozenset[str]
    unseen: frozenset[str]


_SPACES = st.frozensets(st.sampled_from("xyz"))


@given(
    st.lists(
        st.builds(
            lambda judged, failed, unseen: _Told(judged, failed & judged, unseen & judged),
            _SPACES,
            _SPACES,
            _SPACES,
        ),
        max_size=6,
    )
)
def test_the_view_is_what_one_counts_by_hand(told: list[_Told]) -> None:
    """For every namespace, run by run: found, else not seen, else satisfied."""
    runs = [
        run(
            day,
            tuple(sorted(one.judged)),
            (rule("a", RuleStatus.FAIL, *(f"{space}/Pod/p" for space in sorted(one.unseen))),),
            *(finding("a", space) for space in sorted(one.failed)),
        )
        for day, one in enumerate(told)
    ]
    counted = {
        space: (
            sum(space in one.judged for one in told),
            sum(space in one.failed for one in told),
            sum(space in one.unseen - one.failed for one in told),
        )
        for space in "xyz"
    }
    assert {space: counts for space, counts in counted.items() if counts[0]} == {
        space: (row.runs, row.unsatisfied, row.not_evaluated)
        for (space, _), row in rows(view(*runs)).items()
        if space is not None
    }


def test_a_period_holds_both_its_ends() -> None:
    """A run at the very second counts."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert Period(moment, moment).holds(moment)


def test_what_lies_ahead_is_no_part_of_the_period() -> None:
    """Nothing could be seen there: it is no time without a run."""
    period = parse_period("2026-12-31", "2026-12-31", now=NOW)
    assert NOW == spell_time(period.until)


def test_the_runs_of_the_period_are_read_from_the_store(tmp_path: Path) -> None:
    """Those of the cluster, within it; a run that was pruned is counted, and says nothing."""
    kept = keep_store(tmp_path)
    with open_store(str(kept.database), create=False) as store:
        seen = view_interval(store, CLUSTER, time_of(1), time_of(4), now=NOW)
        assert (3, 1, time_of(2), time_of(4)) == (
            seen.runs,
            seen.pruned,
            seen.first_run_at,
            seen.last_run_at,
        )
        assert (3600.0, 3600.0) == (seen.median_interval_seconds, seen.longest_interval_seconds)
        found = rows(seen)["shop-dev", "namespace-lacks-default-deny"]
        assert (UNSATISFIED, 3, time_of(2)) == (
            found.state,
            found.unsatisfied,
            found.first_unsatisfied_at,
        )
        assert SATISFIED is rows(seen)["shop-prod", "namespace-lacks-default-deny"].state


def test_runs_may_have_been_kept_in_another_order_than_they_were_started(tmp_path: Path) -> None:
    """A slow run is kept after a faster one that began later: times are counted as they were."""
    with open_store(str(tmp_path / "history.sqlite"), create=True) as store:
        keep_runs(store, 3, 1, 2)
        seen = view_interval(store, CLUSTER, time_of(0), time_of(3), now=NOW)
    assert (time_of(1), time_of(3), 3600.0) == (
        seen.first_run_at,
        seen.last_run_at,
        seen.longest_interval_seconds,
    )
