"""Findings are new, resolved, unchanged, or incomparable: resolved only if evaluated again."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from auditor.drift.compared import Compared
from auditor.drift.findings import compare_findings
from auditor.findings.fingerprint import fingerprint
from auditor.findings.scope import Scope
from auditor.model.drift import FindingDrift
from auditor.model.findings import RuleStatus
from auditor.model.objects import Reference
from auditor.model.selector_syntax import parse_selector
from auditor.model.snapshot import Blind, Gap, UnevaluatedPolicy
from auditor.settings import RuleSettings
from auditor.sources.unevaluated import unevaluated_gaps
from tests.drift.runs import refused, run

RULE = "namespace-lacks-default-deny"
POD = """\
---
apiVersion: v1
kind: Pod
metadata: {name: %(name)s, namespace: %(space)s, labels: {app: %(name)s}}
"""
CLOSED = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: %(space)s}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
SHOP, BANK = {"space": "shop", "name": "web"}, {"space": "bank", "name": "till"}
OPEN = POD % SHOP + POD % BANK
SHUT = OPEN + CLOSED % SHOP


def id_of(space: str, direction: str = "ingress", rule: str = RULE) -> str:
    """The id of the finding that a namespace lacks default-deny."""
    return fingerprint(rule, Reference(space, "Namespace", space), direction)


def reason_of(drift: FindingDrift, finding: str) -> str | None:
    """Why a finding is incomparable."""
    assert finding in drift.incomparable
    assert not {finding} & {*drift.new, *drift.resolved}
    return drift.details[finding].reason


def turned(drift: FindingDrift) -> tuple[tuple[str, ...], tuple[str, ...], set[str], int]:
    """A drift as it reads from the other end of time."""
    return drift.resolved, drift.new, set(drift.incomparable), drift.unchanged


def test_what_was_mended_is_resolved_and_what_broke_is_new() -> None:
    """Both ways: the drift from shut to open is that from open to shut, turned."""
    before, now = run(OPEN), run(SHUT)
    drift = compare_findings(before, now)
    assert {id_of("shop"), id_of("shop", "egress")} <= {*drift.resolved}
    assert id_of("bank") not in {*drift.resolved, *drift.new, *drift.incomparable}
    back = compare_findings(now, before)
    assert (drift.new, drift.resolved, set(drift.incomparable), drift.unchanged) == turned(back)
    assert () == drift.incomparable


def test_details_tell_what_each_id_stands_for() -> None:
    """Of every id that is listed, and of no other."""
    drift = compare_findings(run(OPEN), run(SHUT))
    assert {*drift.new, *drift.resolved, *drift.incomparable} == set(drift.details)
    brief = drift.details[id_of("shop")]
    assert (RULE, "ingress", None) == (brief.rule, brief.detail, brief.reason)
    assert ("shop", "Namespace", "shop") == msgspec.structs.astuple(brief.subject)


def test_equal_runs_leave_everything_unchanged() -> None:
    """Nothing is new, resolved or incomparable."""
    one = run(OPEN)
    drift = compare_findings(one, run(OPEN))
    assert ((), (), (), len(one.findings)) == (
        drift.new,
        drift.resolved,
        drift.incomparable,
        drift.unchanged,
    )


def test_a_waived_finding_is_the_finding() -> None:
    """Whoever accepts it has not resolved it."""
    before = run(OPEN)
    waived = tuple(msgspec.structs.replace(one, status="waived") for one in before.findings)
    drift = compare_findings(before, before._replace(findings=waived))
    assert ((), len(before.findings)) == (drift.resolved, drift.unchanged)


def test_ids_stand_in_the_order_of_the_findings() -> None:
    """Worst first, as the reports list them."""
    before = run(OPEN)
    drift = compare_findings(before, run("---\n".join([OPEN, CLOSED % SHOP, CLOSED % BANK])))
    order = [one.id for one in before.findings]
    assert [*drift.resolved] == sorted(drift.resolved, key=order.index)


def with_rule(side: Compared, **fields: object) -> Compared:
    """The run, in which another became of the rule."""
    return side._replace(
        rules=tuple(
            msgspec.structs.replace(one, **fields) if one.id == RULE else one for one in side.rules
        )
    )


def disabled() -> Compared:
    """A run without the rule, by its settings."""
    setting = RuleSettings(enabled=False, reason="not ours")
    return run(SHUT, rules={RULE: setting})


def unknown() -> Compared:
    """A run of a program that does not have the rule."""
    side = run(SHUT)
    return side._replace(rules=tuple(one for one in side.rules if one.id != RULE))


UNJUDGED: dict[str, tuple[Callable[[], Compared], str]] = {
    "the rule failed": (
        lambda: with_rule(run(SHUT), status=RuleStatus.ERROR, reason="the rule failed: oh"),
        "in the current run the rule failed: oh",
    ),
    "the rule was disabled": (disabled, "in the current run the rule was disabled: not ours"),
    "the rule is unknown": (unknown, "in the current run the rule was not there"),
    "the namespace was excluded": (
        lambda: run(SHUT, scope=Scope(exclude={"sh*": "not ours"})),
        "in the current run namespace shop was not judged: not ours",
    ),
    "another namespace was asked for": (
        lambda: run(SHUT, scope=Scope(namespaces=("bank",))),
        "in the current run namespace shop was not judged: not among the namespaces asked for",
    ),
    "no pod bears the labels": (
        lambda: run(SHUT, scope=Scope(selector=parse_selector("app=till"))),
        "in the current run namespace shop was not judged: no pod bears the labels asked for",
    ),
    "the subject was not evaluated": (
        lambda: with_rule(run(SHUT), not_evaluated=("shop/Namespace/shop",)),
        "in the current run shop/Namespace/shop was not evaluated",
    ),
    "the cluster was not evaluated": (
        lambda: with_rule(run(SHUT), not_evaluated=("Cluster/cluster",)),
        "in the current run Cluster/cluster was not evaluated",
    ),
}


@pytest.mark.parametrize("case", UNJUDGED)
def test_what_was_not_evaluated_again_is_incomparable(case: str) -> None:
    """It is neither resolved nor unchanged, and the reason says what kept the run from it."""
    make, reason = UNJUDGED[case]
    assert reason == reason_of(compare_findings(run(OPEN), make()), id_of("shop"))


@pytest.mark.parametrize("case", UNJUDGED)
def test_what_was_not_evaluated_before_is_not_new(case: str) -> None:
    """The mirror image: that nobody looked before does not make it new."""
    make, reason = UNJUDGED[case]
    found = reason_of(compare_findings(make(), run(OPEN)), id_of("shop"))
    assert reason.replace("current", "previous") == found


NOT_IN_THE_WAY: dict[str, Callable[[], Compared]] = {
    "another namespace was not evaluated": lambda: with_rule(
        run(SHUT), not_evaluated=("bank/Namespace/bank",)
    ),
    "a workload of it was not evaluated": lambda: with_rule(
        run(SHUT), not_evaluated=("shop/Pod/web",)
    ),
    "environments were not evaluated": lambda: with_rule(
        run(SHUT), not_evaluated=("Environments/dev→prod",)
    ),
    "another namespace was excluded": lambda: run(SHUT, scope=Scope(exclude={"bank": "x"})),
    "it was asked for": lambda: run(SHUT, scope=Scope(namespaces=("shop",))),
    "its pods bear the labels": lambda: run(SHUT, scope=Scope(selector=parse_selector("app=web"))),
    "another rule is disabled": lambda: run(
        SHUT, rules={"peers-are-ored": RuleSettings(enabled=False, reason="x")}
    ),
    "the rules are of another version": lambda: run(SHUT)._replace(rules_digest="other"),
    "pods of another namespace were not read": lambda: run(
        SHUT, gaps=(refused("Pod", Blind.PODS, "bank"),)
    ),
    "Services were not read": lambda: run(SHUT, gaps=(refused("Service", Blind.SERVICES),)),
    "nodes were not read": lambda: run(SHUT, gaps=(refused("Node", None),)),
    "another Namespace was not read": lambda: run(
        SHUT,
        gaps=(
            Gap(kind="Namespace", namespace=None, name="bank", reason="", effect="",
                blind=Blind.NAMESPACE_LABELS),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_IN_THE_WAY)
def test_what_does_not_bear_on_a_subject_keeps_nothing_from_being_resolved(case: str) -> None:
    """Near misses: other subjects, other namespaces, other rules, other kinds."""
    drift = compare_findings(run(OPEN), NOT_IN_THE_WAY[case]())
    assert id_of("shop") in drift.resolved


@pytest.mark.parametrize("namespace", [None, "shop"])
@pytest.mark.parametrize(
    "blind", [Blind.PODS, Blind.POLICIES, Blind.NAMESPACE_LABELS, Blind.OBJECTS]
)
def test_a_refusal_makes_findings_incomparable(namespace: str | None, blind: Blind) -> None:
    """A 403 in one run, there or in the whole cluster: what it hides is not mended."""
    half_seen = run(SHUT, gaps=(refused("Thing", blind, namespace),))
    drift = compare_findings(run(OPEN), half_seen)
    assert "cannot be listed: forbidden" in str(reason_of(drift, id_of("shop")))
    mirrored = compare_findings(half_seen, run(OPEN))
    assert "in the previous run" in str(reason_of(mirrored, id_of("shop")))


@pytest.mark.parametrize("namespace", [None, "shop"])
@pytest.mark.parametrize(
    "blind", [Blind.PODS, Blind.POLICIES, Blind.NAMESPACE_LABELS, Blind.OBJECTS]
)
def test_what_a_run_states_where_it_did_not_read_all_is_incomparable(
    namespace: str | None, blind: Blind
) -> None:
    """A policy that was not read looks like one that is gone: nothing is new, nor was it ever."""
    half_seen = run(OPEN, gaps=(refused("Thing", blind, namespace),))
    reason = reason_of(compare_findings(run(SHUT), half_seen), id_of("shop"))
    assert str(reason).startswith("the current run may state it only because not everything was")
    assert str(reason).endswith("Thing cannot be listed: forbidden")
    mirrored = reason_of(compare_findings(half_seen, run(SHUT)), id_of("shop"))
    assert "the previous run may state it" in str(mirrored)


@pytest.mark.parametrize(
    "gap", [refused("Pod", Blind.PODS, "bank"), refused("Service", Blind.SERVICES, "shop")]
)
def test_a_gap_that_hides_nothing_of_a_namespace_keeps_none_of_its_findings_from_being_new(
    gap: Gap,
) -> None:
    """Near misses: a gap of another namespace, and one of Services."""
    half_seen = run(OPEN, gaps=(gap,))
    assert id_of("shop") in compare_findings(run(SHUT), half_seen).new
    assert id_of("shop") in compare_findings(half_seen, run(SHUT)).resolved


GONE = POD % BANK


def test_a_finding_of_a_namespace_that_is_gone_is_resolved() -> None:
    """Also where the rest of the cluster could not be read, or the rule failed."""
    for now in (
        run(GONE),
        run(GONE, gaps=(refused("NetworkPolicy", Blind.POLICIES),)),
        with_rule(run(GONE), status=RuleStatus.ERROR, reason="oh"),
    ):
        assert id_of("shop") in compare_findings(run(OPEN), now).resolved
        assert id_of("shop") in compare_findings(now, run(OPEN)).new


@pytest.mark.parametrize("blind", [Blind.NAMESPACE_LABELS, Blind.OBJECTS])
def test_a_namespace_is_not_gone_where_namespaces_could_not_be_listed(blind: Blind) -> None:
    """It is only not seen."""
    drift = compare_findings(run(OPEN), run(GONE, gaps=(refused("Namespace", blind),)))
    assert "namespaces were not all read" in str(reason_of(drift, id_of("shop")))


def test_a_workload_that_the_labels_leave_out_is_incomparable() -> None:
    """Its namespace is judged for another pod's sake; what is gone is resolved all the same."""
    rule = "workload-is-not-isolated"
    both = run(OPEN + POD % {"space": "shop", "name": "api"})
    key = fingerprint(rule, Reference("shop", "Pod", "web"), "ingress")
    assert key in {one.id for one in both.findings}
    scope = Scope(selector=parse_selector("app=api"))
    narrowed = run(both.snapshot, scope=scope)
    assert "do not bear the labels" in str(reason_of(compare_findings(both, narrowed), key))
    gone = run(POD % {"space": "shop", "name": "api"}, scope=scope)
    assert key in compare_findings(both, gone).resolved


def test_a_policy_that_the_labels_leave_out_is_incomparable() -> None:
    """One that selects no pod with the labels asked for; one that does is judged."""
    policy = CLOSED.replace("podSelector: {}", "podSelector: {matchLabels: {app: %(name)s}}")
    inert = policy.replace("[Ingress, Egress]", "[Ingress], egress: [{}]")
    before = run(OPEN + inert % SHOP)
    (finding,) = (one for one in before.findings if one.rule == "policy-types-omit-a-direction")
    after = OPEN + policy % SHOP + POD % {"space": "shop", "name": "api"}
    out, within = (Scope(selector=parse_selector(f"app={name}")) for name in ("api", "web"))
    assert reason_of(compare_findings(before, run(after, scope=out)), finding.id)
    assert finding.id in compare_findings(before, run(after, scope=within)).resolved


CILIUM = UnevaluatedPolicy(kind="CiliumNetworkPolicy.cilium.io", namespace="shop", name="a")


def with_cilium(text: str, *policies: UnevaluatedPolicy) -> Compared:
    """A run of a cluster that also holds policies of a kind that is not evaluated."""
    snapshot = msgspec.structs.replace(
        run(text).snapshot, unevaluated_policies=policies, gaps=unevaluated_gaps(policies)
    )
    return run(snapshot)


def test_policies_that_are_never_evaluated_set_two_runs_apart_only_by_themselves() -> None:
    """The same on both sides they hide alike; one that came hides what it may have closed."""
    inert = OPEN + CLOSED.replace("[Ingress, Egress]", "[Ingress], egress: [{}]") % SHOP
    before, now = with_cilium(inert, CILIUM), with_cilium(SHUT, CILIUM)
    (finding,) = (one for one in before.findings if one.rule == "policy-types-omit-a-direction")
    assert finding.id in compare_findings(before, now).resolved
    assert finding.id in compare_findings(run(inert), now).incomparable
    came = compare_findings(run(OPEN), with_cilium(SHUT, CILIUM))
    assert "of a kind not evaluated" in str(reason_of(came, id_of("shop")))
