"""A program that is killed in the middle of its work: a run is there whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.history.conftest import OpenStore
from tests.history.killing import kill_at_times, kill_everywhere
from tests.history.programs import start_programs
from tests.history.sql import run_sql

pytestmark = pytest.mark.slow

ENOUGH = 50
TIMES = 20


@pytest.fixture(scope="module")
def program() -> Iterator[ProcessPoolExecutor]:
    """Start the process that forks those which are killed."""
    with start_programs(1) as program:
        yield program


def test_keeping_a_run_may_be_killed_anywhere(
    place: OpenStore, program: ProcessPoolExecutor, tmp_path: Path
) -> None:
    """At every statement, commit and file: what is there is whole, and the chain goes on.

    What the killed have left behind goes after a day, when the store is pruned.
    """
    assert program.submit(kill_everywhere, "keep", place.url, tmp_path).result() >= ENOUGH
    with place(create=False) as store:
        store.prune(keep_days=None, keep_runs=1, now="2028-01-01T00:00:00Z")
        newest = store.find("latest").snapshot
    assert [(newest,)] == run_sql(place.url, "SELECT digest FROM snapshots")
    folder = tmp_path / "history-snapshots"
    if folder.exists():
        assert [f"{newest}.snapshot"] == [path.name for path in folder.iterdir()]


def test_keeping_a_run_may_be_killed_at_any_time(
    place: OpenStore, program: ProcessPoolExecutor, tmp_path: Path
) -> None:
    """In the middle of a statement, too, by someone else's clock."""
    assert program.submit(kill_at_times, place.url, tmp_path, TIMES).result() >= TIMES // 2


@pytest.mark.parametrize("work", ["prune", "make", "migrate"])
def test_other_work_may_be_killed_anywhere(
    place: OpenStore, program: ProcessPoolExecutor, tmp_path: Path, work: str
) -> None:
    """Pruning drops runs whole or not at all; a schema is made, or migrated, in one go."""
    assert program.submit(kill_everywhere, work, place.url, tmp_path, 3).result() >= 8
