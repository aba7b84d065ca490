"""Manifests for rules that policyTypes leave without effect: what they say, and what they do."""

from __future__ import annotations

from typing import Any

import yaml

from auditor.model.findings import Remediation
from tests.rules.auditing import audit_snapshot, read_text

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
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: app, labels: {app: api}}
spec: {containers: [{name: main, image: api}]}
"""
WEB = "podSelector: {matchLabels: {app: web}}"
API = "podSelector: {matchLabels: {app: api}}"


def policy(name: str, spec: str) -> str:
    """A policy of the namespace app as a further document of a text."""
    return (
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {name}, namespace: app}}\nspec: {{{spec}}}\n"
    )


def mend(*policies: str) -> tuple[Remediation, dict[str, Any]]:
    """The remediation of the one finding, and the spec of its manifest."""
    audited = audit_snapshot(read_text("".join((PODS, *policies))))
    (found,) = audited.findings_of("policy-types-omit-a-direction")
    assert found.remediation is not None
    assert found.remediation.manifest is not None
    spec: dict[str, Any] = yaml.safe_load(found.remediation.manifest)["spec"]
    return found.remediation, spec


def changed(remediation: Remediation) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Who is cut off from whom, and who is let through to whom, addresses left out."""
    assert remediation.closes is not None
    assert remediation.opens is not None
    closed, opened = (
        {
            (one.source, one.destination)
            for one in each.connections
            if "/" in one.source and "/" in one.destination
        }
        for each in (remediation.closes, remediation.opens)
    )
    return closed, opened


def test_listing_a_direction_closes_what_its_rules_do_not_allow() -> None:
    """The rules stay as they are, and both directions are listed."""
    inert = policy("web", f"{WEB}, policyTypes: [Egress], ingress: [{{from: [{{{API}}}]}}]")
    remediation, spec = mend(inert)
    assert ["Ingress", "Egress"] == spec["policyTypes"]
    api = {"podSelector": {"matchLabels": {"app": "api"}}}
    assert ([{"from": [api], "ports": []}], []) == (spec["ingress"], spec["egress"])
    closed, opened = changed(remediation)
    assert {("kube-system/Pod/coredns", "app/Pod/web")} == closed
    assert set() == opened


def test_listing_a_direction_opens_what_its_rules_allow_to_isolated_pods() -> None:
    """Where another policy isolates the pods, the rules are what they lack."""
    deny = policy("deny", "podSelector: {}, policyTypes: [Ingress]")
    inert = policy("web", f"{WEB}, policyTypes: [Egress], ingress: [{{from: [{{{API}}}]}}]")
    remediation, _ = mend(deny, inert, policy("api", f"{API}, policyTypes: [Ingress]"))
    closed, opened = changed(remediation)
    assert {("app/Pod/api", "app/Pod/web")} == opened
    assert set() == closed


def test_listing_egress_keeps_cluster_dns() -> None:
    """A rule for DNS joins the rules, where the pods would be cut off from it."""
    inert = policy("web", f"{WEB}, policyTypes: [Ingress], egress: [{{to: [{{{API}}}]}}]")
    _, spec = mend(inert)
    assert 2 == len(spec["egress"])
    assert [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}] == (
        spec["egress"][1]["ports"]
    )


def test_listing_egress_adds_nothing_where_its_rules_reach_dns() -> None:
    """A rule for every pod includes those of cluster DNS."""
    inert = policy(
        "web", f"{WEB}, policyTypes: [Ingress], egress: [{{to: [{{namespaceSelector: {{}}}}]}}]"
    )
    _, spec = mend(inert)
    assert 1 == len(spec["egress"])


def test_rules_that_allow_everything_are_taken_out() -> None:
    """Listing them would undo every isolation of the pods: without them nothing changes."""
    deny = policy("deny", "podSelector: {}, policyTypes: [Ingress, Egress]")
    inert = policy("web", f"{WEB}, policyTypes: [Egress], ingress: [{{}}]")
    remediation, spec = mend(deny, inert)
    assert (["Egress"], [], []) == (spec["policyTypes"], spec["ingress"], spec["egress"])
    assert remediation.closes is not None
    assert (0, None) == (remediation.closes.total, remediation.opens)


def test_rules_that_would_open_a_pod_to_come_are_taken_out() -> None:
    """The pods of today are not opened by these rules, but a new one without labels would be."""
    pods = policy(
        "pods",
        "podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]},"
        " policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]",
    )
    inert = policy(
        "addresses",
        "podSelector: {}, policyTypes: [Egress],"
        " ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]",
    )
    _, spec = mend(pods, inert)
    assert (["Egress"], []) == (spec["policyTypes"], spec["ingress"])
