"""The schema of a store: which version it has, and how it comes to the newest."""

from __future__ import annotations

import sqlite3
import time
from enum import Enum
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, inspect, text

from auditor.errors import HistoryError
from auditor.history.engine import Database, writing

VERSION_TABLE = "netpol_auditor_version"

VERSIONS = ("0001", "0002", "0003")
"""The steps, oldest first."""

NEWEST = VERSIONS[-1]
_MIGRATIONS = Path(__file__).parent / "migrations"
_RETRY_SECONDS = 0.02


class SchemaState(Enum):
    """What a database holds."""

    NOTHING = "nothing"
    OLDER = "older"
    NEWEST = "newest"


def look(connection: Connection, where: str) -> SchemaState:
    """Say what the database holds.

    Raises:
        HistoryError: the tables of another program, or of a newer version of this one.
    """
    tables = inspect(connection).get_table_names()
    if VERSION_TABLE not in tables:
        if tables:
            raise HistoryError(
                f"database {where} is not a history: it holds the tables of another program",
                hint="name a file, database or schema of its own with --store",
            )
        return SchemaState.NOTHING
    versions = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()  # noqa: S608  a constant
    match versions:
        case [version] if version in VERSIONS:
            return SchemaState.NEWEST if version == NEWEST else SchemaState.OLDER
        case [version]:
            raise HistoryError(
                f"history {where} is of a newer version of netpol-auditor",
                hint="update netpol-auditor, or name another --store",
            )
        case _:
            raise HistoryError(
                f"history {where} is damaged: it does not say its version",
                hint="restore it from a backup, or name another --store",
            )


def migrate(database: Database) -> None:
    """Bring the schema to the newest version: as a whole, and one program at a time.

    Raises:
        HistoryError: as `look`.
    """
    with database.engine.connect() as connection:
        with connection.begin():
            state = look(connection, database.where)
        if state is SchemaState.NEWEST:
            return
        if state is SchemaState.NOTHING and database.path is not None:
            _log_ahead(connection, database.wait_seconds)
        with writing(connection).begin():
            lock_store(connection, exclusive=True)
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            if look(connection, database.where) is not SchemaState.NEWEST:
                upgrade(connection, NEWEST)


def lock_store(connection: Connection, *, exclusive: bool) -> None:
    """Keep others from migrating and pruning; ``exclusive`` keeps them from writing, too.

    The lock goes with the transaction. On SQLite a transaction that may write is one.
    """
    if connection.dialect.name == "postgresql":
        kind = "" if exclusive else "_shared"
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{kind}({_LOCK})")


_LOCK = int.from_bytes(b"netpol-a")
"""Any number that no other program takes."""


def upgrade(connection: Connection, revision: str) -> None:
    """Run the steps up to a revision, in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _log_ahead(connection: Connection, wait_seconds: float) -> None:
    """Have SQLite write ahead to a log, so that readers and the writer do not wait for each other.

    A file system that cannot share memory refuses, and the mode stays as it is. Programs that do
    this at the same time are told at once that the file is busy, however long they would wait.
    """
    raw = cast("sqlite3.Connection", connection.connection.driver_connection)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            raw.execute("PRAGMA auto_vacuum = INCREMENTAL")
            raw.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
                return  # refused; were it the disk that fails, the first write says so
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
