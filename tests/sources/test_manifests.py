"""Files, folders and standard input as they come, and what a snapshot holds of them."""

import os
from io import BytesIO
from pathlib import Path

import pytest

from auditor.errors import ManifestsError
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind
from auditor.sources.manifests import collect
from tests.conftest import FindCluster
from tests.sources.manifest_text import NOW, RETENTION, pod, policy, read

HELM = """\
---
# Source: shop/templates/empty.yaml
---
# Source: shop/templates/namespace.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels:
    helm.sh/chart: "shop-1.2.3"
---
# Source: shop/templates/secret.yaml
apiVersion: v1
kind: Secret
metadata: {name: password, namespace: vault}
data: {password: c2VjcmV0}
---
# Source: shop/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations:
spec:
  replicas:
  selector:
    matchLabels: &labels
      app: web
  template:
    metadata:
      labels:
        <<: *labels
        tier: front
    spec:
      nodeName:
      containers:
        - name: web
          image: "web:1"
          env:
            - {name: PASSWORD, value: secret}
          args: [--password=secret]
          ports:
            - containerPort: 8080
---
# Source: shop/templates/tests/empty.yaml

"""


def collect_from(*paths: Path) -> list[tuple[str, str]]:
    """The pods of paths."""
    snapshot = collect([str(one) for one in paths], retention=RETENTION, now=NOW)
    return [(one.namespace, one.name) for one in snapshot.pods]


def test_helms_output_is_read_as_it_comes() -> None:
    """Comments, empty documents, null fields and merge keys are no obstacle."""
    snapshot = read(HELM)
    (only,) = snapshot.pods
    assert () == snapshot.gaps
    assert {"app": "web", "tier": "front"} == only.labels
    assert [8080] == [one.container_port for one in only.listening]


def test_nothing_secret_is_kept() -> None:
    """Neither secrets nor environments nor arguments are in the snapshot."""
    text = str(read(HELM))
    assert [] == [word for word in ("secret", "c2VjcmV0", "PASSWORD") if word in text]


def test_a_namespace_that_objects_use_exists() -> None:
    """It has the label of its name, and is marked as not declared."""
    snapshot = read(HELM)
    name = "kubernetes.io/metadata.name"
    assert [
        ("shop", True, {"helm.sh/chart": "shop-1.2.3", name: "shop"}),
        ("vault", False, {name: "vault"}),
    ] == [(one.name, one.declared, one.labels) for one in snapshot.namespaces]


def test_no_namespace_means_default() -> None:
    """Absent, empty and null are the same."""
    texts = (pod("a"), pod("b", "namespace: ''"), pod("c", "namespace: null"))
    assert {"default"} == {one.namespace for one in read("---\n".join(texts)).pods}


def test_what_kubectl_gets_is_read_as_it_comes() -> None:
    """A List with status, nulls and managed fields; of these, the managers are kept."""
    snapshot = read(
        """\
apiVersion: v1
items:
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata:
    annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}\\n"}
    creationTimestamp: "2026-01-01T00:00:00Z"
    generation: 1
    managedFields:
    - {apiVersion: networking.k8s.io/v1, manager: argocd, operation: Apply, time: "2026"}
    - {apiVersion: networking.k8s.io/v1, manager: kubectl, operation: Update}
    name: deny
    namespace: shop
    resourceVersion: "7"
    uid: 1-2-3
  spec: {podSelector: {}, policyTypes: [Ingress]}
- apiVersion: v1
  kind: Pod
  metadata: {name: web, namespace: shop, creationTimestamp: null}
  spec: {containers: [{name: web, image: web, ports: null, resources: {}}], nodeName: node-1}
  status: {phase: Succeeded, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}
kind: List
metadata: {resourceVersion: ""}
"""
    )
    assert () == snapshot.gaps
    assert ["argocd", "kubectl"] == [
        one.manager for one in snapshot.policies[0].metadata.managed_fields
    ]
    assert ("10.0.0.1", "fd00::1") == snapshot.pods[0].addresses
    assert not snapshot.pods[0].is_endpoint


def test_items_of_a_typed_list_need_no_kind() -> None:
    """The API leaves version and kind out of the items of its lists."""
    snapshot = read(
        '{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}}]}'
    )
    assert ["a"] == [one.name for one in snapshot.pods]


def test_lists_may_hold_lists() -> None:
    """They are taken apart, and a fault is found at its place."""
    snapshot = read(
        "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: List, items: ["
        "{apiVersion: v1, kind: Pod, metadata: {name: a}}, 5, "
        "{apiVersion: v1, kind: Pod, metadata: {name: b, labels: {c: 1}}}]}]}"
    )
    assert ["a"] == [one.name for one in snapshot.pods]
    assert ["items[0].items[1]", "items[0].items[2].metadata.labels[c]"] == [
        gap.source.field for gap in snapshot.gaps if gap.source
    ]


def test_an_empty_list_is_no_error() -> None:
    """A cluster may hold none of what was asked for."""
    for items in ("[]", "null"):
        assert () == read(f"{{apiVersion: v1, kind: List, items: {items}}}").gaps


def test_of_duplicates_the_last_counts() -> None:
    """The gap names both places, and makes nothing uncertain."""
    snapshot = read(pod(metadata="labels: {a: b}") + "---\n" + pod(metadata="labels: {a: c}"))
    (gap,) = snapshot.gaps
    assert [{"a": "c"}] == [one.labels for one in snapshot.pods]
    assert ("document 2, line 6", None) == (gap.source and gap.source.document, gap.blind)
    assert gap.reason.endswith("<stdin>, document 1, line 1")


def test_policies_of_other_kinds_are_counted() -> None:
    """One gap per kind and namespace; a cluster-wide kind has one without a namespace."""
    kind = "{apiVersion: %s, kind: %s, metadata: {name: %s, namespace: %s}}"
    snapshot = read(
        "\n---\n".join(
            [
                kind % ("cilium.io/v2", "CiliumNetworkPolicy", "a", "shop"),
                kind % ("cilium.io/v2", "CiliumNetworkPolicy", "b", "shop"),
                kind % ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", "c", "shop"),
            ]
        )
    )
    anp = "AdminNetworkPolicy.policy.networking.k8s.io"
    cnp = "CiliumNetworkPolicy.cilium.io"
    assert [(anp, "", "c"), (cnp, "shop", "a"), (cnp, "shop", "b")] == [
        (one.kind, one.namespace, one.name) for one in snapshot.unevaluated_policies
    ]
    assert [(anp, None, Blind.POLICIES), (cnp, "shop", Blind.POLICIES)] == [
        (gap.kind, gap.namespace, gap.blind) for gap in snapshot.gaps
    ]


def test_only_named_evidence_is_kept() -> None:
    """Flags of agents, annotations of nodes and keys of ConfigMaps, as the detection names them."""
    snapshot = read(
        """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-router, namespace: kube-system}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers: [{name: router, args: [--run-firewall=true, --token=x]}]
---
apiVersion: v1
kind: Node
metadata: {name: node, annotations: {k3s.io/node-args: '["server"]', other: x}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data: {a: "1", c: "2"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other, namespace: kube-system}
data: {a: "1"}
"""
    )
    assert [("--run-firewall=true",)] == [one.containers[0].args for one in snapshot.agents]
    assert [{"k3s.io/node-args": '["server"]'}] == [
        one.metadata.annotations for one in snapshot.nodes
    ]
    assert [("cilium-config", {"a": "1"})] == [
        (one.name, one.values) for one in snapshot.config_maps
    ]


def test_documents_that_are_no_objects_are_counted() -> None:
    """Values of Helm, a chart, a kustomization: no gap."""
    others = (
        "replicas: 3\n---\n{apiVersion: v2, name: chart}\n---\n{kind: Kustomization}\n---\n[1]\n"
    )
    snapshot = read(others + "---\n" + pod())
    assert (4, ()) == (snapshot.documents_ignored, snapshot.gaps)


def test_objects_are_in_order() -> None:
    """By namespace and name, whatever the order of the input."""
    keys = [("b", "a"), ("a", "b"), ("a", "a")]
    text = "---\n".join(pod(name, f"namespace: {namespace}") for namespace, name in keys)
    snapshot = read(text)
    assert sorted(keys) == [(one.namespace, one.name) for one in snapshot.pods]
    assert ["a", "b"] == [one.name for one in snapshot.namespaces]


def test_folders_are_read_to_the_bottom(tmp_path: Path) -> None:
    """Manifests of every suffix, in visible folders; anything else is passed over."""
    for index, name in enumerate(
        ("a.yaml", "b.yml", "sub/c.json", "sub/deep/D.YAML", ".git/e.yaml", "f.txt", "g.yaml.bak")
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pod(f"pod-{index}"))
    assert [("default", f"pod-{index}") for index in range(4)] == collect_from(tmp_path)


def test_a_file_that_is_named_may_have_any_name(tmp_path: Path) -> None:
    """Its suffix counts only in folders."""
    (tmp_path / "manifests.txt").write_text(pod())
    assert [("default", "web")] == collect_from(tmp_path / "manifests.txt")


def test_each_file_is_read_once(tmp_path: Path) -> None:
    """Links that form a loop end, and a file named twice is no duplicate."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text(pod())
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "b.yaml").symlink_to(tmp_path / "sub" / "a.yaml")
    paths = [str(tmp_path), str(tmp_path / "b.yaml")]
    snapshot = collect(paths, retention=RETENTION, now=NOW)
    assert (1, ()) == (len(snapshot.pods), snapshot.gaps)


def test_several_paths_and_standard_input_are_one_snapshot(tmp_path: Path) -> None:
    """A policy of one file selects the pods of another."""
    (tmp_path / "a.yaml").write_text(pod())
    snapshot = collect(
        ["-", str(tmp_path)],
        retention=RETENTION,
        now=NOW,
        stdin=BytesIO(policy("podSelector: {}").encode()),
    )
    assert (1, 1) == (len(snapshot.pods), len(snapshot.policies))


def test_progress_counts_objects(tmp_path: Path) -> None:
    """It is told after every file."""
    (tmp_path / "a.yaml").write_text(pod("a") + "---\n" + pod("b"))
    (tmp_path / "b.yaml").write_text(pod("c"))
    told: list[tuple[str, int]] = []
    collect(
        [str(tmp_path)],
        retention=RETENTION,
        now=NOW,
        progress=lambda what, count: told.append((what, count)),
    )
    assert [("objects", 2), ("objects", 3)] == told


def test_the_snapshot_says_where_it_comes_from() -> None:
    """It is of manifests, of the time given, and of no known cluster."""
    snapshot = read(pod())
    assert ("manifests", NOW, None) == (
        snapshot.origin,
        snapshot.taken_at,
        snapshot.cluster.uid,
    )


@pytest.mark.parametrize(
    "scenario", ["shop", "zero-trust", "db-policy", "two-namespaces", "provider-guide"]
)
def test_the_scenarios_are_read_without_gaps(scenario: str, cluster: FindCluster) -> None:
    """Nothing in them is refused."""
    variants = sorted(one.name for one in cluster(scenario, ".").iterdir() if one.is_dir())
    gaps = [
        gap
        for variant in variants
        for gap in collect([str(cluster(scenario, variant))], retention=RETENTION, now=NOW).gaps
    ]
    assert [] == gaps


def test_a_path_that_does_not_exist_is_an_error() -> None:
    """It was named, so it is no gap."""
    with pytest.raises(ManifestsError, match="nowhere cannot be read: no such file"):
        collect(["nowhere"], retention=RETENTION, now=NOW)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    """There is nothing to audit."""
    with pytest.raises(ManifestsError, match="no Kubernetes object found"):
        collect([str(tmp_path)], retention=RETENTION, now=NOW)


def test_a_pipe_that_is_named_is_read() -> None:
    """As a shell's process substitution gives one."""
    read_end, write_end = os.pipe()
    os.write(write_end, pod().encode())
    os.close(write_end)
    assert [("default", "web")] == collect_from(Path(f"/dev/fd/{read_end}"))
    os.close(read_end)


def test_a_stream_without_end_is_refused_at_its_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What has no size is counted as it comes."""
    monkeypatch.setattr("auditor.sources.files.LARGEST_BYTES", 1 << 17)
    path = tmp_path / "text"
    path.write_bytes(b"# text\n" * (1 << 16))
    with path.open("rb") as stream, pytest.raises(ManifestsError, match="1 GiB or more"):
        collect(["-"], retention=RETENTION, now=NOW, stdin=stream)


def test_an_unreadable_file_in_a_folder_is_a_gap(tmp_path: Path) -> None:
    """A link to nowhere and a pipe; their neighbours are read."""
    (tmp_path / "a.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.yaml").write_text(pod())
    (tmp_path / "c.yaml").write_bytes(b"\0" * 100)
    os.mkfifo(tmp_path / "d.yaml")
    snapshot = collect([str(tmp_path)], retention=RETENTION, now=NOW)
    assert [Reference("default", "Pod", "web")] == [
        Reference(one.namespace, "Pod", one.name) for one in snapshot.pods
    ]
    assert [
        ("a.yaml", "cannot be read: no such file or directory"),
        ("c.yaml", "cannot be read: is binary, not text"),
        ("d.yaml", "cannot be read: is not a regular file"),
    ] == [
        (Path(gap.source.file).name, gap.reason)
        for gap in snapshot.gaps
        if gap.source and gap.source.file
    ]
    assert {Blind.OBJECTS} == {gap.blind for gap in snapshot.gaps}
