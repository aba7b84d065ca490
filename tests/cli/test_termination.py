"""SIGTERM ends the command within five seconds, whatever it does, and says what is left of it."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import FindCluster
from tests.sources.scripted_server import Answer, ScriptedServer, serve

COMMAND = [sys.executable, "-c", "from auditor.cli import entrypoint; entrypoint()"]
WITHIN_SECONDS = 5.0
TERMINATED = 143

LOSING = """
import time
from auditor.cli.termination import TERMINATION

class Loser:
    def __del__(self):
        print("losing", flush=True)
        time.sleep(1)

def command():
    while True:
        Loser()

raise SystemExit(TERMINATION.run(command))
"""
COMPLETING = """
import os, signal, time
from auditor.cli.termination import TERMINATION

def command():
    with TERMINATION.completing("the thing is written"):
        print("begun", flush=True)
        time.sleep(1)
        print("ended", flush=True)
    print("not reached")

raise SystemExit(TERMINATION.run(command))
"""
BUSY = Answer(429, b"{}", (("Retry-After", "30"),))


def terminate(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Send SIGTERM; return the standard output and the last line on standard error."""
    process.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    try:
        output, errors = process.communicate(timeout=4 * WITHIN_SECONDS)
    finally:
        process.kill()
    assert time.monotonic() - sent < WITHIN_SECONDS
    assert TERMINATED == process.returncode
    assert "Traceback" not in errors
    assert "ignored" not in errors
    return output, errors.splitlines()[-1]


def start(*arguments: str | Path, script: str | None = None) -> subprocess.Popen[str]:
    """Start the command, or a script."""
    command = COMMAND if script is None else [sys.executable, "-c", script]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def audit(*arguments: str | Path, output: Path) -> subprocess.Popen[str]:
    """Start an audit."""
    return start("audit", "-v", "-o", output, *arguments)


@contextmanager
def silent() -> Iterator[tuple[ScriptedServer, Callable[[], object]]]:
    """A server that answers nothing; and how to wait until it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
        accepted: list[socket.socket] = []
        asked = threading.Event()

        def accept() -> None:
            accepted.append(listener.accept()[0])
            asked.set()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server, lambda: asked.wait(30)
        thread.join()
        accepted[0].close()


@contextmanager
def busy() -> Iterator[tuple[ScriptedServer, Callable[[], object]]]:
    """A server that says to come back in half a minute; and how to wait until it is asked."""
    asked = threading.Event()

    def refuse(_asked: object) -> Answer:
        asked.set()
        return BUSY

    with serve(refuse) as server:
        yield server, lambda: asked.wait(30)


@pytest.mark.parametrize("server", [silent, busy])
def test_waiting_for_a_server_is_given_up(server: Callable[[], object], tmp_path: Path) -> None:
    """In the middle of a read that hangs, and in the pause before a request is sent again."""
    with server() as (scripted, wait_until_asked):  # type: ignore[attr-defined]
        kubeconfig = scripted.kubeconfig(tmp_path / "kubeconfig")
        with audit("--kubeconfig", kubeconfig, output=tmp_path / "out") as process:
            wait_until_asked()
            time.sleep(0.2)
            last = terminate(process)[1]
    assert "terminated by SIGTERM while collecting: nothing is written" == last
    assert [kubeconfig] == list(tmp_path.iterdir())


def test_rendering_is_broken_off(cluster: FindCluster, tmp_path: Path) -> None:
    """In the middle of the PDF: no file of the report is there, and the run is kept."""
    source, out = cluster("two-namespaces", "no-policy"), tmp_path / "out"
    with audit("-f", source, output=out) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("keeping"):
                break
        time.sleep(0.5)
        last = terminate(process)[1]
    assert "terminated by SIGTERM while rendering: no report is written, the run is kept" == last
    assert {"history.sqlite", "history-snapshots"} >= {one.name for one in out.iterdir()}


def test_waiting_for_the_database_is_given_up(cluster: FindCluster, tmp_path: Path) -> None:
    """SQLite waits for a lock in C code, where Python's handler does not run."""
    source, out = cluster("two-namespaces", "no-policy"), tmp_path / "out"
    out.mkdir()
    with closing(sqlite3.connect(out / "history.sqlite")) as other:
        other.execute("CREATE TABLE of_others (id)")
        other.execute("BEGIN EXCLUSIVE")
        with audit("-f", source, output=out) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith("judging"):
                    break
            time.sleep(0.5)
            last = terminate(process)[1]
    assert last.startswith("terminated by SIGTERM")
    assert ["history.sqlite"] == [one.name for one in out.iterdir()]
    with closing(sqlite3.connect(out / "history.sqlite")) as database:
        tables = database.execute("SELECT name FROM sqlite_master").fetchall()
    assert [("of_others",)] == tables


def test_an_exception_that_is_lost_is_raised_again(tmp_path: Path) -> None:
    """What a finaliser raises goes nowhere: the second one ends the command."""
    with start(script=LOSING) as process:
        assert process.stdout is not None
        process.stdout.readline()
        last = terminate(process)[1]
    assert "terminated by SIGTERM: nothing is written" == last
    assert [] == list(tmp_path.iterdir())


def test_what_is_being_written_is_completed() -> None:
    """Files take their places together: the process ends when they have."""
    with start(script=COMPLETING) as process:
        assert process.stdout is not None
        process.stdout.readline()
        output, last = terminate(process)
    assert ("ended\n", "terminated by SIGTERM: the thing is written") == (output, last)


def test_the_last_line_is_of_the_logs_format(cluster: FindCluster, tmp_path: Path) -> None:
    """Programs that read the log as JSON are told, too."""
    with start(
        "audit", "-v", "-f", cluster("shop"), "-o", tmp_path / "out", "--log-format", "json"
    ) as process:
        assert process.stderr is not None
        assert "collecting" in process.stderr.readline()
        _, last = terminate(process)
    line = json.loads(last)
    assert line["message"].startswith("terminated by SIGTERM")
    assert ("error", TERMINATED) == (line["level"], line["exit_code"])
