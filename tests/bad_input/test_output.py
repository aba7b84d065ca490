"""Output that cannot be written, or is cut short by a kill: whole files or none."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_input.conftest import Say
from tests.conftest import FindCluster

PROGRAM = Path(sys.executable).with_name("netpol-auditor")
REPORT = ["findings.csv", "report.html", "report.json", "report.pdf"]
BIRTHS = 40
# Delivers two reports in turn, for ever, into the folder that is named: four files of 256 KiB, each
# one letter over and over. It says when it has begun.
DELIVERER = """
import sys
from itertools import cycle
from pathlib import Path
from auditor.delivery.directory import deliver

names = ["findings.csv", "report.html", "report.json", "report.pdf"]
print("ready", flush=True)
for letter in cycle(b"ab"):
    deliver([(name, bytes([letter]) * (1 << 18)) for name in names], Path(sys.argv[1]))
"""


@pytest.fixture(params=["file", "device", "in proc", "report.pdf is a folder"])
def unwritable(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder that no report can be written to, whoever runs this."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "taken" / "report.pdf").mkdir(parents=True)
    return {
        "file": tmp_path / "file",
        "device": Path("/dev/null"),
        "in proc": Path("/proc/nothing"),
        "report.pdf is a folder": tmp_path / "taken",
    }[str(request.param)]


def _entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.usefixtures("fast")
def test_a_report_that_cannot_be_written_is_exit_5(
    unwritable: Path, say: Say, cluster: FindCluster, tmp_path: Path
) -> None:
    """One error and a hint; the findings are on stdout all the same, and no file is new."""
    before = _entries(tmp_path)
    source = cluster("two-namespaces", "no-policy")
    said = say("audit", "--no-store", "-f", source, "-o", unwritable)
    error, hint = said.complaint.splitlines()
    assert 5 == said.exit_code
    assert error.startswith(f"error: report cannot be written to {unwritable}: ")
    assert hint.startswith("hint: ")
    assert b"open findings" in said.output
    assert b"written" not in said.output
    assert before == _entries(tmp_path)
    assert "mine" == (tmp_path / "file").read_text()


@pytest.mark.usefixtures("fast")
def test_a_full_disk_leaves_the_former_report(
    say: Say, cluster: FindCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No space for the third file: the four of the run before stay as they were."""
    source, out = cluster("two-namespaces", "no-policy"), tmp_path / "out"
    assert 0 == say("audit", "--no-store", "-f", source, "-o", out).exit_code
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert REPORT == sorted(before)

    sync, synced = os.fsync, []

    def run_out(handle: int) -> None:
        synced.append(handle)
        if len(synced) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(os, "fsync", run_out)
    said = say("audit", "--no-store", "-f", source, "-o", out)
    assert (5, 3) == (said.exit_code, len(synced))
    assert "No space left on device" in said.complaint
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.usefixtures("fast")
def test_a_run_that_cannot_be_kept_is_exit_5_too(
    unwritable: Path, say: Say, cluster: FindCluster, tmp_path: Path
) -> None:
    """By default it is kept beside the report: two errors, and the findings all the same."""
    before = _entries(tmp_path / "taken" / "report.pdf")
    said = say("audit", "-f", cluster("two-namespaces", "no-policy"), "-o", unwritable)
    assert 5 == said.exit_code
    assert f"error: report cannot be written to {unwritable}: " in said.complaint
    assert b"open findings" in said.output
    assert before == _entries(tmp_path / "taken" / "report.pdf")
    assert "mine" == (tmp_path / "file").read_text()


@pytest.mark.parametrize("verb", ["snapshot -o", "connections -o json --output-file"])
@pytest.mark.parametrize("place", ["absent/below", "folder", "/dev/full"])
def test_a_single_file_that_cannot_be_written_is_one_error(
    verb: str, place: str, say: Say, cluster: FindCluster, tmp_path: Path
) -> None:
    """Exit 1 with its name, and nothing is left of it."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / place
    said = say(*verb.split(), path, "-f", cluster("two-namespaces", "no-policy"), "-q")
    error, hint = said.complaint.splitlines()
    assert (1, b"") == (said.exit_code, said.output)
    assert error.startswith(f"error: {path} cannot be written: ")
    assert hint.startswith("hint: ")
    assert ["folder"] == _entries(tmp_path)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_audit_that_is_stopped_leaves_the_former_report(
    stop: signal.Signals, cluster: FindCluster, tmp_path: Path
) -> None:
    """Stopped while it works: the folder is as before, without a trace of the run."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.json").write_text("former")
    source = cluster("two-namespaces", "no-policy")
    command: list[str | Path] = [PROGRAM, "audit", "-v", "-f", source, "-o", out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        # Judged, and about to be rendered.
        for line in process.stderr:
            if line.startswith(b"judging"):
                break
        process.send_signal(stop)
        _, rest = process.communicate(timeout=30)
    assert b"Traceback" not in rest
    assert process.returncode != 0
    assert ["report.json"] == _entries(out)
    assert "former" == (out / "report.json").read_text()


@pytest.fixture
def deliveries(tmp_path: Path) -> Iterator[Path]:
    """Kill one delivery after the other, in one folder, at random times; yield after each."""
    out = tmp_path / "out"
    chance = random.Random(7)

    def kill_each() -> Iterator[Path]:
        for _ in range(BIRTHS):
            command = [sys.executable, "-c", DELIVERER, str(out)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                assert b"ready\n" == process.stdout.readline()
                time.sleep(chance.uniform(0, 0.02))
                process.kill()
            yield out

    return kill_each()


def test_a_kill_at_any_time_leaves_whole_files(deliveries: Iterator[Path]) -> None:
    """Each file of a report is there whole, old or new; what is unfinished is no report's name."""
    found = 0
    for out in deliveries:
        if not out.exists():
            continue
        for path in out.iterdir():
            if path.name.startswith("."):
                assert path.suffix == ".tmp"
                continue
            found += 1
            assert path.name in REPORT
            content = path.read_bytes()
            assert content in (b"a" * (1 << 18), b"b" * (1 << 18))
    assert found > BIRTHS
