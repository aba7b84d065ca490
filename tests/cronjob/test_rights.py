"""The rights of the audit's account, on the real API server: enough, and not one too many."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from auditor.detection.recognize import retention
from auditor.job.steps import take_snapshot
from auditor.model.progress import unwatched
from auditor.model.snapshot import Snapshot
from auditor.settings import Settings
from tests.apiserver.access import attributes_of, await_access
from tests.apiserver.client import JsonObject
from tests.apiserver.control_plane import ControlPlane
from tests.cronjob.rendering import BASE, COMPONENTS, COREDNS, NAMESPACE, find, read_objects

pytestmark = pytest.mark.apiserver

USER = f"system:serviceaccount:{NAMESPACE}:netpol-auditor"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
CLUSTER_ROLE = f"{RBAC}/clusterroles/netpol-auditor"
ROLE = f"{RBAC}/namespaces/kube-system/roles/netpol-auditor"
POLICY_KINDS = retention(Settings().detection).policy_kinds
KINDS = {
    "daemonsets.apps": "DaemonSet",
    "jobs.batch": "Job",
    "namespaces": "Namespace",
    "networkpolicies.networking.k8s.io": "NetworkPolicy",
    "nodes": "Node",
    "pods": "Pod",
    "replicasets.apps": "ReplicaSet",
    "services": "Service",
} | {f"{one.plural}.{one.group}": f"{one.kind}.{one.group}" for one in POLICY_KINDS}
"""The kinds that are read, as gaps call them, by the names of their resources."""


class Permission(NamedTuple):
    """One thing that a rule of a role allows, as a rule of its own."""

    api_group: str
    resource: str
    verb: str
    name: str = ""

    @property
    def rule(self) -> dict[str, list[str]]:
        """The permission as RBAC spells it."""
        rule = {
            "apiGroups": [self.api_group],
            "resources": [self.resource],
            "verbs": [self.verb],
        }
        return rule | ({"resourceNames": [self.name]} if self.name else {})

    @property
    def full_resource(self) -> str:
        """The resource with its group, as kubectl spells it."""
        return f"{self.resource}.{self.api_group}".rstrip(".")


def permissions(role: JsonObject) -> list[Permission]:
    """Take a role apart."""
    return [
        Permission(group, resource, verb, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    ]


IN_CLUSTER = permissions(find(read_objects((BASE / "rbac.yaml").read_text()), "ClusterRole"))
PLUGIN = read_objects((COMPONENTS / "network-plugin" / "rbac.yaml").read_text())
IN_KUBE_SYSTEM = permissions(find(PLUGIN, "Role"))


@pytest.fixture(scope="module")
def account(
    control_plane: ControlPlane,
    overlays: Mapping[str, list[JsonObject]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A cluster with the overlay, pods, and all policy kinds; the account's kubeconfig."""
    definitions = [definition(one.group, one.kind, one.plural) for one in POLICY_KINDS]
    control_plane.apply(yaml.safe_dump_all([*definitions, *overlays["sqlite-pvc"]]), COREDNS)
    control_plane.create_pods_of_controllers()
    token = control_plane.kubectl("create", "token", "netpol-auditor", "-n", NAMESPACE).strip()
    return control_plane.kubeconfig(tmp_path_factory.mktemp("account") / "kubeconfig", token)


def definition(group: str, kind: str, plural: str) -> JsonObject:
    """A custom resource definition that accepts everything."""
    accepts_all = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": accepts_all},
    }
    annotations = {"api-approved.kubernetes.io": "unapproved, for a test"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": annotations},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def collect(kubeconfig: Path) -> Snapshot:
    """Read the cluster as the audit does."""
    return take_snapshot(
        Settings(kubeconfig=str(kubeconfig)),
        clock=lambda: "2026-01-02T03:04:05Z",
        stdin=None,
        stage=lambda _: nullcontext(unwatched),
    )


def list_rights(control_plane: ControlPlane, kubeconfig: Path, namespace: str) -> set[str]:
    """What kubectl says that an account may do in a namespace, line by line."""
    listed = control_plane.kubectl(
        *("auth", "can-i", "--list", "--no-headers", "--namespace", namespace),
        kubeconfig=kubeconfig,
    )
    return {re.sub(r"\s+", " ", line).strip() for line in listed.splitlines()}


def test_the_roles_are_for_the_kinds_that_are_read() -> None:
    """List in the whole cluster; get on the ConfigMaps of network plugins, by name."""
    assert set(KINDS) == {one.full_resource for one in IN_CLUSTER}
    assert {("list", "")} == {(one.verb, one.name) for one in IN_CLUSTER}
    named = {("kube-system", one.name) for one in IN_KUBE_SYSTEM}
    assert {(one.namespace, one.name) for one in retention(Settings().detection).config_maps} == (
        named
    )
    assert {("", "configmaps", "get")} == {one[:3] for one in IN_KUBE_SYSTEM}


def test_an_audit_with_these_roles_is_complete(account: Path) -> None:
    """No gap: neither of what is there nor of the kinds of which there is nothing."""
    snapshot = collect(account)
    assert () == snapshot.gaps
    assert {"kube-system", NAMESPACE} <= {one.namespace for one in snapshot.pods}
    assert {"ReplicaSet", "Job"} == {one.kind for one in snapshot.owners}
    assert snapshot.cluster.uid
    assert snapshot.cluster.version


@pytest.mark.parametrize("namespace", [NAMESPACE, "kube-system", "default"])
def test_the_account_may_do_nothing_else(
    namespace: str, account: Path, control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Its rights, less those of an account without roles: list, and get on two ConfigMaps."""
    token = control_plane.service_account(namespace, "nobody")
    nobody = control_plane.kubeconfig(tmp_path / "nobody", token)
    theirs = list_rights(control_plane, nobody, namespace)
    ours = list_rights(control_plane, account, namespace)
    expected = {f"{one} [] [] [list]" for one in KINDS}
    if namespace == "kube-system":
        expected |= {f"configmaps [] [{one.name}] [get]" for one in IN_KUBE_SYSTEM}
    assert expected == ours - theirs
    assert set() == theirs - ours
    assert any("/apis" in one for one in theirs)  # discovery is everyone's


@pytest.mark.parametrize("removed", IN_CLUSTER, ids=lambda one: one.full_resource)
def test_a_kind_that_may_not_be_listed_is_a_gap_by_name(
    removed: Permission, account: Path, control_plane: ControlPlane
) -> None:
    """Without one of the permissions the audit says of which kind it knows nothing."""
    rest = [one.rule for one in IN_CLUSTER if one != removed]
    client = control_plane.client
    client.merge(CLUSTER_ROLE, {"rules": rest})
    await_access(client, USER, attributes_of(removed.rule, None), allowed=False)
    try:
        gaps = collect(account).gaps
    finally:
        client.merge(CLUSTER_ROLE, {"rules": [one.rule for one in IN_CLUSTER]})
        await_access(client, USER, attributes_of(removed.rule, None))
    assert {KINDS[removed.full_resource]} == {one.kind for one in gaps}
    assert all(one.effect for one in gaps)
    assert any(f'cannot list resource "{removed.resource}"' in one.reason for one in gaps)


@pytest.mark.parametrize("removed", IN_KUBE_SYSTEM, ids=lambda one: one.name)
def test_a_config_map_that_may_not_be_read_is_a_gap_by_name(
    removed: Permission, account: Path, control_plane: ControlPlane
) -> None:
    """Whether the network plugin enforces is then not known, and said so."""
    client = control_plane.client
    client.merge(ROLE, {"rules": [one.rule for one in IN_KUBE_SYSTEM if one != removed]})
    await_access(client, USER, attributes_of(removed.rule, "kube-system"), allowed=False)
    try:
        (gap,) = collect(account).gaps
    finally:
        client.merge(ROLE, {"rules": [one.rule for one in IN_KUBE_SYSTEM]})
        await_access(client, USER, attributes_of(removed.rule, "kube-system"))
    assert ("ConfigMap", "kube-system", removed.name) == (gap.kind, gap.namespace, gap.name)
