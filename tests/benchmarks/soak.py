"""Audits for a long time: `make bench ARGS=soak`, or `python -m tests.benchmarks soak`.

One `netpol-auditor watch --every 6 hours` audits the scenario shop `--runs` times, by a clock that
runs so much faster that the next audit is due when the last has ended. Each is whole: read,
evaluated, judged, compared with the last, kept, rendered into four files, written, measured.

After each audit the process's resident memory, open files and threads are read from /proc. How
memory grows is the slope of least squares over the last three quarters of the audits: libraries
load and fill their caches in the first. What grows without end makes exit code 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import linear_regression
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "tests/clusters/shop/main"

SLOPE_AT_MOST = 40.0
"""KiB an audit: 2 MiB a year, with one audit a week."""

_SPEED = 20_000.0
"""Six hours in a second."""

_SAMPLES = "samples"
_SILENCE_SECONDS = 600.0

_PROGRAM = f"""
import pytest
from auditor.cli import entrypoint, watch
from tests.benchmarks.soak import write_sample
from tests.cli.clock import FastClock, set_clock

clock, wait = FastClock({_SPEED}), watch.wait

def wait_sampled(seconds):
    write_sample()
    return clock.wait(seconds, wait)

with pytest.MonkeyPatch.context() as patch:
    set_clock(patch, clock.read, wait_sampled)
    entrypoint()
"""


class Sample(NamedTuple):
    """The process after an audit."""

    kibibytes: int
    """Resident."""
    files: int
    threads: int


class Soaked(NamedTuple):
    """What came of it."""

    samples: tuple[Sample, ...]
    seconds: float
    sequence: int
    """Of the last run in the history: how many were kept."""

    @property
    def slope(self) -> float:
        """KiB an audit, over the last three quarters."""
        late = [one.kibibytes for one in self._late]
        return linear_regression(range(len(late)), late).slope

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What grows."""
        files, threads = ({one[index] for one in self._late} for index in (1, 2))
        found = []
        if self.slope > SLOPE_AT_MOST:
            found.append(f"memory grows by {self.slope:.1f} KiB an audit")
        if len(files) > 1:
            found.append(f"open files vary: {sorted(files)}")
        if len(threads) > 1:
            found.append(f"threads vary: {sorted(threads)}")
        return tuple(found)

    @property
    def _late(self) -> tuple[Sample, ...]:
        return self.samples[len(self.samples) // 4 :]


def soak(
    runs: int, source: Path, folder: Path, tell: Callable[[int, Sample], None] = lambda *_: None
) -> Soaked:
    """Have one process audit so often.

    Raises:
        RuntimeError: it ended before, an audit failed, or nothing came for ten minutes.
    """
    log = folder / "stderr"
    arguments = ("watch", "--every", "6", "hours", "-f", source, "--metrics-file", "m.prom")
    started = time.monotonic()
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=stderr,
        )
    try:
        samples = []
        for number in range(1, runs + 1):
            _await(process, log, number)
            samples.append(_read_sample(folder, number))
            tell(number, samples[-1])
    finally:
        process.kill()
        process.wait()
    return Soaked(tuple(samples), time.monotonic() - started, _sequence(folder))


def _await(process: subprocess.Popen[bytes], log: Path, number: int) -> None:
    """Wait until so many audits have finished."""
    deadline = time.monotonic() + _SILENCE_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text()
        if "error: " in said or process.poll() is not None:
            raise RuntimeError(f"audit {number} failed: {said.splitlines()[-2:]}")
        if said.count("audit finished") >= number:
            return
        time.sleep(0.05)
    raise RuntimeError(f"audit {number} does not end")


def write_sample() -> None:
    """Note how this process is, as it waits: called by the watch itself, so in no audit."""
    status = Path("/proc/self/status").read_text()
    memory, threads = (
        int(re.findall(rf"^{key}:\s+(\d+)", status, re.MULTILINE)[0])
        for key in ("VmRSS", "Threads")
    )
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    report = Path("out/report.json")
    done = _sequence(Path()) if report.exists() else 0
    line = msgspec.json.encode((done, Sample(memory, files, threads)))
    with Path(_SAMPLES).open("ab") as stream:
        stream.write(line + b"\n")


def _read_sample(folder: Path, number: int) -> Sample:
    """The first sample after so many audits.

    Raises:
        RuntimeError: there is none.
    """
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in (folder / _SAMPLES).read_bytes().splitlines():
            done, sample = msgspec.json.decode(line, type=tuple[int, Sample])
            if done == number:
                return sample
        time.sleep(0.05)
    raise RuntimeError(f"nothing is known of the process after audit {number}")


def _sequence(folder: Path) -> int:
    report = msgspec.json.decode((folder / "out/report.json").read_bytes())
    return int(report["run"]["evidence"]["sequence"])


def _describe(soaked: Soaked) -> Iterator[str]:
    last = soaked.samples[-1]
    runs = len(soaked.samples)
    yield f"{runs} audits in {soaked.seconds:.0f} s, {soaked.sequence} kept"
    marks = sorted({0, runs // 4, runs // 2, 3 * runs // 4, runs - 1})
    kept = ", ".join(f"{mark + 1}: {soaked.samples[mark].kibibytes / 1024:.1f}" for mark in marks)
    yield f"resident MiB after audit {kept}"
    yield f"slope over the last three quarters: {soaked.slope:+.1f} KiB an audit"
    yield f"open files {last.files}, threads {last.threads}"
    yield from soaked.verdicts


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks soak", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--runs", type=int, default=200, help="audits; 200 take half an hour")
    parser.add_argument("--source", type=Path, default=SHOP, help="manifests to audit")
    options = parser.parse_args(arguments)

    def tell(number: int, sample: Sample) -> None:
        print(f"audit {number}: {sample}", file=sys.stderr, flush=True)

    with TemporaryDirectory(prefix="netpol-soak-") as name:
        soaked = soak(options.runs, options.source, Path(name), tell)
    for line in _describe(soaked):
        print(line)
    return 1 if soaked.verdicts else 0
