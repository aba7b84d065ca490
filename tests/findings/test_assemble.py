"""The report counts what there is: population, gaps, findings by severity, rules by status."""

from __future__ import annotations

from collections import Counter

import auditor
from auditor.findings.assemble import audit
from auditor.findings.scope import Scope
from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import Audit
from auditor.rules import RULES
from tests.clusters.expectation import load
from tests.conftest import FindCluster
from tests.findings.audits import RUN, evaluate_scenario, evaluate_text, key_of

PARTLY_READ = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: shop}
spec: {containers: [{name: main, image: nginx}]}
status: {phase: Succeeded}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: broken, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{}]}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: l7, namespace: shop}
spec: {}
"""


def test_the_summary_counts_findings_and_rules(cluster: FindCluster) -> None:
    """Every severity and every status has its count, also where it is none."""
    report = audit(evaluate_scenario(cluster("shop")), Scope(), RUN).report
    expected = Counter(one.severity for one in load(cluster("shop") / "expected.yaml").findings)
    assert {one.value: expected[one.value] for one in Severity} == report.summary.by_severity
    statuses = Counter(one.status for one in report.rules)
    assert {one.value: statuses[one] for one in RuleStatus} == report.summary.by_status
    assert len(RULES) == sum(report.summary.by_status.values())
    assert len(report.findings) == sum(report.summary.by_severity.values())


def test_rules_are_listed_in_order_with_their_pages(cluster: FindCluster) -> None:
    """One record and one page a rule, in the order of the list."""
    found: Audit = audit(evaluate_scenario(cluster("shop")), Scope(), RUN)
    ids = [rule.id for rule in RULES]
    assert ids == [one.id for one in found.report.rules]
    assert ids == [one.id for one in found.pages]


def test_the_population_is_counted_whatever_the_scope(cluster: FindCluster) -> None:
    """Namespaces, pods and policies are those of the input; the scope says which are judged."""
    view = evaluate_scenario(cluster("shop"))
    whole = audit(view, Scope(), RUN).report.scope
    assert (6, 6, ()) == (
        whole.namespaces.total,
        whole.namespaces.in_scope,
        whole.namespaces.excluded,
    )
    assert len(view.snapshot.pods) == whole.pods
    assert {"NetworkPolicy": len(view.snapshot.policies)} == whole.policies
    narrowed = audit(view, Scope(exclude={"shop-*": "elsewhere"}), RUN).report.scope
    assert (6, 3) == (narrowed.namespaces.total, narrowed.namespaces.in_scope)
    assert {"shop-dev", "shop-prod", "shop-test"} == {
        one.name for one in narrowed.namespaces.excluded
    }
    assert (whole.pods, whole.policies) == (narrowed.pods, narrowed.policies)


def test_gaps_and_unevaluated_kinds_are_counted() -> None:
    """What was left out is in the scope: named, with its place; finished pods are no endpoints."""
    scope = audit(evaluate_text(PARTLY_READ), Scope(), RUN).report.scope
    assert 1 == scope.pods
    assert {"NetworkPolicy": 0, "CiliumNetworkPolicy.cilium.io": 1} == scope.policies
    (broken,) = (one for one in scope.gaps if one.name == "broken")
    assert ("NetworkPolicy", "shop") == (broken.kind, broken.namespace)
    assert broken.source is not None
    assert "spec.ingress[0].from[0]" == broken.source.field
    assert any("CiliumNetworkPolicy" in f"{one.kind} {one.reason}" for one in scope.gaps)


def test_the_gaps_of_the_evaluation_are_among_those_of_the_report() -> None:
    """A reading of ipBlocks that nobody knows is a gap as much as a file that nobody could read."""
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: far}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: everywhere, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}
"""
    gaps = audit(evaluate_text(text), Scope(), RUN).report.scope.gaps
    assert [("NetworkPolicy", "shop", "everywhere")] == [
        (one.kind, one.namespace, one.name) for one in gaps
    ]


def test_the_cluster_and_its_cni_are_named(cluster: FindCluster) -> None:
    """What was recognised of the CNI is in the report, with its evidence."""
    report = audit(evaluate_scenario(cluster("shop", "flannel")), Scope(), RUN).report
    assert ("Flannel", False) == (report.cluster.cni.name, report.cluster.cni.enforces)
    assert report.cluster.cni.evidence
    assert ("netpol-auditor", auditor.__version__) == (report.tool.name, report.tool.version)
    assert RUN == report.run


def test_the_picture_ranks_the_worst_namespaces_and_leaves_out_what_is_not_judged(
    cluster: FindCluster,
) -> None:
    """Namespaces out of scope stand in the group of the rest, and are counted there."""
    view = evaluate_scenario(cluster("shop"))
    matrix = audit(view, Scope(namespaces=("shop-prod", "shop-dev")), RUN).matrix
    assert ("shop-dev", "shop-prod", "other namespaces (4)", "external addresses") == matrix.names
    assert 4 == matrix.grouped


def test_findings_of_a_scenario_are_those_expected(cluster: FindCluster) -> None:
    """Put together without the command, the report holds the findings of the scenario's page."""
    folder = cluster("shop", "calico")
    report = audit(evaluate_scenario(folder), Scope(), RUN).report
    ids = {rule.id for rule in RULES}
    expected = {
        (one.rule, one.subject, one.detail)
        for one in load(folder / "expected.yaml").findings
        if one.rule in ids
    }
    assert expected == {key_of(one) for one in report.findings}


def test_namespaces_without_a_policy_are_named(cluster: FindCluster) -> None:
    """Those judged that hold no NetworkPolicy object, sorted; whatever the policies do."""
    view = evaluate_scenario(cluster("shop"))
    holding = {one.namespace for one in view.snapshot.policies}
    bare = tuple(sorted({one.name for one in view.snapshot.namespaces} - holding))
    assert bare
    assert bare == audit(view, Scope(), RUN).report.scope.namespaces.without_policy
    left = audit(view, Scope(exclude={bare[0]: "elsewhere"}), RUN).report.scope.namespaces
    assert bare[1:] == left.without_policy


def test_a_namespace_whose_policies_could_not_be_read_is_not_without_one() -> None:
    """A broken NetworkPolicy may be one; a kind that is not evaluated is none."""
    namespaces = audit(evaluate_text(PARTLY_READ), Scope(), RUN).report.scope.namespaces
    assert ((), ("shop",)) == (namespaces.without_policy, namespaces.policies_unread)
    whole = PARTLY_READ.replace("ingress: [{from: [{}]}]", "ingress: []")
    namespaces = audit(evaluate_text(whole), Scope(), RUN).report.scope.namespaces
    assert ((), ()) == (namespaces.without_policy, namespaces.policies_unread)
    other_kind = PARTLY_READ.partition("---\napiVersion: networking")[0] + (
        "---\n" + PARTLY_READ.rpartition("---\n")[2]
    )
    namespaces = audit(evaluate_text(other_kind), Scope(), RUN).report.scope.namespaces
    assert (("shop",), ()) == (namespaces.without_policy, namespaces.policies_unread)
