"""Processes started one after the other, timed from the outside: stages and whole commands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.benchmarks.figures import Figure, Measurement, summarize
from tests.benchmarks.generator import Shape, write_manifests

COMMAND = Path(sys.executable).with_name("netpol-auditor")
_ROOT = Path(__file__).parents[2]
_PEERS = Shape(
    pods=0,
    pods_per_namespace=25,
    policies_per_namespace=8,
    pods_per_node=0,
    careless=0,
)
"""As two other tools were measured on: default-deny and seven more in every namespace."""


class MeasurementError(Exception):
    """A process that was to be measured failed."""


class Command(NamedTuple):
    """A command with its target. ``shape`` None: it needs no manifests."""

    name: str
    arguments: tuple[str, ...]
    shape: Shape | None
    seconds_at_most: float


COMMANDS = (
    Command("--help", ("--help",), None, 0.3),
    Command(
        "connections, 2,000 bare pods",
        ("connections", "-o", "json"),
        _PEERS._replace(pods=2_000, replicas=0),
        0.9,
    ),
    Command(
        "connections, 5,000 pods in pairs",
        ("connections", "-o", "json"),
        _PEERS._replace(pods=5_000, replicas=2),
        1.5,
    ),
)


def measure_stage(stage: str, pods: int, folder: Path) -> Measurement:
    """Run a stage in a fresh process.

    Raises:
        MeasurementError: it failed; the message ends with the last line of its complaint.

    """
    arguments = [sys.executable, "-m", "tests.benchmarks.stages", stage, str(pods), str(folder)]
    done = subprocess.run(arguments, cwd=_ROOT, capture_output=True, check=False)
    if done.returncode:
        raise MeasurementError(f"{stage}, {pods:,} pods: {_last_line(done.stderr)}")
    return msgspec.json.decode(done.stdout, type=Measurement)


def measure_command(
    command: Command, folder: Path, *, runs: int, announce: Callable[[str], None]
) -> Figure:
    """Run a whole command several times, after once to warm the caches.

    Raises:
        MeasurementError: it is not installed, or failed.

    """
    arguments = [str(COMMAND), *command.arguments]
    if command.shape is not None:
        write_manifests(command.shape, folder)
        arguments += ["-f", str(folder)]
    found: list[Measurement] = []
    for run in range(runs + 1):
        announce(f"{command.name}: run {run} of {runs}")
        found.append(_run(command.name, arguments, folder))
    return summarize(command.name, found[1:], seconds_at_most=command.seconds_at_most)


def _run(name: str, arguments: Sequence[str], folder: Path) -> Measurement:
    output, errors = folder / "stdout", folder / "stderr"
    with output.open("wb") as out, errors.open("wb") as err:
        started = time.perf_counter()
        try:
            process = subprocess.Popen(arguments, stdout=out, stderr=err)
        except OSError as error:
            raise MeasurementError(f"{name}: {error}") from error
        # wait4 alone tells the peak memory of this child and no other's.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise MeasurementError(
            f"{name}: exit code {process.returncode}: {_last_line(errors.read_bytes())}"
        )
    peak = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Measurement(seconds, cpu_seconds, peak, {"bytes": output.stat().st_size})


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no complaint"
