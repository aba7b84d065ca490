"""What goes wrong with SQLite files and folders: one line, a hint, and nothing half-written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.errors import HistoryError, UsageError
from auditor.history.store import Store, open_store
from auditor.history.verify import verify_chain
from tests.history.disks import Disk, mounted
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot
from tests.reports.audits import make_finding


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a file system of 2 MB."""
    with mounted(tmp_path / "disk", size="2m") as disk:
        yield disk


def see_whole(store: Store, runs: int) -> None:
    """See that a store holds so many whole runs, in an unbroken chain."""
    result = verify_chain(store, CLUSTER)
    assert (runs, None) == (result.runs, result.broken)


def keep_much(store: Store, number: int) -> None:
    """Keep a run of some megabytes."""
    many = [make_finding(one, message=f"{one}" * 1000) for one in range(1000)]
    store.keep(make_run(number, findings=many), make_snapshot(number))


def test_a_full_disk_keeps_what_was_there(disk: Disk) -> None:
    """The run that does not fit is not kept in part; when there is room, all works again."""
    path = disk.folder / "history.db"
    with open_store(str(path), create=True) as store:
        keep_runs(store, 1)
    with open_store(str(path), create=True) as store:
        with pytest.raises(HistoryError, match="cannot be written: the disk is full") as caught:
            keep_much(store, 2)
        assert "history prune" in caught.value.hint
        see_whole(store, 1)
    with open_store(str(path), create=True) as store:
        see_whole(store, 1)
        keep_runs(store, 3)
        see_whole(store, 2)


def test_a_full_disk_under_the_snapshots_keeps_the_run_out(disk: Disk, tmp_path: Path) -> None:
    """A run whose snapshot is nowhere is not kept; no file is left that is not whole."""
    path, folder = tmp_path / "history.db", disk.folder / "snapshots"
    with open_store(str(path), snapshots=str(folder), create=True) as store:
        keep_runs(store, 1)
        ballast = disk.fill()
        with pytest.raises(HistoryError, match="cannot be written: No space left on device"):
            keep_runs(store, 2)
        see_whole(store, 1)
        assert 1 == len(list(folder.iterdir()))
        ballast.unlink()
        keep_runs(store, 2)
        see_whole(store, 2)


def test_a_store_cannot_be_made_on_a_full_disk(disk: Disk) -> None:
    """And it can when there is room again, whatever the first attempt has left."""
    ballast = disk.fill()
    with (
        pytest.raises(HistoryError, match=r"disk is full|cannot be (read or written|opened)"),
        open_store(str(disk.folder / "history.db"), create=True),
    ):
        pytest.fail("it opened")
    ballast.unlink()
    with open_store(str(disk.folder / "history.db"), create=True) as store:
        keep_runs(store, 1)
        see_whole(store, 1)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_store_on_a_read_only_disk_is_read(disk: Disk, mode: str) -> None:
    """All of it, in whichever mode it was written; nothing can be kept in it."""
    path = disk.folder / "history.db"
    with open_store(str(path), create=True) as store:
        keep_runs(store, 1, 2)
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA journal_mode = {mode}")
    raw.close()
    disk.protect()
    for create in (True, False):
        with open_store(str(path), create=create) as store:
            see_whole(store, 2)
            assert make_snapshot(1) == store.load_snapshot(store.find("run-0001"))
            with pytest.raises(HistoryError, match="cannot be written") as caught:
                keep_runs(store, 3)
            assert "the right to write it" in caught.value.hint
            with pytest.raises(HistoryError, match="cannot be written"):
                store.prune(keep_days=None, keep_runs=1, now="2027-01-01")


def test_no_store_is_made_on_a_read_only_disk(disk: Disk) -> None:
    """Neither the file nor the folder around it."""
    disk.protect()
    for path in (disk.folder / "history.db", disk.folder / "new" / "history.db"):
        with (
            pytest.raises(HistoryError, match="cannot be opened") as caught,
            open_store(str(path), create=True),
        ):
            pytest.fail("it opened")
        assert "the right to write it" in caught.value.hint


def test_snapshots_in_a_read_only_folder_keep_the_run_out(disk: Disk, tmp_path: Path) -> None:
    """The database alone could be written; the run is not kept without its snapshot."""
    disk.protect()
    path, folder = tmp_path / "history.db", disk.folder / "snapshots"
    with open_store(str(path), snapshots=str(folder), create=True) as store:
        with pytest.raises(HistoryError, match="cannot be written: Read-only file system"):
            keep_runs(store, 1)
        assert () == store.entries()


def test_a_file_that_changes_while_it_is_read_unlocked_is_refused(disk: Disk) -> None:
    """What was read may be a mixture of two states."""
    path = disk.folder / "history.db"
    with open_store(str(path), create=True) as store:
        keep_runs(store, 1)
    disk.protect()
    with (  # noqa: PT012  what is written in between is the point
        pytest.raises(HistoryError, match="was written while it was read"),
        open_store(str(path), create=False) as store,
    ):
        see_whole(store, 1)
        disk.unprotect()
        with open_store(str(path), create=False) as writer:
            keep_runs(writer, 2)


def test_a_locked_store_is_waited_for(tmp_path: Path) -> None:
    """As long as was said; then nothing is kept, and readers were never kept waiting."""
    path = tmp_path / "history.db"
    with open_store(str(path), create=True, wait_seconds=0.3) as store:
        keep_runs(store, 1)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(HistoryError, match="is locked") as caught:
            keep_runs(store, 2)
        assert 0.3 <= time.monotonic() - began < 10
        assert "another program is writing" in caught.value.hint
        see_whole(store, 1)
        other.execute("ROLLBACK")
        other.close()
        keep_runs(store, 2)
        see_whole(store, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"apiVersion: v1\nkind: List\nitems: []\n" * 100, "is no SQLite database"),
        (b"SQLite format 3\0" + b"\xff" * 5000, "is no SQLite database|is damaged"),
    ],
)
def test_another_file_is_left_alone(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is no database is not written over."""
    path = tmp_path / "history.db"
    path.write_bytes(content)
    for create in (True, False):
        with pytest.raises(HistoryError, match=message), open_store(str(path), create=create):
            pytest.fail("it opened")
    assert content == path.read_bytes()


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    """Nor is what lies under a file."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(HistoryError, match="is a folder"), open_store(str(tmp_path), create=True):
        pytest.fail("it opened")
    below = str(tmp_path / "file" / "history.db")
    for create in (True, False):
        with pytest.raises(HistoryError), open_store(below, create=create):
            pytest.fail("it opened")


def test_a_damaged_store_says_so(tmp_path: Path) -> None:
    """A page that is overwritten, a file that is cut off, a table that is gone."""
    path = tmp_path / "history.db"
    with open_store(str(path), create=True) as store:
        keep_much(store, 1)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:4096] + b"\xff" * len(whole[4096:])):
        path.write_bytes(damaged)
        with (
            pytest.raises(HistoryError, match=r"is damaged|is no SQLite database"),
            open_store(str(path), create=False) as store,
        ):
            verify_chain(store, CLUSTER)
    path.write_bytes(whole)
    raw = sqlite3.connect(path)
    raw.execute("DROP TABLE rule_results")
    raw.close()
    with open_store(str(path), create=False) as store:
        run = store.find("run-0001")
        with pytest.raises(HistoryError, match="no such table: rule_results"):
            _ = run.rules


def test_a_snapshot_that_is_missing_or_damaged_is_not_loaded(tmp_path: Path) -> None:
    """Nor one that is whole, and another's."""
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        keep_runs(store, 1, 2)
        first, second = store.find("run-0001"), store.find("run-0002")
        folder = tmp_path / "history-snapshots"
        path = folder / f"{first.snapshot}.snapshot"
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(HistoryError, match="snapshot of run run-0001 cannot be read: "):
            store.load_snapshot(first)
        shutil.copyfile(folder / f"{second.snapshot}.snapshot", path)
        with pytest.raises(HistoryError, match="snapshot of run run-0001 is another one"):
            store.load_snapshot(first)
        path.unlink()
        with pytest.raises(HistoryError, match="snapshot of run run-0001 is not in"):
            store.load_snapshot(first)


def test_a_damaged_snapshot_is_mended_by_the_run_that_has_it_too(tmp_path: Path) -> None:
    """A snapshot that is there already is looked at before it is relied upon."""
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        store.keep(make_run(1), make_snapshot(1))
        first = store.find("run-0001")
        path = tmp_path / "history-snapshots" / f"{first.snapshot}.snapshot"
        path.write_bytes(path.read_bytes()[:-1])
        store.keep(make_run(2), make_snapshot(1))
        assert make_snapshot(1) == store.load_snapshot(first)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///history.db?mode=ro",
        "mysql://u:sesame@h/db",
        "postgresql+asyncpg://u:sesame@h/db",
        "postgresql+psycopg://u:sesame@h:sesame/db",
        "://sesame",
        "http://u:sesame@h",
    ],
)
def test_a_store_of_another_kind_is_refused(url: str) -> None:
    """As a mistake of usage, which repeats no password."""
    with pytest.raises(UsageError) as caught, open_store(url, create=True):
        pytest.fail("it opened")
    assert "sesame" not in caught.value.message + caught.value.hint
    assert "sqlite:///PATH" in caught.value.hint


def test_a_url_and_a_path_name_the_same_file(tmp_path: Path) -> None:
    """Whatever characters the path has, bytes that are no UTF-8 included."""
    folder = tmp_path / os.fsdecode(b"a b?c=d&e%20#\xff")
    with open_store(str(folder / "history.db"), create=True) as store:
        keep_runs(store, 1)
        assert store.where.isascii()
    assert {"history.db", "history-snapshots"} == {path.name for path in folder.iterdir()}
    plain = tmp_path / "plain.db"
    with open_store(f"sqlite:///{plain}", create=True) as store:
        keep_runs(store, 1)
    with open_store(str(plain), create=False) as store:
        see_whole(store, 1)


def test_commands_that_need_no_store_do_not_load_databases() -> None:
    """Importing the command and the models of history takes none of the heavy libraries."""
    code = (
        "import sys, auditor.cli, auditor.job, auditor.history.chain, auditor.history.header;"
        "print([name for name in ('sqlalchemy', 'alembic', 'fsspec') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == ran.stdout.strip()
