"""What was not read makes findings about pairs of policies doubtful, or keeps them unsaid."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.findings import Hit
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.reachability.view import evaluate
from auditor.rules import RULES
from tests.rules.auditing import read_text

PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
---
"""
REDUNDANT = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: judged, namespace: app}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {}}]}, {to: [{podSelector: {matchLabels: {app: web}}}]}]
"""
REDUNDANT_ELSEWHERE = REDUNDANT.replace(
    "{podSelector: {matchLabels", "{namespaceSelector: {}, podSelector: {matchLabels"
)
ONE_SIDED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: judged, namespace: app}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: data}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
NOT_ONE_SIDED = ONE_SIDED.replace("namespace: data", "namespace: app")
ORED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: judged, namespace: app}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}
        - podSelector: {matchLabels: {app: web}}
"""
NOT_ORED = ORED.replace("name: data", "name: gone").replace("app: web", "app: gone")

RULE_OF = {
    REDUNDANT: "policy-is-redundant",
    REDUNDANT_ELSEWHERE: "policy-is-redundant",
    ONE_SIDED: "rule-is-one-sided",
    NOT_ONE_SIDED: "rule-is-one-sided",
    ORED: "peers-are-ored",
    NOT_ORED: "peers-are-ored",
}


def unread(kind: str, namespace: str | None, name: str | None, blind: Blind) -> Gap:
    """A gap as the sources record it."""
    return Gap(
        kind=kind,
        namespace=namespace,
        name=name,
        reason="it may not be read",
        effect="unknown",
        blind=blind,
    )


def state(manifests: str, *gaps: Gap) -> str:
    """What becomes of the policy `judged`: found, doubted, not evaluated or clean."""
    snapshot: Snapshot = msgspec.structs.replace(read_text(PODS + manifests), gaps=gaps)
    view = evaluate(snapshot, ip_blocks_match_pods=False)
    (rule,) = (one for one in RULES if one.id == RULE_OF[manifests])
    said = [one for one in rule.check(view) if one.subject.name == "judged"]
    hits = [one for one in said if isinstance(one, Hit)]
    if not said:
        return "clean"
    if not hits:
        return "not evaluated"
    return "doubted" if all("gaps" in one.evidence for one in hits) else "found"


PODS_HERE = unread("Pod", "app", None, Blind.PODS)
A_POD_HERE = unread("Pod", "app", "broken", Blind.PODS)
PODS_THERE = unread("Pod", "data", None, Blind.PODS)
POLICIES_HERE = unread("NetworkPolicy", "app", None, Blind.POLICIES)
A_POLICY_HERE = unread("NetworkPolicy", "app", "broken", Blind.POLICIES)
A_POLICY_THERE = unread("NetworkPolicy", "data", "broken", Blind.POLICIES)
POLICIES_THERE = unread("NetworkPolicy", "data", None, Blind.POLICIES)
LABELS_THERE = unread("Namespace", "data", "data", Blind.NAMESPACE_LABELS)
SHOWN_ALONE = Gap(
    kind="Pod", namespace="app", name="web", reason="a field is unknown", effect="none"
)


@pytest.mark.parametrize(
    ("manifests", "gap", "wanted"),
    [
        (REDUNDANT, None, "found"),
        (REDUNDANT, SHOWN_ALONE, "found"),
        # a pod that needs the policy may be there
        (REDUNDANT, A_POD_HERE, "doubted"),
        (REDUNDANT, PODS_HERE, "not evaluated"),
        # the default-deny may rest on a policy that was not read
        (REDUNDANT, A_POLICY_HERE, "doubted"),
        (REDUNDANT, POLICIES_HERE, "not evaluated"),
        (REDUNDANT, PODS_THERE, "found"),
        (REDUNDANT, A_POLICY_THERE, "found"),
        # a pod with the label may be there
        (REDUNDANT_ELSEWHERE, PODS_THERE, "doubted"),
        (ONE_SIDED, None, "found"),
        # a policy there may let the rule's pods in
        (ONE_SIDED, A_POLICY_THERE, "doubted"),
        (ONE_SIDED, POLICIES_THERE, "not evaluated"),
        (ONE_SIDED, A_POLICY_HERE, "found"),
        # a pod here may be let in
        (ONE_SIDED, A_POD_HERE, "doubted"),
        (NOT_ONE_SIDED, None, "clean"),
        # a policy there may deny, or a pod that denies may be there
        (NOT_ONE_SIDED, A_POLICY_THERE, "not evaluated"),
        (NOT_ONE_SIDED, PODS_THERE, "not evaluated"),
        (NOT_ONE_SIDED, LABELS_THERE, "clean"),
        (ORED, None, "found"),
        # another policy may permit the same
        (ORED, A_POLICY_HERE, "doubted"),
        (ORED, A_POLICY_THERE, "found"),
        # the pods are counted
        (ORED, PODS_THERE, "doubted"),
        (NOT_ORED, None, "clean"),
        # a pod here may bear the label; those there match neither half
        (NOT_ORED, A_POD_HERE, "not evaluated"),
        (NOT_ORED, PODS_THERE, "clean"),
    ],
)
def test_what_was_not_read_is_never_clean(manifests: str, gap: Gap | None, wanted: str) -> None:
    """A finding that what is hidden may refute says so; where nothing can be said, nothing is."""
    assert wanted == state(manifests, *([] if gap is None else [gap]))
