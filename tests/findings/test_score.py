"""The score says how much is wrong for how much was judged, and is never better for more wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.findings.assemble import audit
from auditor.findings.scope import Scope
from auditor.findings.score import FORMULA, WEIGHTS, score
from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import RuleRecord, ScoreRecord
from tests.conftest import FindCluster
from tests.findings.audits import RUN, evaluate_scenario, evaluate_text

SUBJECTS = st.integers(min_value=1, max_value=100_000)
FINDINGS = st.lists(st.sampled_from(Severity), min_size=1, max_size=60)


def make_record(status: RuleStatus, reason: str | None = None) -> RuleRecord:
    """What became of some rule."""
    return RuleRecord(id="rule", status=status, declared_only=False, reason=reason)


PASSED = (make_record(RuleStatus.PASS),)


def value_of(severities: list[Severity], subjects: int) -> float:
    """The score, where everything was evaluated."""
    value = score(severities, PASSED, subjects=subjects).value
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("severities", "subjects", "expected"),
    [
        ([], 7, 100.0),
        ([Severity.HIGH], 10, 50.0),
        ([Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW], 54, 50.0),
        ([Severity.INFO] * 9, 1, 100.0),
        ([Severity.LOW], 2, 66.6),
        ([Severity.LOW], 99_999, 99.9),
    ],
)
def test_the_score_is_that_of_the_formula(
    severities: list[Severity], subjects: int, expected: float
) -> None:
    """100 * S / (S + W), rounded down: only where nothing weighs is it 100."""
    assert expected == value_of(severities, subjects)


@given(FINDINGS, SUBJECTS, st.data())
def test_taking_a_finding_away_never_lowers_the_score(
    severities: list[Severity], subjects: int, data: st.DataObject
) -> None:
    """Whatever is mended, the score stays or rises: of the same subjects."""
    gone = data.draw(st.integers(0, len(severities) - 1))
    rest = [*severities[:gone], *severities[gone + 1 :]]
    assert value_of(severities, subjects) <= value_of(rest, subjects)


@given(FINDINGS, SUBJECTS, st.data())
def test_lowering_a_severity_never_lowers_the_score(
    severities: list[Severity], subjects: int, data: st.DataObject
) -> None:
    """A finding that becomes less severe does not count for more."""
    at = data.draw(st.integers(0, len(severities) - 1))
    milder = data.draw(st.sampled_from(list(Severity)[severities[at].rank :]))
    mended = [*severities[:at], milder, *severities[at + 1 :]]
    assert value_of(severities, subjects) <= value_of(mended, subjects)


@given(FINDINGS, SUBJECTS)
def test_the_score_is_of_0_to_100(severities: list[Severity], subjects: int) -> None:
    """It leaves the range for no input, and is 100 for nothing that weighs."""
    value = value_of(severities, subjects)
    assert 0 <= value <= 100
    assert (value == 100) == (not any(WEIGHTS[one] for one in severities))


@pytest.mark.parametrize(
    ("rules", "subjects", "reason"),
    [
        ((make_record(RuleStatus.NOT_EVALUATED, "unread"),), 5, "no rule was evaluated"),
        ((make_record(RuleStatus.ERROR, "broken"),), 5, "no rule was evaluated"),
        ((make_record(RuleStatus.DISABLED, "for now"),), 5, "no rule was evaluated"),
        (PASSED, 0, "nothing in scope holds pods"),
    ],
)
def test_where_nothing_was_judged_there_is_no_score(
    rules: tuple[RuleRecord, ...], subjects: int, reason: str
) -> None:
    """Nothing seen is not nothing wrong."""
    found = score((), rules, subjects=subjects)
    assert (None, reason) == (found.value, found.reason)


def test_rules_that_hide_findings_are_counted() -> None:
    """Not evaluated, failed, and evaluated for some subjects alone; disabled ones are apart."""
    rules = (
        *PASSED,
        make_record(RuleStatus.FAIL, "shop/Namespace/shop: unread"),
        make_record(RuleStatus.NOT_EVALUATED, "unread"),
        make_record(RuleStatus.ERROR, "broken"),
        make_record(RuleStatus.DISABLED, "for now"),
    )
    found = score([Severity.HIGH, Severity.LOW], rules, subjects=11)
    assert (
        ScoreRecord(
            value=50.0,
            formula=FORMULA,
            subjects=11,
            weight=11,
            rules_not_evaluated=3,
            rules_disabled=1,
            reason=None,
        )
        == found
    )


def test_the_formula_names_every_weight() -> None:
    """Who reads the number can work it out."""
    assert all(f"{severity} {weight}" in FORMULA for severity, weight in WEIGHTS.items())


def test_the_subjects_are_the_judged_workloads_and_namespaces_with_pods(
    cluster: FindCluster,
) -> None:
    """A narrower scope counts fewer of them; variants of a workload count as one."""
    view = evaluate_scenario(cluster("shop"))
    everything = audit(view, Scope(), RUN).report.summary.score
    workloads = {one.endpoint.workload for one in view.workloads}
    inhabited = {one.namespace for one in workloads}
    assert len(inhabited) + len(workloads) == everything.subjects
    narrowed = audit(view, Scope(namespaces=("shop-prod",)), RUN).report.summary.score
    assert 1 + sum(one.namespace == "shop-prod" for one in workloads) == narrowed.subjects


def test_a_namespace_without_pods_leaves_the_score_as_it_is() -> None:
    """Empty namespaces prove nothing: to create some must not look like mending."""
    pod = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: main, image: nginx}]}
"""
    deny = """\
---
apiVersion: v1
kind: Namespace
metadata: {name: empty}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: empty}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
    before = audit(evaluate_text(pod), Scope(), RUN).report
    after = audit(evaluate_text(pod + deny), Scope(), RUN).report
    assert before.scope.namespaces.in_scope + 1 == after.scope.namespaces.in_scope
    assert 2 == before.summary.score.subjects == after.summary.score.subjects
    assert after.summary.score.value is not None
    assert before.summary.score.value is not None
    assert after.summary.score.value <= before.summary.score.value


def test_where_only_empty_namespaces_are_in_scope_there_is_no_score() -> None:
    """Nothing runs there that a policy could protect."""
    view = evaluate_text("{apiVersion: v1, kind: Namespace, metadata: {name: empty}}")
    found = audit(view, Scope(), RUN).report.summary.score
    assert (None, 0, "nothing in scope holds pods") == (found.value, found.subjects, found.reason)
