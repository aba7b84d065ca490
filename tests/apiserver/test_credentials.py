"""Who asks a real API server, and of whom: identities, certificates and contexts of kubeconfigs."""

import json
from pathlib import Path

import pytest

from auditor.errors import ClusterError, UnknownNameError
from auditor.model.retention import Retention
from auditor.settings import ClusterAccess
from auditor.sources.cluster import collect
from tests.apiserver.control_plane import ControlPlane

pytestmark = pytest.mark.apiserver

NOW = "2026-01-02T03:04:05Z"
SHOP = Path(__file__).parents[1] / "clusters" / "shop" / "main"
RETENTION = Retention()


@pytest.fixture(scope="module", autouse=True)
def _cluster(control_plane: ControlPlane) -> None:
    """The shop: pods and policies that some may read."""
    control_plane.apply(SHOP)
    control_plane.create_pods_of_controllers()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where kubeconfigs go."""
    return tmp_path_factory.mktemp("kubeconfigs")


def test_impersonation_narrows_what_is_read(control_plane: ControlPlane, folder: Path) -> None:
    """The server sees user and groups of --as and --as-group, each of them."""
    path = str(control_plane.kubeconfig(folder / "impersonator"))
    with pytest.raises(ClusterError, match='User "jane" cannot list'):
        collect(
            ClusterAccess(kubeconfig=path, as_user="jane"), retention=RETENTION, clock=lambda: NOW
        )
    access = ClusterAccess(kubeconfig=path, as_user="jane", as_groups=("a", "system:masters"))
    assert 0 < len(collect(access, retention=RETENTION, clock=lambda: NOW).pods)


def test_a_kubeconfig_may_impersonate_by_itself(control_plane: ControlPlane, folder: Path) -> None:
    """`as` of the kubeconfig's user is honoured, as kubectl does."""
    path = control_plane.kubeconfig(folder / "as")
    config = json.loads(path.read_text())
    config["users"][0]["user"] |= {"as": "joe", "as-groups": ["b"], "as-user-extra": {"k": ["v"]}}
    path.write_text(json.dumps(config))
    with pytest.raises(ClusterError, match='User "joe" cannot list'):
        collect(ClusterAccess(kubeconfig=str(path)), retention=RETENTION, clock=lambda: NOW)


def test_a_rejected_token_is_one_clear_error(control_plane: ControlPlane, folder: Path) -> None:
    """The advice is to log in again; the token is not shown."""
    path = control_plane.kubeconfig(folder / "wrong", "wrong-token")
    with pytest.raises(ClusterError, match="does not accept the credentials") as caught:
        collect(ClusterAccess(kubeconfig=str(path)), retention=RETENTION, clock=lambda: NOW)
    assert "log in again" in caught.value.hint
    assert "wrong-token" not in caught.value.message


def test_an_unknown_context_is_a_wrong_flag(control_plane: ControlPlane, folder: Path) -> None:
    """Exit code 2, with near matches."""
    path = str(control_plane.kubeconfig(folder / "context"))
    with pytest.raises(UnknownNameError, match="context tset is unknown") as caught:
        collect(
            ClusterAccess(kubeconfig=path, context="tset"), retention=RETENTION, clock=lambda: NOW
        )
    assert (2, "did you mean test?") == (caught.value.exit_code, caught.value.hint)


def test_a_kubeconfig_may_waive_the_certificate(control_plane: ControlPlane, folder: Path) -> None:
    """`insecure-skip-tls-verify` is honoured without a warning: it is in the kubeconfig."""
    path = control_plane.kubeconfig(folder / "insecure")
    access = ClusterAccess(kubeconfig=str(path))
    verified = collect(access, retention=RETENTION, clock=lambda: NOW)
    config = json.loads(path.read_text())
    config["clusters"][0]["cluster"] = {
        "server": control_plane.server,
        "insecure-skip-tls-verify": True,
    }
    path.write_text(json.dumps(config))
    again = collect(access, retention=RETENTION, clock=lambda: NOW)
    assert (verified.pods, verified.policies) == (again.pods, again.policies)


@pytest.mark.parametrize("null", [False, True])
def test_a_certificate_of_another_authority_is_not_trusted(
    control_plane: ControlPlane, folder: Path, *, null: bool
) -> None:
    """Nothing is sent to a server that the kubeconfig does not vouch for."""
    path = control_plane.kubeconfig(folder / "authority")
    config = json.loads(path.read_text())
    if null:
        config["clusters"][0]["cluster"]["certificate-authority-data"] = None
    else:
        del config["clusters"][0]["cluster"]["certificate-authority-data"]
    path.write_text(json.dumps(config))
    with pytest.raises(ClusterError, match=r"certificate of https://\S+ is not trusted"):
        collect(ClusterAccess(kubeconfig=str(path)), retention=RETENTION, clock=lambda: NOW)


def test_a_token_file_that_is_written_anew_is_read_anew(
    control_plane: ControlPlane, folder: Path
) -> None:
    """A token that is refused in the middle of the run is renewed once, and nothing is missed."""
    token, path = folder / "token", control_plane.kubeconfig(folder / "file")
    config = json.loads(path.read_text())
    config["users"][0]["user"] = {"tokenFile": str(token)}
    token.write_text("expired")
    path.write_text(json.dumps(config))

    def rotate() -> str:
        # The kubelet does so; the connection has read the file by now.
        token.write_text(control_plane.admin_token)
        return NOW

    snapshot = collect(ClusterAccess(kubeconfig=str(path)), retention=RETENTION, clock=rotate)
    assert ((), True) == (snapshot.gaps, bool(snapshot.pods))


def test_the_token_of_a_pod_is_read_anew(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a cluster, too, before the minute is over for which the client keeps it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(control_plane.port))
    (tmp_path / "namespace").write_text("audit")
    token = tmp_path / "token"
    token.write_text("expired")
    loader = "kubernetes.config.incluster_config"
    monkeypatch.setattr(f"{loader}.SERVICE_TOKEN_FILENAME", str(token))
    authority = str(control_plane.certificate_authority)
    monkeypatch.setattr(f"{loader}.SERVICE_CERT_FILENAME", authority)
    monkeypatch.setattr("auditor.sources.kubeconfig._SERVICE_ACCOUNT", tmp_path)

    def rotate() -> str:
        token.write_text(control_plane.admin_token)
        return NOW

    snapshot = collect(ClusterAccess(), retention=RETENTION, clock=rotate)
    assert ((), True) == (snapshot.gaps, bool(snapshot.pods))


def test_a_context_that_changes_its_server_is_not_followed(
    control_plane: ControlPlane, folder: Path
) -> None:
    """Half of one cluster and half of another would be neither."""
    path = control_plane.kubeconfig(folder / "moving", "expired")

    def move() -> str:
        config = json.loads(path.read_text())
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        path.write_text(json.dumps(config))
        return NOW

    with pytest.raises(ClusterError, match=r"cannot be renewed: the context is of https://127\."):
        collect(ClusterAccess(kubeconfig=str(path)), retention=RETENTION, clock=move)
