"""Snapshots in a table of the database itself."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select, update

from auditor.history.engine import Database, writing
from auditor.history.failures import reported
from auditor.history.schema import SNAPSHOTS


class Tables:
    """Snapshots as content of the rows that the store has made for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.where = database.where

    def has(self, digest: str) -> bool:
        """Whether the snapshot is there."""
        there = select(SNAPSHOTS.c.digest).where(
            SNAPSHOTS.c.digest == digest, SNAPSHOTS.c.content.is_not(None)
        )
        with reported(self.where), self._database.engine.connect() as connection:
            return connection.execute(there).first() is not None

    def read(self, digest: str) -> bytes | None:
        """Its bytes; None where it is not there."""
        content = select(SNAPSHOTS.c.content).where(SNAPSHOTS.c.digest == digest)
        with reported(self.where), self._database.engine.connect() as connection:
            return connection.execute(content).scalar()

    def write(self, digest: str, content: bytes) -> None:
        """Put it into its row."""
        put = update(SNAPSHOTS).where(SNAPSHOTS.c.digest == digest).values(content=content)
        with (
            reported(self.where),
            self._database.engine.connect() as connection,
            writing(connection).begin(),
        ):
            connection.execute(put)

    def remove(self, digests: Iterable[str]) -> None:
        """Nothing: a snapshot goes with its row."""
