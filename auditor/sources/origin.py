"""Where a snapshot comes from: manifests or a saved snapshot, told apart by content; a cluster."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from auditor.errors import ArchiveError, ManifestsError, UsageError
from auditor.model.progress import Progress
from auditor.model.retention import Retention
from auditor.model.snapshot import Snapshot
from auditor.settings import ClusterAccess
from auditor.sources.archive import is_archive, unpack

_STDIN = "-"
_HEAD = 64
"""Bytes by which a saved snapshot is known."""


def collect(
    files: Sequence[str],
    access: ClusterAccess,
    *,
    retention: Retention,
    clock: Callable[[], str],
    stdin: BinaryIO | None,
    progress: Progress,
) -> Snapshot:
    """Read the one source there is: the files where some are given, else the cluster.

    ``clock`` says the time, ISO 8601 in UTC.

    Raises:
        UsageError: a saved snapshot is given together with other files, or `-` is given twice.
        SourceError: nothing could be collected.
    """
    if not files:
        from auditor.sources.cluster import collect as collect_cluster

        return collect_cluster(access, retention=retention, clock=clock, progress=progress)
    if files.count(_STDIN) > 1:
        raise UsageError("-f - is given twice", hint="standard input can be read once")
    if _STDIN in files:
        if stdin is None:
            raise ManifestsError("standard input is closed", hint="pipe manifests into it")
        head = _read_head(stdin)
        stdin = io.BufferedReader(_Rejoined(head, stdin))
    else:
        head = b""
    archives = [one for one in files if is_archive(head if one == _STDIN else _head_of(one))]
    if archives and len(files) > 1:
        raise UsageError(
            f"{archives[0]} is a saved snapshot, and other files are given beside it",
            hint="a saved snapshot is a whole cluster: give it alone",
        )
    if archives:
        return _unpack(archives[0], stdin)
    from auditor.sources.manifests import collect as collect_manifests

    return collect_manifests(
        files, retention=retention, now=clock(), stdin=stdin, progress=progress
    )


def _read_head(stream: BinaryIO) -> bytes:
    """The first bytes of a stream that may give fewer at a time than it is asked for."""
    head = b""
    while len(head) < _HEAD and (more := stream.read(_HEAD - len(head))):
        head += more
    return head


def _head_of(path: str) -> bytes:
    """The first bytes of a regular file. What cannot be read is for the manifests to report."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return b""
        with Path(path).open("rb") as file:
            return file.read(_HEAD)
    except (OSError, ValueError):
        return b""


def _unpack(path: str, stdin: BinaryIO | None) -> Snapshot:
    if path == _STDIN and stdin is not None:
        return unpack(stdin.read(), name="<stdin>")
    try:
        return unpack(Path(path).read_bytes(), name=path)
    except OSError as error:
        raise ArchiveError(f"snapshot {path} cannot be read: {error.strerror}") from error


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes were read already, whole again."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read the first bytes again, then the rest."""
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(data) :] if self._head else b""
        buffer[: len(data)] = data
        return len(data)
