"""Where the snapshots of runs lie: a folder, an object store, or the database itself.

A snapshot is named by its digest, and its bytes are those of a saved snapshot
(`auditor.sources.archive`): a file of a folder can be read with `-f`. It is there whole, or not.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from auditor.errors import HistoryError, UsageError
from auditor.history.failures import explain_files

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SUFFIX = ".snapshot"
_FOLDERS = frozenset({"file", "local"})
"""What follows them is a path to fsspec: nothing in it is escaped."""

_PUTS_WHOLE = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oss", "s3", "s3a"})
"""The protocols of stores in which an object appears when all of it has been sent."""
_HINT_PLACE = "name a folder, or a URL that fsspec knows, with --snapshots"


class SnapshotPlace(Protocol):
    """Packed snapshots by digest. Every method raises `HistoryError` where it fails."""

    where: str
    """For people, without secrets."""

    def has(self, digest: str) -> bool:
        """Whether the snapshot is there."""

    def read(self, digest: str) -> bytes | None:
        """Its bytes; None where it is not there."""

    def write(self, digest: str, content: bytes) -> None:
        """Put it there, in place of what lies there under this digest."""

    def remove(self, digests: Iterable[str]) -> None:
        """Take away those that are there."""


def open_place(url: str) -> SnapshotPlace:
    """The folder or object store that `--snapshots` names.

    Raises:
        UsageError: fsspec knows no such protocol.
        HistoryError: the package that speaks the protocol is not installed, or refuses the URL.
    """
    if "://" not in url:
        return Folder(Path(url))
    protocol, _, path = url.partition("://")
    if protocol in _FOLDERS:
        return Folder(Path(path))
    return ObjectStore(url)


class Folder:
    """A folder, made when the first snapshot is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.where = str(folder).encode("utf-8", "backslashreplace").decode()

    def has(self, digest: str) -> bool:
        """Whether the snapshot is there."""
        with self._reported("read"):
            return self._path(digest).is_file()

    def read(self, digest: str) -> bytes | None:
        """Its bytes; None where it is not there."""
        with self._reported("read"):
            try:
                return self._path(digest).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, digest: str, content: bytes) -> None:
        """Write beside its place, down to the disk, and take the place then."""
        with self._reported("written"):
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{digest}.", suffix=".tmp", dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fchmod(stream.fileno(), self._permissions())
                    os.fsync(stream.fileno())
                Path(name).replace(self._path(digest))
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            with suppress(OSError):  # not every file system can have a folder on the disk
                folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)

    def remove(self, digests: Iterable[str]) -> None:
        """Take away those that are there, and what a writer that was killed left of them."""
        with self._reported("removed"):
            for digest in digests:
                self._path(digest).unlink(missing_ok=True)
                for left in self._folder.glob(f".{digest}.*.tmp"):
                    left.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}{_SUFFIX}"

    def _permissions(self) -> int:
        """Those of a file that anyone makes in the folder: what the umask leaves."""
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask

    @contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise explain_files(error, f"snapshots in {self.where} cannot be {what}") from error


class ObjectStore:
    """Whatever fsspec opens."""

    def __init__(self, url: str) -> None:
        self.where = _conceal(url)
        self._files, self._folder = self._open(url)

    def has(self, digest: str) -> bool:
        """Whether the snapshot is there."""
        with self._reported("read"):
            return bool(self._files.exists(self._path(digest)))

    def read(self, digest: str) -> bytes | None:
        """Its bytes; None where it is not there."""
        with self._reported("read"):
            try:
                return bytes(self._files.cat_file(self._path(digest)))
            except FileNotFoundError:
                return None

    def write(self, digest: str, content: bytes) -> None:
        """Put the whole object; where files grow, under another name first."""
        with self._reported("written"):
            path = self._path(digest)
            if self._protocols & _PUTS_WHOLE:
                self._files.pipe_file(path, content)
                return
            self._files.makedirs(self._folder, exist_ok=True)
            temporary = f"{self._folder}/.{digest}.{os.urandom(4).hex()}.tmp"
            self._files.pipe_file(temporary, content)
            self._files.mv(temporary, path)

    def remove(self, digests: Iterable[str]) -> None:
        """Take away those that are there."""
        with self._reported("removed"):
            for digest in digests:
                with suppress(FileNotFoundError):
                    self._files.rm_file(self._path(digest))

    @property
    def _protocols(self) -> set[str]:
        protocol = self._files.protocol
        return {protocol} if isinstance(protocol, str) else set(protocol)

    def _path(self, digest: str) -> str:
        return f"{self._folder}/{digest}{_SUFFIX}"

    def _open(self, url: str) -> tuple[AbstractFileSystem, str]:
        from fsspec.core import url_to_fs

        protocol = url.partition("://")[0]
        try:
            files, folder = url_to_fs(url)
        except ImportError as error:
            raise HistoryError(
                f"snapshots cannot go to {self.where}: the package for {protocol} is not installed",
                hint=f"fsspec says: {_line(error)}",
            ) from error
        except ValueError as error:
            if f"Protocol not known: {protocol}" not in str(error):
                raise self._failure("opened", error) from error
            raise UsageError(
                f"snapshots cannot go to {self.where}: fsspec knows no {protocol}",
                hint=_HINT_PLACE,
            ) from error
        except Exception as error:  # clients raise errors of their own
            raise self._failure("opened", error) from error
        return files, str(folder).rstrip("/")

    @contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # clients raise errors of their own
            raise self._failure(what, error) from error

    def _failure(self, what: str, error: Exception) -> HistoryError:
        return HistoryError(
            f"snapshots in {self.where} cannot be {what}: {_conceal(_line(error))}",
            hint="see that the object store can be reached, and what its client needs to sign in",
        )


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _conceal(text: str) -> str:
    """A text in which URLs have neither a password nor a query, where tokens stand."""
    return re.sub(
        r"(://[^\s?]*)\?\S*", r"\1", re.sub(r"://([^/\s:@]*):[^/\s]*@", r"://\1:***@", text)
    )
