"""Where snapshots lie: in folders, object stores and the database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from auditor.errors import HistoryError, UsageError
from auditor.history.snapshots import Folder, ObjectStore, SnapshotPlace, open_place
from auditor.history.store import open_store
from auditor.sources.archive import unpack
from tests.history.conftest import OpenStore
from tests.history.runs import keep_runs, make_snapshot

DIGEST = "ab" * 32


class Growing(MemoryFileSystem):  # type: ignore[misc]  # published without type hints
    """A file system in which a file can be seen while it grows, as over SFTP."""

    protocol = "growing"
    store: dict[str, object] = {}  # noqa: RUF012  fsspec's own way
    pseudo_dirs = [""]  # noqa: RUF012


@pytest.fixture(params=["folder", "file", "memory", "growing"])
def place_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a place of each kind."""
    fsspec.register_implementation("growing", Growing, clobber=True)
    return {
        "folder": str(tmp_path / "snapshots"),
        "file": f"file://{tmp_path}/snap shots%20",
        "memory": f"memory://{tmp_path}/snapshots",
        "growing": f"growing://{tmp_path}/snapshots",
    }[request.param]


@pytest.fixture
def snapshots(place_url: str) -> SnapshotPlace:
    """Open a place of each kind."""
    return open_place(place_url)


def test_a_snapshot_is_read_as_it_was_written(snapshots: SnapshotPlace) -> None:
    """And written over, and taken away; what is not there is no error."""
    assert not snapshots.has(DIGEST)
    assert snapshots.read(DIGEST) is None
    snapshots.write(DIGEST, b"one")
    snapshots.write(DIGEST, b"two")
    assert snapshots.has(DIGEST)
    assert b"two" == snapshots.read(DIGEST)
    snapshots.remove([DIGEST, "cd" * 32])
    assert not snapshots.has(DIGEST)


def test_a_store_keeps_snapshots_where_it_is_told(place_url: str, tmp_path: Path) -> None:
    """Run, load and prune as in its own place."""
    with open_store(str(tmp_path / "history.db"), snapshots=place_url, create=True) as store:
        keep_runs(store, 1, 2)
        first = store.find("run-0001")
        assert make_snapshot(1) == store.load_snapshot(first)
        assert 1 == store.prune(keep_days=None, keep_runs=1, now="2026-03-01").snapshots
        assert store.snapshots.read(first.snapshot) is None
        assert make_snapshot(2) == store.load_snapshot(store.find("run-0002"))
    assert not (tmp_path / "history-snapshots").exists()


def test_nothing_else_is_left_in_the_place(snapshots: SnapshotPlace, place_url: str) -> None:
    """Temporary names are gone when the snapshot is there."""
    snapshots.write(DIGEST, b"one")
    files, folder = fsspec.core.url_to_fs(place_url)
    assert [f"{DIGEST}.snapshot"] == [
        path.rpartition("/")[2] for path in files.ls(folder, detail=False)
    ]


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    """The same place, however it is spelled: both write atomically, down to the disk."""
    folder = tmp_path / "snap shots"
    by_url, by_path = open_place(f"file://{folder}"), open_place(str(folder))
    assert isinstance(by_url, Folder)
    by_url.write(DIGEST, b"one")
    assert b"one" == by_path.read(DIGEST)
    assert by_url.where == by_path.where


def test_a_file_in_the_folder_is_a_snapshot_as_the_command_makes_it(tmp_path: Path) -> None:
    """It can be named with `-f`, without a store."""
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        keep_runs(store, 1)
    (path,) = (tmp_path / "history-snapshots").iterdir()
    assert make_snapshot(1) == unpack(path.read_bytes(), name=path.name)


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    """Others of a group read what they read of the database beside it."""
    before = os.umask(0o027)
    try:
        open_place(str(tmp_path)).write(DIGEST, b"one")
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert 0o640 == path.stat().st_mode & 0o777


def test_postgresql_keeps_snapshots_itself(place: OpenStore, tmp_path: Path) -> None:
    """Whoever shares a database shares no folder; SQLite keeps them beside the file."""
    with place() as store:
        keep_runs(store, 1)
        assert make_snapshot(1) == store.load_snapshot(store.find("run-0001"))
        assert ("://" in place.url) is not (tmp_path / "history-snapshots").exists()


def test_a_protocol_that_nobody_speaks_is_a_mistake_of_usage(tmp_path: Path) -> None:
    """It is told before anything is kept."""
    with (
        pytest.raises(UsageError, match="fsspec knows no gopher") as caught,
        open_store(str(tmp_path / "a.db"), snapshots="gopher://u:sesame@h/x?t=sesame", create=True),
    ):
        pytest.fail("it opened")
    assert "sesame" not in caught.value.message
    assert "--snapshots" in caught.value.hint


def test_the_package_of_a_protocol_may_be_missing() -> None:
    """The hint says which is to be installed, as fsspec says it."""
    code = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from auditor.errors import HistoryError\n"
        "from auditor.history.snapshots import open_place\n"
        "try: open_place('s3://key:sesame@bucket/x')\n"
        "except HistoryError as error: print(error, '|', error.hint)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    message, _, hint = ran.stdout.strip().partition(" | ")
    assert "the package for s3 is not installed" in message
    assert "Install s3fs" in hint
    assert "sesame" not in ran.stdout


def test_an_object_store_that_cannot_be_reached_is_told(tmp_path: Path) -> None:
    """In one line, whatever its client raises; the run is not kept."""
    url = "http://u:sesame@127.0.0.1:9/x?token=sesame"
    with open_store(str(tmp_path / "history.db"), snapshots=url, create=True) as store:
        with pytest.raises(HistoryError, match=r"snapshots in .* cannot be read: ") as caught:
            keep_runs(store, 1)
        assert "sesame" not in caught.value.message + caught.value.hint
        assert "\n" not in caught.value.message
        assert () == store.entries()


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("memory://bucket/x", "memory://bucket/x"),
        ("memory://u:sesame@bucket/x", "memory://u:***@bucket/x"),
        ("memory://u:se@same@bucket/x", "memory://u:***@bucket/x"),
        ("memory://bucket/x?sig=sesame&se=1", "memory://bucket/x"),
        ("memory://u:sesame@bucket/x?sig=sesame", "memory://u:***@bucket/x"),
    ],
)
def test_where_holds_no_secret(url: str, where: str) -> None:
    """Neither a password nor a token of a query."""
    assert where == ObjectStore(url).where
