"""One stage of an audit, measured in this very process: `python -m tests.benchmarks.stages`.

Arguments are the stage, the number of pods, or of policies in one namespace, and a folder; the
answer is a `Measurement` as JSON on standard output. What a stage needs of the stages before it is
made first, and is not in its time. A stage imports what it measures by itself, so that its peak
memory is its own.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditor.model.objects import NetworkPolicy, Pod
from auditor.model.report import Audit
from auditor.model.snapshot import Snapshot
from tests.benchmarks.crowd import CROWDS, crowd
from tests.benchmarks.figures import Measurement
from tests.benchmarks.generator import (
    Shape,
    complete_snapshot,
    make_pods,
    make_snapshot,
    pod_list_yaml,
    write_pod_pages,
)
from tests.benchmarks.pods import fill_pod

if TYPE_CHECKING:
    from auditor.reachability.pair import Side
    from auditor.reachability.view import View


class Stopwatch:
    """Runs while it is entered, and may be entered again."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self._started = (0.0, 0.0)

    def __enter__(self) -> None:
        self._started = (time.perf_counter(), time.process_time())

    def __exit__(self, *_raised: object) -> None:
        self.seconds += time.perf_counter() - self._started[0]
        self.cpu_seconds += time.process_time() - self._started[1]


Stage = Callable[[int, Path, Stopwatch], dict[str, float]]
"""(number of pods or policies, folder, stopwatch of what is measured) → details."""

_YAML = "pods.yaml"
ROWS = 1_000
"""The rows of drift that a report lists."""

_RUN_TIME = "2026-01-15T09:30:00Z"


def prepare(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """Write the API server's pages of pods."""
    from auditor.sources.pages import PAGE_SIZE

    with watch:
        written = write_pod_pages(Shape(pods), folder, page_size=PAGE_SIZE)
    return {"bytes": sum(one.stat().st_size for one in written)}


def decode(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """The bytes of the pages → pods of the model, each page as it arrives."""
    return {"pods": len(_decode_pages(folder, watch)), "expected": pods}


def recognize(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """Snapshot → what detection recognises in it."""
    from auditor.detection.recognize import recognize as run

    snapshot = _read_snapshot(pods, folder)
    with watch:
        recognition = run(snapshot)
    return {"databases": len(recognition.databases)}


def evaluate(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """Snapshot → the permissions of all isolation groups, in both directions."""
    from auditor.detection.recognize import recognize as recognize_all
    from auditor.reachability.view import evaluate as run

    snapshot = _read_snapshot(pods, folder)
    recognition = recognize_all(snapshot)
    reading = recognition.cni.ip_blocks_match_pods
    with watch:
        view = run(snapshot, recognition, ip_blocks_match_pods=reading)
    groups = view.evaluation.groups
    return {
        "classes": len(view.endpoints.classes),
        "groups": sum(len(one.groups) for one in groups.values()),
        "workloads": len(view.workloads),
    }


def rules(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """View → every rule's findings, with their remediations."""
    from auditor.findings.run import judge
    from auditor.findings.scope import Judged, Scope

    view = _evaluate(pods, folder)
    with watch:
        judgement = judge(view, Judged(view, Scope()))
    return {"findings": len(judgement.findings)}


def picture(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """View → who reaches whom, namespace by namespace."""
    from auditor.reachability.picture import count_matrix

    view = _evaluate(pods, folder)
    names = [one.name for one in view.snapshot.namespaces]
    with watch:
        matrix = count_matrix(view, names)
    return {"cells": sum(map(len, matrix.cells))}


def pair(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """Two snapshots → both evaluated in one universe; one policy in a hundred changed."""
    from auditor.reachability.pair import evaluate_pair

    sides = _sides(pods, folder)
    with watch:
        found = evaluate_pair(*sides)
    return {"row ends": len(found.ends)}


def drift(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """Both evaluated → totals, groups and the first rows of what opened and closed."""
    from auditor.drift.connections import compare_connections
    from auditor.reachability.pair import evaluate_pair

    sides = evaluate_pair(*_sides(pods, folder))
    with watch:
        found = compare_connections(sides).limit(ROWS)
    return {
        "opened": found.totals.opened,
        "closed": found.totals.closed,
        "groups": len(found.groups),
    }


def stream(pods: int, _folder: Path, watch: Stopwatch) -> dict[str, float]:
    """An open cluster, of which 20 namespaces lose their default-deny → all rows, read one by one.

    In the details, how much more memory the comparison and the reading take.
    """
    from auditor.drift.connections import compare_connections
    from auditor.reachability.pair import Side, evaluate_pair
    from tests.benchmarks.changes import close_namespaces

    shape = Shape(pods, pods_per_namespace=25, replicas=0, policies_per_namespace=0)
    opened = make_snapshot(shape)
    sides = evaluate_pair(Side(close_namespaces(opened, 20)), Side(opened))
    before = _peak_mebibytes()
    with watch:
        rows = sum(1 for _ in compare_connections(sides).opened())
    return {"rows": rows, "more mebibytes": _peak_mebibytes() - before}


def report(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """Audit → the files of the report; each file's seconds are in the details."""
    from reports.files import render

    audit = _audit(pods, folder)
    files = render(audit)
    details: dict[str, float] = {}
    while True:
        before = watch.seconds
        with watch:
            name, _ = next(files, ("", b""))
        if not name:
            return details
        details[name] = watch.seconds - before


def write_yaml(pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """Write all pods as one YAML document, as `kubectl get pods -A -o yaml` prints it."""
    with watch:
        text = pod_list_yaml([fill_pod(one) for one in make_pods(Shape(pods))])
    (folder / _YAML).write_text(text, encoding="utf-8")
    return {"bytes": len(text)}


def parse_yaml(_pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """The YAML parser alone, on that file."""
    import ryaml

    with watch:
        documents = ryaml.loads_all((folder / _YAML).read_text(encoding="utf-8"))
    return {"documents": len(documents)}


def read_yaml(_pods: int, folder: Path, watch: Stopwatch) -> dict[str, float]:
    """The same file read by the source, to a snapshot."""
    from auditor.detection.recognize import retention
    from auditor.sources.manifests import collect

    with watch:
        snapshot = collect([str(folder / _YAML)], retention=retention(), now=_RUN_TIME)
    return {"pods": len(snapshot.pods)}


def redundancy_of(policies_of: Callable[[int], tuple[NetworkPolicy, ...]]) -> Stage:
    """View → what policy-is-redundant finds among so many policies of one namespace."""

    def measure(policies: int, _folder: Path, watch: Stopwatch) -> dict[str, float]:
        from auditor.model.findings import Hit
        from auditor.reachability.view import evaluate as evaluate_all
        from auditor.rules import policy_is_redundant

        view = evaluate_all(crowd(policies_of(policies), pods=policies))
        with watch:
            found = list(policy_is_redundant.check(view))
        hits = sum(isinstance(one, Hit) for one in found)
        return {"findings": hits, "not evaluated": len(found) - hits}

    return measure


STAGES: dict[str, Stage] = {
    one.__name__: one
    for one in (
        prepare,
        decode,
        recognize,
        evaluate,
        rules,
        picture,
        pair,
        drift,
        stream,
        report,
        write_yaml,
        parse_yaml,
        read_yaml,
    )
} | {name: redundancy_of(policies_of) for name, policies_of in CROWDS.items()}


def _decode_pages(folder: Path, watch: Stopwatch) -> list[Pod]:
    from auditor.sources.pages import Page

    decoder = msgspec.json.Decoder(Page[Pod])
    pods: list[Pod] = []
    for path in sorted(folder.glob("pods-*.json")):
        body = path.read_bytes()
        with watch:
            pods += decoder.decode(body).items or ()
    return pods


def _read_snapshot(pods: int, folder: Path) -> Snapshot:
    return complete_snapshot(Shape(pods), iter(_decode_pages(folder, Stopwatch())))


def _evaluate(pods: int, folder: Path) -> View:
    from auditor.detection.recognize import recognize as recognize_all
    from auditor.reachability.view import evaluate as evaluate_all

    snapshot = _read_snapshot(pods, folder)
    recognition = recognize_all(snapshot)
    return evaluate_all(
        snapshot, recognition, ip_blocks_match_pods=recognition.cni.ip_blocks_match_pods
    )


def _sides(pods: int, folder: Path) -> tuple[Side, Side]:
    from auditor.detection.recognize import recognize as recognize_all
    from auditor.reachability.pair import Side
    from tests.benchmarks.changes import change_policies

    # each is decoded by itself: two runs share no object
    snapshots = (
        _read_snapshot(pods, folder),
        change_policies(_read_snapshot(pods, folder), share=0.01),
    )
    previous, current = (
        Side(one, recognition, recognition.cni.ip_blocks_match_pods)
        for one in snapshots
        for recognition in [recognize_all(one)]
    )
    return previous, current


def _audit(pods: int, folder: Path) -> Audit:
    from auditor.findings.assemble import audit
    from auditor.findings.scope import Scope
    from auditor.model.report import RunRecord

    run = RunRecord(id="benchmark", started_at=_RUN_TIME, finished_at=_RUN_TIME, settings_digest="")
    return audit(_evaluate(pods, folder), Scope(), run)


def _peak_mebibytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def main(stage: str, pods: str, folder: str) -> None:
    """Measure a stage and print what it took."""
    watch = Stopwatch()
    details = STAGES[stage](int(pods), Path(folder), watch)
    found = Measurement(watch.seconds, watch.cpu_seconds, _peak_mebibytes(), details)
    sys.stdout.buffer.write(msgspec.json.encode(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
