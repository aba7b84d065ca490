"""What findings about databases say: their reasons, their advice, and what was not read."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.report import FindingRecord
from auditor.model.snapshot import Blind, Gap
from tests.rules.auditing import Audited, audit_snapshot, read_text

DB = """\
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {containers: [{name: main, image: "mysql:8"}]}
---
"""
BALANCER = """\
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data}
spec: {type: LoadBalancer, externalTrafficPolicy: %s, selector: {app: db}, ports: [{port: 3306}]}
---
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: %s, namespace: data}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [%s]}
---
"""
ANYWHERE = "{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: %s}]}"
PODS_ALONE = POLICY % ("pods", "{from: [{podSelector: {}}], ports: [{port: 3306}]}")
OUTSIDE = "database-open-to-outside"


def unread(kind: str, blind: Blind, namespace: str | None = None) -> Gap:
    """A whole list that may not be read."""
    return Gap(
        kind=kind,
        namespace=namespace,
        name=None,
        reason="cannot be listed",
        effect="not known",
        blind=blind,
    )


def audit(text: str, *gaps: Gap) -> Audited:
    """Judge manifests of which some lists were not read."""
    snapshot = read_text(text)
    return audit_snapshot(msgspec.structs.replace(snapshot, gaps=(*snapshot.gaps, *gaps)))


def finding_of(audited: Audited, rule: str, detail: str | None) -> FindingRecord:
    """The one finding of a rule with a detail."""
    (found,) = (one for one in audited.findings_of(rule) if one.detail == detail)
    return found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DB, "no Service publishes it"),
        (
            DB + POLICY % ("metrics", ANYWHERE % 9104) + BALANCER % "Local",
            "no Service hands connections from outside on to a port that is open to them",
        ),
        (DB + POLICY % ("sql", ANYWHERE % 3306) + BALANCER % "Local", None),
        (
            DB + POLICY % ("one", "{from: [{ipBlock: {cidr: 192.168.5.10/32}}]}"),
            "only stated addresses are admitted",
        ),
    ],
)
def test_what_is_published_decides_how_bad_open_addresses_are(
    text: str, reason: str | None
) -> None:
    """The default severity has no reason; every other one says why."""
    found = finding_of(audit(text), OUTSIDE, "addresses")
    assert reason == found.severity_reason


def test_a_node_that_hides_the_callers_address_is_the_reason() -> None:
    """Medium, because no policy admits the outside; the advice names the Service."""
    found = finding_of(audit(DB + PODS_ALONE + BALANCER % "Cluster"), OUTSIDE, "service")
    assert found.severity_reason == (
        "the policies admit no outside address, but the Service may hand traffic on with the "
        "address of the pod's own node"
    )
    assert found.remediation is not None
    assert found.remediation.steps[0].startswith("make data/Service/db of type ClusterIP")


def test_services_that_were_not_read_leave_open_who_publishes_a_database() -> None:
    """The addresses are a finding all the same; the Service's part is not evaluated."""
    audited = audit(DB, unread("Service", Blind.SERVICES))
    (found,) = audited.findings_of(OUTSIDE)
    assert ("addresses", "medium") == (found.detail, found.severity)
    why = "Service: cannot be listed"
    assert f"whether a Service publishes it is not known: {why}" == found.severity_reason
    assert f"data/Pod/db: {why}" == audited.rule(OUTSIDE).reason


def test_a_service_that_was_read_is_a_finding_whatever_others_were_not() -> None:
    """More Services could only publish more; the finding says what is not known."""
    text = DB + PODS_ALONE + BALANCER % "Cluster"
    found = finding_of(audit(text, unread("Service", Blind.SERVICES)), OUTSIDE, "service")
    assert "Service: cannot be listed" == found.evidence["gaps"]


@pytest.mark.parametrize(
    "rule",
    [
        OUTSIDE,
        "database-open-beyond-its-ports",
        "database-open-to-other-environments",
        "database-egress-is-unrestricted",
    ],
)
def test_databases_among_pods_that_were_not_read_are_not_clean(rule: str) -> None:
    """Each namespace of which pods are missing is named."""
    audited = audit(DB + PODS_ALONE, unread("Pod", Blind.PODS, "data"))
    assert "data/Namespace/data: data/Pod: cannot be listed" in (audited.rule(rule).reason or "")


@pytest.mark.parametrize(
    "rule", [OUTSIDE, "database-open-beyond-its-ports", "database-egress-is-unrestricted"]
)
def test_without_its_policies_nothing_is_said_of_a_database(rule: str) -> None:
    """Neither good nor bad: they could isolate it."""
    audited = audit(DB, unread("NetworkPolicy", Blind.POLICIES, "data"))
    assert () == audited.findings_of(rule)
    reason = "data/Pod/db: data/NetworkPolicy: cannot be listed"
    assert reason == audited.rule(rule).reason


ENVIRONMENTS = "database-open-to-other-environments"
SOURCES = """\
apiVersion: v1
kind: Namespace
metadata: {name: data, labels: {environment: prod}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop-dev, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
---
"""
NAMESPACE = "{apiVersion: v1, kind: Namespace, metadata: {name: shop-dev-%s}}\n---\n"


def test_sources_whose_policies_were_not_read_are_not_evaluated() -> None:
    """They may be isolated, or not: there is no finding, and nothing is clean."""
    gap = unread("NetworkPolicy", Blind.POLICIES, "shop-dev")
    audited = audit(DB + SOURCES, gap)
    assert () == audited.findings_of(ENVIRONMENTS)
    assert "data/Pod/db: shop-dev/NetworkPolicy: cannot be listed" == (
        audited.rule(ENVIRONMENTS).reason
    )


def test_a_way_in_is_stated_also_where_other_sources_were_not_read() -> None:
    """The finding carries the gap, and the database is named as not wholly evaluated."""
    audited = audit(DB + SOURCES, unread("Pod", Blind.PODS, "shop-dev"))
    found = finding_of(audited, ENVIRONMENTS, "dev")
    assert "shop-dev/Pod: cannot be listed" == found.evidence["gaps"]
    assert "data/Pod/db, shop-dev/Namespace/shop-dev: shop-dev/Pod: cannot be listed" == (
        audited.rule(ENVIRONMENTS).reason
    )


@pytest.mark.parametrize(("namespaces", "mended_by"), [(20, "manifest"), (21, "steps")])
def test_an_environment_of_many_namespaces_is_shut_out_in_words(
    namespaces: int, mended_by: str
) -> None:
    """A list of more than twenty namespaces in a selector is no manifest that anyone reviews."""
    more = "".join(NAMESPACE % number for number in range(namespaces - 1))
    found = finding_of(audit(DB + SOURCES + more), ENVIRONMENTS, "dev")
    assert found.remediation is not None
    assert mended_by == ("manifest" if found.remediation.manifest else "steps")


def test_an_unknown_environment_is_named_with_who_connects() -> None:
    """The reason says what is not known, and whose pods make it matter."""
    text = DB + SOURCES.replace("labels: {environment: prod}", "labels: {team: data}")
    assert (
        "data/Pod/db: the environment of its namespace is not known, and pods of dev may connect"
    ) == audit(text).rule(ENVIRONMENTS).reason


def test_a_rule_keeps_those_of_its_ports_that_are_the_databases_own() -> None:
    """A range shrinks to them, a rule of all ports lists them, and other rules stay as they are."""
    rules = (
        "{from: [{podSelector: {}}], ports: [{port: 3300, endPort: 4600}, {port: 22}]}, "
        "{from: [{namespaceSelector: {}}]}"
    )
    found = finding_of(audit(DB + POLICY % ("db", rules)), "database-open-beyond-its-ports", None)
    assert found.remediation is not None
    (policy,) = read_text(found.remediation.manifest or "").policies
    assert [[3306, 4567], [3306, 4567, 33060]] == [
        [port.port for port in rule.ports] for rule in policy.spec.ingress
    ]
    assert {"TCP"} == {port.protocol for rule in policy.spec.ingress for port in rule.ports}
