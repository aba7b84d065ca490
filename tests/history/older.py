"""A store as the first version of the program would have left it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import MetaData, select

from auditor.history.engine import Database, open_database, writing
from auditor.history.migrate import upgrade
from auditor.history.schema import METADATA
from auditor.history.store import open_store
from tests.history.runs import keep_runs

FIRST = "0001"


def make_older(url: str, folder: Path, *numbers: int) -> None:
    """Make a store with the first schema, which holds the runs of these numbers.

    They are kept by today's program elsewhere, and what the first schema has of them is copied.
    """
    elsewhere = folder / "elsewhere.db"
    with open_store(str(elsewhere), snapshots=str(folder / "moved"), create=True) as store:
        keep_runs(store, *numbers)
    today, older = open_database(str(elsewhere), create=False), open_database(url, create=True)
    try:
        _copy(today, older)
    finally:
        today.engine.dispose()
        older.engine.dispose()


def _copy(today: Database, older: Database) -> None:
    with (
        today.engine.begin() as source,
        older.engine.connect() as target,
        writing(target).begin(),
    ):
        upgrade(target, FIRST)
        first = MetaData()
        first.reflect(target)
        for table in METADATA.sorted_tables:
            if table.name not in first.tables:
                continue
            there = first.tables[table.name]
            columns = [column for column in table.c if column.name in there.c]
            rows = [dict(row) for row in source.execute(select(*columns)).mappings()]
            if rows:
                target.execute(there.insert(), rows)
