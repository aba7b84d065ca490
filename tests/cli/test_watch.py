"""`watch`: audits by a timetable, one after the other, whatever becomes of each."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.benchmarks.soak import soak
from tests.cli.clock import Clock, set_clock
from tests.cli.conftest import Ran, Run
from tests.conftest import FindCluster

COMMAND = [sys.executable, "-c", "from auditor.cli import entrypoint; entrypoint()"]
START = datetime(2026, 6, 1, 6, 0)  # noqa: DTZ001  a Monday; clocks here are naive, in UTC
ENDED = 128 + signal.SIGTERM


class _EndError(Exception):
    """The test has seen enough."""


class Watched:
    """A watch by a clock of its own whose audits take no time, or as long as they are told."""

    def __init__(self, patch: pytest.MonkeyPatch, run: Run) -> None:
        self.clock = Clock(START)
        self.begun: list[datetime] = []
        self.lasting: dict[int, timedelta] = {}
        self.failing: dict[int, Exception] = {}
        self.waits: Callable[[], None] = lambda: None
        self._limit = 0
        self._run = run
        set_clock(patch, self.clock.read, self._wait)
        patch.setattr("auditor.cli.watch.run_audit", self._audit)

    def _wait(self, seconds: float) -> bool:
        self.waits()
        return len(self.begun) >= self._limit or self.clock.wait(min(seconds, 3600))

    def _audit(self, _session: object, *, print_: str | None, deliver: bool) -> int:
        assert (None, False) == (print_, deliver)
        self.begun.append(self.clock.time)
        self.clock.time += self.lasting.get(len(self.begun), timedelta(seconds=3))
        if error := self.failing.get(len(self.begun)):
            raise error
        return 0

    def until(self, audits: int, *arguments: str) -> Ran:
        """Watch until so many audits have begun."""
        self._limit = audits
        ran = self._run("watch", "-f", ".", *arguments)
        assert 0 == ran.code
        return ran


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, run: Run) -> Watched:
    """Watch with a clock that is moved on by hand."""
    return Watched(monkeypatch, run)


def near(expected: list[str], begun: list[datetime]) -> bool:
    """Whether audits began within two seconds of these times."""
    pairs = zip(map(datetime.fromisoformat, expected), begun, strict=True)
    return all(timedelta() <= moment - wanted <= timedelta(seconds=2) for wanted, moment in pairs)


def test_audits_are_a_week_apart_by_the_clock_on_the_wall(watched: Watched) -> None:
    """Monday at 07:00 in Berlin is 05:00 in UTC in summer, and 06:00 from October on."""
    watched.clock.time = datetime(2026, 10, 14)  # noqa: DTZ001
    ran = watched.until(3, "--every", "monday", "--at", "07:00", "--timezone", "Europe/Berlin")
    assert near(["2026-10-19T05:00", "2026-10-26T06:00", "2026-11-02T06:00"], watched.begun)
    assert "next audit: 2026-10-19 07:00+02:00" == ran.err.splitlines()[0]
    assert "next audit: 2026-10-26 07:00+01:00" == ran.err.splitlines()[1]


@pytest.mark.parametrize("every", [("6", "hours"), ("6 hours",), ("6h",)])
def test_an_interval_is_counted_from_the_start(watched: Watched, every: tuple[str, ...]) -> None:
    """Every 6 hours, however it is written; how long an audit takes moves nothing."""
    watched.lasting[1] = timedelta(hours=1)
    watched.until(3, "--every", *every)
    assert near(["2026-06-01T12:00", "2026-06-01T18:00", "2026-06-02T00:00"], watched.begun)


def test_the_first_audit_may_come_at_once(watched: Watched) -> None:
    """`--now` audits at the start, and then by the timetable."""
    watched.until(2, "--every", "day", "--at", "07:00", "--now")
    assert near(["2026-06-01T06:00", "2026-06-01T07:00"], watched.begun)


def test_what_an_audit_misses_is_made_up_for_once(watched: Watched) -> None:
    """An audit of two and a half hours misses two of each hour: one comes, at once, and is told."""
    watched.lasting[1] = timedelta(hours=2, minutes=30)
    ran = watched.until(3, "--every", "hour")
    assert near(["2026-06-01T07:00", "2026-06-01T09:30", "2026-06-01T10:30"], watched.begun)
    warnings = [line for line in ran.err.splitlines() if line.startswith("warning: ")]
    missed = "warning: 2 runs were missed since 2026-06-01 08:00+00:00: one makes up now"
    assert [missed] == warnings


def test_a_machine_that_slept_is_found_out(watched: Watched) -> None:
    """Three days asleep are three audits missed, and one that comes."""
    naps = iter([timedelta(days=3)])

    def nap() -> None:
        if len(watched.begun) == 1:
            watched.clock.time += next(naps, timedelta())

    watched.waits = nap
    ran = watched.until(3, "--every", "day", "--at", "07:00")
    assert near(
        ["2026-06-01T07:00", "2026-06-04T08:00", "2026-06-05T07:00"],
        [watched.begun[0], watched.begun[1].replace(minute=0, second=0), watched.begun[2]],
    )
    assert "warning: 3 runs were missed since 2026-06-02 07:00+00:00" in ran.err


def test_a_clock_that_is_set_back_ends_no_schedule(watched: Watched) -> None:
    """Who was ten years ahead does not wait for ten years."""
    watched.clock.time = START + timedelta(days=3650)

    corrections = iter([START + timedelta(hours=22)])

    def correct() -> None:
        if len(watched.begun) == 1:
            watched.clock.time = next(corrections, watched.clock.time)

    watched.waits = correct
    ran = watched.until(2, "--every", "day", "--at", "06:30")
    assert datetime.fromisoformat("2026-06-02T06:30") <= watched.begun[1]
    assert watched.begun[1] <= datetime.fromisoformat("2026-06-02T06:31")
    assert "warning: clock was set back" in ran.err


def test_a_defect_ends_no_schedule(watched: Watched) -> None:
    """An audit that nobody foresaw to fail is told, and the next comes."""
    watched.failing[1] = ZeroDivisionError("a\nlong story")
    ran = watched.until(2, "--every", "hour")
    assert "internal error: ZeroDivisionError: a long story" in ran.err.splitlines()
    assert 2 == len(watched.begun)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "flag --every is missing"),
        (("--every", "sometimes"), "--every sometimes is malformed"),
        (("--every", "hour", "-f", "-"), "-f - can be read once"),
        (("--every", "hour", "-o", "json"), "json is a format"),
        (("--every", "hour", "--config", "none.yaml"), "none.yaml"),
    ],
)
def test_wrong_usage_is_told_at_the_start(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    """What is malformed at the start is exit code 2: nobody watches a watch."""
    ran = run("watch", *arguments)
    assert 2 == ran.code
    assert message in ran.err


PROGRAM = """
import sys, time
import pytest
from auditor.cli import entrypoint
from auditor.cli import watch
from tests.benchmarks.soak import soak
from tests.cli.clock import FastClock, set_clock
clock, wait = FastClock({speed}), watch.wait
with pytest.MonkeyPatch.context() as patch:
    set_clock(patch, clock.read, lambda seconds: clock.wait(seconds, wait))
    entrypoint()
"""


@contextmanager
def watching(folder: Path, *arguments: str | Path, speed: float) -> Iterator[subprocess.Popen[str]]:
    """A process that watches in a folder, and whose clock runs so many times as fast."""
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(speed=speed), "watch", *map(str, arguments)],
            cwd=folder,
            stderr=stderr,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(folder: Path, pattern: str, number: int = 1) -> str:
    """What the process has said, once it has said that so often."""
    said = ""
    for _ in range(3000):
        said = (folder / "stderr").read_text()
        if len(re.findall(pattern, said)) >= number:
            return said
        time.sleep(0.1)
    message = f"{pattern} is not said: {said}"
    raise AssertionError(message)


def test_a_termination_ends_the_waiting_at_once(tmp_path: Path) -> None:
    """SIGTERM between two audits breaks nothing off: exit code 0, within a second or two."""
    with watching(tmp_path, "--every", "day", speed=1) as process:
        wait_for(tmp_path, "next audit")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=20)
        assert time.monotonic() - began < 5
    assert ["stderr"] == [one.name for one in tmp_path.iterdir()]
    assert "ended by SIGTERM, between two audits" in (tmp_path / "stderr").read_text()


def test_an_interruption_ends_the_waiting(tmp_path: Path) -> None:
    """Ctrl-C is exit code 130, as everywhere."""
    with watching(tmp_path, "--every", "day", speed=1) as process:
        wait_for(tmp_path, "next audit")
        process.send_signal(signal.SIGINT)
        assert 128 + signal.SIGINT == process.wait(timeout=20)
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_a_termination_ends_an_audit(tmp_path: Path, cluster: FindCluster) -> None:
    """SIGTERM in an audit is exit code 143, and leaves no report, nor half of one."""
    with watching(
        tmp_path, "-f", cluster("shop"), "--every", "day", "--now", "-v", speed=1
    ) as process:
        wait_for(tmp_path, "keeping: ")
        process.send_signal(signal.SIGTERM)
        assert ENDED == process.wait(timeout=20)
    assert {"history.sqlite"} >= {one.name for one in (tmp_path / "out").glob("*.*")}


@pytest.mark.slow
def test_an_audit_that_fails_is_told_and_the_next_succeeds(
    tmp_path: Path, cluster: FindCluster
) -> None:
    """Settings are read anew; a malformed file is told by log and metrics, and ends nothing."""
    good = f"files: [{cluster('two-namespaces', 'no-policy')}]\ncluster_name: one\n"
    settings = tmp_path / "netpol-auditor.yaml"
    settings.write_text(good)
    arguments = ("--every", "6", "hours", "--metrics-file", "m.prom", "--log-format", "json")
    with watching(tmp_path, *arguments, speed=20_000) as process:
        wait_for(tmp_path, "audit finished")
        settings.write_text("files: 7\n")
        wait_for(tmp_path, '"exit_code": 2')
        failed = read_metrics(tmp_path / "m.prom")
        done = wait_for(tmp_path, '"exit_code": 2').count("audit finished")
        settings.write_text(good)
        said = wait_for(tmp_path, "audit finished", done + 1)
        report: Any = msgspec.json.decode((tmp_path / "out/report.json").read_bytes())
        process.kill()
    lines = [json.loads(one) for one in said.splitlines()]
    finished = [one for one in lines if one["message"].startswith("audit finished")]
    assert len({one["run"] for one in finished}) == len(finished) == done + 1
    succeeded = datetime.fromisoformat(finished[done - 1]["time"]).timestamp()
    assert abs(succeeded - float(failed["netpol_auditor_last_success_timestamp_seconds"])) < 2
    assert "2.0" == failed["netpol_auditor_last_run_exit_code"]
    assert report["run"]["id"] == finished[-1]["run"]
    assert report["run"]["evidence"]["sequence"] == len(finished)


@pytest.mark.slow
def test_audits_leave_nothing_behind_in_the_process(tmp_path: Path, cluster: FindCluster) -> None:
    """Six audits in one process: no more open files and threads than after the second."""
    soaked = soak(6, cluster("two-namespaces", "no-policy"), tmp_path)
    assert 6 == soaked.sequence
    assert 1 == len({(one.files, one.threads) for one in soaked.samples[1:]})
    assert soaked.samples[-1].kibibytes < 1.2 * soaked.samples[1].kibibytes


def read_metrics(path: Path) -> dict[str, str]:
    """Names and values of the metrics that have no labels but the cluster's."""
    lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    return {line.partition("{")[0]: line.rpartition(" ")[2] for line in lines}
