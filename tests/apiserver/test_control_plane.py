"""The control plane serves, refuses and stops as a real one."""

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from tests.apiserver.binaries import Binaries
from tests.apiserver.client import RequestError
from tests.apiserver.control_plane import ControlPlane, KubectlError, StartError

pytestmark = pytest.mark.apiserver

LIST_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
DIE_WITHIN_SECONDS = 10.0


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet reaped does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Without /proc the process counts as alive until it is reaped.
    with contextlib.suppress(FileNotFoundError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return True


def test_client_and_server_are_of_the_version_that_go_mod_names(
    control_plane: ControlPlane,
) -> None:
    """Kubectl and kube-apiserver both report the Kubernetes release that they were built from."""
    if os.environ.get("KUBEBUILDER_ASSETS"):
        pytest.skip("KUBEBUILDER_ASSETS holds a release of its own")
    go_mod = Path(__file__).with_name("go.mod").read_text(encoding="utf-8")
    releases = re.findall(r"^require k8s\.io/kubernetes (v\S+)", go_mod, re.MULTILINE)

    stdout = control_plane.kubectl("version")

    assert releases * 2 == re.findall(r"(?:Client|Server) Version: (\S+)", stdout)


def test_account_without_roles_is_refused_with_the_real_message(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """A service account may do nothing but what a role of its own gives it."""
    token = control_plane.service_account("default", "nobody")
    kubeconfig = control_plane.kubeconfig(tmp_path / "nobody", token)

    with pytest.raises(KubectlError) as refused:
        control_plane.kubectl("get", "pods", "--all-namespaces", kubeconfig=kubeconfig)

    expected = (
        'Error from server (Forbidden): pods is forbidden: User "system:serviceaccount:default:'
        'nobody" cannot list resource "pods" in API group "" at the cluster scope'
    )
    assert expected == str(refused.value)


def test_role_in_one_namespace_holds_there_only(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """An account with a role in one namespace reads that namespace, and no other."""
    rules = {"kube-public": [LIST_PODS]}
    token = control_plane.service_account("default", "reader", namespace_rules=rules)
    kubeconfig = control_plane.kubeconfig(tmp_path / "reader", token)
    list_pods = ("get", "pods", "--output=name")

    allowed = control_plane.kubectl(*list_pods, "--namespace=kube-public", kubeconfig=kubeconfig)

    assert "" == allowed
    with pytest.raises(KubectlError, match='in the namespace "kube-system"'):
        control_plane.kubectl(*list_pods, "--namespace=kube-system", kubeconfig=kubeconfig)


def test_role_in_the_whole_cluster_is_in_effect_at_once(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """An account's first request succeeds: its roles were waited for."""
    rules = [LIST_PODS, {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    token = control_plane.service_account("default", "auditor", cluster_rules=rules)
    kubeconfig = control_plane.kubeconfig(tmp_path / "auditor", token)

    stdout = control_plane.kubectl(
        "get", "pods", "--all-namespaces", "--output=name", kubeconfig=kubeconfig
    )

    assert "" == stdout
    assert "# HELP" in control_plane.kubectl("get", "--raw=/metrics", kubeconfig=kubeconfig)


def test_rejected_token_is_unauthorized(control_plane: ControlPlane, tmp_path: Path) -> None:
    """A token that nobody issued is refused before any role is looked at."""
    kubeconfig = control_plane.kubeconfig(tmp_path / "stranger", "made-up")

    with pytest.raises(KubectlError, match="must be logged in to the server"):
        control_plane.kubectl("get", "namespaces", kubeconfig=kubeconfig)


def test_server_is_verified(control_plane: ControlPlane, tmp_path: Path) -> None:
    """A kubeconfig without the control plane's certificate does not get through."""
    kubeconfig = control_plane.kubeconfig(tmp_path / "config")
    text = kubeconfig.read_text(encoding="utf-8")
    without_authority, count = re.subn(r',\s*"certificate-authority-data": "[^"]*"', "", text)
    kubeconfig.write_text(without_authority, encoding="utf-8")

    assert 1 == count
    with pytest.raises(KubectlError, match="certificate signed by unknown authority"):
        control_plane.kubectl("get", "namespaces", kubeconfig=kubeconfig)


def test_invalid_manifest_is_refused(control_plane: ControlPlane) -> None:
    """Validation is the API server's own: an unknown field is an error, not a warning."""
    manifest = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {name: misspelt, namespace: default}\nspec: {podSelectors: {}}\n"
    )

    with pytest.raises(KubectlError, match=r'unknown field "spec.podSelectors"'):
        control_plane.apply(manifest)


def test_folder_is_applied_whatever_the_order_of_its_files(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Namespaces go first, undeclared ones are made, and a file that holds no object is left."""
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: NS}\nspec: {containers: [C]}\n"
    pod = pod.replace("C", "{name: c, image: example.com/c}")
    (tmp_path / "a-pod.yaml").write_text(pod.replace("NS", "declared"), encoding="utf-8")
    (tmp_path / "b-folder").mkdir()
    (tmp_path / "b-folder" / "pod.yml").write_text(pod.replace("NS", "used"), encoding="utf-8")
    (tmp_path / "c-namespace.json").write_text(
        '{"apiVersion": "v1", "kind": "Namespace",'
        ' "metadata": {"name": "declared", "labels": {"env": "prod"}}}',
        encoding="utf-8",
    )
    (tmp_path / "expected.yaml").write_text("connections: []\n", encoding="utf-8")

    control_plane.apply(tmp_path)

    labels = {
        each["metadata"]["name"]: each["metadata"]["labels"]
        for each in control_plane.client.list_all("/api/v1/namespaces")
    }
    assert {"env": "prod", "kubernetes.io/metadata.name": "declared"} == labels["declared"]
    assert {"kubernetes.io/metadata.name": "used"} == labels["used"]
    pods = control_plane.client.list_all("/api/v1/pods")
    assert ["declared", "used"] == [pod["metadata"]["namespace"] for pod in pods]


def test_custom_resources_are_served_once_their_definition_is_applied(
    control_plane: ControlPlane,
) -> None:
    """`apply` returns when the definition is established, so that its objects can follow."""
    definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: fences.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {kind: Fence, plural: fences, singular: fence}
          versions:
          - name: v1
            served: true
            storage: true
            schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
        """
    control_plane.apply(dedent(definition))
    control_plane.apply(
        "apiVersion: example.com/v1\nkind: Fence\nmetadata: {name: high, namespace: default}\n"
    )

    fences = control_plane.client.list_all("/apis/example.com/v1/fences")

    assert ["high"] == [fence["metadata"]["name"] for fence in fences]


def test_request_error_carries_the_server_s_message(control_plane: ControlPlane) -> None:
    """What is absent is a 404 in the API server's own words."""
    with pytest.raises(RequestError, match='namespaces "absent" not found') as refused:
        control_plane.client.get("/api/v1/namespaces/absent")

    assert 404 == refused.value.status


def test_start_that_fails_shows_the_logs(binaries: Binaries, tmp_path: Path) -> None:
    """A program that ends while it should start is named with its exit code and its last words."""
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho no such flag >&2\nexit 7\n", encoding="utf-8")
    broken.chmod(0o755)
    control_plane = ControlPlane(Binaries(broken, binaries.etcd, binaries.kubectl))

    with pytest.raises(StartError) as failed, control_plane:
        pytest.fail("the control plane started without an API server")

    assert "never reached its certificate: kube-apiserver ended with exit code 7" in str(
        failed.value
    )
    assert "kube-apiserver: end of its log ---\nno such flag\n" in str(failed.value)
    assert [False, False] == [is_alive(pid) for pid in control_plane.pids]


def test_stop_leaves_no_process_and_no_file(binaries: Binaries) -> None:
    """Leaving the context ends etcd and kube-apiserver and removes their folder."""
    with ControlPlane(binaries) as running:
        folder = running.certificate_authority.parent.parent
        assert [True, True] == [is_alive(pid) for pid in running.pids]

    assert [False, False] == [is_alive(pid) for pid in running.pids]
    assert not folder.exists()


def test_killed_tests_take_the_control_plane_with_them(binaries: Binaries, tmp_path: Path) -> None:
    """A test run that is killed outright, with no chance to clean up, leaves no process."""
    code = dedent("""
        import sys, tempfile, time
        from pathlib import Path
        from tests.apiserver.binaries import Binaries
        from tests.apiserver.control_plane import ControlPlane
        tempfile.tempdir = sys.argv[1]
        with ControlPlane(Binaries(*map(Path, sys.argv[2:]))) as running:
            print(*running.pids, flush=True)
            time.sleep(600)
        """)
    programs = (binaries.kube_apiserver, binaries.etcd, binaries.kubectl)
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, *programs],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as tests:
        assert tests.stdout is not None
        pids = [int(pid) for pid in tests.stdout.readline().split()]
        assert [True, True] == [is_alive(pid) for pid in pids]
        tests.kill()

    deadline = time.monotonic() + DIE_WITHIN_SECONDS
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [False, False] == [is_alive(pid) for pid in pids]
