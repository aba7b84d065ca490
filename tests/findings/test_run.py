"""Every rule is run and has a status; a rule that fails takes no other with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from auditor.findings.run import Judgement, judge
from auditor.findings.scope import Judged, Scope
from auditor.model.findings import Hit, RuleStatus, Severity, Unevaluated
from auditor.model.objects import Reference
from auditor.model.report import RuleRecord
from auditor.reachability.view import View
from auditor.rules import ENFORCEMENT, RULES
from auditor.rules._rule import Check, Rule
from tests.conftest import FindCluster
from tests.findings.audits import evaluate_scenario, evaluate_text, key_of

WEB = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
"""
SHOP = Reference("shop", "Namespace", "shop")
UNREAD = "shop/Namespace/shop: nobody read it"
HIT = Hit(subject=SHOP, message="shop is wrong", hint="mend it")


def states_one(view: View) -> Iterator[Hit | Unevaluated]:  # noqa: ARG001  a rule's signature
    """State one finding."""
    yield HIT


def states_nothing(view: View) -> Iterator[Hit | Unevaluated]:  # noqa: ARG001  as above
    """Find nothing wrong."""
    yield from ()


def cannot_see(view: View) -> Iterator[Hit | Unevaluated]:  # noqa: ARG001  as above
    """Judge nothing for want of data."""
    yield Unevaluated(SHOP, "nobody read it")


def states_and_cannot_see(view: View) -> Iterator[Hit | Unevaluated]:
    """State one finding, and leave a subject unjudged."""
    yield from states_one(view)
    yield from cannot_see(view)


def breaks(view: View) -> Iterator[Hit | Unevaluated]:
    """State a finding and an unjudged subject, then raise."""
    yield from states_and_cannot_see(view)
    raise ZeroDivisionError("division by nobody")


def make_rule(check: Check) -> Rule:
    """A rule of the check's name, high, with the page of another."""
    return Rule(check.__name__.replace("_", "-"), Severity.HIGH, check, RULES[0].page)


def judge_by(*checks: Check) -> Judgement:
    """Judge one open pod by the checks."""
    view = evaluate_text(WEB)
    return judge(view, Judged(view, Scope()), [make_rule(one) for one in checks])


def record_of(check: Check) -> RuleRecord:
    """What becomes of one rule."""
    (record,) = judge_by(check).rules
    return record


@pytest.mark.parametrize(
    ("check", "status", "reason"),
    [
        (states_nothing, RuleStatus.PASS, None),
        (states_one, RuleStatus.FAIL, None),
        (
            cannot_see,
            RuleStatus.NOT_EVALUATED,
            UNREAD,
        ),
        (
            states_and_cannot_see,
            RuleStatus.FAIL,
            UNREAD,
        ),
        (
            breaks,
            RuleStatus.ERROR,
            f"the rule failed: ZeroDivisionError: division by nobody; not evaluated: {UNREAD}",
        ),
    ],
)
def test_the_worst_that_holds_is_the_status(
    check: Check, status: RuleStatus, reason: str | None
) -> None:
    """Error before fail before not-evaluated before pass; what was not judged is always listed."""
    record = record_of(check)
    assert (status, reason) == (record.status, record.reason)


def test_a_rule_that_raises_leaves_the_others_as_they_are() -> None:
    """Rules before and after a broken one find what they find without it."""
    checks = (states_one, states_nothing, cannot_see)
    alone = judge_by(*checks)
    together = judge_by(states_one, breaks, states_nothing, cannot_see)
    assert [*alone.rules] == [one for one in together.rules if one.id != "breaks"]
    assert [*alone.findings] == [one for one in together.findings if one.rule != "breaks"]


def test_what_a_rule_stated_before_it_raised_is_kept() -> None:
    """A finding is no less true for what failed after it."""
    assert [("breaks", "shop/Namespace/shop", "")] == [
        key_of(one) for one in judge_by(breaks).findings
    ]


def test_a_traceback_is_for_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Where the log is verbose it says where a rule failed."""
    with caplog.at_level(logging.DEBUG, logger="auditor.findings.run"):
        judge_by(breaks)
    (entry,) = caplog.records
    assert "rule breaks failed" == entry.getMessage()
    assert entry.exc_info is not None


def test_subjects_are_listed_once_and_by_reason() -> None:
    """Many subjects of one reason are one part of the rule's reason, in order."""

    def cannot_see_much(view: View) -> Iterator[Hit | Unevaluated]:
        yield Unevaluated(Reference("b", "Pod", "b"), "no policies")
        yield Unevaluated(Reference("a", "Pod", "a"), "no policies")
        yield Unevaluated(Reference("a", "Pod", "a"), "no policies")
        yield Unevaluated(Reference("a", "Pod", "a"), "no labels")
        yield from states_nothing(view)

    text = WEB.replace("shop", "a") + "---\n" + WEB.replace("shop", "b")
    view = evaluate_text(text)
    (record,) = judge(view, Judged(view, Scope()), [make_rule(cannot_see_much)]).rules
    expected = "a/Pod/a: no labels; a/Pod/a, b/Pod/b: no policies"
    assert expected == record.reason


def test_a_hit_grades_itself_or_takes_the_rules_severity() -> None:
    """A rule's severity is the default; a graded hit brings its reason."""

    def grades(view: View) -> Iterator[Hit | Unevaluated]:
        yield from states_one(view)
        yield HIT._replace(detail="graded", severity=Severity.LOW, severity_reason="it is small")

    graded = {one.detail: (one.severity, one.severity_reason) for one in judge_by(grades).findings}
    assert {None: (Severity.HIGH, None), "graded": (Severity.LOW, "it is small")} == graded


def test_findings_are_in_order(cluster: FindCluster) -> None:
    """Of teams before those of the system, worst first, then by rule, then by subject."""
    view = evaluate_scenario(cluster("shop"))
    findings = judge(view, Judged(view, Scope())).findings
    order = [rule.id for rule in RULES]
    places = [(one.system, one.severity.rank, order.index(one.rule)) for one in findings]
    assert sorted(places) == places
    assert [False, True] == sorted({one.system for one in findings})
    subjects = [
        (*place, one.subject.namespace or "", one.subject.kind, one.subject.name, one.detail or "")
        for place, one in zip(places, findings, strict=True)
    ]
    assert sorted(subjects) == subjects


def test_a_pass_is_declared_only_where_the_cni_enforces_nothing(cluster: FindCluster) -> None:
    """With Flannel alone no pass can be believed; a failure is one all the same."""
    declared: dict[str, set[bool]] = {}
    for variant in ("flannel", "calico", "main"):
        view = evaluate_scenario(cluster("shop", variant))
        rules = judge(view, Judged(view, Scope()), [*RULES, make_rule(states_nothing)]).rules
        passed = {one.declared_only for one in rules if one.status is RuleStatus.PASS}
        failed = {one.declared_only for one in rules if one.status is not RuleStatus.PASS}
        assert {False} == failed
        declared[variant] = passed
    assert {"flannel": {True}, "calico": {False}, "main": {False}} == declared


def stands_for_enforcement(check: Check) -> Rule:
    """A rule in the place of the one about enforcement."""
    return make_rule(check)._replace(id=ENFORCEMENT.id)


@pytest.mark.parametrize(
    ("declared_only", "check"),
    [
        (True, states_one),
        (True, states_and_cannot_see),
        (True, breaks),
        (False, states_nothing),
        (False, cannot_see),
    ],
)
def test_any_finding_on_enforcement_marks_every_pass(
    declared_only: bool,  # noqa: FBT001
    check: Check,
) -> None:
    """Whatever is not enforced, and wherever the rule stands, before the pass or after it."""
    view = evaluate_text(WEB)
    clean, enforcement = make_rule(states_nothing), stands_for_enforcement(check)
    for rules in ([clean, enforcement], [enforcement, clean]):
        records = {one.id: one for one in judge(view, Judged(view, Scope()), rules).rules}
        assert declared_only is records[clean.id].declared_only
        assert not records[enforcement.id].declared_only


def test_only_the_rule_on_enforcement_marks_a_pass() -> None:
    """A finding of another rule says nothing about enforcement."""
    records = {one.id: one for one in judge_by(states_one, states_nothing).rules}
    assert not records["states-nothing"].declared_only
