"""A waived finding stays a finding: shown as waived, weighed as open, and never a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest

from auditor.findings.assemble import Acceptance, audit
from auditor.findings.run import Judgement, judge
from auditor.findings.scope import Judged, Scope
from auditor.findings.waive import Book
from auditor.findings.waivers import Waiver
from auditor.model.findings import Hit, RuleStatus, Severity, Unevaluated
from auditor.model.objects import Reference
from auditor.model.report import Report
from auditor.model.waivers import WaiverState, WaiverUseRecord
from auditor.reachability.view import View
from auditor.rules import RULES
from auditor.rules._rule import Check, Rule
from auditor.settings import RuleSettings
from tests.conftest import FindCluster
from tests.findings.audits import RUN, evaluate_scenario, evaluate_text
from tests.findings.waivers import make

TODAY = date(2026, 1, 1)
WEB = Reference("shop", "Deployment", "web")
API = Reference("shop", "Deployment", "api")
SHOP = Reference("shop", "Namespace", "shop")
NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"
RULE = "states"


def states(view: View) -> Iterator[Hit | Unevaluated]:  # noqa: ARG001  a rule's signature
    """State three findings of two workloads."""
    yield Hit(WEB, "web is wrong", "mend it", detail="ingress")
    yield Hit(WEB, "web is wrong", "mend it", detail="egress")
    yield Hit(API, "api is wrong", "mend it")


def states_and_cannot_see(view: View) -> Iterator[Hit | Unevaluated]:
    """State the same, and leave a subject unjudged."""
    yield from states(view)
    yield Unevaluated(SHOP, "nobody read it")


def breaks(view: View) -> Iterator[Hit | Unevaluated]:
    """State the same, then raise."""
    yield from states_and_cannot_see(view)
    raise ZeroDivisionError


def judge_with(*waivers: Waiver, check: Check = states) -> Judgement:
    """Judge by one rule and these waivers."""
    view = evaluate_text(NAMESPACE)
    rule = Rule(RULE, Severity.HIGH, check, RULES[0].page)
    return judge(view, Judged(view, Scope()), [rule], book=Book(waivers, TODAY))


def waived_in(judgement: Judgement) -> set[tuple[str, str | None]]:
    """Name and detail of what is waived."""
    return {(one.subject.name, one.detail) for one in judgement.findings if one.status == "waived"}


@pytest.mark.parametrize(
    ("subject", "detail", "expected"),
    [
        ("shop/Deployment/web", None, {("web", "ingress"), ("web", "egress")}),
        ("shop/Deployment/web", "egress", {("web", "egress")}),
        ("shop/Deployment/web", "elsewhere", set()),
        ("shop/Deployment/*", None, {("web", "ingress"), ("web", "egress"), ("api", None)}),
        ("sh?p/*", None, {("web", "ingress"), ("web", "egress"), ("api", None)}),
        ("shop/Deployment/[a]*", None, {("api", None)}),
        ("Shop/Deployment/*", None, set()),
        ("shop/deployment/web", None, set()),
        ("shop/Deployment/we", None, set()),
        ("Deployment/web", None, set()),
    ],
)
def test_a_waiver_waives_its_subject_and_detail_alone(
    subject: str, detail: str | None, expected: set[tuple[str, str | None]]
) -> None:
    """Keys are compared whole and by case; a waiver without a detail waives each."""
    assert expected == waived_in(judge_with(make(subject, rule=RULE, detail=detail)))


def test_a_waiver_of_another_rule_waives_nothing() -> None:
    """One rule is accepted at a time."""
    assert set() == waived_in(judge_with(make("shop/Deployment/*", rule="another-rule")))


def test_a_waived_finding_bears_its_waiver() -> None:
    """And all else of it stays: id, severity, evidence."""
    waiver = make("shop/Deployment/api", rule=RULE)
    (before,) = (one for one in judge_with().findings if one.subject.name == "api")
    (after,) = (one for one in judge_with(waiver).findings if one.subject.name == "api")
    assert (None, waiver.record) == (before.waiver, after.waiver)
    assert msgspec.structs.replace(before, status="waived", waiver=waiver.record) == after


@pytest.mark.parametrize(
    ("check", "waived", "status"),
    [
        (states, "shop/Deployment/*", RuleStatus.WAIVED),
        (states, "shop/Deployment/web", RuleStatus.FAIL),
        (states_and_cannot_see, "shop/Deployment/*", RuleStatus.NOT_EVALUATED),
        (states_and_cannot_see, "shop/Deployment/web", RuleStatus.FAIL),
        (breaks, "shop/Deployment/*", RuleStatus.ERROR),
    ],
)
def test_a_rule_is_waived_only_where_nothing_worse_holds(
    check: Check, waived: str, status: RuleStatus
) -> None:
    """Error before fail before not-evaluated before waived; it never passes."""
    (record,) = judge_with(make(waived, rule=RULE), check=check).rules
    assert status is record.status


@pytest.mark.parametrize(
    ("expires", "status"),
    [("2026-01-02", "waived"), ("2026-01-01", "waived"), ("2025-12-31", "open")],
)
def test_a_waiver_holds_to_the_end_of_its_last_day(expires: str, status: str) -> None:
    """Once expired, its finding is open again, and says by which waiver it was accepted."""
    waiver = make("shop/Deployment/api", rule=RULE, expires=expires)
    (found,) = (one for one in judge_with(waiver).findings if one.subject.name == "api")
    assert (status, waiver.record) == (found.status, found.waiver)


def test_of_several_waivers_the_first_that_holds_counts() -> None:
    """Exact before a namespace's glob before any; one that has expired only where none holds."""
    expired = make("shop/Deployment/api", rule=RULE, expires="2025-12-31")
    glob = make("shop/*", rule=RULE)
    wider = make("*/*", rule=RULE)
    by = {one.subject.name: one.waiver for one in judge_with(expired, glob, wider).findings}
    assert {"api": glob.record, "web": glob.record} == by
    exact = make("shop/Deployment/api", rule=RULE)
    by = {one.subject.name: one.waiver for one in judge_with(wider, glob, exact).findings}
    assert {"api": exact.record, "web": glob.record} == by


EVERYWHERE = Scope()
SHOP_EGRESS = "shop-prod/*"


def report_with(
    cluster: FindCluster, *waivers: Waiver, scope: Scope = EVERYWHERE, **rules: RuleSettings
) -> Report:
    """Audit the scenario shop with these waivers, on 2026-01-01."""
    changed = {name.replace("_", "-"): setting for name, setting in rules.items()}
    return audit(
        evaluate_scenario(cluster("shop")), scope, RUN, Acceptance(changed, waivers)
    ).report


def use_of(report: Report) -> WaiverUseRecord:
    """What became of the one waiver."""
    (found,) = report.waivers
    return found


def test_waived_findings_are_counted_apart_and_weigh_as_open_ones(cluster: FindCluster) -> None:
    """A waiver moves a finding from one count to the other, and leaves the score as it was."""
    before, after = report_with(cluster), report_with(cluster, make(SHOP_EGRESS))
    waived = Counter(one.severity for one in after.findings if one.status == "waived")
    assert waived
    assert {one.value: waived[one] for one in Severity} == after.summary.waived_by_severity
    assert dict.fromkeys(before.summary.by_severity, 0) == before.summary.waived_by_severity
    assert before.summary.by_severity == {
        severity: count + after.summary.waived_by_severity[severity]
        for severity, count in after.summary.by_severity.items()
    }
    assert before.summary.score == after.summary.score
    assert len(before.findings) == len(after.findings)


@pytest.mark.parametrize(
    ("subject", "expires", "state", "findings", "days", "soon"),
    [
        (SHOP_EGRESS, "2026-06-30", WaiverState.USED, True, 180, False),
        (SHOP_EGRESS, "2026-02-01", WaiverState.USED, True, 31, False),
        (SHOP_EGRESS, "2026-01-31", WaiverState.USED, True, 30, True),
        (SHOP_EGRESS, "2026-01-01", WaiverState.USED, True, 0, True),
        (SHOP_EGRESS, "2025-12-31", WaiverState.EXPIRED, True, -1, False),
        ("no-such/*", "2026-01-31", WaiverState.UNUSED, False, 30, True),
        ("no-such/*", "2025-12-31", WaiverState.EXPIRED, False, -1, False),
    ],
)
def test_the_report_says_what_became_of_each_waiver(
    cluster: FindCluster,
    *,
    subject: str,
    expires: str,
    state: WaiverState,
    findings: bool,
    days: int,
    soon: bool,
) -> None:
    """Used, unused or expired, how many findings, and how long it holds from the run's day."""
    report = report_with(cluster, make(subject, expires=expires))
    use = use_of(report)
    matched = sum(1 for one in report.findings if one.waiver is not None)
    assert findings == (matched > 0)
    assert (state, matched, days, soon) == (
        use.state,
        use.findings,
        use.expires_in_days,
        use.expires_soon,
    )
    assert use.reason is None


def test_an_unused_waiver_says_what_may_hide_what_it_accepts(cluster: FindCluster) -> None:
    """A rule that was not run and a namespace that is not judged leave it unused for no merit."""
    waiver = make("shop-prod/Deployment/web")
    excluded = report_with(cluster, waiver, scope=Scope(exclude={"shop-prod": "elsewhere"}))
    assert "namespace shop-prod is not judged" == use_of(excluded).reason
    off = RuleSettings(enabled=False, reason="for now")
    disabled = report_with(cluster, waiver, egress_is_unrestricted=off)
    assert "rule egress-is-unrestricted is disabled" == use_of(disabled).reason
    assert WaiverState.UNUSED is use_of(disabled).state


def test_a_waiver_that_begins_after_the_day_of_the_run_waives_nothing(cluster: FindCluster) -> None:
    """Dated ahead, it accepts nothing today: the findings stay open, and the report says when."""
    report = report_with(cluster, make(SHOP_EGRESS, created="2026-01-02", expires="2026-01-20"))
    assert {"open"} == {one.status for one in report.findings}
    assert not any(one.waiver for one in report.findings)
    use = use_of(report)
    assert (WaiverState.NOT_YET_VALID, 0, 19, False) == (
        use.state,
        use.findings,
        use.expires_in_days,
        use.expires_soon,
    )
    assert "it begins on 2026-01-02, after the day of this run" == use.reason


def test_a_waiver_holds_on_its_first_day_and_goes_before_one_yet_to_begin() -> None:
    """The one that is yet to begin does not hide it, though its subject is exact."""
    ahead = make("shop/Deployment/web", rule=RULE, created="2026-01-02")
    assert set() == waived_in(judge_with(ahead))
    today = make("shop/*", rule=RULE, created="2026-01-01")
    assert {("web", "ingress"), ("web", "egress"), ("api", None)} == waived_in(
        judge_with(ahead, today)
    )
