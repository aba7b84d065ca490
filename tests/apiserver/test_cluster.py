"""Collecting from a real API server: everything is read, or said to be missing."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import ClusterError
from auditor.model.objects import Reference
from auditor.model.retention import AgentFlags, ConfigMapKeys, PolicyKind, Retention
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Blind, ConfigMapEvidence, Gap, Snapshot
from auditor.model.workloads import index_owners, workload_of
from auditor.settings import ClusterAccess
from auditor.sources.archive import pack, unpack
from auditor.sources.cluster import collect
from tests.apiserver.client import Client
from tests.apiserver.control_plane import ControlPlane

pytestmark = pytest.mark.apiserver

NOW = "2026-01-02T03:04:05Z"
SHOP = Path(__file__).parents[1] / "clusters" / "shop" / "main"
CILIUM = "CiliumNetworkPolicy.cilium.io"
CILIUM_CLUSTERWIDE = "CiliumClusterwideNetworkPolicy.cilium.io"
RETENTION = Retention(
    agents=(AgentFlags(daemon_set="kube-router", flags=("--run-firewall",)),),
    node_annotations=("k3s.io/node-args",),
    config_maps=(
        ConfigMapKeys(namespace="kube-system", name="cilium-config", keys=("enable-policy",)),
        ConfigMapKeys(namespace="kube-system", name="absent", keys=("any",)),
    ),
    policy_kinds=(
        PolicyKind(
            group="cilium.io",
            kind="CiliumNetworkPolicy",
            plural="ciliumnetworkpolicies",
            namespaced=True,
        ),
        PolicyKind(
            group="cilium.io",
            kind="CiliumClusterwideNetworkPolicy",
            plural="ciliumclusterwidenetworkpolicies",
            namespaced=False,
        ),
        PolicyKind(
            group="crd.antrea.io", kind="NetworkPolicy", plural="networkpolicies", namespaced=True
        ),
    ),
)
MANY = 1200
READ = ("get", "list")
ALL_RULES: list[dict[str, list[str]]] = [
    {"apiGroups": [""], "resources": [plural], "verbs": [*READ]}
    for plural in ("namespaces", "services", "nodes", "configmaps")
] + [
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": [*READ]},
    {"apiGroups": ["apps"], "resources": ["daemonsets", "replicasets"], "verbs": [*READ]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": [*READ]},
    {"apiGroups": ["cilium.io"], "resources": ["*"], "verbs": [*READ]},
]
PODS_RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": [*READ]}

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.cilium.io}}
spec:
  group: cilium.io
  scope: {scope}
  names: {{kind: {kind}, plural: {plural}}}
  versions:
  - name: v2
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
---
"""
EXTRAS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data: {enable-policy: always, secret-key: hidden}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-router, namespace: kube-system}
spec:
  selector: {matchLabels: {app: r}}
  template:
    metadata: {labels: {app: r}}
    spec:
      hostNetwork: true
      containers:
      - name: r
        image: kube-router:v2
        args: ["--run-router=true", "--run-firewall=true", "--peer-password=hidden"]
        env: [{name: TOKEN, value: hidden}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: shop-prod}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: c, image: i}]
---
"""
CILIUM_POLICIES = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: l7, namespace: shop-prod}
spec: {endpointSelector: {}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: dns, namespace: shop-prod}
spec: {endpointSelector: {}}
---
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: baseline}
spec: {endpointSelector: {}}
"""

Reader = Callable[..., Snapshot]


@pytest.fixture(scope="module", autouse=True)
def _cluster(control_plane: ControlPlane) -> None:
    """The shop, a CNI's agent, vendor policies, and a namespace with more pods than two pages."""
    definitions = [
        DEFINITION.format(
            kind="CiliumNetworkPolicy", plural="ciliumnetworkpolicies", scope="Namespaced"
        ),
        DEFINITION.format(
            kind="CiliumClusterwideNetworkPolicy",
            plural="ciliumclusterwidenetworkpolicies",
            scope="Cluster",
        ),
    ]
    control_plane.apply(SHOP, EXTRAS, *definitions)
    control_plane.apply(CILIUM_POLICIES)
    control_plane.create_pods_of_controllers()
    control_plane.kubectl("annotate", "nodes", "--all", "k3s.io/node-args=[]", "other=hidden")
    control_plane.kubectl("create", "namespace", "crowd")
    _create_pods(control_plane, "crowd", MANY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where kubeconfigs go."""
    return tmp_path_factory.mktemp("kubeconfigs")


@pytest.fixture(scope="module")
def whole(control_plane: ControlPlane, folder: Path) -> Snapshot:
    """What an administrator reads."""
    access = ClusterAccess(kubeconfig=str(control_plane.kubeconfig(folder / "admin")))
    return collect(access, retention=RETENTION, clock=lambda: NOW)


@pytest.fixture
def read_as(control_plane: ControlPlane, tmp_path: Path) -> Reader:
    """Collect with a service account that has just these roles."""

    def read(name: str, **rules: Any) -> Snapshot:
        token = control_plane.service_account("default", name, **rules)
        path = control_plane.kubeconfig(tmp_path / name, token)
        return collect(ClusterAccess(kubeconfig=str(path)), retention=RETENTION, clock=lambda: NOW)

    return read


def _create_pods(control_plane: ControlPlane, namespace: str, count: int) -> None:
    """Create bare pods over several connections that stay open."""

    def create(share: range) -> None:
        client = Client(
            "127.0.0.1",
            control_plane.port,
            control_plane.certificate_authority,
            control_plane.admin_token,
        )
        for number in share:
            metadata = {"name": f"pod-{number:05}", "labels": {"app": f"a{number % 7}"}}
            spec = {"containers": [{"name": "c", "image": "i"}]}
            client.create(
                f"/api/v1/namespaces/{namespace}/pods", {"metadata": metadata, "spec": spec}
            )
        client.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(create, (range(start, count, 4) for start in range(4))))


def _gaps(snapshot: Snapshot, kind: str) -> list[Gap]:
    return [one for one in snapshot.gaps if one.kind == kind]


def test_more_pods_than_a_page_are_all_read(control_plane: ControlPlane, folder: Path) -> None:
    """Each of 1,200 pods is there once, and progress counts them page by page."""
    told: list[tuple[str, int]] = []
    access = ClusterAccess(kubeconfig=str(control_plane.kubeconfig(folder / "again")))
    snapshot = collect(
        access,
        retention=RETENTION,
        clock=lambda: NOW,
        progress=lambda plural, n: told.append((plural, n)),
    )
    names = [one.name for one in snapshot.pods if one.namespace == "crowd"]
    assert [f"pod-{number:05}" for number in range(MANY)] == names
    counts = [count for plural, count in told if plural == "pods"]
    assert [500, 1000, len(snapshot.pods)] == counts


def test_an_administrator_reads_everything(whole: Snapshot, control_plane: ControlPlane) -> None:
    """Objects equal the server's own lists, and the only gaps are the policies not evaluated."""
    for kind, read in (
        ("namespaces", whole.namespaces),
        ("pods", whole.pods),
        ("services", whole.services),
        ("nodes", whole.nodes),
        ("networkpolicies", whole.policies),
        ("daemonsets", whole.agents),
    ):
        listed = json.loads(control_plane.kubectl("get", kind, "--all-namespaces", "-o", "json"))
        expected = [
            (one["metadata"].get("namespace", ""), one["metadata"]["name"])
            for one in listed["items"]
        ]
        assert sorted(expected) == [(o.metadata.namespace, o.metadata.name) for o in read], kind
    assert {CILIUM, CILIUM_CLUSTERWIDE} == {one.kind for one in whole.gaps}


def test_the_snapshot_says_which_cluster_it_is_of(
    whole: Snapshot, control_plane: ControlPlane
) -> None:
    """Name of the context's cluster, UID of kube-system, version of the server."""
    uid = control_plane.client.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
    version = control_plane.client.get("/version")["gitVersion"]
    assert ("cluster", NOW) == (whole.origin, whole.taken_at)
    assert ("test", uid, version) == (whole.cluster.name, whole.cluster.uid, whole.cluster.version)


def test_pods_are_named_by_their_workloads(whole: Snapshot) -> None:
    """A Deployment's pods and a CronJob's are traced through ReplicaSet and Job."""
    owners = index_owners(whole.owners)
    kinds = Counter(workload_of(one, owners).kind for one in whole.pods if one.namespace != "crowd")
    assert "ReplicaSet" not in kinds
    assert "Job" not in kinds
    assert kinds["Deployment"] > 0
    (nightly,) = (one for one in whole.pods if one.name.startswith("nightly-"))
    assert Reference("shop-prod", "CronJob", "nightly") == workload_of(nightly, owners)
    assert {"ReplicaSet", "Job"} == {one.kind for one in whole.owners}


def test_vendor_policies_are_counted_and_gaps(whole: Snapshot) -> None:
    """Policies of discovered kinds are named; absent kinds leave no trace."""
    expected = [
        (CILIUM_CLUSTERWIDE, "", "baseline"),
        (CILIUM, "shop-prod", "dns"),
        (CILIUM, "shop-prod", "l7"),
    ]
    found = whole.unevaluated_policies
    assert expected == [(one.kind, one.namespace, one.name) for one in found]
    assert [(None, 1, True)] * 3 == [(one.digest, one.generation, bool(one.uid)) for one in found]
    seen = [(one.kind, one.namespace, one.reason, one.blind) for one in whole.gaps]
    assert [
        (CILIUM_CLUSTERWIDE, None, "1 policy of a kind not evaluated", Blind.POLICIES),
        (CILIUM, "shop-prod", "2 policies of a kind not evaluated", Blind.POLICIES),
    ] == seen


def test_only_evidence_is_kept(whole: Snapshot) -> None:
    """Of arguments, annotations and ConfigMaps the named parts are kept, and nothing secret."""
    (agent,) = whole.agents
    assert ("--run-firewall=true",) == agent.containers[0].args
    assert {"k3s.io/node-args": "[]"} == whole.nodes[0].metadata.annotations
    evidence = ConfigMapEvidence(
        namespace="kube-system", name="cilium-config", values={"enable-policy": "always"}
    )
    assert (evidence,) == whole.config_maps
    assert b"hidden" not in repr(whole).encode()


def test_every_namespace_carries_the_label_of_its_name(whole: Snapshot) -> None:
    """So policies can select any namespace by name."""
    assert all(one.name == one.labels[NAMESPACE_NAME_LABEL] for one in whole.namespaces)


def test_a_live_snapshot_comes_back_from_its_archive(whole: Snapshot) -> None:
    """What was read of a cluster survives the file exactly."""
    assert whole == unpack(pack(whole), name="s")


def test_an_unreadable_namespace_is_a_gap_and_the_rest_is_read(
    read_as: Reader, whole: Snapshot
) -> None:
    """Without a cluster-wide list of pods, all namespaces are asked, and one refusal is named."""
    readable = {one.name for one in whole.namespaces} - {"shop-prod"}
    snapshot = read_as(
        "limited",
        cluster_rules=ALL_RULES,
        namespace_rules={name: [PODS_RULE] for name in readable},
    )
    assert [one for one in whole.pods if one.namespace != "shop-prod"] == list(snapshot.pods)
    assert whole.policies == snapshot.policies
    (gap,) = _gaps(snapshot, "Pod")
    assert ("shop-prod", Blind.PODS) == (gap.namespace, gap.blind)
    assert 'in the namespace "shop-prod"' in gap.reason


def test_without_a_list_of_namespaces_their_labels_are_a_gap(
    read_as: Reader, whole: Snapshot
) -> None:
    """Namespaces of what was read are added by name; that there may be more is said."""
    snapshot = read_as("no-namespaces", cluster_rules=[PODS_RULE, *ALL_RULES[4:]])
    assert whole.pods == snapshot.pods
    used = {one.namespace for one in whole.pods} | {one.namespace for one in whole.policies}
    assert used == {one.name for one in snapshot.namespaces}
    assert all(
        {NAMESPACE_NAME_LABEL: one.name} == one.labels and not one.declared
        for one in snapshot.namespaces
    )
    gaps = _gaps(snapshot, "Namespace")
    assert {None, *used} == {one.name for one in gaps}
    assert {Blind.NAMESPACE_LABELS} == {one.blind for one in gaps}


def test_one_readable_namespace_is_enough(
    control_plane: ControlPlane, tmp_path: Path, whole: Snapshot
) -> None:
    """An account of one namespace reads that of its context; everything else is a gap."""
    rules = [PODS_RULE, ALL_RULES[0], ALL_RULES[4]]
    token = control_plane.service_account("default", "tenant", namespace_rules={"shop-prod": rules})
    path = control_plane.kubeconfig(tmp_path / "tenant", token)
    config = json.loads(path.read_text())
    config["contexts"][0]["context"]["namespace"] = "shop-prod"
    path.write_text(json.dumps(config))
    snapshot = collect(ClusterAccess(kubeconfig=str(path)), retention=RETENTION, clock=lambda: NOW)
    assert [one for one in whole.pods if one.namespace == "shop-prod"] == list(snapshot.pods)
    assert [one for one in whole.namespaces if one.name == "shop-prod"] == list(snapshot.namespaces)
    assert [None] == [one.namespace for one in _gaps(snapshot, "Pod")]
    assert [None] == [one.namespace for one in _gaps(snapshot, "NetworkPolicy")]


def test_refused_evidence_is_a_gap_that_closes_and_opens_nothing(
    read_as: Reader, whole: Snapshot
) -> None:
    """ConfigMaps, nodes, services, agents and owners are missed by name; pods stay exact."""
    snapshot = read_as("bare", cluster_rules=[PODS_RULE, ALL_RULES[0], ALL_RULES[4], ALL_RULES[7]])
    assert (whole.pods, whole.policies) == (snapshot.pods, snapshot.policies)
    kinds = {"Service", "Node", "DaemonSet", "ReplicaSet", "Job", "ConfigMap"}
    missing = [one for one in snapshot.gaps if one.kind in kinds]
    assert kinds == {one.kind for one in missing}
    blinding = {(one.kind, one.blind) for one in missing if one.blind is not None}
    assert {("Service", Blind.SERVICES)} == blinding
    assert ["cilium-config", "absent"] == [one.name for one in _gaps(snapshot, "ConfigMap")]


def test_a_vendor_kind_that_may_not_be_listed_is_unknown_not_absent(read_as: Reader) -> None:
    """Policies that exist and cannot be read blind every verdict they may change."""
    snapshot = read_as("no-vendor", cluster_rules=[PODS_RULE, *ALL_RULES[:7]])
    assert () == snapshot.unevaluated_policies
    for kind in (CILIUM, CILIUM_CLUSTERWIDE):
        gaps = [(one.namespace, one.blind) for one in _gaps(snapshot, kind)]
        assert [(None, Blind.POLICIES)] == gaps


def test_an_account_without_roles_collects_nothing(read_as: Reader) -> None:
    """Exit code 3 and the server's own words, instead of an empty snapshot."""
    with pytest.raises(ClusterError, match=r"allows nothing to be read: .*forbidden") as caught:
        read_as("nobody")
    assert 3 == caught.value.exit_code
