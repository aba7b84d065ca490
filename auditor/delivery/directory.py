"""Files on disk that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from auditor.errors import DeliveryError, OutputError

_SIGN = "report.json"


def deliver(files: Sequence[tuple[str, bytes]], folder: Path) -> tuple[Path, ...]:
    """Write finished files into a folder, which is made where it is missing.

    All are written to the disk beside their places first, and take them only then: a disk that is
    full, or a run that is ended before, leaves the former files as they were.

    `report.json` is the sign of a complete set. It is written and takes its place last, when the
    others are in theirs: where it is new, so are they. A run that is killed in between leaves no
    `report.json`, or the former one, older than a file beside it.

    Raises:
        DeliveryError: the folder or a file in it cannot be written.
    """
    paths = tuple(folder / name for name, _ in files)
    in_order = sorted(files, key=lambda one: one[0] == _SIGN)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder")
        with _discarding() as written:
            for name, content in in_order:
                written.append((_write_beside(folder / name, (content,)), folder / name))
            for temporary, path in written:
                if path.name == _SIGN:
                    _settle(folder)
                temporary.replace(path)
        _settle(folder)
    except OSError as error:
        raise DeliveryError(
            f"report cannot be written to {folder}: {error.strerror or error}",
            hint="name a folder that can be written with -o",
        ) from error
    return paths


def write_file(path: Path, chunks: Iterable[bytes], *, mode: int | None = None) -> None:
    """Write one file as its content comes; it appears when it is complete.

    A path that is there and no regular file (a device, a pipe) is written as it is. Its
    permissions are ``mode``; None: those of the file that is replaced, or what the umask leaves.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            with path.open("wb") as stream:
                stream.writelines(chunks)
            return
        with _discarding() as written:
            written.append((_write_beside(path, chunks, mode), path))
            written[0][0].replace(path)
        _settle(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="name a file in a folder that exists and can be written",
        ) from error


@contextmanager
def _discarding() -> Iterator[list[tuple[Path, Path]]]:
    """A list of (temporary file, its place); what has not taken its place at the end is removed."""
    written: list[tuple[Path, Path]] = []
    try:
        yield written
    finally:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)


def _write_beside(path: Path, chunks: Iterable[bytes], mode: int | None = None) -> Path:
    """Write to a hidden file beside a path, down to the disk."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(chunks)
            stream.flush()
            os.fchmod(stream.fileno(), _permissions(path) if mode is None else mode)
            os.fsync(stream.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _permissions(path: Path) -> int:
    """Those of the file that is replaced, else what the umask leaves of rw-rw-rw-."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _settle(folder: Path) -> None:
    """Have the folder's entries on the disk, where its file system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
