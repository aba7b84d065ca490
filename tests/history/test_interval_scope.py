"""The interval view of runs that did not judge all there was."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from auditor.findings.scope import NOT_ASKED_FOR
from auditor.history.interval import view_interval
from auditor.history.store import open_store
from auditor.model.findings import RuleStatus
from auditor.model.report import ExcludedNamespace
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot, time_of
from tests.history.test_interval import (
    NOT_EVALUATED,
    NOW,
    SATISFIED,
    UNSATISFIED,
    finding,
    rows,
    rule,
    run,
    states,
    view,
)


def test_a_namespace_that_a_run_left_out_is_not_evaluated_there() -> None:
    """It was there, and nothing is known of it: for every rule; a finding of another run stays."""
    judged = run(0, ("x", "y"), (rule("a"), rule("b")))
    found = run(1, ("x", "y"), (rule("a", RuleStatus.FAIL), rule("b")), finding("a", "y"))
    without = run(2, ("x",), (rule("a"), rule("b")))._replace(left_out=("y", "z"))
    seen = rows(view(judged, found, without))
    assert {
        ("x", "a"): (SATISFIED, 3, 0),
        ("x", "b"): (SATISFIED, 3, 0),
        ("y", "a"): (UNSATISFIED, 3, 1),
        ("y", "b"): (NOT_EVALUATED, 3, 1),
        ("z", "a"): (NOT_EVALUATED, 1, 1),
        ("z", "b"): (NOT_EVALUATED, 1, 1),
    } == {
        place: (one.state, one.runs, one.not_evaluated)
        for place, one in seen.items()
        if place[0] is not None
    }


@pytest.mark.parametrize(("narrowed", "of_some"), [(True, False), (False, True)])
def test_a_narrowed_run_says_nothing_of_what_lies_outside_namespaces(
    *, narrowed: bool, of_some: bool
) -> None:
    """By `-l` or `-n`: what it did not look at may hold what a rule looks for between them."""
    quiet = run(0, ("x",), (rule("a"), rule("b")))
    some = run(1, ("x",), (rule("a"), rule("b")), finding("b", None, "Cluster"))
    some = some._replace(is_narrowed=narrowed, is_of_some=of_some)
    seen = states(quiet, some)
    assert (NOT_EVALUATED, UNSATISFIED) == (seen[None, "a"], seen[None, "b"])


def test_what_a_kept_run_left_out_is_read_from_its_header(tmp_path: Path) -> None:
    """With the reason: namespaces that were not asked for narrow the run as a whole."""
    new = make_run(1)
    namespaces = msgspec.structs.replace(
        new.report.scope.namespaces,
        excluded=(ExcludedNamespace("shop-prod", NOT_ASKED_FOR),),
    )
    scope = msgspec.structs.replace(new.report.scope, namespaces=namespaces)
    report = msgspec.structs.replace(new.report, scope=scope)
    judged = tuple(one for one in new.judged if one != "shop-prod")
    with open_store(str(tmp_path / "history.sqlite"), create=True) as store:
        store.keep(msgspec.structs.replace(new, report=report, judged=judged), make_snapshot(1))
        keep_runs(store, 2)
        seen = rows(view_interval(store, CLUSTER, time_of(0), time_of(3), now=NOW))
    of_prod = [one for place, one in seen.items() if place[0] == "shop-prod"]
    assert of_prod
    assert {(2, 1)} == {(one.runs, one.not_evaluated) for one in of_prod if not one.unsatisfied}
    assert SATISFIED not in {one.state for place, one in seen.items() if place[0] is None}
