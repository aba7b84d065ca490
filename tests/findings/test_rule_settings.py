"""What the settings change about a rule is done, and said with its reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditor.findings.run import Judgement, judge
from auditor.findings.scope import Judged, Scope
from auditor.model.findings import Hit, RuleStatus, Severity, Unevaluated
from auditor.model.objects import Reference
from auditor.model.report import SeverityOverrideRecord
from auditor.reachability.view import View
from auditor.rules import RULES
from auditor.rules._rule import Check, Rule
from auditor.settings import RuleSettings
from tests.findings.audits import evaluate_text

NAMESPACES = """\
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
"""
HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def states(view: View) -> Iterator[Hit | Unevaluated]:  # noqa: ARG001  a rule's signature
    """State findings of every grade: the default, worse, milder, and in a system namespace."""
    yield Hit(Reference("shop", "Pod", "default"), "m", "h")
    yield Hit(Reference("shop", "Pod", "worse"), "m", "h", None, Severity.CRITICAL, "data")
    yield Hit(Reference("shop", "Pod", "milder"), "m", "h", None, Severity.LOW, "empty")
    yield Hit(Reference("kube-system", "Pod", "system"), "m", "h", None, Severity.LOW, "system")


def breaks(view: View) -> Iterator[Hit | Unevaluated]:
    """State the same, then raise."""
    yield from states(view)
    raise ZeroDivisionError


def judge_with(
    setting: RuleSettings | None, check: Check = states, default: Severity = MEDIUM
) -> Judgement:
    """Judge by one rule with this setting."""
    view = evaluate_text(NAMESPACES)
    rule = Rule("states", default, check, RULES[0].page)
    settings = {} if setting is None else {"states": setting}
    return judge(view, Judged(view, Scope()), [rule], settings=settings)


def grades(judgement: Judgement) -> dict[str, Severity]:
    """Severity by the subject's name."""
    return {one.subject.name: one.severity for one in judgement.findings}


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (None, {"default": MEDIUM, "worse": Severity.CRITICAL, "milder": LOW, "system": LOW}),
        (HIGH, {"default": HIGH, "worse": HIGH, "milder": LOW, "system": LOW}),
        (LOW, {"default": LOW, "worse": LOW, "milder": LOW, "system": LOW}),
        (Severity.INFO, dict.fromkeys(("default", "worse", "milder", "system"), Severity.INFO)),
    ],
)
def test_a_severity_of_the_settings_takes_the_place_of_the_rules_own(
    severity: Severity | None, expected: dict[str, Severity]
) -> None:
    """What the rule itself grades milder, for a reason, is not made worse."""
    setting = None if severity is None else RuleSettings(severity=severity, reason="x")
    assert expected == grades(judge_with(setting))


def test_nothing_in_a_system_namespace_is_made_worse() -> None:
    """Also where the rule's own severity is as low already."""
    setting = RuleSettings(severity=HIGH, reason="x")
    found = grades(judge_with(setting, default=LOW))
    assert (HIGH, HIGH, LOW) == (found["default"], found["milder"], found["system"])


def test_a_changed_severity_is_explained() -> None:
    """The finding says so, with the reason and the rule's own; the rule says so once."""
    judgement = judge_with(RuleSettings(severity=HIGH, reason="we sell this"))
    assert {
        "default": "the settings make it high: we sell this",
        "worse": "the settings make it high: we sell this; by itself critical: data",
        "milder": "empty",
        "system": "system",
    } == {one.subject.name: one.severity_reason for one in judgement.findings}
    (record,) = judgement.rules
    assert (
        RuleStatus.FAIL,
        SeverityOverrideRecord(default=MEDIUM, severity=HIGH, reason="we sell this"),
    ) == (record.status, record.severity_override)


@pytest.mark.parametrize("check", [states, breaks])
def test_a_disabled_rule_is_not_run(check: Check) -> None:
    """It finds nothing and fails at nothing; its status is disabled, with the reason."""
    judgement = judge_with(RuleSettings(enabled=False, reason="no such data"), check)
    (record,) = judgement.rules
    assert ((), RuleStatus.DISABLED, "no such data") == (
        judgement.findings,
        record.status,
        record.reason,
    )
