"""`snapshot`: one file that stands for a cluster."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.sources.archive import unpack
from tests.cli.conftest import Run
from tests.conftest import FindCluster


def test_a_snapshot_is_written_to_a_file(run: Run, cluster: FindCluster, tmp_path: Path) -> None:
    """`-o FILE` writes the archive and says what it holds; standard output stays empty."""
    ran = run("snapshot", "-f", cluster("shop"), "-o", "shop.snapshot")
    assert (0, b"") == (ran.code, ran.out)
    taken = unpack((tmp_path / "shop.snapshot").read_bytes(), name="it")
    assert f"shop.snapshot: {len(taken.pods)} pods, {len(taken.policies)} policies" in ran.err


@pytest.mark.parametrize("flags", [(), ("-o", "-")])
def test_a_snapshot_goes_to_standard_output(
    run: Run, cluster: FindCluster, flags: tuple[str, ...]
) -> None:
    """Without -o, or with `-o -`, the archive is standard output."""
    ran = run("snapshot", "-q", "-f", cluster("shop"), *flags)
    assert 0 == ran.code
    assert 23 == len(unpack(ran.out, name="it").policies)


def test_a_snapshot_holds_everything_whatever_is_narrowed(run: Run, cluster: FindCluster) -> None:
    """-n narrows what is judged and shown, never what is collected."""
    whole = unpack(run("snapshot", "-q", "-f", cluster("shop")).out, name="it")
    taken = unpack(run("snapshot", "-q", "-f", cluster("shop"), "-n", "shop-dev").out, name="it")
    assert (whole.namespaces, whole.pods, whole.policies) == (
        taken.namespaces,
        taken.pods,
        taken.policies,
    )


def test_a_snapshot_is_not_for_terminals(cluster: FindCluster) -> None:
    """Compressed bytes are not thrown at a terminal: exit code 2 with a hint."""
    ours, theirs = pty.openpty()
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from auditor.cli import entrypoint; entrypoint()",
            "snapshot",
            "-f",
            cluster("shop"),
        ],
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert 2 == ran.returncode
    assert ["error: a snapshot is not for terminals", "hint: name a file with -o FILE"] == (
        ran.stderr.splitlines()
    )


@pytest.mark.parametrize("kind", ["manifests", "snapshot"])
def test_standard_input_is_told_apart_by_content(
    run: Run, cluster: FindCluster, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """`-f -` takes manifests as well as a saved snapshot."""
    folder = cluster("db-policy")
    expected = run("connections", "-f", folder, "-o", "json").out
    if kind == "manifests":
        paths = [folder / f"{name}.yaml" for name in ("namespaces", "workloads", "policies")]
        content = b"\n---\n".join(path.read_bytes() for path in paths)
    else:
        content = run("snapshot", "-q", "-f", folder).out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert expected == run("connections", "-f", "-", "-o", "json").out


def test_a_damaged_snapshot_is_an_error(run: Run, cluster: FindCluster, tmp_path: Path) -> None:
    """A snapshot that was cut off is exit code 3 and one line, never a smaller cluster."""
    run("snapshot", "-f", cluster("shop"), "-o", "shop.snapshot")
    path = tmp_path / "shop.snapshot"
    path.write_bytes(path.read_bytes()[:-10])
    ran = run("connections", "-f", "shop.snapshot")
    assert (3, b"") == (ran.code, ran.out)
    assert "error: snapshot shop.snapshot is cut off" in ran.err


def test_a_snapshot_is_given_alone(run: Run, cluster: FindCluster) -> None:
    """A saved snapshot is a whole cluster: beside other files it is exit code 2."""
    run("snapshot", "-f", cluster("shop"), "-o", "shop.snapshot")
    ran = run("audit", "-f", cluster("shop"), "-f", "shop.snapshot")
    assert 2 == ran.code
    assert "shop.snapshot is a saved snapshot, and other files are given beside it" in ran.err


def test_a_snapshot_in_a_folder_that_does_not_exist_is_an_error(
    run: Run, cluster: FindCluster
) -> None:
    """Exit code 1, one line, and no file elsewhere."""
    ran = run("snapshot", "-f", cluster("shop"), "-o", "missing/shop.snapshot")
    assert 1 == ran.code
    assert ran.err.startswith("error: missing/shop.snapshot cannot be written: ")
