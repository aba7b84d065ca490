"""What an audit costs: `python -m tests.benchmarks`, or `make bench ARGS=…`.

For each size of `--pods`, on a cluster made by `generator` (50 pods and 10 policies a namespace,
three replicas a workload, one namespace in ten that nobody closed, a node for every 30 pods):

- decode: the API server's pages of 500 pods of 5 to 6 KB → the model;
- recognize: the snapshot → databases, environments, DNS, CNI;
- evaluate: the snapshot → the permissions of all isolation groups in both directions;
- rules: the view → every rule's findings, with their remediations;
- picture: the view → who reaches whom, namespace by namespace;
- pair: two snapshots → both evaluated in one universe, one policy in a hundred changed;
- drift: both evaluated → totals, groups and the first 1,000 rows of what opened and closed;
- report: the audit → JSON, CSV, HTML and PDF.

The ratios of rules to evaluate, and of pair and drift to two of it, are stated, too. The part
`stream` reads all rows that open, tens of millions, where 20 namespaces of 25 bare pods lose their
default-deny in an open cluster. The part `crowd` has 5,000 policies in one namespace
of 5,000 pods, each an app of its own, in three shapes, and measures the rule policy-is-redundant:
the one that compares policies with one another.

Every run of a stage is a fresh process: its peak memory is that of the whole process, with what the
stage needs of the stages before it. Then come 10,000 pods in one YAML file, by the parser alone and
by the source, and whole commands on manifests: 25 pods and 8 policies a namespace, all closed.
Figures are medians of `--runs`, in seconds that passed and in seconds of the processor; ratios are
of the latter, because other programs of the machine disturb them less. Targets are the project's;
one that is missed is shown and fails nothing. What could not be measured makes exit code 1.

`soak`, in place of the flags here, is another benchmark: 200 audits in one process.

The largest cluster that Kubernetes supports is `--pods 150000` (1 GB of temporary files).
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.benchmarks import soak
from tests.benchmarks.crowd import CROWDS
from tests.benchmarks.figures import Figure, Machine, Ratio, Results, Size, summarize
from tests.benchmarks.generator import Shape, make_policies_of
from tests.benchmarks.processes import (
    COMMANDS,
    MeasurementError,
    measure_command,
    measure_stage,
)
from tests.benchmarks.table import format_results

SIZES = (1_000, 10_000, 50_000)
STAGES = ("decode", "recognize", "evaluate", "rules", "picture", "pair", "drift", "report")
SOAK = "soak"
"""In place of all flags: many audits in one process, which soak.py describes."""
PARTS = (*STAGES, "stream", "crowd", "manifests", "processes")
CROWD_POLICIES = 5_000
STREAM_PODS = 50_000
YAML_PODS = 10_000
EVALUATE_GROWTH_AT_MOST = 6.0
"""From 10,000 to 50,000 pods."""
RULES_AT_MOST = 5.0
"""All rules with their remediations, in terms of the evaluation, for 50,000 pods."""
DRIFT_AT_MOST = 1.0
"""Comparing connections, in terms of the two evaluations that are compared, for 50,000 pods."""
STREAM_MEBIBYTES_AT_MOST = 300.0
"""The whole process that reads the rows, however many they are."""
YAML_RATIO_AT_MOST = 1.5
"""Reading the file, in terms of parsing it."""
DECODE_MEBIBYTES_AT_MOST = 250.0
"""For 10,000 pods, as they arrive from an API server."""


class Session:
    """One run of the benchmarks: what failed so far, and what is being done."""

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.failures: list[str] = []

    @staticmethod
    def announce(what: str) -> None:
        """Say on standard error what is measured now."""
        print(what, file=sys.stderr, flush=True)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Keep a failure, so that what follows is measured all the same."""
        try:
            yield
        except MeasurementError as error:
            self.failures.append(str(error))
            self.announce(f"failed: {error}")

    def measure(
        self, stage: str, pods: int, folder: Path, *, mebibytes_at_most: float | None = None
    ) -> Figure:
        """The median of a stage's runs."""
        found = []
        for run in range(1, self.runs + 1):
            self.announce(f"{stage}, {pods:,} pods: run {run} of {self.runs}")
            found.append(measure_stage(stage, pods, folder))
        return summarize(stage, found, mebibytes_at_most=mebibytes_at_most)


def measure_size(session: Session, pods: int, stages: Sequence[str]) -> Size:
    """The stages on one size of cluster."""
    shape = Shape(pods)
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="netpol-benchmarks-") as name, session.measuring():
        folder = Path(name)
        session.announce(f"generating {pods:,} pods")
        measure_stage("prepare", pods, folder)
        for stage in stages:
            limit = DECODE_MEBIBYTES_AT_MOST if (stage, pods) == ("decode", 10_000) else None
            with session.measuring():
                figures.append(session.measure(stage, pods, folder, mebibytes_at_most=limit))
    return Size(
        pods=pods,
        namespaces=shape.namespaces,
        policies=sum(1 for _ in make_policies_of(shape)),
        stages=tuple(figures),
    )


def measure_stream(session: Session) -> Iterator[Figure]:
    """Tens of millions of rows, read one by one."""
    with TemporaryDirectory(prefix="netpol-benchmarks-") as name, session.measuring():
        yield session.measure(
            "stream", STREAM_PODS, Path(name), mebibytes_at_most=STREAM_MEBIBYTES_AT_MOST
        )


def measure_crowd(session: Session) -> Iterator[Figure]:
    """One rule on thousands of policies in one namespace, by what they select."""
    with TemporaryDirectory(prefix="netpol-benchmarks-") as name:
        for stage in CROWDS:
            with session.measuring():
                yield session.measure(stage, CROWD_POLICIES, Path(name))


def measure_manifests(session: Session) -> tuple[Figure, ...]:
    """One large YAML file, by the parser alone and by the source."""
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="netpol-benchmarks-") as name, session.measuring():
        folder = Path(name)
        session.announce(f"writing {YAML_PODS:,} pods as YAML")
        measure_stage("write_yaml", YAML_PODS, folder)
        # One after the other: where the second fails, the first is kept.
        figures.append(session.measure("parse_yaml", YAML_PODS, folder))
        figures.append(session.measure("read_yaml", YAML_PODS, folder))
    return tuple(figures)


def compare_with_parser(manifests: Sequence[Figure]) -> Iterator[Ratio]:
    """How many times as long the source takes as the parser."""
    seconds = {one.name: one.cpu_seconds for one in manifests}
    if "read_yaml" in seconds:
        yield Ratio(
            name="YAML file",
            previous="parse_yaml",
            current="read_yaml",
            ratio=seconds["read_yaml"] / seconds["parse_yaml"],
            at_most=YAML_RATIO_AT_MOST,
        )


def measure_commands(session: Session) -> Iterator[Figure]:
    """Whole commands, as a user starts them."""
    for command in COMMANDS:
        with TemporaryDirectory(prefix="netpol-benchmarks-") as name, session.measuring():
            yield measure_command(command, Path(name), runs=session.runs, announce=session.announce)


def compare_sizes(sizes: Sequence[Size]) -> Iterator[Ratio]:
    """How each stage grows from one size to the next."""
    for previous, current in pairwise(sizes):
        before = {one.name: one.cpu_seconds for one in previous.stages}
        for figure in current.stages:
            if figure.name not in before:
                continue
            judged = (figure.name, previous.pods, current.pods) == ("evaluate", 10_000, 50_000)
            yield Ratio(
                name=figure.name,
                previous=f"{previous.pods:,}",
                current=f"{current.pods:,}",
                ratio=figure.cpu_seconds / before[figure.name],
                at_most=EVALUATE_GROWTH_AT_MOST if judged else None,
            )


def compare_rules(sizes: Sequence[Size]) -> Iterator[Ratio]:
    """How many times as long as the evaluation the rules take."""
    for size in sizes:
        seconds = {one.name: one.cpu_seconds for one in size.stages}
        if {"evaluate", "rules"} <= seconds.keys():
            yield Ratio(
                name=f"{size.pods:,} pods",
                previous="evaluate",
                current="rules",
                ratio=seconds["rules"] / seconds["evaluate"],
                at_most=RULES_AT_MOST if size.pods == 50_000 else None,
            )


def compare_drift(sizes: Sequence[Size]) -> Iterator[Ratio]:
    """How many times as long as two evaluations the comparison takes, and what it compares."""
    for size in sizes:
        seconds = {one.name: one.cpu_seconds for one in size.stages}
        for stage, limit in (("pair", None), ("drift", DRIFT_AT_MOST)):
            if {"evaluate", stage} <= seconds.keys():
                yield Ratio(
                    name=f"{size.pods:,} pods",
                    previous="two of evaluate",
                    current=stage,
                    ratio=seconds[stage] / (2 * seconds["evaluate"]),
                    at_most=limit if size.pods == 50_000 else None,
                )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; print the table, write the JSON."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == [SOAK]:
        return soak.main(given[1:])
    options = _parse(given)
    session = Session(options.runs)
    stages = [one for one in STAGES if one in options.only]
    sizes = tuple(measure_size(session, one, stages) for one in options.pods if stages)
    streams = tuple(measure_stream(session)) if "stream" in options.only else ()
    crowd = tuple(measure_crowd(session)) if "crowd" in options.only else ()
    manifests = measure_manifests(session) if "manifests" in options.only else ()
    processes = tuple(measure_commands(session)) if "processes" in options.only else ()
    results = Results(
        machine=Machine(
            python=platform.python_version(),
            platform=platform.platform(terse=True),
            processors=os.cpu_count() or 1,
        ),
        sizes=sizes,
        ratios=(
            *compare_sizes(sizes),
            *compare_rules(sizes),
            *compare_drift(sizes),
            *compare_with_parser(manifests),
        ),
        streams=streams,
        crowd=crowd,
        manifests=manifests,
        processes=processes,
        failures=tuple(session.failures),
    )
    print(format_results(results))
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2))
    return 1 if session.failures else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=summary)
    parser.add_argument(
        "--pods", type=_sizes, default=SIZES, help="sizes, with commas between: %(default)s"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each, of which the median")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON, too")
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        default=PARTS,
        help=f"parts to measure, with commas between: {', '.join(PARTS)}",
    )
    options = parser.parse_args(arguments)
    if unknown := [one for one in options.only if one not in PARTS]:
        parser.error(f"part is unknown: {unknown[0]}; there are {', '.join(PARTS)}")
    if options.runs < 1:
        parser.error("number of runs is below one")
    return options


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
