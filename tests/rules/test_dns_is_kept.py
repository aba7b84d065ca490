"""Default-deny manifests keep cluster DNS open, where that opens nothing."""

from typing import Any

import yaml

from auditor.model.findings import Direction
from tests.conftest import CLUSTERS
from tests.findings.audits import read_scenario
from tests.rules.auditing import audit_snapshot

DNS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]


def manifest_for(namespace: str, direction: Direction) -> dict[str, Any]:
    """The spec that the scenario shop's finding on a namespace comes with."""
    audited = audit_snapshot(read_scenario(CLUSTERS / "shop" / "main"))
    (found,) = (
        one
        for one in audited.findings_of("namespace-lacks-default-deny")
        if (one.subject.name, one.detail) == (namespace, direction.value)
    )
    assert found.remediation is not None
    assert found.remediation.manifest is not None
    spec: dict[str, Any] = yaml.safe_load(found.remediation.manifest)["spec"]
    return spec


def test_denied_egress_leaves_dns_open_to_pods_that_have_it() -> None:
    """Every pod of shop-dev resolves names today, and still does."""
    (rule,) = manifest_for("shop-dev", Direction.EGRESS)["egress"]
    assert DNS == rule["ports"]


def test_denied_egress_opens_dns_to_no_pod_that_lacks_it() -> None:
    """Web of shop-test resolves by TCP only: a rule for every pod would open UDP to it."""
    assert [] == manifest_for("shop-test", Direction.EGRESS)["egress"]


def test_denied_ingress_leaves_the_resolver_reachable() -> None:
    """The namespace of cluster DNS keeps port 53 open to everyone."""
    assert [{"from": [], "ports": DNS}] == manifest_for("kube-system", Direction.INGRESS)["ingress"]


def test_denied_ingress_is_bare_where_no_resolver_stands() -> None:
    """Other namespaces deny everything."""
    assert [] == manifest_for("shop-dev", Direction.INGRESS)["ingress"]
