"""The server and the identity are those that kubectl would take."""

import base64
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import ClusterError, UnknownNameError, UsageError
from auditor.settings import ClusterAccess
from auditor.sources.connection import connect
from auditor.sources.kubeconfig import Target, find_target

SECRET = "s3cr3t"


def config(name: str, **user: Any) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context, all of that name."""
    return {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.org"}}],
        "users": [{"name": name, "user": user or {"token": SECRET}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "n"}}],
        "current-context": name,
    }


def without_current(value: dict[str, Any]) -> dict[str, Any]:
    """The kubeconfig without a current context."""
    return {key: one for key, one in value.items() if key != "current-context"}


def with_server(value: dict[str, Any], url: str) -> dict[str, Any]:
    """The kubeconfig with another server."""
    return value | {"clusters": [{"name": "k", "cluster": {"server": url}}]}


@contextmanager
def listening() -> Iterator[str]:
    """Host and port of something that accepts connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


def write(path: Path, value: Any) -> Path:
    """Write a kubeconfig: JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def find(path: Path | None = None, **access: Any) -> Target:
    """Resolve an access."""
    return find_target(ClusterAccess(kubeconfig=None if path is None else str(path), **access))


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's own kubeconfig nor a surrounding pod has a say."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_the_flag_comes_before_the_environment_before_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`--kubeconfig`, then KUBECONFIG, then ~/.kube/config."""
    write(tmp_path / "home" / ".kube" / "config", config("home"))
    assert "home" == find().cluster
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path / "environment", config("environment"))))
    assert "environment" == find().cluster
    flag = find(write(tmp_path / "flag", config("flag")))
    assert ("flag", "n", "https://flag.example.org") == (
        flag.cluster,
        flag.namespace,
        flag.configuration.host,
    )


def test_several_kubeconfigs_are_merged_and_the_first_current_context_holds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As kubectl merges them: files that do not exist are passed over."""
    files = [
        write(tmp_path / "a", without_current(config("a"))),
        tmp_path / "missing",
        write(tmp_path / "b", config("b")),
        write(tmp_path / "c", config("c")),
    ]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))
    assert "b" == find().cluster
    assert "a" == find(context="a").cluster


def test_reading_leaves_the_kubeconfig_as_it_is(tmp_path: Path) -> None:
    """Nothing is written back where no credential was renewed."""
    path = write(tmp_path / "k", config("k"))
    before = path.read_bytes()
    find(path)
    assert before == path.read_bytes()


def test_a_pod_takes_its_service_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a kubeconfig, inside a cluster; a token that does not exist is said."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name, text in (("token", SECRET), ("ca.crt", "PEM"), ("namespace", "audit\n")):
        write(tmp_path / "account" / name, text)
    loader = "kubernetes.config.incluster_config"
    monkeypatch.setattr(f"{loader}.SERVICE_TOKEN_FILENAME", str(tmp_path / "account" / "token"))
    monkeypatch.setattr(f"{loader}.SERVICE_CERT_FILENAME", str(tmp_path / "account" / "ca.crt"))
    monkeypatch.setattr("auditor.sources.kubeconfig._SERVICE_ACCOUNT", tmp_path / "account")
    target = find(as_user="jane")
    assert ("https://10.96.0.1:443", None, "audit") == (
        target.configuration.host,
        target.cluster,
        target.namespace,
    )
    assert (("Impersonate-User", "jane"),) == target.impersonation
    with pytest.raises(UsageError, match="context x is unknown: there is no kubeconfig"):
        find(context="x")
    (tmp_path / "account" / "token").unlink()
    with pytest.raises(ClusterError, match="service account of this pod cannot be used") as caught:
        find()
    assert "automountServiceAccountToken" in caught.value.hint


def test_no_kubeconfig_and_no_pod_is_an_error() -> None:
    """Exit code 3, and the hint names both ways out."""
    with pytest.raises(ClusterError, match="no kubeconfig is found") as caught:
        find()
    assert "name a kubeconfig with --kubeconfig, or manifests with -f" == caught.value.hint


def test_a_kubeconfig_that_was_named_must_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A wrong flag or variable is exit code 2, never another cluster instead."""
    with pytest.raises(UsageError, match="does not exist"):
        find(tmp_path / "missing")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="KUBECONFIG names no existing file"):
        find()


@pytest.mark.parametrize(
    ("access", "user", "headers"),
    [
        ({}, {}, ()),
        (
            {"as_user": "u", "as_groups": ("g", "h")},
            {"as": "other"},
            (("Impersonate-User", "u"), ("Impersonate-Group", "g"), ("Impersonate-Group", "h")),
        ),
        (
            {},
            {"as": "u", "as-groups": ["g"], "as-uid": "1", "as-user-extra": {"a/b": ["x", "y"]}},
            (
                ("Impersonate-User", "u"),
                ("Impersonate-Group", "g"),
                ("Impersonate-Uid", "1"),
                ("Impersonate-Extra-a%2Fb", "x"),
                ("Impersonate-Extra-a%2Fb", "y"),
            ),
        ),
    ],
)
def test_impersonation_is_by_flags_or_by_the_kubeconfig(
    access: dict[str, Any],
    user: dict[str, Any],
    headers: tuple[tuple[str, str], ...],
    tmp_path: Path,
) -> None:
    """The flags' identity replaces that of the kubeconfig's user as a whole."""
    path = write(tmp_path / "k", config("k", token=SECRET, **user))
    assert headers == find(path, **access).impersonation


def test_a_group_needs_a_user() -> None:
    """As kubectl demands."""
    with pytest.raises(UsageError, match="without a user"):
        find(as_groups=("g",))


def test_an_unknown_context_is_answered_with_near_ones(tmp_path: Path) -> None:
    """Exit code 2, with a hint."""
    path = write(tmp_path / "k", config("production"))
    with pytest.raises(UnknownNameError, match="context prodution is unknown") as caught:
        find(path, context="prodution")
    assert "did you mean production?" == caught.value.hint
    path = write(tmp_path / "none", without_current(config("a")))
    with pytest.raises(UsageError, match="has no current context"):
        find(path)


def test_an_unknown_user_is_answered_with_near_ones(tmp_path: Path) -> None:
    """Exit code 2: nobody means to ask as nobody."""
    value = config("admin")
    value["contexts"][0]["context"]["user"] = "admn"
    path = write(tmp_path / "k", value)
    with pytest.raises(UnknownNameError) as caught:
        find(path)
    assert f"user admn of context admin is unknown in kubeconfig {path}" == caught.value.message
    assert (2, "did you mean admin?") == (caught.value.exit_code, caught.value.hint)
    path = write(tmp_path / "none", value | {"users": None})
    with pytest.raises(UnknownNameError, match="user admn of context admin is unknown") as caught:
        find(path)
    assert "the kubeconfig has no user" == caught.value.hint


@pytest.mark.parametrize("user", [{}, {"user": None}, {"user": ""}])
def test_a_context_may_name_no_user(user: dict[str, Any], tmp_path: Path) -> None:
    """It is the anonymous one, whom a server may answer."""
    value = config("k") | {"contexts": [{"name": "k", "context": {"cluster": "k", **user}}]}
    assert {} == find(write(tmp_path / "k", value)).configuration.api_key


def test_null_is_the_same_as_absent(tmp_path: Path) -> None:
    """In a cluster, where a file holds the authority, in a context and in a user."""
    authority = write(tmp_path / "ca.crt", "PEM")
    value = config("k", **{"token": SECRET, "tokenFile": None, "client-key-data": None})
    value["clusters"][0]["cluster"] |= {
        "certificate-authority-data": None,
        "certificate-authority": "ca.crt",
        "insecure-skip-tls-verify": None,
        "proxy-url": None,
    }
    value["contexts"][0]["context"]["namespace"] = None
    target = find(write(tmp_path / "k", value))
    assert (str(authority), True, None, None) == (
        target.configuration.ssl_ca_cert,
        target.configuration.verify_ssl,
        target.configuration.cert_file,
        target.namespace,
    )
    del value["clusters"][0]["cluster"]["certificate-authority"]
    assert find(write(tmp_path / "k", value)).configuration.ssl_ca_cert is None


BROKEN = {
    "empty": "",
    "a list": "[1]",
    "no YAML": "a: [",
    "binary": "\x00",
    "a word": "hello",
    "no contexts": config("k") | {"contexts": None},
    "clusters of a wrong type": config("k") | {"clusters": 5},
    "users of a wrong type": config("k") | {"users": [SECRET]},
    "a user without credentials": config("k") | {"users": [{"name": "k", "token": SECRET}]},
    "a user that is a list": config("k") | {"users": [{"name": "k", "user": [SECRET]}]},
    "a user in the place of its name": config("k")
    | {"contexts": [{"name": "k", "context": {"cluster": "k", "user": {"token": SECRET}}}]},
    "a context that is a list": config("k") | {"contexts": [{"name": "k", "context": [SECRET]}]},
    "no server": config("k") | {"clusters": [{"name": "k", "cluster": {}}]},
    "a server without scheme": config("k")
    | {"clusters": [{"name": "k", "cluster": {"server": "host:6443"}}]},
    "a server without host": config("k")
    | {"clusters": [{"name": "k", "cluster": {"server": "https://"}}]},
    "no such cluster": config("k") | {"clusters": []},
    "a port that is none": config("k")
    | {"clusters": [{"name": "k", "cluster": {"server": "https://host:port"}}]},
    "an address that is none": config("k")
    | {"clusters": [{"name": "k", "cluster": {"server": "https://["}}]},
    "no such certificate": config("k", **{"client-certificate": "/missing"}),
    "no such token": config("k", tokenFile="/missing"),
    "no base64": config("k", **{"client-certificate-data": "a", "client-key-data": SECRET}),
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_a_broken_kubeconfig_is_one_line_without_its_secrets(value: Any, tmp_path: Path) -> None:
    """Exit code 2, as where it is missing: the message names the kubeconfig, and shows no token."""
    path = write(tmp_path / "k", value)
    with pytest.raises(UsageError) as caught:
        find(path)
    assert 2 == caught.value.exit_code
    assert str(path) in caught.value.message
    assert caught.value.message.isprintable()
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.hint


def exec_config(command: str, *arguments: str, **fields: str) -> dict[str, Any]:
    """A kubeconfig with a credential plugin."""
    version = "client.authentication.k8s.io/v1"
    plugin = {"apiVersion": version, "command": command, "args": list(arguments), **fields}
    return config("k", exec=plugin)


def test_a_credential_plugin_is_run(tmp_path: Path) -> None:
    """Its token is the one that is sent."""
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "fresh"},
    }
    path = write(tmp_path / "k", exec_config("echo", json.dumps(credential)))
    assert "Bearer fresh" == find(path).configuration.api_key["BearerToken"]


@pytest.mark.parametrize(
    ("value", "reason", "hint"),
    [
        (exec_config("no-such-plugin", installHint="install it\nso"), "No such file", "install it"),
        (exec_config("sh", "-c", "echo expired >&2; exit 3"), "expired", "install the plugin"),
        (exec_config("echo", "no JSON"), "failed to decode", "install the plugin"),
    ],
)
def test_a_credential_plugin_that_fails_is_said(
    value: dict[str, Any], reason: str, hint: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its own reason and its own advice, once: the client's log does not reach the terminal."""
    path = write(tmp_path / "k", value)
    with pytest.raises(ClusterError, match="gave no credentials") as caught:
        find(path)
    assert reason in caught.value.message
    assert caught.value.hint.startswith(hint)
    assert ("", "") == tuple(capfd.readouterr())


def test_a_token_that_http_does_not_allow_is_not_shown(tmp_path: Path) -> None:
    """The client's own message would show the header."""
    value = config("k", token=f"{SECRET}\n{SECRET}")
    with listening() as host:
        path = write(tmp_path / "k", with_server(value, f"http://{host}"))
        with (
            connect(ClusterAccess(kubeconfig=str(path))) as connection,
            pytest.raises(ClusterError, match="a character that HTTP does not allow") as caught,
        ):
            connection.get("/version")
    assert SECRET not in caught.value.message


def test_a_client_certificate_that_is_none_fails_in_the_handshake(tmp_path: Path) -> None:
    """Before anything is sent, and without a traceback."""
    nonsense = base64.b64encode(b"nonsense").decode()
    user = {"client-certificate-data": nonsense, "client-key-data": nonsense}
    with listening() as host:
        path = write(tmp_path / "k", with_server(config("k", **user), f"https://{host}"))
        with (
            connect(ClusterAccess(kubeconfig=str(path))) as connection,
            pytest.raises(ClusterError, match="fails in the TLS handshake"),
        ):
            connection.get("/version")


def test_a_proxy_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """A socks proxy needs a package that is not always there."""
    value = config("k")
    value["clusters"][0]["cluster"]["proxy-url"] = "foo://127.0.0.1:1"
    with pytest.raises(ClusterError, match=r"proxy of https://k\.example\.org cannot be used"):
        connect(ClusterAccess(kubeconfig=str(write(tmp_path / "k", value))))
