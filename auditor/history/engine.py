"""From what `--store` names to a database that is opened as the history needs it."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from auditor.errors import HistoryError, UsageError
from auditor.history.failures import explain_files

WAIT_SECONDS = 30.0
"""How long a writer waits for another one."""

_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 300
_IDLE_SECONDS = 600
"""A writer that has vanished from the network holds its locks no longer than this."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9]*(\+[A-Za-z0-9]+)?:")
_HINT_URL = "a path is an SQLite file; else sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME"
_WRITES = "netpol_auditor_writes"


class Database(NamedTuple):
    """A database, not yet looked into. ``path`` is that of an SQLite file."""

    engine: Engine
    where: str
    """For people, without secrets."""
    path: Path | None
    wait_seconds: float
    is_immutable: bool = False
    """SQLite was told that nobody writes the file."""


def open_database(url: str, *, create: bool, wait_seconds: float = WAIT_SECONDS) -> Database:
    """Find the database. PostgreSQL is not spoken to yet.

    Raises:
        UsageError: the URL is malformed, or of a kind that is not supported.
        HistoryError: there is no such file, and none is to be made; or a library is missing.
    """
    parsed = parse_url(url)
    if isinstance(parsed, Path):
        return _open_sqlite(parsed, create=create, wait_seconds=wait_seconds)
    return _open_postgresql(parsed, wait_seconds)


def parse_url(url: str) -> Path | URL:
    """The SQLite file, or the PostgreSQL database, that a store's URL names.

    Raises:
        UsageError: the URL is malformed, or of a kind that is not supported.
    """
    if "://" not in url:
        if _SCHEME.match(url):
            # One slash is missing, perhaps: what may hold a password is no path, and not repeated.
            raise UsageError("store is no URL of a database", hint=_HINT_URL)
        return Path(url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # What they say may hold parts of a password.
        raise UsageError("store is no URL of a database", hint=_HINT_URL) from None
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if not parsed.database or parsed.database == ":memory:" or parsed.query:
                raise UsageError("store names no SQLite file", hint=_HINT_URL)
            return Path(parsed.database)
        case "postgresql" | "postgresql+psycopg":
            return parsed.set(drivername="postgresql+psycopg")
        case name:
            raise UsageError(f"store of kind {name} is not supported", hint=_HINT_URL)


def writing(connection: Connection) -> Connection:
    """The connection, set up so that its next transaction may write."""
    return connection.execution_options(**{_WRITES: True})


def _open_sqlite(path: Path, *, create: bool, wait_seconds: float) -> Database:
    where = str(path).encode("utf-8", "backslashreplace").decode()
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists() or (path.is_file() and path.stat().st_size == 0):
            raise HistoryError(
                f"there is no history at {where}", hint="`netpol-auditor audit` makes one"
            )
        if path.is_dir():
            raise HistoryError(f"history {where} is a folder", hint=_HINT_URL)
    except OSError as error:
        raise explain_files(error, f"history {where} cannot be opened") from error
    immutable = _is_immutable(path)
    mode = "mode=ro&immutable=1" if immutable else "mode=rwc" if create else "mode=rw"
    address = f"file:{quote(os.fsencode(path.absolute()))}?{mode}"

    def connect() -> sqlite3.Connection:
        # No isolation level: the driver would begin transactions of its own, and too late.
        connection = sqlite3.connect(
            address, uri=True, timeout=wait_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            # What is no UTF-8 was not written by us: it is to be told, not to end the reading.
            connection.text_factory = lambda stored: stored.decode("utf-8", "surrogateescape")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Database(engine, where, path, wait_seconds, immutable)


def _is_immutable(path: Path) -> bool:
    """Whether nothing can be written beside the file, and nothing waits there to be read.

    SQLite then cannot read a database in WAL mode, unless it is told that nobody writes it.
    """
    log = path.with_name(f"{path.name}-wal")
    return (
        path.exists()
        and not os.access(path.parent, os.W_OK)
        and not (log.exists() and log.stat().st_size > 0)
    )


def _open_postgresql(url: URL, wait_seconds: float) -> Database:
    where = url.set(query={}).render_as_string(hide_password=True)
    limits = {} if "connect_timeout" in url.query else {"connect_timeout": _CONNECT_SECONDS}
    try:
        engine = create_engine(url, connect_args=limits)
    except ImportError as error:
        raise HistoryError(
            f"history {where} cannot be opened: the driver psycopg is not installed",
            hint="pip install 'netpol-auditor[postgresql]'",
        ) from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # For the transaction alone: behind a pool of connections a session is not one's own.
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = {int(wait_seconds * 1000)};"
            f"SET LOCAL statement_timeout = {_STATEMENT_SECONDS * 1000};"
            f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_SECONDS * 1000}"
        )

    return Database(engine, where, None, wait_seconds)
