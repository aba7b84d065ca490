"""The lock of whoever sends: two programs at once must not both send the same.

It is held by the process itself, and goes with it, however it ends. On PostgreSQL it lives in a
transaction, which is one server's session even behind a pool of connections; on SQLite it is a
lock on a file beside the database.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from auditor.errors import HistoryError
from auditor.history.engine import Database
from auditor.history.failures import explain_files, reported
from auditor.history.naming import plain

_RETRY_SECONDS = 0.1
_SHOWN = 200
_LONGEST_NAME = 63
"""Of an application, to PostgreSQL."""


@contextmanager
def hold(database: Database, cluster: str) -> Iterator[Callable[[], None]]:
    """Hold the lock of a cluster's deliveries; what it gives sees that it is still held.

    Raises:
        HistoryError: another program holds it for longer than writers wait, or it was lost.
    """
    if database.path is not None:
        with _hold_file(database, database.path, cluster) as check:
            yield check
    else:
        with _hold_number(database, cluster) as check:
            yield check


@contextmanager
def _hold_file(database: Database, path: Path, cluster: str) -> Iterator[Callable[[], None]]:
    digest = hashlib.sha256(cluster.encode()).hexdigest()[:12]
    file = path.with_name(f"{path.name}-delivering-{digest}")
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise explain_files(error, f"lock {plain(str(file))} cannot be opened") from error
    try:
        _wait(
            lambda: _try_file(handle, file),
            lambda: os.pread(handle, _SHOWN, 0).decode("utf-8", "replace"),
            database.wait_seconds,
        )
        os.ftruncate(handle, 0)
        os.pwrite(handle, _own_name().encode(), 0)
        yield lambda: None  # the system takes it from nobody
    finally:
        os.close(handle)


def _try_file(handle: int, file: Path) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise explain_files(error, f"file {plain(str(file))} cannot be locked") from error
    return True


@contextmanager
def _hold_number(database: Database, cluster: str) -> Iterator[Callable[[], None]]:
    digest = hashlib.sha256(f"netpol-auditor deliveries {cluster}".encode()).digest()
    number = int.from_bytes(digest[:8]) >> 1

    def check() -> None:
        # It also keeps the server from ending a transaction that seems abandoned.
        with reported(database.where):
            connection.execute(text("SELECT 1"))

    with reported(database.where):
        connection = database.engine.connect()
    try:
        with reported(database.where):
            connection.begin()
            _ask(connection, "SELECT set_config('application_name', :name, true)", name=_own_name())
            _wait(
                lambda: bool(_ask(connection, "SELECT pg_try_advisory_xact_lock(:n)", n=number)),
                lambda: str(_ask(connection, _HOLDER, high=number >> 32, low=number & _LOW) or ""),
                database.wait_seconds,
            )
        yield check
    finally:
        with suppress(DBAPIError):  # where the session is gone, the lock is, too
            connection.rollback()
        connection.close()


_LOW = 0xFFFF_FFFF

_HOLDER = """
SELECT concat_ws(' ', a.application_name, host(a.client_addr), 'since ' || a.xact_start)
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
AND l.classid::bigint = :high AND l.objid::bigint = :low
"""


def _ask(connection: Connection, statement: str, **values: object) -> Any:
    return connection.execute(text(statement), values).scalar()


def _wait(attempt: Callable[[], bool], holder: Callable[[], str], wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while not attempt():
        if time.monotonic() > deadline:
            raise HistoryError(
                "reports are being delivered by another program: "
                f"{plain(holder().strip() or 'it does not say which')}",
                hint="run `netpol-auditor deliver` again when it has finished: "
                "what it has sent is not sent again",
            )
        time.sleep(_RETRY_SECONDS)


def _own_name() -> str:
    """This program, for whoever waits for it."""
    name = f"netpol-auditor, process {os.getpid()} on {socket.gethostname()}"
    return name.encode("ascii", "replace").decode()[:_LONGEST_NAME]
