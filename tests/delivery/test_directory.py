"""Files on disk appear whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.delivery.directory import deliver, write_file
from auditor.errors import DeliveryError, OutputError

FOUR = ("findings.csv", "report.json", "report.html", "report.pdf")
REPORT = (("report.json", b"{}"), ("findings.csv", b"id\n"))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    """The folder and those above it are made; nothing else is in it."""
    folder = tmp_path / "a" / "b"
    assert (folder / "report.json", folder / "findings.csv") == deliver(REPORT, folder)
    assert dict(REPORT) == contents(folder)


def test_files_are_replaced_and_others_stay(tmp_path: Path) -> None:
    """A new report takes the former one's place; what else lies there is left alone."""
    (tmp_path / "report.json").write_bytes(b"former")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    deliver(REPORT, tmp_path)
    assert {**dict(REPORT), "notes.txt": b"mine"} == contents(tmp_path)


def test_a_place_that_is_taken_by_a_folder_leaves_all_files_as_they_were(tmp_path: Path) -> None:
    """All or nothing: the first file is not replaced where the second cannot be."""
    (tmp_path / "report.json").write_bytes(b"former")
    (tmp_path / "findings.csv").mkdir()
    with pytest.raises(DeliveryError, match=r"findings\.csv is a folder"):
        deliver(REPORT, tmp_path)
    assert {"report.json", "findings.csv"} == {path.name for path in tmp_path.iterdir()}
    assert b"former" == (tmp_path / "report.json").read_bytes()


def test_a_file_in_the_folders_place_is_an_error(tmp_path: Path) -> None:
    """The message names the folder."""
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(DeliveryError, match=f"report cannot be written to {tmp_path}/out: "):
        deliver(REPORT, tmp_path / "out")
    assert {"out": b"mine"} == contents(tmp_path)


def test_a_disk_that_is_full_leaves_the_former_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the second file cannot be flushed to the disk, neither is replaced."""
    (tmp_path / "report.json").write_bytes(b"former")
    calls: list[int] = []

    def flush(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", flush)
    with pytest.raises(DeliveryError, match="No space left on device"):
        deliver(REPORT, tmp_path)
    assert {"report.json": b"former"} == contents(tmp_path)


def test_permissions_are_the_umasks_or_the_former_files(tmp_path: Path) -> None:
    """A new file is as any program makes it; a replaced one keeps its permissions."""
    (tmp_path / "report.json").write_bytes(b"former")
    (tmp_path / "report.json").chmod(0o600)
    mask = os.umask(0o027)
    try:
        deliver(REPORT, tmp_path)
    finally:
        os.umask(mask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {"report.json": 0o600, "findings.csv": 0o640} == modes


def test_a_file_is_written_as_its_content_comes(tmp_path: Path) -> None:
    """While it is being written, its place still holds the former file."""
    path = tmp_path / "rows.json"
    path.write_bytes(b"former")

    def chunks() -> Iterator[bytes]:
        yield b"one "
        assert b"former" == path.read_bytes()
        yield b"two"

    write_file(path, chunks())
    assert {"rows.json": b"one two"} == contents(tmp_path)


def test_content_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """An error while the content is made removes what was written of it."""

    def chunks() -> Iterator[bytes]:
        yield b"one "
        raise LookupError

    with pytest.raises(LookupError):
        write_file(tmp_path / "rows.json", chunks())
    assert {} == contents(tmp_path)


def test_a_device_is_written_as_it_is(tmp_path: Path) -> None:
    """What is no regular file is not replaced by one."""
    write_file(Path(os.devnull), (b"gone",))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    write_file(fifo, (b"through",))
    assert b"through" == os.read(reader, 100)
    os.close(reader)


@pytest.mark.parametrize("path", ["missing/rows.json", "."])
def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path, path: str) -> None:
    """One line that names it."""
    with pytest.raises(OutputError, match=f"{tmp_path / path} cannot be written: "):
        write_file(tmp_path / path, (b"",))


def test_a_run_that_is_killed_leaves_the_former_file(tmp_path: Path) -> None:
    """Even without a chance to clean up, no half-written file stands in the report's place."""
    path = tmp_path / "rows.json"
    path.write_bytes(b"former")
    code = f"""
import os, signal
from pathlib import Path
from auditor.delivery.directory import write_file
def chunks():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)
write_file(Path({str(path)!r}), chunks())
"""
    ran = subprocess.run([sys.executable, "-c", code], check=False)
    assert -signal.SIGKILL == ran.returncode
    assert b"former" == path.read_bytes()


@pytest.mark.parametrize("former", [True, False])
@pytest.mark.parametrize("renamed", range(4))
def test_report_json_takes_its_place_last(tmp_path: Path, renamed: int, *, former: bool) -> None:
    """Killed between any two of four files: where report.json is new, all the others are."""
    out = tmp_path / "out"
    if former:
        deliver([(name, b"former") for name in FOUR], out)
    code = f"""
import os, signal
from pathlib import Path
from auditor.delivery.directory import deliver

replace, renamed = Path.replace, []

def replace_some(self, target):
    if len(renamed) == {renamed}:
        os.kill(os.getpid(), signal.SIGKILL)
    renamed.append(target)
    return replace(self, target)

Path.replace = replace_some
deliver([(name, b"new") for name in {FOUR!r}], Path({str(out)!r}))
"""
    ran = subprocess.run([sys.executable, "-c", code], check=False)
    found = {name: one for name, one in contents(out).items() if not name.startswith(".")}
    assert -signal.SIGKILL == ran.returncode
    assert renamed == sum(one == b"new" for one in found.values())
    assert (b"former" if former else None) == found.get("report.json")


def test_no_file_of_a_complete_set_is_newer_than_report_json(tmp_path: Path) -> None:
    """So a set that a kill has mixed shows by its times, in whatever order files are given."""
    paths = deliver([(name, b"new") for name in FOUR], tmp_path)
    assert tuple(tmp_path / name for name in FOUR) == paths
    times = {path.name: path.stat().st_mtime_ns for path in paths}
    assert times["report.json"] == max(times.values())
