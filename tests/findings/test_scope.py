"""Scope narrows what is judged and shown, never what is evaluated."""

from __future__ import annotations

import pytest

from auditor.findings.run import judge
from auditor.findings.scope import Judged, Scope
from auditor.model.findings import RuleStatus
from auditor.model.report import FindingRecord
from auditor.model.selector_syntax import parse_selector
from auditor.reachability.view import View
from auditor.rules import ENFORCEMENT
from tests.conftest import CLUSTERS
from tests.findings.audits import evaluate_scenario, key_of

PAIRS_WITH_PROD = {"Environments/dev→prod", "Environments/test→prod"}


@pytest.fixture(scope="module")
def shop() -> View:
    """The scenario shop, evaluated once."""
    return evaluate_scenario(CLUSTERS / "shop" / "main")


def findings_in(view: View, scope: Scope) -> dict[str, FindingRecord]:
    """The findings within a scope, by id."""
    return {one.id: one for one in judge(view, Judged(view, scope)).findings}


def subjects_in(view: View, scope: Scope) -> set[str]:
    """The subjects of the findings within a scope."""
    return {key_of(one)[1] for one in findings_in(view, scope).values()}


def namespaces_of(findings: dict[str, FindingRecord]) -> set[str | None]:
    """The namespaces of the subjects."""
    return {one.subject.namespace for one in findings.values()}


def test_without_a_scope_everything_is_judged(shop: View) -> None:
    """All namespaces by default, system namespaces too."""
    judged = Judged(shop, Scope())
    assert () == judged.excluded
    found = findings_in(shop, Scope())
    namespaces = {one.name for one in shop.snapshot.namespaces}
    assert {*namespaces, None} == namespaces_of(found)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(namespaces=("shop-prod",)),
        Scope(exclude={"shop-dev": "torn down every night"}),
        Scope(selector=parse_selector("app=db")),
    ],
    ids=["namespace", "exclude", "selector"],
)
def test_what_is_shown_is_as_it_is_without_the_scope(shop: View, scope: Scope) -> None:
    """A finding in scope is the same to the last count: evidence, witness, what closes."""
    whole, narrowed = findings_in(shop, Scope()), findings_in(shop, scope)
    assert narrowed
    assert len(narrowed) < len(whole)
    assert narrowed == {one: whole[one] for one in narrowed}


def test_namespaces_asked_for_are_judged_with_the_pairs_they_have_part_in(shop: View) -> None:
    """`-n` keeps the subjects of the namespaces; a pair of environments counts by either end."""
    found = findings_in(shop, Scope(namespaces=("shop-prod",)))
    assert {"shop-prod", None} == namespaces_of(found)
    pairs = {key_of(one)[1] for one in found.values() if one.subject.kind == "Environments"}
    assert PAIRS_WITH_PROD == pairs
    everything = findings_in(shop, Scope()).values()
    expected = {one.id for one in everything if one.subject.namespace == "shop-prod"}
    assert expected == {one.id for one in found.values() if one.subject.namespace}


def test_a_witness_may_stand_outside_the_scope(shop: View) -> None:
    """Pods of namespaces that are not judged are evaluated: they reach what is judged."""
    found = findings_in(shop, Scope(namespaces=("shop-prod",)))
    redis = [one for one in found.values() if one.subject.name == "redis"]
    assert redis
    for one in redis:
        assert one.witness is not None
        assert not one.witness.source.startswith("shop-prod/")


def test_excluded_namespaces_are_listed_with_the_reason(shop: View) -> None:
    """Names and globs exclude; the first that matches gives the reason."""
    scope = Scope(exclude={"shop-dev": "torn down", "shop-*": "audited elsewhere"})
    excluded = {one.name: one.reason for one in Judged(shop, scope).excluded}
    assert {
        "shop-dev": "torn down",
        "shop-prod": "audited elsewhere",
        "shop-test": "audited elsewhere",
    } == excluded
    assert {"ingress-nginx", "kube-system", "monitoring"} == namespaces_of(findings_in(shop, scope))


def test_what_is_not_asked_for_is_excluded_for_that_reason(shop: View) -> None:
    """With `-n` every other namespace is listed; an exclusion of one's own says why first."""
    scope = Scope(namespaces=("shop-prod", "shop-dev"), exclude={"shop-dev": "torn down"})
    excluded = {one.name: one.reason for one in Judged(shop, scope).excluded}
    rest = dict.fromkeys(
        ("ingress-nginx", "kube-system", "monitoring", "shop-test"),
        "not among the namespaces asked for",
    )
    assert {"shop-dev": "torn down", **rest} == excluded


def test_a_glob_is_matched_whole_and_by_case(shop: View) -> None:
    """`shop` excludes no `shop-dev`, and `SHOP-*` nothing."""
    assert () == Judged(shop, Scope(exclude={"shop": "", "SHOP-*": "", "-dev": ""})).excluded


def test_a_selector_keeps_workloads_that_bear_it_and_their_namespaces(shop: View) -> None:
    """`-l app=db` shows databases, policies on them, their namespaces and pairs of these.

    The policy `cart` selects no pod at all, so none with the label.
    """
    assert {
        "shop-dev/StatefulSet/db",
        "shop-test/StatefulSet/db",
        "shop-dev/Namespace/shop-dev",
        "shop-test/Namespace/shop-test",
        "Environments/test→dev",
        *PAIRS_WITH_PROD,
        "shop-prod/StatefulSet/db",
        "shop-prod/NetworkPolicy/db-policy",
    } == subjects_in(shop, Scope(selector=parse_selector("app=db")))


def test_a_selector_and_a_namespace_narrow_together(shop: View) -> None:
    """Both must hold."""
    scope = Scope(namespaces=("shop-dev",), selector=parse_selector("app=db"))
    assert {
        "shop-dev/StatefulSet/db",
        "shop-dev/Namespace/shop-dev",
        "Environments/dev→prod",
        "Environments/test→dev",
    } == subjects_in(shop, scope)


def test_a_rule_without_a_subject_in_scope_passes(shop: View) -> None:
    """What a rule says of subjects out of scope decides nothing; the cluster is never out of it."""
    judgement = judge(shop, Judged(shop, Scope(namespaces=("monitoring",))))
    statuses = {one.id: one.status for one in judgement.rules}
    assert RuleStatus.NOT_EVALUATED is statuses.pop(ENFORCEMENT.id)
    failing = {one for one, status in statuses.items() if status is RuleStatus.FAIL}
    assert {"environment-is-unknown", "policy-is-redundant"} == failing
    assert {RuleStatus.PASS} == {statuses[one] for one in statuses.keys() - failing}


def test_a_selector_is_stated_and_excludes_namespaces_without_such_pods(shop: View) -> None:
    """Every namespace that holds no pod with the labels is excluded, with that reason."""
    judged = Judged(shop, Scope(selector=parse_selector("app=redis")))
    reasons = {one.name: one.reason for one in judged.excluded}
    assert {"ingress-nginx", "kube-system", "monitoring", "shop-dev", "shop-test"} == set(reasons)
    assert {"no pod bears the labels asked for"} == set(reasons.values())


@pytest.mark.parametrize(
    "scope",
    [
        Scope(selector=parse_selector("app=nosuch")),
        Scope(namespaces=("shop-test",), exclude={"shop-test": "torn down"}),
    ],
    ids=["no pod", "no namespace"],
)
def test_where_nothing_is_in_scope_nothing_passes(shop: View, scope: Scope) -> None:
    """An empty selection is no clean cluster: every rule is not evaluated, and says why."""
    rules = judge(shop, Judged(shop, scope)).rules
    assert {RuleStatus.NOT_EVALUATED} == {one.status for one in rules}
    reasons = {one.id: one.reason for one in rules}
    assert "Cluster/cluster: no CNI was recognised" == reasons.pop(ENFORCEMENT.id)
    assert {"no namespace is in scope"} == set(reasons.values())
