"""The pipeline: collect → recognise → evaluate → judge → map to controls → render → deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from auditor.errors import UnknownNameError
from auditor.model.progress import Progress
from auditor.settings import Settings, digest_settings

if TYPE_CHECKING:
    from auditor.findings.assemble import Acceptance
    from auditor.findings.scope import Scope
    from auditor.model.report import Audit
    from auditor.model.snapshot import Snapshot
    from auditor.reachability.view import View

Clock = Callable[[], str]
"""The time, ISO 8601 in UTC."""

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Told the name of each stage of the pipeline as it begins."""

_READINGS = {"yes": True, "no": False}
_NAMES_IN_HINT = 3


class Finished(NamedTuple):
    """An audit, and the files of its report: name and content."""

    audit: Audit
    files: tuple[tuple[str, bytes], ...]


def audit_source(
    settings: Settings, *, run_id: str, clock: Clock, stdin: BinaryIO | None, stage: Stage
) -> Finished:
    """Do the main job, up to the finished files: all are rendered before any is delivered.

    Raises:
        SourceError: nothing could be collected.
        UsageError: the settings name something that does not exist, or a waiver is malformed.
    """
    started_at = clock()
    acceptance = load_acceptance(settings)
    snapshot = take_snapshot(settings, now=started_at, stdin=stdin, stage=stage)
    view = evaluate_snapshot(snapshot, settings, stage=stage)
    with stage("judging"):
        audit = judge_view(
            view, settings, acceptance, run_id=run_id, started_at=started_at, clock=clock
        )
    with stage("rendering") as progress:
        return Finished(audit, render_audit(audit, progress))


def take_snapshot(
    settings: Settings, *, now: str, stdin: BinaryIO | None, stage: Stage
) -> Snapshot:
    """Collect. ``now`` is ISO 8601, UTC.

    Raises:
        SourceError: nothing could be collected.
        UsageError: the settings name a source that does not exist, or malformed detection data.
    """
    from auditor.detection.recognize import retention
    from auditor.sources.origin import collect

    with stage("collecting") as progress:
        return collect(
            settings.files,
            settings.access,
            retention=retention(settings.detection),
            now=now,
            stdin=stdin,
            progress=progress,
        )


def evaluate_snapshot(snapshot: Snapshot, settings: Settings, *, stage: Stage) -> View:
    """Recognise and evaluate. Whether ipBlocks match pods is the settings' to say, else the CNI's.

    Raises:
        UnknownNameError: a namespace that the settings narrow to is not in the snapshot.
        UsageError: a pattern of the settings is malformed.
    """
    from auditor.detection.recognize import recognize
    from auditor.reachability.view import evaluate

    _check_namespaces(snapshot, settings)
    with stage("evaluating"):
        recognition = recognize(snapshot, settings.detection)
        found = recognition.cni.ip_blocks_match_pods
        reading = _READINGS.get(settings.ip_blocks_match_pods, found)
        return evaluate(snapshot, recognition, ip_blocks_match_pods=reading)


def scope_of(settings: Settings) -> Scope:
    """What is judged and shown."""
    from auditor.findings.scope import Scope

    return Scope(settings.namespaces, settings.exclude_namespaces, settings.pod_selector)


def load_acceptance(settings: Settings) -> Acceptance:
    """What the settings change about rules, and the waivers of their files.

    Raises:
        UsageError: a waiver file cannot be read, or a waiver is malformed.
    """
    from auditor.findings.assemble import Acceptance
    from auditor.findings.waivers import load_waivers
    from auditor.rules import RULES

    waivers = load_waivers(settings.waivers, tuple(one.id for one in RULES))
    return Acceptance(settings.rules, waivers, settings.waiver_annotations)


def judge_view(
    view: View,
    settings: Settings,
    acceptance: Acceptance,
    *,
    run_id: str,
    started_at: str,
    clock: Clock,
) -> Audit:
    """Judge, and seal the report with its digest. ``clock`` says when the run has finished."""
    from auditor.findings.assemble import audit
    from auditor.frameworks.data import load_frameworks
    from auditor.frameworks.matrix import map_controls
    from auditor.model.report import RunRecord
    from reports.json import digest

    run = RunRecord(
        id=run_id, started_at=started_at, finished_at="", settings_digest=digest_settings(settings)
    )
    judged = audit(view, scope_of(settings), run, acceptance)
    report = map_controls(judged.report, load_frameworks())
    finished = msgspec.structs.replace(run, finished_at=clock())
    report = msgspec.structs.replace(report, run=finished, digest=digest(report))
    return msgspec.structs.replace(judged, report=report)


def render_audit(audit: Audit, progress: Progress) -> tuple[tuple[str, bytes], ...]:
    """Render every file of the report: all of them, before any is delivered."""
    from reports.files import render

    return tuple(render(audit, lambda name: progress(name, 0)))


def deliver_files(files: Sequence[tuple[str, bytes]], settings: Settings) -> tuple[Path, ...]:
    """Write the files into the output folder.

    Raises:
        DeliveryError: they cannot be written; none of them is then.
    """
    from auditor.delivery.directory import deliver

    return deliver(files, Path(settings.output))


def _check_namespaces(snapshot: Snapshot, settings: Settings) -> None:
    known = {one.name for one in snapshot.namespaces}
    for wanted in settings.namespaces:
        if wanted not in known:
            import difflib

            near = difflib.get_close_matches(wanted, known) or sorted(known)[:_NAMES_IN_HINT]
            raise UnknownNameError(
                f"namespace {wanted} is unknown",
                hint=f"did you mean {' or '.join(near)}?" if near else "there is no namespace",
            )
