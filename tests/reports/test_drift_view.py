"""A drift as display rows: worded, sorted, cut and counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from auditor.model.drift import (
    Cause,
    CauseKind,
    ChangedRow,
    ConnectionDrift,
    FieldChange,
    FindingDrift,
    PolicyChange,
    PolicyDrift,
    ScopeChange,
    ScopeChangeKind,
    Totals,
)
from auditor.model.findings import Severity
from reports.drift import WRITERS, DriftListing
from reports.drift_rows import FieldLine
from reports.drift_view import arrange_changes, arrange_drift, describe_row
from reports.drift_words import (
    CAUSES,
    SCOPE_CHANGES,
    UNEVALUATED,
    describe_scope_change,
    is_same,
    sum_up,
)
from reports.layout import PAPER, SCREEN, TERMINAL
from reports.view import arrange
from tests.reports.audits import make_shop
from tests.reports.drifts import (
    CLOSED,
    EVIDENCE,
    FINDINGS,
    OPENED,
    brief,
    make_drift,
    make_drifted,
    make_large,
    make_rows,
    make_unchanged,
    with_history,
)


def test_every_cause_and_every_change_of_scope_has_words() -> None:
    """Nothing is shown by a name of the contract."""
    assert set(CauseKind) == set(CAUSES)
    assert set(ScopeChangeKind) == set(SCOPE_CHANGES)


def test_the_line_names_what_opened_first() -> None:
    """Connections, findings, policies, new namespaces, the rest of the scope."""
    assert [
        "3 connections opened, 1 closed",
        "findings: 2 new, 1 resolved, 1 incomparable",
        "policies: 1 added, 1 removed, 2 changed",
        "network plugin (CNI) changed",
        "2 new namespaces",
        "3 changes of scope",
    ] == list(sum_up(make_drift()))


def test_what_did_not_change_is_not_told() -> None:
    """A policy that was replaced by an equivalent one is drift, though no connection changed."""
    drift = msgspec.structs.replace(
        make_unchanged(),
        policies=PolicyDrift((), (), (PolicyChange("a/NetworkPolicy/b", (), None),)),
    )
    assert ["no connection opened or closed", "policies: 1 changed"] == list(sum_up(drift))


SINGLE_CHANGES = {
    "policies": PolicyDrift(("a/NetworkPolicy/b",), (), ()),
    "connections": ConnectionDrift((), (), Totals(0, 1), Totals(0, 0), ()),
    "findings": FindingDrift((), (), ("x",), 0, {"x": brief("r", Severity.LOW, "a/Pod/b", "m")}),
    "scope": (ScopeChange(ScopeChangeKind.RULES_CHANGED, "Cluster/cluster"),),
}


@pytest.mark.parametrize("field", SINGLE_CHANGES)
def test_nothing_changed_only_where_nothing_did(field: str) -> None:
    """One change of any kind is a change: also what cannot be compared, or was read otherwise."""
    assert is_same(make_unchanged())
    assert ["nothing changed"] == list(sum_up(make_unchanged()))
    changed = msgspec.structs.replace(make_unchanged(), **{field: SINGLE_CHANGES[field]})
    assert not is_same(changed)


def test_a_report_of_no_change_says_so_in_a_line() -> None:
    """And how many findings are as before."""
    changes = arrange(with_history(make_shop(), make_unchanged(), None, EVIDENCE), SCREEN).changes
    assert changes.drift is not None
    assert changes.drift.is_same
    assert changes.drift.headline.startswith("Nothing changed: ")
    assert "10 findings are as before." == changes.drift.unchanged


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (None, "Not compared with an earlier run: this one has no history."),
        (1, "This is the first run of the cluster that is kept: there is none to compare with."),
        (2, "Whether anything changed is not known."),
    ],
)
def test_a_report_without_drift_says_why(sequence: int | None, expected: str) -> None:
    """No history, the first run, or a run before that could not be compared: never no change."""
    evidence = msgspec.structs.replace(EVIDENCE, sequence=sequence) if sequence else None
    changes = arrange_changes(with_history(make_shop(), None, None, evidence), {}, SCREEN, ())
    assert changes.drift is None
    assert changes.absent.endswith(expected)


def test_a_report_says_why_its_run_was_not_kept() -> None:
    """The reason of the history is told, inert."""
    audit = msgspec.structs.replace(make_shop(), history="the database is locked\x1b")
    changes = arrange_changes(audit, {}, SCREEN, ())
    assert changes.absent.endswith("has no history (the database is locked\\x1b).")


def test_a_row_is_told_in_the_words_of_connections() -> None:
    """Workload with its variant, or a range of addresses; ports; causes with their objects."""
    line = describe_row(OPENED[1])
    assert (
        "shop-test/Deployment/web[tier=canary,version=2]",
        "shop-prod/StatefulSet/db",
        "TCP 5432",
        (
            "policy changed: shop-prod/NetworkPolicy/db-in",
            "labels changed: Namespace/shop-test",
        ),
    ) == (line.source, line.destination, line.ports, line.causes)
    assert "0.0.0.0-255.255.255.255" == describe_row(OPENED[2]).source


def test_many_causes_are_counted() -> None:
    """Three are named; those that the contract leaves out are counted as well."""
    causes = tuple(Cause(CauseKind.POLICY_CHANGED, f"a/NetworkPolicy/{n}") for n in range(5))
    row = msgspec.structs.replace(OPENED[0], causes=causes)
    assert "and 2 further causes" == describe_row(row).causes[-1]
    display = arrange(make_drifted(), SCREEN).changes.drift
    assert display is not None
    assert ("new workload: payments/Deployment/gateway", "and 4 further causes") == (
        display.groups.rows[2].causes
    )


def test_new_namespaces_stand_apart_from_the_rest_of_the_scope() -> None:
    """They come first, by their names."""
    display = arrange_drift(make_drift(), TERMINAL, opened=OPENED, closed=CLOSED, titles={})
    assert ["payments", "checkout"] == [one.object for one in display.new_namespaces.rows]
    assert ["labels of the namespace changed", "new gap", "network plugin (CNI) changed"] == [
        one.what for one in display.scope.rows
    ]
    assert "environment=test → environment=prod" == display.scope.rows[0].text


def test_fields_show_what_was_and_what_is() -> None:
    """An absent side is empty; a value is JSON on one line, of bounded length."""
    changes = (
        FieldChange("spec.a", 1, "1"),
        FieldChange("spec.b", None, {"z": [1], "a": {"k": "\u202e"}}),
        FieldChange("spec.c", "x" * 300, None),
        FieldChange("spec.d", 0, []),
    )
    policies = PolicyDrift((), (), (PolicyChange("a/NetworkPolicy/b", changes, None),))
    drift = make_drift(policies=policies)
    display = arrange_drift(drift, PAPER.drift, opened=(), closed=(), titles={})
    long = f'"{"x" * 199}… (302 characters)'
    assert (
        FieldLine("spec.a", "changed", "1", '"1"'),
        FieldLine("spec.b", "added", "", '{"a": {"k": "\\u202e"}, "z": [1]}'),
        FieldLine("spec.c", "removed", long, ""),
        FieldLine("spec.d", "changed", "0", "[]"),
    ) == display.policies_changed.rows[0].fields.rows


def test_findings_are_sorted_worst_first() -> None:
    """Whatever the order of their ids; those of system namespaces come last."""
    details = {
        "1": brief("r", Severity.LOW, "a/Pod/b", "low"),
        "2": brief("r", Severity.CRITICAL, "a/Pod/b", "system", system=True),
        "3": brief("r", Severity.CRITICAL, "a/Pod/b", "critical"),
    }
    drift = make_drift(findings=FindingDrift(("1", "2", "3"), (), (), 0, details))
    display = arrange_drift(drift, TERMINAL, opened=(), closed=(), titles={"r": "Title"})
    assert ["critical", "low", "system"] == [one.message for one in display.findings_new.rows]
    assert {"Title"} == {one.title for one in display.findings_new.rows}


def test_findings_are_linked_only_where_the_document_lists_them() -> None:
    """A resolved one is in no list; a new one may have been cut from it."""
    display = arrange(make_drifted(), SCREEN).changes.drift
    assert display is not None
    assert sorted(FINDINGS.new) == sorted(one.anchor for one in display.findings_new.rows)
    assert [""] == [one.anchor for one in display.findings_resolved.rows]
    cut = arrange(make_drifted(), replace(SCREEN, finding_rows=1)).changes.drift
    assert cut is not None
    assert ["", ""] == [one.anchor for one in cut.findings_new.rows]


def test_what_a_limit_cuts_is_counted_and_its_place_told() -> None:
    """Rows stand in `diff -o json`, all else in report.json."""
    drift = make_large()
    rows = drift.connections
    display = arrange_drift(drift, PAPER.drift, opened=rows.opened, closed=rows.closed, titles={})
    assert (40, 20, 30) == tuple(
        len(one.rows) for one in (display.opened, display.closed, display.groups)
    )
    assert display.opened.rest == (
        "99,960 more: report.json holds the first 1,000, netpol-auditor diff -o json lists all."
    )
    assert "39,970 more: report.json holds all." == display.groups.rest
    assert "99,970 more: report.json holds all." == display.policies_changed.rest
    assert "99,970 more: report.json holds all." == display.findings_incomparable.rest
    assert "49,970 more: report.json holds all." == display.new_namespaces.rest


def test_no_more_rows_are_drawn_than_are_shown() -> None:
    """Tens of millions may be waiting."""
    drawn = 0

    def rows() -> Iterator[ChangedRow]:
        nonlocal drawn
        for row in make_rows(1_000_000):
            drawn += 1
            yield row

    arrange_drift(make_large(), TERMINAL, opened=rows(), closed=(), titles={})
    assert TERMINAL.opened == drawn


@pytest.mark.parametrize(
    ("change", "previous", "current", "said"),
    [
        (ScopeChangeKind.NAMESPACE_LABELS_CHANGED, None, "env=dev", "none → env=dev"),
        (ScopeChangeKind.NAMESPACE_LABELS_CHANGED, "env=dev", None, "env=dev → none"),
        (ScopeChangeKind.NAMESPACE_ADDED, None, "2 pods", "2 pods"),
        (ScopeChangeKind.GAP_REMOVED, "forbidden", None, "forbidden"),
        (ScopeChangeKind.RULES_CHANGED, None, None, ""),
    ],
)
def test_a_change_of_scope_says_which_side_has_what(
    change: ScopeChangeKind, previous: str | None, current: str | None, said: str
) -> None:
    """A label that was lost does not read like one that was gained."""
    assert said == describe_scope_change(ScopeChange(change, "Namespace/a", previous, current))


CILIUM = "shop/CiliumNetworkPolicy.cilium.io/a"


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (PolicyDrift((CILIUM,), (), ()), UNEVALUATED),
        (PolicyDrift((), ("AdminNetworkPolicy.policy.networking.k8s.io/a",), ()), UNEVALUATED),
        (PolicyDrift((), (), (PolicyChange(CILIUM, (), None),)), UNEVALUATED),
        (PolicyDrift(("x.y/NetworkPolicy/a",), (), ()), UNEVALUATED),
        (PolicyDrift(("NetworkPolicy.crd.antrea.io/NetworkPolicy/a",), (), ()), UNEVALUATED),
        (PolicyDrift(("a/NetworkPolicy/b.c",), ("a/NetworkPolicy/c",), ()), ""),
        (PolicyDrift((), (), ()), ""),
    ],
)
def test_policies_of_kinds_that_are_not_evaluated_are_told_apart(
    policies: PolicyDrift, said: str
) -> None:
    """By their kinds, which bear a group; every format says it, and never that nothing changed."""
    drift = msgspec.structs.replace(make_unchanged(), policies=policies)
    display = arrange_drift(drift, PAPER.drift, opened=(), closed=(), titles={})
    assert said == display.policies_unevaluated
    assert is_same(drift) == (policies == PolicyDrift((), (), ()))
    listing = DriftListing(drift, tuple, tuple, "Changes", ())
    for name in ("table", "markdown", "html"):
        text = b"".join(WRITERS[name](listing)).decode()
        assert bool(said) == (UNEVALUATED in text)
        assert is_same(drift) == ("Nothing changed" in text)
