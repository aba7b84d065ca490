"""A finding is known by its rule, its subject and its detail, whatever else changes."""

from __future__ import annotations

import hashlib
from itertools import combinations

from auditor.findings.fingerprint import fingerprint
from auditor.model.objects import Reference
from tests.conftest import FindCluster
from tests.findings.audits import key_of, read_scenario
from tests.rules.auditing import audit_snapshot, read_text

RULE = "namespace-lacks-default-deny"
SHOP = Reference("shop", "Namespace", "shop")


def deployed(template_hash: str, pods: int) -> str:
    """A Deployment's pods after a rollout, which names them and their ReplicaSet anew."""
    return "\n---\n".join(
        f"""\
apiVersion: v1
kind: Pod
metadata:
  name: web-{template_hash}-{number}
  namespace: shop
  labels: {{app: web, pod-template-hash: {template_hash}}}
  ownerReferences:
    - {{apiVersion: apps/v1, kind: ReplicaSet, name: web-{template_hash}, uid: u, controller: true}}
spec: {{containers: [{{name: main, image: "nginx:{template_hash}"}}]}}
"""
        for number in range(pods)
    )


def test_a_fingerprint_is_sixteen_digits_of_a_hash_of_rule_subject_and_detail() -> None:
    """The definition is fixed: histories and waivers hold such ids."""
    parts = "namespace-lacks-default-deny\0shop\0Namespace\0shop\0ingress"
    expected = hashlib.sha256(parts.encode()).hexdigest()[:16]
    assert "221af7f7bf807aab" == expected
    assert expected == fingerprint(RULE, SHOP, "ingress")


def test_no_detail_is_an_empty_one() -> None:
    """A rule without details has one finding a subject."""
    assert fingerprint(RULE, SHOP, "") == fingerprint(RULE, SHOP, None)


def test_every_part_tells_findings_apart() -> None:
    """Another rule, namespace, kind, name or detail is another finding, also where text moves."""
    others = [
        fingerprint(RULE, SHOP, "ingress"),
        fingerprint(RULE, SHOP, "egress"),
        fingerprint("another-rule", SHOP, "ingress"),
        fingerprint(RULE, Reference("shop2", "Namespace", "shop"), "ingress"),
        fingerprint(RULE, Reference("shop", "Pod", "shop"), "ingress"),
        fingerprint(RULE, Reference("shop", "Namespace", "shopi"), "ngress"),
        fingerprint(RULE, Reference("", "Cluster", "shop"), "ingress"),
        fingerprint(RULE, Reference("Cluster", "", "shop"), "ingress"),
    ]
    assert [] == [one for one, other in combinations(others, 2) if one == other]


def test_ids_are_the_same_at_every_run_and_each_is_one_finding(cluster: FindCluster) -> None:
    """A second audit of the same input gives the same ids, and no id stands for two findings."""
    first, second = (audit_snapshot(read_scenario(cluster("shop"))).findings for _ in range(2))
    assert first
    assert {one.id: key_of(one) for one in first} == {one.id: key_of(one) for one in second}
    assert len(first) == len({one.id for one in first})


def test_ids_survive_a_rollout() -> None:
    """New pods of a Deployment, more of them and of another image, are the same findings."""
    before = audit_snapshot(read_text(deployed("5d4f9c7b6d", 1))).findings
    after = audit_snapshot(read_text(deployed("77b96c5d48", 3))).findings
    assert {"shop/Deployment/web", "shop/Namespace/shop"} == {key_of(one)[1] for one in before}
    assert {one.id for one in before} == {one.id for one in after}


def test_ids_do_not_depend_on_severity() -> None:
    """A namespace that is filled is the same finding, of another severity."""
    empty = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"
    before = audit_snapshot(read_text(empty)).findings_of(RULE)
    filled = audit_snapshot(read_text(f"{empty}\n---\n{deployed('5d4f9c7b6d', 1)}")).severities
    assert {"medium"} == {one.severity for one in before}
    assert {"high"} == {filled[one.id] for one in before}
