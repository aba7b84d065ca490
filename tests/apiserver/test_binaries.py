"""Where the control plane's programs are looked for, and what happens where they are missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.apiserver.binaries import (
    BUILD_SCRIPT,
    HELM_BUILD_SCRIPT,
    BinariesMissingError,
    find_binaries,
    find_helm,
)

ROOT = Path(__file__).parents[2]
A_TEST = "tests/apiserver/test_control_plane.py::test_request_error_carries_the_server_s_message"


def where(*, script: Path = BUILD_SCRIPT, **environment: str) -> str:
    """Ask a build script for the folder, with nothing but these variables to decide it."""
    names = ("HELM", "KUBEBUILDER_ASSETS", "NETPOL_AUDITOR_CACHE", "XDG_CACHE_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    completed = subprocess.run(
        [script, "--where"],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return completed.stdout.strip()


def run_a_test(assets: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test that needs the control plane, with its programs expected in `assets`."""
    kept = {name: value for name, value in os.environ.items() if name != "REQUIRE_APISERVER"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", A_TEST],
        cwd=ROOT,
        env={**kept, "KUBEBUILDER_ASSETS": str(assets), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_folder_is_chosen_by_the_first_variable_that_is_set() -> None:
    """KUBEBUILDER_ASSETS is the folder; else it lies in our cache, which lies in the user's."""
    ours = where(NETPOL_AUDITOR_CACHE="/ours", XDG_CACHE_HOME="/xdg")
    key = Path(ours).parent.name

    assert "/given" == where(KUBEBUILDER_ASSETS="/given", NETPOL_AUDITOR_CACHE="/ours")
    assert f"/ours/control-plane/{key}/bin" == ours
    assert f"/xdg/netpol-auditor/control-plane/{key}/bin" == where(XDG_CACHE_HOME="/xdg")
    assert f"/home/me/.cache/netpol-auditor/control-plane/{key}/bin" == where(HOME="/home/me")


def test_missing_binary_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that lacks some of the three is refused, and the message names just those."""
    (tmp_path / "etcd").touch(mode=0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))

    with pytest.raises(BinariesMissingError) as missing:
        find_binaries()

    expected = (
        f"control plane lacks kube-apiserver, kubectl in {tmp_path}: "
        "unset KUBEBUILDER_ASSETS, then run `make apiserver`"
    )
    assert expected == str(missing.value)


def test_build_refuses_an_incomplete_folder_of_the_user_s(tmp_path: Path) -> None:
    """What KUBEBUILDER_ASSETS names is the user's: it is never built into."""
    completed = subprocess.run(
        [BUILD_SCRIPT],
        env={**os.environ, "KUBEBUILDER_ASSETS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    expected = f"control plane is incomplete in KUBEBUILDER_ASSETS ({tmp_path})"
    assert (1, "", expected) == (
        completed.returncode,
        completed.stdout,
        completed.stderr.splitlines()[0],
    )
    assert [] == list(tmp_path.iterdir())


def test_tests_are_skipped_without_binaries(tmp_path: Path) -> None:
    """A machine without the programs skips these tests and says how to get them."""
    completed = run_a_test(tmp_path)

    assert 0 == completed.returncode
    assert "1 skipped" in completed.stdout
    assert "run `make apiserver`" in completed.stdout


def test_tests_fail_without_binaries_where_they_are_required(tmp_path: Path) -> None:
    """REQUIRE_APISERVER=1 turns the skip into a failure, so that nothing is skipped unseen."""
    completed = run_a_test(tmp_path, REQUIRE_APISERVER="1")

    assert 1 == completed.returncode
    assert "1 error" in completed.stdout
    assert "run `make apiserver`" in completed.stdout


def test_module_files_name_no_host_to_download_from() -> None:
    """Where modules come from is the user's Go setting: go.mod and go.sum hold no address."""
    for script in (BUILD_SCRIPT, HELM_BUILD_SCRIPT):
        for name in ("go.mod", "go.sum"):
            assert "://" not in script.with_name(name).read_text(encoding="utf-8")


def test_a_new_helm_builds_no_new_control_plane() -> None:
    """Each has a key of its own, of the files that decide it."""
    helm = Path(where(script=HELM_BUILD_SCRIPT, NETPOL_AUDITOR_CACHE="/ours"))
    assert "/ours/helm" == str(helm.parents[1])
    assert helm.parent.name not in where(NETPOL_AUDITOR_CACHE="/ours")


def test_missing_helm_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HELM is the user's own: where nothing is there, it is refused and never built."""
    helm = tmp_path / "helm"
    monkeypatch.setenv("HELM", str(helm))
    with pytest.raises(BinariesMissingError) as missing:
        find_helm()
    assert f"helm is missing at {helm}: unset HELM, then run `make apiserver`" == str(missing.value)
    completed = subprocess.run([HELM_BUILD_SCRIPT], capture_output=True, text=True, check=False)
    assert (1, "") == (completed.returncode, completed.stdout)
    assert f"helm is missing at HELM ({helm})" == completed.stderr.splitlines()[0]
    assert not helm.exists()
