"""The schema: made, brought up to date, and never touched where it is not ours."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from auditor.errors import HistoryError
from auditor.history import migrate
from auditor.history.migrate import VERSION_TABLE
from auditor.history.schema import METADATA
from auditor.history.store import open_store
from auditor.history.verify import verify_chain
from tests.history.conftest import OpenStore
from tests.history.older import make_older
from tests.history.programs import start_programs
from tests.history.runs import CLUSTER, keep_runs, make_snapshot
from tests.history.sql import run_sql

VERSION = "SELECT version_num FROM netpol_auditor_version"


def open_once(url: str) -> int:
    """Open a store, as a program of its own does, and count its runs."""
    with open_store(url, create=True) as store:
        return len(store.entries())


def test_the_steps_lead_to_the_tables_that_the_program_uses(place: OpenStore) -> None:
    """Alembic finds no difference between the migrated schema and `schema.py`."""
    with place():
        pass
    engine = create_engine(place.url if "://" in place.url else f"sqlite:///{place.url}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert [] == compare_metadata(context, METADATA)
    engine.dispose()


def test_every_step_is_known() -> None:
    """They follow each other in one line, to the newest."""
    steps = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert list(migrate.VERSIONS) == [one.revision for one in steps.walk_revisions()][::-1]
    assert [migrate.NEWEST] == steps.get_heads()


def test_an_older_schema_is_brought_up_to_date(place: OpenStore, tmp_path: Path) -> None:
    """Its runs are there as they were, their chain holds, and goes on."""
    make_older(place.url, tmp_path, 1, 2)
    with place() as store:
        links = list(store.raw(CLUSTER))
        (third,) = keep_runs(store, 3)
        assert (3, links[1].hash) == (third.sequence, third.previous_hash)
        assert [1, 2, 3] == [one.sequence for one in store.raw(CLUSTER)]
        assert {None} == {one.signature for one in store.raw(CLUSTER)}
        assert 2 == len(store.find("run-0001").findings)
        assert ["run-0001"] == [
            one.id for one in store.prune(keep_days=None, keep_runs=2, now="2026-02-01").runs
        ]


def test_an_older_schema_is_not_touched_by_reading(place: OpenStore, tmp_path: Path) -> None:
    """Other programs may still write it; whoever writes brings it up to date first."""
    make_older(place.url, tmp_path, 1, 2)
    with place(create=False) as store:
        with pytest.raises(HistoryError, match="is of an older version") as caught:
            store.entries()
        assert "history prune" in caught.value.hint
    assert [("0001",)] == run_sql(place.url, VERSION)
    with place(create=False) as store:
        assert store.prune(keep_days=None, keep_runs=1, now="2026-02-01").runs
        assert 2 == len(store.entries())
    assert [("0003",)] == run_sql(place.url, VERSION)


def test_runs_that_were_migrated_are_evidence_still(tmp_path: Path) -> None:
    """Verifying them finds nothing broken."""
    path = str(tmp_path / "history.db")
    make_older(path, tmp_path, 1, 2)
    shutil.copytree(tmp_path / "moved", tmp_path / "history-snapshots")
    with open_store(path, create=True) as store:
        keep_runs(store, 3)
        result = verify_chain(store, CLUSTER)
        assert (None, 3) == (result.broken, result.runs)
        assert make_snapshot(1) == store.load_snapshot(store.find("run-0001"))


def test_a_newer_schema_is_left_alone(place: OpenStore) -> None:
    """What this version does not know it can neither read nor write."""
    with place() as store:
        keep_runs(store, 1)
    run_sql(place.url, "UPDATE netpol_auditor_version SET version_num = '9999'")
    for create in (True, False):
        with (
            pytest.raises(HistoryError, match="is of a newer version of netpol-auditor") as caught,
            place(create=create),
        ):
            pytest.fail("it opened")
        assert "update netpol-auditor" in caught.value.hint
    run_sql(place.url, "UPDATE netpol_auditor_version SET version_num = '0003'")
    with place() as store:
        assert 1 == len(store.entries())


def test_a_store_that_does_not_say_its_version_is_damaged(place: OpenStore) -> None:
    """It is not taken for an empty one."""
    with place():
        pass
    run_sql(place.url, "DELETE FROM netpol_auditor_version")
    with pytest.raises(HistoryError, match="does not say its version"), place():
        pytest.fail("it opened")


def test_a_database_of_another_program_is_left_alone(place: OpenStore) -> None:
    """Not one table is added to it, though it has room for them."""
    run_sql(place.url, "CREATE TABLE customers (name TEXT)")
    for create in (True, False):
        with (
            pytest.raises(HistoryError, match="holds the tables of another program"),
            place(create=create),
        ):
            pytest.fail("it opened")
    engine = create_engine(place.url if "://" in place.url else f"sqlite:///{place.url}")
    assert ["customers"] == inspect(engine).get_table_names()
    engine.dispose()


def test_an_empty_database_is_no_history(place: OpenStore) -> None:
    """Who only reads is told so, and makes nothing."""
    if "://" not in place.url:
        sqlite3.connect(place.url).close()
    with pytest.raises(HistoryError, match="there is no history at") as caught, place(create=False):
        pytest.fail("it opened")
    assert "`netpol-auditor audit` makes one" == caught.value.hint


@pytest.mark.parametrize("is_older", [False, True], ids=["empty", "older"])
def test_programs_that_start_at_once_migrate_once(
    place: OpenStore, tmp_path: Path, *, is_older: bool
) -> None:
    """One of them does it, the others wait, and all of them work."""
    if is_older:
        make_older(place.url, tmp_path, 1, 2)
    with start_programs(4) as programs:
        counts = list(programs.map(open_once, [place.url] * 8))
    assert {2 if is_older else 0} == set(counts)


def test_a_store_in_a_schema_of_its_own(postgresql_url: str) -> None:
    """Beside another program's tables, where the URL says so."""
    run_sql(postgresql_url, "CREATE TABLE customers (name TEXT)")
    run_sql(postgresql_url, "CREATE SCHEMA audit")
    with open_store(f"{postgresql_url}?options=-csearch_path%3Daudit", create=True) as store:
        keep_runs(store, 1)
    engine = create_engine(postgresql_url)
    assert "runs" in inspect(engine).get_table_names("audit")
    assert ["customers"] == inspect(engine).get_table_names("public")
    engine.dispose()


def test_sqlite_writes_ahead(tmp_path: Path) -> None:
    """Readers do not wait for the writer, and what is committed is on the disk."""
    path = tmp_path / "history.db"
    with open_store(str(path), create=True) as store:
        keep_runs(store, 1)
    with sqlite3.connect(path) as raw:
        assert ("wal",) == raw.execute("PRAGMA journal_mode").fetchone()
    raw.close()


def test_a_mode_that_the_user_chose_stays(tmp_path: Path) -> None:
    """A store that was made is not set up again."""
    path = tmp_path / "history.db"
    with open_store(str(path), create=True):
        pass
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA journal_mode = DELETE")
    raw.close()
    with open_store(str(path), create=True) as store:
        keep_runs(store, 1)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert "delete" == connection.execute(text("PRAGMA journal_mode")).scalar()
    engine.dispose()
