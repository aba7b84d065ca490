"""A control's status is the worst that its rules say, and never better than what was seen."""

from __future__ import annotations

import msgspec
import pytest

from auditor.findings.assemble import Acceptance, audit
from auditor.findings.scope import Scope
from auditor.frameworks.data import Framework, load_frameworks, parse_framework
from auditor.frameworks.matrix import map_controls, name_controls
from auditor.model.findings import RuleStatus
from auditor.model.frameworks import ControlRecord, ControlStatus
from auditor.model.report import GapRecord, Report, RuleRecord
from auditor.settings import RuleSettings
from tests.conftest import FindCluster
from tests.findings.audits import RUN, evaluate_scenario, evaluate_text
from tests.findings.waivers import make
from tests.frameworks.test_data import FRAMEWORK, TOPICS

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: main, image: nginx}]}
"""
ALLOW_ALL = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
"""
FAIL, PASS = RuleStatus.FAIL, RuleStatus.PASS
WAIVED, DISABLED = RuleStatus.WAIVED, RuleStatus.DISABLED
NOT_EVALUATED, ERROR = RuleStatus.NOT_EVALUATED, RuleStatus.ERROR


def framework() -> Framework:
    """A framework of two controls; the first is of the rules a, b and c."""
    return parse_framework(FRAMEWORK, "some", TOPICS)


def report_on(text: str = POD) -> Report:
    """A report to fill in."""
    return audit(evaluate_text(text), Scope(), RUN).report


def map_statuses(*statuses: RuleStatus, declared_only: bool = False) -> ControlRecord:
    """The first control, where the rules a, b and c have these statuses."""
    rules = tuple(
        RuleRecord(id=name, status=one, declared_only=declared_only and one is PASS, reason=None)
        for name, one in zip("abc", statuses, strict=False)
    )
    report = msgspec.structs.replace(report_on(), rules=rules)
    return map_controls(report, (framework(),)).frameworks[0].controls[0]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((PASS, PASS, PASS), ControlStatus.PASS),
        ((PASS, WAIVED, PASS), ControlStatus.WAIVED),
        ((NOT_EVALUATED, WAIVED, PASS), ControlStatus.NOT_EVALUATED),
        ((PASS, ERROR, PASS), ControlStatus.NOT_EVALUATED),
        ((FAIL, ERROR, NOT_EVALUATED), ControlStatus.FAIL),
        ((FAIL, WAIVED, PASS), ControlStatus.FAIL),
        ((DISABLED, PASS, PASS), ControlStatus.NOT_EVALUATED),
        ((DISABLED, WAIVED, PASS), ControlStatus.NOT_EVALUATED),
        ((DISABLED, DISABLED, FAIL), ControlStatus.FAIL),
        ((DISABLED, DISABLED, DISABLED), ControlStatus.NOT_EVALUATED),
        ((PASS, PASS), ControlStatus.NOT_EVALUATED),
    ],
)
def test_the_worst_status_of_its_rules_is_the_controls(
    statuses: tuple[RuleStatus, ...], expected: ControlStatus
) -> None:
    """Fail, not-evaluated, waived, pass; one that was not run or is disabled judged nothing."""
    assert expected is map_statuses(*statuses).status


@pytest.mark.parametrize(
    ("statuses", "first"),
    [
        ((DISABLED, PASS, PASS), "a is disabled"),
        ((DISABLED, PASS, DISABLED), "a, c are disabled"),
        ((PASS, NOT_EVALUATED, PASS), None),
        ((DISABLED, FAIL, PASS), None),
    ],
)
def test_a_control_names_the_disabled_rules_that_leave_it_unevaluated(
    statuses: tuple[RuleStatus, ...], first: str | None
) -> None:
    """Who reads that it is not evaluated learns what to enable."""
    assert first == map_statuses(*statuses).note


def test_a_disabled_rule_is_named_beside_the_controls_own_note() -> None:
    """Neither takes the place of the other."""
    text = FRAMEWORK.replace("coverage: context", "coverage: partial")
    topics = {**TOPICS, "isolation": ("a",)}
    data = parse_framework(text.replace("topics: []", "topics: [isolation]"), "some", topics)
    off = RuleRecord(id="a", status=DISABLED, declared_only=False, reason="for now")
    report = msgspec.structs.replace(report_on(), rules=(off,))
    second = map_controls(report, (data,)).frameworks[0].controls[1]
    assert "the report helps; a is disabled" == second.note


def test_a_control_without_rules_or_of_context_alone_is_not_covered() -> None:
    """Context says something about a control, and does not judge it."""
    text = FRAMEWORK.replace("topics: []", "topics: [isolation]")
    drift = FRAMEWORK.replace("[isolation, egress]", "[drift]")
    report = msgspec.structs.replace(report_on(), rules=())
    for data, position, rules in ((text, 1, ("a", "b")), (drift, 0, ())):
        mapped = map_controls(report, (parse_framework(data, "some", TOPICS),))
        control = mapped.frameworks[0].controls[position]
        assert (ControlStatus.NOT_COVERED, rules) == (control.status, control.rules)


def test_a_pass_that_is_declared_only_says_so() -> None:
    """Where the CNI does not enforce policies, what they declare proves little."""
    assert map_statuses(PASS, PASS, PASS, declared_only=True).declared_only
    assert not map_statuses(PASS, FAIL, PASS, declared_only=True).declared_only
    assert not map_statuses(PASS, PASS, PASS).declared_only


def test_a_record_holds_what_the_data_says() -> None:
    """The edition, the source, what is verified, and the notes."""
    (mapped,) = map_controls(report_on(), (framework(),)).frameworks
    assert ("some", "Some Standard", "1.0", None) == (
        mapped.id,
        mapped.framework,
        mapped.edition,
        mapped.note,
    )
    first, second = mapped.controls
    assert ("https://standard.example", True, None) == (first.source, first.verified, first.note)
    assert (False, "the report helps", ()) == (second.verified, second.note, second.readings)


def readings_on(report: Report) -> dict[str, ControlStatus]:
    """The status of each reading of CIS 5.3.2."""
    frameworks = map_controls(report, load_frameworks()).frameworks
    (cis,) = (one for one in frameworks if one.id == "cis-kubernetes-2.0.1")
    (control,) = (one for one in cis.controls if one.id == "5.3.2")
    assert all(one.title for one in control.readings)
    return {one.id: one.status for one in control.readings}


def test_a_policy_that_allows_everything_satisfies_the_letter_alone() -> None:
    """CIS 5.3.2 asks for a policy in each namespace; by effect, nothing is closed here."""
    assert {"literal": ControlStatus.PASS, "strict": ControlStatus.FAIL} == readings_on(
        report_on(f"{POD}\n---\n{ALLOW_ALL}")
    )
    assert {"literal": ControlStatus.FAIL, "strict": ControlStatus.FAIL} == readings_on(report_on())


def test_the_strict_reading_is_not_judged_where_a_rule_of_it_is_disabled() -> None:
    """Nothing else fails here, and the policy that closes the namespace proves it no more."""
    closed = ALLOW_ALL.replace("ingress: [{}]", "ingress: []").replace("egress: [{}]", "egress: []")
    view = evaluate_text(f"{POD}\n---\n{closed}")
    (cis,) = (one for one in load_frameworks() if one.id == "cis-kubernetes-2.0.1")
    (control,) = (one for one in cis.data.controls if one.id == "5.3.2")
    for rule in cis.rules_of(control):
        off = Acceptance({rule: RuleSettings(enabled=False, reason="for now")})
        readings = readings_on(audit(view, Scope(), RUN, off).report)
        assert {"literal": ControlStatus.PASS, "strict": ControlStatus.NOT_EVALUATED} == readings


def test_the_letter_is_not_judged_where_namespaces_or_policies_were_not_read() -> None:
    """A namespace that nobody saw may hold no policy, and a policy that nobody saw may be one."""
    broken = ALLOW_ALL.replace("ingress: [{}]", "ingress: [{from: [{}]}]")
    assert ControlStatus.NOT_EVALUATED is readings_on(report_on(f"{POD}\n---\n{broken}"))["literal"]
    whole = report_on(f"{POD}\n---\n{ALLOW_ALL}")
    for kind in (None, "Namespace"):
        gap = GapRecord(kind, None, None, None, "not read", "not known")
        scope = msgspec.structs.replace(whole.scope, gaps=(gap,))
        partly = msgspec.structs.replace(whole, scope=scope)
        assert ControlStatus.NOT_EVALUATED is readings_on(partly)["literal"]


def test_findings_name_the_controls_that_they_touch(cluster: FindCluster) -> None:
    """Those that the rule evidences in part, with framework and edition; context does not count."""
    report = audit(evaluate_scenario(cluster("shop")), Scope(), RUN).report
    mapped = map_controls(report, load_frameworks())
    named = name_controls(load_frameworks())
    assert {one.id: named.get(one.rule, ()) for one in mapped.findings} == {
        one.id: one.controls for one in mapped.findings
    }
    assert "PCI DSS 4.0.1 6.5.3" in named["environments-can-talk"]
    assert "CIS Kubernetes Benchmark 2.0.1 5.3.2" in named["namespace-lacks-default-deny"]
    assert not any("5.6.1" in one for one in named["environments-can-talk"])


def test_waivers_and_settings_reach_the_controls(cluster: FindCluster) -> None:
    """A rule that is waived or disabled makes no control pass."""
    view = evaluate_scenario(cluster("shop"))
    only = parse_framework(
        FRAMEWORK, "some", {"isolation": ("egress-is-unrestricted",), "egress": (), "drift": ()}
    )

    def status(acceptance: Acceptance) -> ControlStatus:
        report = audit(view, Scope(), RUN, acceptance).report
        return map_controls(report, (only,)).frameworks[0].controls[0].status

    disabled = RuleSettings(enabled=False, reason="for now")
    assert ControlStatus.FAIL is status(Acceptance())
    assert ControlStatus.WAIVED is status(Acceptance(waivers=(make("*/*"),)))
    assert ControlStatus.FAIL is status(Acceptance(waivers=(make("*/*", expires="2025-12-01"),)))
    assert ControlStatus.NOT_EVALUATED is status(Acceptance({"egress-is-unrestricted": disabled}))
