"""What is seen now and was not: namespaces first, then labels, judging, gaps and the cluster."""

from __future__ import annotations

import msgspec
import pytest

from auditor.drift.compared import Compared
from auditor.drift.scope import compare_scope
from auditor.findings.scope import Scope
from auditor.model.drift import ScopeChange, ScopeChangeKind
from auditor.model.findings import Severity
from auditor.model.report import GapSourceRecord
from auditor.model.selector_syntax import parse_selector
from auditor.model.snapshot import Blind, Gap, UnevaluatedPolicy
from auditor.settings import RuleSettings
from tests.drift.runs import refused, run

KINDS = ScopeChangeKind
BANK = """\
apiVersion: v1
kind: Namespace
metadata: {name: bank, labels: {team: red}}
---
"""
SHOP = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
---
"""
POLICIES = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
---
"""


def changes(previous: Compared, current: Compared) -> list[tuple[str, str, str | None, str | None]]:
    """The scope changes as plain tuples."""
    return [msgspec.structs.astuple(one) for one in compare_scope(previous, current)]


def test_equal_runs_differ_in_nothing() -> None:
    """Nor does the time at which they were taken make a change."""
    one, other = run(BANK + SHOP), run(BANK + SHOP)
    later = msgspec.structs.replace(other.snapshot, taken_at="2027-01-01T00:00:00Z")
    assert [] == changes(one, other._replace(snapshot=later))


@pytest.mark.parametrize(
    ("manifests", "held"),
    [
        (SHOP, "no policy, 1 pod"),
        (SHOP + POLICIES, "2 policies, 1 pod"),
        (SHOP + SHOP.replace("web", "api"), "no policy, 2 pods"),
        (POLICIES.replace("name: b", "name: a"), "1 policy, no pod"),
        (SHOP + "status: {phase: Succeeded}", "no policy, no pod"),
    ],
)
def test_a_new_namespace_is_told_with_what_it_holds(manifests: str, held: str) -> None:
    """One without a policy is what to look at first; pods that have finished do not count."""
    text = manifests.replace("---\nstatus", "status")
    drift = changes(run(BANK), run(BANK + text))
    assert (KINDS.NAMESPACE_ADDED, "Namespace/shop", None, held) == drift[0]
    gone = changes(run(BANK + text), run(BANK))
    assert (KINDS.NAMESPACE_REMOVED, "Namespace/shop", held, None) == gone[0]


def test_what_was_not_read_of_a_new_namespace_is_not_counted_as_none() -> None:
    """A count that may be too low says so; policies that are not evaluated are named apart."""
    gaps = (refused("NetworkPolicy", Blind.POLICIES, "shop"), refused("Pod", Blind.PODS))
    side = run(BANK + SHOP, gaps=gaps)
    policy = UnevaluatedPolicy(kind="CiliumNetworkPolicy.cilium.io", namespace="shop", name="a")
    side = side._replace(
        snapshot=msgspec.structs.replace(side.snapshot, unevaluated_policies=(policy,))
    )
    held = "0 policies and perhaps more, 1 of a kind not evaluated, 1 pod and perhaps more"
    assert (KINDS.NAMESPACE_ADDED, "Namespace/shop", None, held) == changes(run(BANK), side)[0]


def test_a_new_namespace_that_is_not_judged_says_why() -> None:
    """It is listed all the same: that it is left out is nobody's reason to overlook it."""
    held = "no policy, 1 pod, not judged: not ours"
    drift = changes(run(BANK), run(BANK + SHOP, scope=Scope(exclude={"shop": "not ours"})))
    assert (KINDS.NAMESPACE_ADDED, "Namespace/shop", None, held) == drift[0]


def test_a_namespace_is_neither_new_nor_gone_where_none_could_be_listed() -> None:
    """It was not seen: the gap says so."""
    half_seen = run(BANK, gaps=(refused("Namespace", Blind.NAMESPACE_LABELS),))
    whole = run(BANK + SHOP)
    assert [KINDS.GAP_REMOVED] == [one for one, *_ in changes(half_seen, whole)]
    assert [KINDS.GAP_ADDED] == [one for one, *_ in changes(whole, half_seen)]


def test_labels_of_a_namespace_are_told_where_they_differ() -> None:
    """Those that stayed are left out; none on one side is null."""
    before = run(BANK)
    now = run(BANK.replace("team: red", "team: red, env: prod"))
    kind, key = KINDS.NAMESPACE_LABELS_CHANGED, "Namespace/bank"
    assert [(kind, key, None, "env=prod")] == changes(before, now)
    changed = run(BANK.replace("red", "blue"))
    assert [(kind, key, "team=red", "team=blue")] == changes(before, changed)


@pytest.mark.parametrize(("name", "told"), [("bank", 0), (None, 0), ("shop", 1)])
def test_labels_that_were_not_read_are_not_compared(name: str | None, told: int) -> None:
    """A Namespace that could not be read lost no label."""
    unread = Gap(
        kind="Namespace", namespace=None, name=name, reason="", effect="",
        blind=Blind.NAMESPACE_LABELS,
    )  # fmt: skip
    half_seen = run(BANK.replace("{team: red}", "{}"), gaps=(unread,))
    for drift in (changes(run(BANK), half_seen), changes(half_seen, run(BANK))):
        assert told == sum(kind is KINDS.NAMESPACE_LABELS_CHANGED for kind, *_ in drift)


def test_what_is_judged_is_told_with_the_reason_why_it_was_not() -> None:
    """Only of namespaces that both sides have."""
    whole = run(BANK + SHOP)
    part = run(BANK + SHOP, scope=Scope(exclude={"shop": "not ours"}))
    key = "Namespace/shop"
    assert [(KINDS.JUDGED_SINCE, key, "not ours", "judged")] == changes(part, whole)
    assert [(KINDS.NOT_JUDGED_ANY_MORE, key, "judged", "not ours")] == changes(whole, part)


def test_gaps_come_and_go() -> None:
    """With what they are about, why they are, and what they mean."""
    half_seen = run(BANK, gaps=(refused("Pod", Blind.PODS, "bank"), refused("Node", None)))
    said = "cannot be listed: forbidden: nothing is known of them"
    assert [
        (KINDS.GAP_ADDED, "Node", None, f"Node {said}"),
        (KINDS.GAP_ADDED, "bank/Pod", None, f"Pod {said}"),
    ] == changes(run(BANK), half_seen)
    assert [KINDS.GAP_REMOVED] * 2 == [one for one, *_ in changes(half_seen, run(BANK))]


def test_a_gap_in_another_line_is_the_same() -> None:
    """Somebody put a comment above it; a file alone names it where nothing else does."""
    broken = run(BANK + "{kind: [")
    (gap,) = broken.scope.gaps
    moved = msgspec.structs.replace(
        gap, source=GapSourceRecord(file="<stdin>", document="document 2, line 9", field=None)
    )
    scope = msgspec.structs.replace(broken.scope, gaps=(moved,))
    assert [] == changes(broken, broken._replace(scope=scope))
    assert [(KINDS.GAP_ADDED, "<stdin>")] == [one[:2] for one in changes(run(BANK), broken)]


def test_the_cluster_and_the_rules_are_told_of_in_words() -> None:
    """Selector, CNI, reading of ipBlocks, version of Kubernetes, rules, settings: in this order."""
    one = run(BANK)
    rules = {"peers-are-ored": RuleSettings(severity=Severity.LOW, reason="x")}
    other = run(BANK, rules=rules, scope=Scope(selector=parse_selector("app=web")))
    cni = msgspec.structs.replace(one.cluster.cni, name="calico", enforces=True)
    other = other._replace(
        judged=one.judged,
        cluster=msgspec.structs.replace(one.cluster, cni=cni, version="v1.36.0"),
        ip_blocks_match_pods=True,
        tool_version="9.9",
    )
    key = "Cluster/cluster"
    rules_before = f"version {one.tool_version}, rules {one.rules_digest[:12]}"
    assert [
        (KINDS.SELECTOR_CHANGED, key, None, "app=web"),
        (
            KINDS.CNI_CHANGED,
            key,
            "unknown, not known whether it enforces policies",
            "calico, enforces policies",
        ),
        (KINDS.IP_BLOCK_READING_CHANGED, key, "not known", "ipBlocks match pods"),
        (KINDS.VERSION_CHANGED, key, None, "v1.36.0"),
        (KINDS.RULES_CHANGED, key, rules_before, f"version 9.9, rules {other.rules_digest[:12]}"),
        (KINDS.SETTINGS_CHANGED, key, one.settings_digest[:12], other.settings_digest[:12]),
    ] == changes(one, other)


def test_a_cni_that_stopped_enforcing_is_told() -> None:
    """Its name is the same; what it does is not."""
    one = run(BANK)
    told = [
        one._replace(
            cluster=msgspec.structs.replace(
                one.cluster,
                cni=msgspec.structs.replace(one.cluster.cni, name="weave", enforces=enforces),
            )
        )
        for enforces in (True, False)
    ]
    expected = ScopeChange(
        KINDS.CNI_CHANGED,
        "Cluster/cluster",
        "weave, enforces policies",
        "weave, does not enforce policies",
    )
    assert (expected,) == compare_scope(*told)


def test_new_namespaces_stand_first() -> None:
    """Before those that went, and before everything else, each kind sorted by name."""
    text = "{apiVersion: v1, kind: Namespace, metadata: {name: %s}}\n---\n"
    before = run(BANK + text % "q" + text % "p")
    now = run(
        BANK.replace("red", "blue") + text % "b" + text % "a",
        gaps=(refused("Node", None),),
    )
    assert [
        (KINDS.NAMESPACE_ADDED, "Namespace/a"),
        (KINDS.NAMESPACE_ADDED, "Namespace/b"),
        (KINDS.NAMESPACE_REMOVED, "Namespace/p"),
        (KINDS.NAMESPACE_REMOVED, "Namespace/q"),
        (KINDS.NAMESPACE_LABELS_CHANGED, "Namespace/bank"),
        (KINDS.GAP_ADDED, "Node"),
    ] == [one[:2] for one in changes(before, now)]
