"""Runs of a live cluster, compared: a rollout, a policy, and what may not be read any more."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from tests.apiserver.access import PolicyRule
from tests.apiserver.binaries import Binaries
from tests.apiserver.control_plane import ControlPlane

pytestmark = [pytest.mark.apiserver, pytest.mark.slow]

CLUSTER = Path(__file__).parents[1] / "clusters" / "two-namespaces" / "no-policy"
READ = ("get", "list")
PODS: PolicyRule = {"apiGroups": [""], "resources": ["pods"], "verbs": READ}
REST: tuple[PolicyRule, ...] = (
    {"apiGroups": [""], "resources": ["namespaces", "services", "nodes"], "verbs": READ},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": READ},
    {"apiGroups": ["apps"], "resources": ["daemonsets", "replicasets"], "verbs": READ},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": READ},
)
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: prod}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: prod}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
UNREAD = "prod"

JsonObject = dict[str, Any]
Drift = Callable[[Path], JsonObject]


@pytest.fixture(scope="module")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """Run two namespaces, with a Deployment in one of them."""
    with ControlPlane(binaries) as running:
        running.apply(CLUSTER, WEB)
        running.create_pods_of_controllers()
        yield running


@pytest.fixture
def drift_of(tmp_path: Path) -> Drift:
    """Audit with a kubeconfig into one history; return what changed since the run before."""

    def audit(kubeconfig: Path) -> JsonObject:
        folder = tmp_path / "out"
        assert 0 == main(["audit", "-q", "-o", str(folder), "--kubeconfig", str(kubeconfig)])
        report: JsonObject = json.loads((folder / "report.json").read_bytes())
        assert report["run"]["evidence"]["cluster"] == f"uid:{report['cluster']['uid']}"
        return report["drift"] or {}

    return audit


def numbers(drift: JsonObject) -> tuple[int, int]:
    """How many connections opened, and closed."""
    totals = drift["connections"]["totals"]
    return totals["opened"], totals["closed"]


@pytest.mark.usefixtures("fast")
def test_runs_of_a_cluster_say_what_changed_in_it(
    control_plane: ControlPlane, drift_of: Drift, tmp_path: Path
) -> None:
    """A rollout is nothing, a policy closes, and 403 is neither closed nor resolved."""
    admin = control_plane.kubeconfig(tmp_path / "admin")
    assert {} == drift_of(admin)

    pods = control_plane.client.list_all("/api/v1/namespaces/prod/pods")
    rolled = [one for one in pods if one["metadata"].get("ownerReferences")]
    assert rolled
    for one in rolled:
        name = one["metadata"]["name"]
        control_plane.kubectl("delete", "pod", name, "-n", "prod", "--force", "--grace-period=0")
    control_plane.kubectl("delete", "replicaset", "-n", "prod", "--all", "--wait=false")
    control_plane.kubectl("set", "image", "deployment/web", "web=nginx:newer", "-n", "prod")
    control_plane.create_pods_of_controllers()
    drift = drift_of(admin)
    assert (0, 0) == numbers(drift)
    assert ([], []) == (drift["findings"]["new"], drift["findings"]["resolved"])

    control_plane.apply(DENY)
    drift = drift_of(admin)
    opened, closed = numbers(drift)
    assert 0 == opened < closed
    assert ["prod/NetworkPolicy/default-deny"] == drift["policies"]["added"]
    causes = {cause["object"] for row in drift["connections"]["closed"] for cause in row["causes"]}
    assert {"prod/NetworkPolicy/default-deny"} == causes
    assert drift["findings"]["resolved"]

    names = {one["metadata"]["name"] for one in control_plane.client.list_all("/api/v1/namespaces")}
    token = control_plane.service_account(
        "default",
        "partial",
        cluster_rules=REST,
        namespace_rules={name: [PODS] for name in names - {UNREAD}},
    )
    drift = drift_of(control_plane.kubeconfig(tmp_path / "partial", token))
    assert (0, 0) == numbers(drift)
    assert [UNREAD] == [one["namespace"] for one in drift["connections"]["not_compared"]]
    assert [] == drift["findings"]["resolved"]
    details = drift["findings"]["details"]
    incomparable = {
        details[one]["subject"]["namespace"] for one in drift["findings"]["incomparable"]
    }
    assert UNREAD in incomparable
    assert "gap-added" in {one["change"] for one in drift["scope"]}
