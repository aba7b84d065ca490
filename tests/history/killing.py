"""Killing a program in the middle of its work, at every point of it that can be told apart.

The points are counted by the program itself: before and after each statement of SQL, before each
commit, at each thousand or so instructions of SQLite's machine, and at whatever Python does to a
file. At the one it is told it kills itself with a signal that nothing can catch.

All this runs in a process of its own, which has imported everything and forks for each point.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine, Pool, event

from auditor.history.store import Store, open_store
from auditor.history.verify import verify_chain
from auditor.model.report import EvidenceRecord
from tests.history.older import make_older
from tests.history.runs import CLUSTER, make_run, make_snapshot, time_of
from tests.history.sql import run_sql
from tests.reports.audits import make_finding

FINDINGS = 40
_INSTRUCTIONS = 250
_RESET = 80
_FILE_EVENTS = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect"})
_MOST = 300


class Counter:
    """Counts points, and kills its process at one of them."""

    def __init__(self, last: int) -> None:
        self._left = last

    def pass_by(self, *_: object) -> None:
        """Count a point."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, folder: Path) -> None:
        """Count from now on."""
        event.listen(Engine, "before_cursor_execute", self.pass_by)
        event.listen(Engine, "after_cursor_execute", self.pass_by)
        event.listen(Engine, "commit", self.pass_by)
        event.listen(Pool, "connect", self._watch_sqlite)

        def see(name: str, details: tuple[object, ...]) -> None:
            if name in _FILE_EVENTS and str(folder) in str(details[0]):
                self.pass_by()

        sys.addaudithook(see)

    def _watch_sqlite(self, connection: object, _: object) -> None:
        set_handler = getattr(connection, "set_progress_handler", None)
        if set_handler is not None:
            set_handler(self.pass_by, _INSTRUCTIONS)


def kill_everywhere(work: str, url: str, folder: Path, stride: int = 1) -> int:
    """Do a piece of work, killed at its first point, at its second, until it lives to its end.

    With a ``stride`` at every so manyth. After each time the store is whole, and another run is
    kept in it. The number of times is returned.
    """
    for time_of_it, point in enumerate(range(1, _MOST, stride)):
        number = 10 * time_of_it
        _prepare(work, url, folder, number)

        def do(point: int = point, number: int = number) -> None:
            Counter(point).watch(folder)
            _do(work, url, number)

        was_killed = fork(do)
        _see_sound(url, number + 5)
        if not was_killed:
            return time_of_it
    raise AssertionError(f"{work} does not come to its end")


def kill_at_times(url: str, folder: Path, times: int) -> int:
    """Keep runs, each killed from outside a little later than the one before: how many were."""
    _do("keep", url, 1)
    began = time.monotonic()
    _do("keep", url, 2)
    usual = time.monotonic() - began
    killed = 0
    for one in range(times):
        number = 10 * (one + 1)
        _prepare("keep", url, folder, number)

        def do(number: int = number) -> None:
            _do("keep", url, number)

        killed += fork(do, usual * one / times)
        _see_sound(url, number + 5)
    return killed


def _do(work: str, url: str, number: int) -> None:
    match work:
        case "keep":
            with open_store(url, create=True) as store:
                _keep(store, number)
        case "prune":
            with open_store(url, create=False) as store:
                store.prune(keep_days=None, keep_runs=2, now=time_of(number))
        case "make" | "migrate":
            with open_store(url, create=True):
                pass


def _keep(store: Store, number: int) -> EvidenceRecord:
    findings = [make_finding(one, message=f"{number}") for one in range(FINDINGS)]
    return store.keep(make_run(number, findings=findings), make_snapshot(number))


def _prepare(work: str, url: str, folder: Path, number: int) -> None:
    """Have what is to be pruned, made, or migrated."""
    if work in {"make", "migrate"}:
        _empty(url, folder)
        if work == "migrate":
            make_older(url, folder / "older")
    else:
        if number % _RESET == 0:
            _empty(url, folder)
        if work == "prune":
            for one in range(number + 1, number + 4):
                _do("keep", url, one)


def _empty(url: str, folder: Path) -> None:
    if "://" in url:
        run_sql(url, "DROP SCHEMA public CASCADE")
        run_sql(url, "CREATE SCHEMA public")
    else:
        for path in folder.glob("history.db*"):
            path.unlink()
        shutil.rmtree(folder / "history-snapshots", ignore_errors=True)


def fork(do: Callable[[], None], seconds: float | None = None) -> bool:
    """Do something in a process of its own, which is killed after so long; whether it was."""
    ready, start = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(start, b"x")
            do()
            status = 0
        finally:
            os._exit(status)
    os.close(start)
    os.read(ready, 1)
    os.close(ready)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "what was not killed has failed"
    return False


def _see_sound(url: str, number: int) -> None:
    """The store opens, all in it is whole, and it takes another run."""
    with open_store(url, create=True) as store:
        sequence = 0
        if store.clusters():
            assert verify_chain(store, CLUSTER).broken is None
            newest = store.find("latest")
            sequence = newest.sequence
            assert FINDINGS == len(newest.findings)
            assert make_snapshot(int(newest.id[4:])) == store.load_snapshot(newest)
        evidence = _keep(store, number)
        assert sequence + 1 == evidence.sequence
