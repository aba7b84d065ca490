"""Manifests that isolate keep cluster DNS open, where that opens nothing."""

from typing import Any

import yaml

from auditor.model.findings import Direction
from auditor.model.report import FindingRecord
from tests.conftest import CLUSTERS
from tests.findings.audits import read_scenario
from tests.rules.auditing import audit_snapshot, read_text

DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
RESOLVER = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}

PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {containers: [{name: main, image: coredns}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
"""


def policy(name: str, spec: str, namespace: str = "app") -> str:
    """A policy as a further document of a text."""
    return (
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )


OPEN_EGRESS = policy("open", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}")


def spec_of(finding: FindingRecord) -> dict[str, Any]:
    """The spec of the one policy of a finding's manifest."""
    assert finding.remediation is not None
    assert finding.remediation.manifest is not None
    spec: dict[str, Any] = yaml.safe_load(finding.remediation.manifest)["spec"]
    return spec


def specs_of(finding: FindingRecord) -> dict[str, dict[str, Any]]:
    """The specs of a finding's manifest, by the name of the policy."""
    assert finding.remediation is not None
    assert finding.remediation.manifest is not None
    documents = yaml.safe_load_all(finding.remediation.manifest)
    return {one["metadata"]["name"]: one["spec"] for one in documents}


def mend(text: str, rule: str, direction: Direction, subject: str) -> dict[str, Any]:
    """The spec of the manifest for the finding of a rule on a subject, by its name."""
    (found,) = (
        one
        for one in audit_snapshot(read_text(text)).findings_of(rule)
        if (one.subject.name, one.detail) == (subject, direction.value)
    )
    return spec_of(found)


def specs_for(namespace: str, direction: Direction) -> dict[str, dict[str, Any]]:
    """The specs that the scenario shop's finding on a namespace comes with, by policy."""
    audited = audit_snapshot(read_scenario(CLUSTERS / "shop" / "main"))
    (found,) = (
        one
        for one in audited.findings_of("namespace-lacks-default-deny")
        if (one.subject.name, one.detail) == (namespace, direction.value)
    )
    return specs_of(found)


def manifest_for(namespace: str, direction: Direction) -> dict[str, Any]:
    """The spec of the one policy of such a finding."""
    (spec,) = specs_for(namespace, direction).values()
    return spec


def test_denied_egress_leaves_dns_open_to_pods_that_have_it() -> None:
    """Every pod of shop-dev resolves names today, and still does."""
    (rule,) = manifest_for("shop-dev", Direction.EGRESS)["egress"]
    assert DNS == rule["ports"]


def test_denied_egress_opens_dns_to_no_pod_that_lacks_it() -> None:
    """Web of shop-test resolves by TCP only: those that are open have policies of their own."""
    rules = {
        name: spec["egress"] for name, spec in specs_for("shop-test", Direction.EGRESS).items()
    }
    allowed = [{"to": [RESOLVER], "ports": DNS}]
    assert {"default-deny-egress": [], "api-dns": allowed, "db-dns": allowed} == rules


def test_denied_ingress_leaves_a_resolver_reachable_beside_isolated_pods() -> None:
    """Where a pod beside cluster DNS is isolated, port 53 stays open to the pods of DNS alone."""
    metrics = (
        "---\napiVersion: v1\nkind: Pod\n"
        "metadata: {name: metrics, namespace: kube-system, labels: {app: metrics}}\n"
        "spec: {containers: [{name: main, image: metrics}]}\n"
    )
    shut = policy(
        "shut",
        "{podSelector: {matchLabels: {app: metrics}}, policyTypes: [Ingress]}",
        "kube-system",
    )
    (found,) = (
        one
        for one in audit_snapshot(read_text(PODS + metrics + shut)).findings_of(
            "namespace-lacks-default-deny"
        )
        if (one.subject.name, one.detail) == ("kube-system", "ingress")
    )
    assert {
        "default-deny-ingress": {"podSelector": {}, "ingress": []},
        "coredns-dns": {
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "ingress": [{"from": [], "ports": DNS}],
        },
    } == {
        name: {key: spec[key] for key in ("podSelector", "ingress")}
        for name, spec in specs_of(found).items()
    }


def test_a_default_deny_that_would_cut_dns_off_is_advised_in_words() -> None:
    """A pod without labels has DNS, and one beside it has not: no manifest can tell them apart."""
    bare = (
        "---\napiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: app}\n"
        "spec: {containers: [{name: main, image: nginx}]}\n"
    )
    shut = policy("shut", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}")
    (found,) = (
        one
        for one in audit_snapshot(read_text(PODS + bare + shut)).findings_of(
            "namespace-lacks-default-deny"
        )
        if (one.subject.name, one.detail) == ("app", "egress")
    )
    assert found.remediation is not None
    assert found.remediation.manifest is None
    assert "cluster DNS" in found.remediation.steps[0]


def test_denied_ingress_leaves_the_resolver_reachable() -> None:
    """The namespace of cluster DNS keeps port 53 open to everyone."""
    assert [{"from": [], "ports": DNS}] == manifest_for("kube-system", Direction.INGRESS)["ingress"]


def test_denied_ingress_is_bare_where_no_resolver_stands() -> None:
    """Other namespaces deny everything."""
    assert [] == manifest_for("shop-dev", Direction.INGRESS)["ingress"]


def test_an_isolated_workload_keeps_asking_dns() -> None:
    """The policy for an open workload allows cluster DNS, and nothing else."""
    spec = mend(PODS, "workload-is-not-isolated", Direction.EGRESS, "web")
    assert [{"to": [RESOLVER], "ports": DNS}] == spec["egress"]


def test_an_isolated_resolver_keeps_answering() -> None:
    """The policy for open pods of cluster DNS leaves port 53 open to everyone."""
    spec = mend(PODS, "workload-is-not-isolated", Direction.INGRESS, "coredns")
    assert [{"from": [], "ports": DNS}] == spec["ingress"]


def test_dns_stays_where_an_opening_rule_goes() -> None:
    """A rule that allows everything gives way to one for cluster DNS, for either rule."""
    for rule, subject in (
        ("default-deny-is-nullified", "app"),
        ("workload-is-not-isolated", "web"),
    ):
        spec = mend(PODS + OPEN_EGRESS, rule, Direction.EGRESS, subject)
        assert [{"to": [RESOLVER], "ports": DNS}] == spec["egress"]


def test_dns_that_another_policy_allows_is_not_allowed_twice() -> None:
    """Where every pod keeps cluster DNS by a policy that stays, the opening rule just goes."""
    allow_dns = policy(
        "allow-dns",
        "{podSelector: {}, policyTypes: [Egress],"
        " egress: [{ports: [{port: 53}, {port: 53, protocol: UDP}]}]}",
    )
    spec = mend(
        PODS + OPEN_EGRESS + allow_dns, "default-deny-is-nullified", Direction.EGRESS, "app"
    )
    assert [] == spec["egress"]


def test_dns_by_udp_alone_does_not_stay_for_tcp() -> None:
    """Long answers come by TCP: where only UDP stays, the rule for DNS is kept."""
    allow_udp = policy(
        "allow-udp",
        "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]}",
    )
    spec = mend(
        PODS + OPEN_EGRESS + allow_udp, "default-deny-is-nullified", Direction.EGRESS, "app"
    )
    assert [{"to": [RESOLVER], "ports": DNS}] == spec["egress"]


def test_an_opening_that_is_not_for_dns_does_not_become_one() -> None:
    """A rule that only together with others opens everything keeps no DNS that it did not give."""
    addresses = policy(
        "addresses",
        "{podSelector: {}, policyTypes: [Egress],"
        " egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]}",
    )
    pods = policy(
        "pods",
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}",
    )
    (found,) = (
        one
        for one in audit_snapshot(read_text(PODS + addresses + pods)).findings_of(
            "default-deny-is-nullified"
        )
        if one.subject.name == "app"
    )
    assert found.remediation is not None
    assert found.remediation.manifest is not None
    rules = {
        one["metadata"]["name"]: one["spec"]["egress"]
        for one in yaml.safe_load_all(found.remediation.manifest)
    }
    assert {"addresses": [], "pods": [{"to": [RESOLVER], "ports": DNS}]} == rules


def test_a_resolver_answers_on_where_an_opening_rule_goes() -> None:
    """In the namespace of cluster DNS a rule that admits everyone gives way to one for port 53."""
    opened = policy(
        "open", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}", "kube-system"
    )
    spec = mend(PODS + opened, "default-deny-is-nullified", Direction.INGRESS, "kube-system")
    assert [{"from": [], "ports": DNS}] == spec["ingress"]


def test_where_no_resolver_stands_an_opening_rule_just_goes() -> None:
    """Pods that answer no DNS admit nobody once the rule is gone."""
    opened = policy("open", "{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}")
    spec = mend(PODS + opened, "default-deny-is-nullified", Direction.INGRESS, "app")
    assert [] == spec["ingress"]


def test_dns_that_admits_no_one_is_not_asked_for() -> None:
    """A rule for cluster DNS that shuts the pods out would have no effect: there is none."""
    shut = policy("shut", "{podSelector: {}, policyTypes: [Ingress]}", "kube-system")
    spec = mend(PODS + shut, "workload-is-not-isolated", Direction.EGRESS, "web")
    assert [] == spec["egress"]
    spec = mend(PODS + shut + OPEN_EGRESS, "default-deny-is-nullified", Direction.EGRESS, "app")
    assert [] == spec["egress"]


def test_cluster_dns_itself_asks_no_one() -> None:
    """The policy for pods of cluster DNS allows them no egress to one another."""
    spec = mend(PODS, "workload-is-not-isolated", Direction.EGRESS, "coredns")
    assert [] == spec["egress"]
