"""What a database, a file system or an object store says when it fails, in one line."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from auditor.errors import HistoryError

_HINT_FULL = "make room, or thin the history out with `netpol-auditor history prune`"
_HINT_READ_ONLY = "give the user that runs this the right to write it, or name another --store"
_HINT_LOCKED = "another program is writing: run this again when it has finished"
_HINT_DAMAGED = "restore it from a backup, or name another --store"
_HINT_SERVER = "see that the server runs, and that address and port in --store are right"
_HINT_PASSWORD = "see that user and password are right (PGPASSWORD and ~/.pgpass are read, too)"  # noqa: S105
_HINT_ELSEWHERE = "name another --store, or correct what is wrong there"

_SQLITE = {
    "SQLITE_BUSY": ("is locked", _HINT_LOCKED),
    "SQLITE_LOCKED": ("is locked", _HINT_LOCKED),
    "SQLITE_PROTOCOL": ("is locked", _HINT_LOCKED),
    "SQLITE_READONLY": ("cannot be written", _HINT_READ_ONLY),
    "SQLITE_PERM": ("cannot be opened", _HINT_READ_ONLY),
    "SQLITE_CANTOPEN": ("cannot be opened", _HINT_READ_ONLY),
    "SQLITE_FULL": ("cannot be written: the disk is full", _HINT_FULL),
    "SQLITE_NOTADB": ("is no SQLite database", "name another file with --store"),
    "SQLITE_CORRUPT": ("is damaged", _HINT_DAMAGED),
    "SQLITE_IOERR": ("cannot be read or written", "see that its disk is sound and not full"),
}
"""By the first two words of SQLite's name for the failure."""

_POSTGRESQL = {
    "55P03": ("is locked", _HINT_LOCKED),
    "57014": ("took too long to answer", _HINT_LOCKED),
    "53100": ("cannot be written: the disk of the server is full", _HINT_FULL),
    "25006": ("cannot be written: it is read-only", _HINT_READ_ONLY),
    "42501": ("refuses", "grant the user of --store the right to do it"),
    "42P01": ("is damaged", _HINT_DAMAGED),
    "42703": ("is damaged", _HINT_DAMAGED),
}
"""By SQLSTATE."""


_REFUSALS = ("authentication failed", "no password supplied")
"""What PostgreSQL's client library says; of a connection that failed it gives no SQLSTATE."""


@contextmanager
def reported(where: str) -> Iterator[None]:
    """Turn what goes wrong inside into a `HistoryError`. ``where`` is the store, for people."""
    try:
        yield
    except DBAPIError as error:
        raise explain(error.orig or error, where) from error
    except sqlite3.Error as error:
        raise explain(error, where) from error
    except UnicodeEncodeError as error:
        # a key that was read cannot be asked for: we have not written it
        raise HistoryError(
            f"history {where} is damaged: it holds a name that is no UTF-8", hint=_HINT_DAMAGED
        ) from error
    except PoolTimeoutError as error:
        raise HistoryError(f"history {where} is in use", hint=_HINT_LOCKED) from error
    except SQLAlchemyError as error:
        raise HistoryError(
            f"history {where} cannot be used: {_line(error)}", hint=_HINT_ELSEWHERE
        ) from error


def explain(error: BaseException, where: str) -> HistoryError:
    """The error of a database driver as the user is told of it; in one line."""
    if isinstance(error, sqlite3.Error):
        return _explain_sqlite(error, where)
    state: str | None = getattr(error, "sqlstate", None)
    if state in _POSTGRESQL:
        what, hint = _POSTGRESQL[state]
        return HistoryError(f"history {where} {what}: {_line(error)}", hint=hint)
    if state is not None:
        return HistoryError(f"history {where} failed: {_line(error)}", hint=_HINT_ELSEWHERE)
    if any(phrase in str(error) for phrase in _REFUSALS):
        return HistoryError(f"history {where} refuses the user or password", hint=_HINT_PASSWORD)
    return HistoryError(f"history {where} cannot be reached: {_line(error)}", hint=_HINT_SERVER)


def explain_files(error: OSError, where: str) -> HistoryError:
    """What a file system says of a file or folder."""
    hint = {
        errno.ENOSPC: _HINT_FULL,
        errno.EDQUOT: _HINT_FULL,
        errno.EROFS: _HINT_READ_ONLY,
        errno.EACCES: _HINT_READ_ONLY,
        errno.EPERM: _HINT_READ_ONLY,
    }.get(error.errno or 0, _HINT_ELSEWHERE)
    return HistoryError(f"{where}: {error.strerror or _line(error)}", hint=hint)


def _explain_sqlite(error: sqlite3.Error, where: str) -> HistoryError:
    name: str = getattr(error, "sqlite_errorname", "")
    what, hint = _SQLITE.get(
        "_".join(name.split("_")[:2]), (f"failed: {_line(error)}", _HINT_DAMAGED)
    )
    return HistoryError(f"history {where} {what}", hint=hint)


def _line(error: BaseException) -> str:
    """The first line of what an error says: the rest is advice, and where in a statement."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
