"""What a store costs: memory that does not grow with it, and time that a large run takes."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from auditor.history.store import Store, open_store
from auditor.history.stored import RawRun
from tests.history.runs import CLUSTER, make_run, make_snapshot
from tests.history.sql import run_sql
from tests.reports.audits import make_finding

ROOT = Path(__file__).parent.parent.parent
MANY = 3000
USE_THE_SERVER = """
from pathlib import Path
from tests.history import postgresql as programs
from tests.history.conftest import postgresql

programs._VERSIONS = Path("/nonexistent")

def test_it(postgresql):
    pass
"""


def test_a_chain_is_read_in_bounded_memory(store: Store) -> None:
    """Of 3,000 findings of 10 KB only a few hundred are there at a time."""
    many = [make_finding(one, message=f"{one}" * 2000) for one in range(MANY)]
    store.keep(make_run(1, findings=many), make_snapshot(1))
    size = sum(len(one.message) for one in many)
    del many
    tracemalloc.start()
    try:
        read = sum(
            len(record or "")
            for run in store.raw(CLUSTER)
            if isinstance(run, RawRun)
            for _, _, record in run.findings
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read > size
    assert peak * 2 < size


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    """A second run of the same findings takes the room of their ids, not of their texts."""
    path = tmp_path / "history.db"
    sizes = []
    for number in (1, 2):
        many = [make_finding(one, message=f"{one}" * 2000) for one in range(MANY)]
        with open_store(str(path), create=True) as store:
            store.keep(make_run(number, findings=many), make_snapshot(number))
        sizes.append(path.stat().st_size)
    assert [(MANY,)] == run_sql(str(path), "SELECT count(*) FROM records")
    assert [(2 * MANY,)] == run_sql(str(path), "SELECT count(*) FROM findings")
    assert (sizes[1] - sizes[0]) * 10 < sizes[0]


@pytest.mark.parametrize(("ci", "told"), [("", "1 skipped"), ("true", "1 error")])
def test_without_postgresql_its_tests_do_not_pass(tmp_path: Path, ci: str, told: str) -> None:
    """They are skipped on a developer's machine, and fail where everything must be there."""
    (tmp_path / "test_it.py").write_text(USE_THE_SERVER, encoding="utf-8")
    environment = {**os.environ, "CI": ci, "PATH": "/nonexistent", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "test_it.py"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=tmp_path,
    )
    assert told in ran.stdout
    assert "PostgreSQL is not installed" in ran.stdout
