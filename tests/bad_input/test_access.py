"""Clusters that cannot be reached, through kubeconfigs that are wrong: one error, and no report."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bad_input.conftest import Say


def _kubeconfig(server: str, **changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "prod", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": "hidden"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "me"}}],
        "current-context": "prod",
        **changes,
    }


def _fails(say: Say, folder: Path, exit_code: int, *flags: object) -> str:
    """Audit a cluster in vain: two lines on stderr, nothing else anywhere; the first of them."""
    out = folder / "out"
    said = say("audit", "-o", out, *flags)
    error, hint = said.complaint.splitlines()
    assert (exit_code, b"") == (said.exit_code, said.output)
    assert hint.startswith("hint: ")
    assert "hidden" not in said.complaint
    assert not out.exists()
    return error


def test_a_kubeconfig_that_is_missing_is_a_wrong_flag(say: Say, tmp_path: Path) -> None:
    """Exit 2, whether a flag or the environment names it."""
    path = tmp_path / "absent"
    assert f"error: kubeconfig {path} does not exist or is no file" == _fails(
        say, tmp_path, 2, "--kubeconfig", path
    )
    # As tests/conftest.py sets it.
    assert _fails(say, tmp_path, 2).startswith("error: KUBECONFIG names no existing file: ")


def test_without_any_kubeconfig_there_is_no_cluster(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice is how to name a source; outside a pod there is no cluster by default."""
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    said = say("audit", "-o", tmp_path / "out")
    error, hint = said.complaint.splitlines()
    assert (3, b"") == (said.exit_code, said.output)
    assert "kubeconfig" in error
    assert "-f" in hint


def test_an_unknown_context_is_a_wrong_flag(say: Say, tmp_path: Path) -> None:
    """Exit 2, and the near match is named."""
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(_kubeconfig("https://127.0.0.1:1")))
    said = say("connections", "--kubeconfig", path, "--context", "prd")
    assert (2, b"") == (said.exit_code, said.output)
    assert f"error: context prd is unknown in kubeconfig {path}\nhint: did you mean prod?\n" == (
        said.complaint
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("a: [b", "cannot be used: line 1"),
        ("[1, 2]", "cannot be used"),
        (_kubeconfig("https://127.0.0.1:1", contexts="prod"), "its structure is not that of"),
        (_kubeconfig("https://127.0.0.1:1", clusters=[]), "has no cluster with the URL"),
        (_kubeconfig("ftp://127.0.0.1:1"), "has no cluster with the URL"),
        (_kubeconfig("https://"), "has no cluster with the URL"),
        (_kubeconfig("https://127.0.0.1:1", users=[]), "user me of context prod is unknown"),
    ],
)
def test_a_broken_kubeconfig_is_one_error(
    content: str | Mapping[str, Any], reason: str, say: Say, tmp_path: Path
) -> None:
    """Exit 2, as where it is missing, with what is wrong in it."""
    path = tmp_path / "kubeconfig"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    assert reason in _fails(say, tmp_path, 2, "--kubeconfig", path)


def test_a_credential_plugin_that_is_missing_is_one_error(say: Say, tmp_path: Path) -> None:
    """Exit 3: the kubeconfig is right, and the cluster cannot be asked."""
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "no-such-plugin",
        "interactiveMode": "Never",
    }
    users = [{"name": "me", "user": {"exec": plugin}}]
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(_kubeconfig("https://127.0.0.1:1", users=users)))
    assert "credential plugin no-such-plugin" in _fails(say, tmp_path, 3, "--kubeconfig", path)


@pytest.mark.parametrize("host", ["a..b", "a" * 64])
def test_a_host_that_cannot_be_is_one_error(host: str, say: Say, tmp_path: Path) -> None:
    """Exit 3: it is a URL, and no server's."""
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(_kubeconfig(f"https://{host}")))
    assert "has no usable address" in _fails(say, tmp_path, 3, "--kubeconfig", path)


def test_a_server_that_is_down_is_one_error(say: Say, tmp_path: Path) -> None:
    """Nobody listens: exit 3 within seconds, with its address."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        server = f"https://127.0.0.1:{held.getsockname()[1]}"
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(_kubeconfig(server)))
    error = _fails(say, tmp_path, 3, "--kubeconfig", path)
    assert f"error: API server {server} is not reached: Connection refused" == error


def test_a_server_that_never_answers_is_one_error(say: Say, tmp_path: Path) -> None:
    """It takes connections and says nothing: --request-timeout bounds the wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"https://127.0.0.1:{silent.getsockname()[1]}"
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(_kubeconfig(server)))
        flags = ("--kubeconfig", path, "--request-timeout", "0.2s")
        assert server in _fails(say, tmp_path, 3, *flags)
