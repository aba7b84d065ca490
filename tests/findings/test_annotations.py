"""Annotations waive where the settings allow it, and nothing else is kept of annotations."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from auditor.findings.assemble import Acceptance, audit
from auditor.findings.scope import Scope
from auditor.model.objects import LONGEST_WAIVER
from auditor.model.report import Report
from auditor.model.waivers import RefusedWaiverRecord, WaiverState
from auditor.sources.archive import pack, unpack
from tests.findings.audits import RUN, evaluate_text
from tests.findings.waivers import load_text
from tests.rules.auditing import read_text

EGRESS = "egress-is-unrestricted"
DENY = "namespace-lacks-default-deny"
KEY = f"netpol-auditor.io/waive.{EGRESS}"
LINE = (
    "a proxy filters; owner=team-a; approved_by=b.bright; ticket=SEC-1; "
    "created=2025-10-01; expires=2026-06-30"
)
FIELDS = {
    "reason": "a proxy filters; and: more",
    "owner": "team-a",
    "approved_by": "b.bright",
    "ticket": "SEC-1",
    "created": "2025-10-01",
    "expires": "2026-06-30",
}
BOTH = Acceptance(honoured=(EGRESS, DENY))


def pod(text: str, name: str = "web", key: str = KEY, owner: str = "web") -> str:
    """A pod of a StatefulSet with an annotation."""
    return f"""\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: shop
  annotations: {{{json.dumps(key)}: {json.dumps(text)}, secret: hidden-value}}
  ownerReferences:
    - {{apiVersion: apps/v1, kind: StatefulSet, name: {owner}, uid: u, controller: true}}
spec: {{containers: [{{name: main, image: nginx}}]}}
"""


def report_on(*texts: str, acceptance: Acceptance = BOTH, scope: Scope = Scope()) -> Report:  # noqa: B008  a frozen value
    """Audit manifests on 2026-01-01."""
    return audit(evaluate_text("\n---\n".join(texts)), scope, RUN, acceptance).report


def waived_in(report: Report) -> set[tuple[str, str, str]]:
    """Rule, kind and name of what is waived."""
    return {
        (one.rule, one.subject.kind, one.subject.name)
        for one in report.findings
        if one.status == "waived"
    }


WEB = (EGRESS, "StatefulSet", "web")


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE.replace("; ", " ;\t"),
        json.dumps(FIELDS),
        "\n".join(f"{key}: {json.dumps(value)}" for key, value in FIELDS.items()),
        f"{{{', '.join(f'{key}: {json.dumps(value)}' for key, value in FIELDS.items())}}}",
    ],
)
def test_an_annotation_waives_its_object(text: str) -> None:
    """As one line, as JSON, as YAML of several lines or in flow style."""
    report = report_on(pod(text))
    assert {WEB} == waived_in(report)
    (use,) = report.waivers
    assert (WaiverState.USED, "shop/StatefulSet/web", None, "team-a") == (
        use.state,
        use.waiver.annotated,
        use.waiver.file,
        use.waiver.owner,
    )
    assert () == report.refused_waivers


def test_by_default_no_annotation_is_honoured_and_each_is_reported() -> None:
    """Who may change an object does not decide what is accepted of it."""
    report = report_on(pod(LINE), acceptance=Acceptance(honoured=(DENY,)))
    assert (set(), ()) == (waived_in(report), report.waivers)
    reason = "the settings do not honour annotations for this rule"
    assert (RefusedWaiverRecord("shop/StatefulSet/web", KEY, reason),) == report.refused_waivers


def test_a_namespace_is_waived_by_its_own_annotation_alone() -> None:
    """What is in the namespace is not waived with it."""
    namespace = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  annotations:
    netpol-auditor.io/waive.{DENY}: {json.dumps(f"{LINE}; detail=egress")}
    {KEY}: {json.dumps(LINE)}
"""
    report = report_on(namespace, pod("", key="other"))
    assert {(DENY, "Namespace", "shop")} == waived_in(report)
    assert ["egress"] == [one.detail for one in report.findings if one.status == "waived"]
    assert [WaiverState.UNUSED, WaiverState.USED] == [one.state for one in report.waivers]


def test_a_policy_may_bear_a_waiver() -> None:
    """Its subject is the policy; here no rule finds anything wrong with it."""
    policy = f"""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: only, namespace: shop, annotations: {{{KEY}: {json.dumps(LINE)}}}}}
spec: {{podSelector: {{}}, policyTypes: [Ingress]}}
"""
    (use,) = report_on(policy).waivers
    assert ("shop/NetworkPolicy/only", WaiverState.UNUSED) == (use.waiver.subject, use.state)


def test_the_template_of_a_workload_bears_the_waiver_of_its_pods() -> None:
    """Pods that stand for a workload have the annotations of its template, not its own."""
    deployment = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, annotations: {own}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {template}}
    spec: {containers: [{name: main, image: nginx}]}
"""
    annotations = f"{{{KEY}: {json.dumps(LINE)}}}"
    in_template = deployment.replace("{own}", "{}").replace("{template}", annotations)
    assert {(EGRESS, "Deployment", "web")} == waived_in(report_on(in_template))
    beside = deployment.replace("{template}", "{}").replace("{own}", annotations)
    assert set() == waived_in(report_on(beside))


def test_every_pod_of_a_workload_must_bear_the_waiver() -> None:
    """One pod does not speak for the others, nor do two that differ."""
    for other in (pod("", "web-1", key="other"), pod(LINE.replace("SEC-1", "SEC-2"), "web-1")):
        report = report_on(pod(LINE, "web-0"), other)
        assert set() == waived_in(report)
        (refused,) = report.refused_waivers
        assert "not every pod of the workload bears it, or not the same one" == refused.reason
    assert {WEB} == waived_in(report_on(pod(LINE, "web-0"), pod(LINE, "web-1")))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "key owner is missing"),
        ("true", "key owner is missing"),
        (LINE.replace("; ticket=SEC-1", ""), "key ticket is missing"),
        (LINE.replace("owner=", "ownr="), "key ownr is unknown; did you mean owner?"),
        (f"{LINE}; owner=else", "key owner is given twice"),
        (f"{LINE}; reason=else", "key reason is given twice"),
        (f"{LINE}; and more", "and more is no key=value"),
        (LINE.replace("team-a", " "), "key owner is malformed: expected `str` of length >= 1"),
        (
            LINE.replace("2026-06-30", "soon"),
            "key expires is malformed: invalid RFC3339",
        ),
        (LINE.replace("2026-06", "2025-06"), "key expires is malformed: 2025-06-30 is before"),
        (LINE.removeprefix("a proxy filters"), "key reason is malformed: expected `str` of l"),
        ("{reason: [", "it is no YAML: "),
        ("- a\n- b", "it is malformed: expected `object`, got `array`"),
        (json.dumps({**FIELDS, "rule": EGRESS}), "key rule is unknown"),
        (json.dumps({**FIELDS, "owner": 1}), "key owner is malformed: expected `str`, got `int`"),
        (LINE.replace("a proxy", "x" * LONGEST_WAIVER), "it is longer than 4,096 characters"),
    ],
)
def test_a_malformed_annotation_waives_nothing_and_is_reported(text: str, reason: str) -> None:
    """With the object, the annotation and what is wrong with it."""
    report = report_on(pod(text))
    assert (set(), ()) == (waived_in(report), report.waivers)
    (refused,) = report.refused_waivers
    assert ("shop/StatefulSet/web", KEY) == (refused.annotated, refused.annotation)
    assert refused.reason.startswith(reason)


def test_an_annotation_of_an_unknown_rule_is_reported() -> None:
    """A misspelt rule waives nothing."""
    (refused,) = report_on(pod(LINE, key="netpol-auditor.io/waive.egress")).refused_waivers
    assert "egress is no rule" == refused.reason


def test_an_annotation_that_has_expired_is_an_expired_waiver() -> None:
    """As in a file: the finding is open again, and says by which waiver it was accepted."""
    report = report_on(pod(LINE.replace("2026-06-30", "2025-12-31")))
    assert set() == waived_in(report)
    (use,) = report.waivers
    assert (WaiverState.EXPIRED, 1) == (use.state, use.findings)


def test_a_file_goes_before_an_annotation(tmp_path: Path) -> None:
    """The annotation is unused then: taking it away changes nothing."""
    text = "waivers:\n- " + json.dumps(
        {**FIELDS, "rule": EGRESS, "subject": "shop/StatefulSet/web"}
    )
    waivers = load_text(tmp_path, text)
    report = report_on(pod(LINE), acceptance=BOTH._replace(waivers=waivers))
    assert [("a.yaml", WaiverState.USED), ("", WaiverState.UNUSED)] == [
        (Path(one.waiver.file or "").name, one.state) for one in report.waivers
    ]


def test_what_is_not_judged_is_not_read() -> None:
    """An excluded namespace's annotations are neither waivers nor refused."""
    report = report_on(pod(LINE), pod("", owner="api"), scope=Scope(exclude={"shop": "elsewhere"}))
    assert ((), ()) == (report.waivers, report.refused_waivers)


def test_only_annotations_that_waive_are_kept() -> None:
    """Others may hold anything, and are neither in a snapshot nor in what is judged."""
    snapshot = read_text(pod(LINE))
    (read,) = snapshot.pods
    assert {KEY: LINE} == read.metadata.annotations
    assert b"hidden-value" not in msgspec.json.encode(snapshot)
    assert snapshot == unpack(pack(snapshot), name="snapshot")
