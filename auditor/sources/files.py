"""The files that hold manifests: found in folders, and read whole within bounds."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from auditor.errors import ManifestsError
from auditor.model.snapshot import Blind, Gap, GapSource
from auditor.sources.wording import one_line

STDIN = "-"
STDIN_NAME = "<stdin>"
LARGEST_BYTES = 1 << 30
"""Files of this size and more are refused: 50,000 pods, as kubectl prints them, are 0.3 GiB."""

_SUFFIXES = (".yaml", ".yml", ".json")
_SNIFFED_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 24
_TOO_LARGE = f"holds {LARGEST_BYTES >> 30} GiB or more"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PATHS_HINT = "name a file, a folder, or - for standard input"


class Content(NamedTuple):
    """A file's name, as messages and gaps have it, and its bytes."""

    name: str
    data: bytes


class UnreadableError(Exception):
    """A file cannot be read, or holds something that no manifest can be; the message says why."""


def read_files(paths: Sequence[str], stdin: BinaryIO) -> Iterator[Content | Gap]:
    """Read files, folders (recursively, in order of name) and standard input, each file once.

    A file in a folder that cannot be read is a gap. Hidden folders are passed over.

    Raises:
        ManifestsError: a path that was named does not exist or cannot be read.

    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        name = STDIN_NAME if path == STDIN else display(Path(path))
        try:
            yield from _read_named(path, name, stdin, seen)
        except (OSError, UnreadableError, ValueError) as error:
            message = f"{name} cannot be read: {_reason(error)}"
            raise ManifestsError(message, hint=_PATHS_HINT) from error


def display(path: Path) -> str:
    """A path as text that can be written anywhere: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def unread(file: str, reason: str, *, document: str | None = None, field: str | None = None) -> Gap:
    """What cannot be read may hold anything: nothing that it could change is certain."""
    return Gap(
        kind=None,
        namespace=None,
        name=None,
        reason=one_line(reason),
        effect="what it holds is not evaluated",
        source=GapSource(file=file, document=document, field=field),
        blind=Blind.OBJECTS,
    )


def _read_named(
    path: str, name: str, stdin: BinaryIO, seen: set[tuple[int, int]]
) -> Iterator[Content | Gap]:
    if path == STDIN:
        yield Content(name, _read_stream(stdin))
        return
    found = Path(path).stat()
    if stat.S_ISDIR(found.st_mode):
        # A folder that was named must be readable; one below it may be a gap.
        children = _children(Path(path))
        seen.add(_key(found))
        yield from _read_folder(children, seen)
    elif _is_new(found, seen):
        yield Content(name, _read(Path(path)))


def _read_folder(waiting: list[Path], seen: set[tuple[int, int]]) -> Iterator[Content | Gap]:
    """The manifests below a folder; links to folders are followed, and end in no loop."""
    waiting.reverse()
    while waiting:
        path = waiting.pop()
        try:
            found = path.stat()
            if not _is_new(found, seen):
                continue
            if stat.S_ISDIR(found.st_mode):
                waiting += reversed(_children(path))
            elif stat.S_ISREG(found.st_mode):
                yield Content(display(path), _read(path))
            else:
                # To open a pipe would wait for ever.
                yield unread(display(path), "cannot be read: is not a regular file")
        except (OSError, UnreadableError) as error:
            yield unread(display(path), f"cannot be read: {_reason(error)}")


def _children(folder: Path) -> list[Path]:
    """The manifests and folders in a folder, in order of name."""
    return sorted(
        one
        for one in folder.iterdir()
        if (one.suffix.lower() in _SUFFIXES) or (not one.name.startswith(".") and one.is_dir())
    )


def _is_new(found: os.stat_result, seen: set[tuple[int, int]]) -> bool:
    """Whether it was not met before, by another path or by a link."""
    if _key(found) in seen:
        return False
    seen.add(_key(found))
    return True


def _key(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            return _read_stream(file)
        if found.st_size >= LARGEST_BYTES:
            raise UnreadableError(_TOO_LARGE)
        _sniff(file.read(_SNIFFED_BYTES))
        file.seek(0)
        return file.read()


def _read_stream(stream: BinaryIO) -> bytes:
    """Read to the end what has no size that is known before."""
    chunks = [stream.read(_SNIFFED_BYTES)]
    _sniff(chunks[0])
    size = len(chunks[0])
    while chunks[-1]:
        if size >= LARGEST_BYTES:
            raise UnreadableError(_TOO_LARGE)
        chunks.append(stream.read(_CHUNK_BYTES))
        size += len(chunks[-1])
    return b"".join(chunks)


def _sniff(beginning: bytes) -> None:
    if beginning.startswith(_UTF_16):
        raise UnreadableError("is UTF-16 text; manifests are UTF-8")
    if b"\0" in beginning:
        raise UnreadableError("is binary, not text")


def _reason(error: Exception) -> str:
    system = error.strerror if isinstance(error, OSError) else None
    return system.lower() if system else str(error)
