"""The steps of the pipeline, each by itself: verbs put together those that they need."""

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
    from auditor.model.recognition import Recognition
    from auditor.model.report import Audit
    from auditor.model.snapshot import Snapshot
    from auditor.reachability.view import View

Clock = Callable[[], str]
"""The time, ISO 8601 in UTC."""

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Told the name of each stage of the pipeline as it begins."""


class Judged(NamedTuple):
    """An audit, and all that it rests on."""

    audit: Audit
    view: View
    settings: Settings
    acceptance: Acceptance


_READINGS = {"yes": True, "no": False}
_NAMES_IN_HINT = 3


def take_snapshot(
    settings: Settings, *, clock: Clock, stdin: BinaryIO | None, stage: Stage
) -> Snapshot:
    """Collect. ``clock`` says when that began and ended.

    Raises:
        SourceError: nothing could be collected.
        UsageError: the settings name a source that does not exist, or malformed detection data.
    """
    from auditor.detection.recognize import retention
    from auditor.sources.origin import collect

    with stage("collecting") as progress:
        snapshot = collect(
            settings.files,
            settings.access,
            retention=retention(settings.detection),
            clock=clock,
            stdin=stdin,
            progress=progress,
        )
    if not settings.cluster_name:
        return snapshot
    cluster = msgspec.structs.replace(snapshot.cluster, name=settings.cluster_name)
    return msgspec.structs.replace(snapshot, cluster=cluster)


def evaluate_snapshot(snapshot: Snapshot, settings: Settings, *, stage: Stage) -> View:
    """Recognise and evaluate, after a look at the namespaces that the settings narrow to.

    Raises:
        UnknownNameError: one of them is not in the snapshot.
        UsageError: a pattern of the settings is malformed.
    """
    check_namespaces(settings, snapshot)
    return evaluate_side(snapshot, settings, stage=stage)


def evaluate_side(snapshot: Snapshot, settings: Settings, *, stage: Stage) -> View:
    """Recognise and evaluate one of two snapshots: it need not hold every namespace asked for.

    Raises:
        UsageError: a pattern of the settings is malformed.
    """
    from auditor.detection.recognize import recognize
    from auditor.reachability.view import evaluate

    with stage("evaluating"):
        recognition = recognize(snapshot, settings.detection)
        reading = read_ip_blocks(recognition, settings)
        return evaluate(snapshot, recognition, ip_blocks_match_pods=reading)


def read_ip_blocks(recognition: Recognition, settings: Settings) -> bool | None:
    """Whether ipBlocks match pods: the settings' to say, else the CNI's; None: not known."""
    found = recognition.cni.ip_blocks_match_pods
    return _READINGS.get(settings.ip_blocks_match_pods, found)


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
    scope: Scope | None = None,
) -> Audit:
    """Judge, and map to controls. ``clock`` says when that has finished.

    ``scope``: what is judged, where it is not what the settings say.

    The report has no digest yet: `seal` gives it one, once nothing is added any more.
    """
    from auditor.findings.assemble import audit
    from auditor.frameworks.data import load_frameworks
    from auditor.frameworks.matrix import map_controls
    from auditor.model.report import RunRecord, record_collection

    run = RunRecord(
        id=run_id,
        started_at=started_at,
        finished_at="",
        settings_digest=digest_settings(settings),
        collection=record_collection(view.snapshot),
    )
    judged = audit(view, scope or scope_of(settings), run, acceptance)
    report = map_controls(judged.report, load_frameworks())
    finished = msgspec.structs.replace(run, finished_at=clock())
    return msgspec.structs.replace(judged, report=msgspec.structs.replace(report, run=finished))


def seal(audit: Audit) -> Audit:
    """Give the report its digest."""
    from reports.json import digest

    report = msgspec.structs.replace(audit.report, digest=digest(audit.report))
    return msgspec.structs.replace(audit, report=report)


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


def check_namespaces(settings: Settings, *snapshots: Snapshot) -> None:
    """Check that every namespace that the settings narrow to is in one of the snapshots.

    Raises:
        UnknownNameError: one is not: what is misspelt must not be found clean.
    """
    known = {one.name for snapshot in snapshots for one in snapshot.namespaces}
    for wanted in settings.namespaces:
        if wanted not in known:
            import difflib

            near = difflib.get_close_matches(wanted, known) or sorted(known)[:_NAMES_IN_HINT]
            raise UnknownNameError(
                f"namespace {wanted} is unknown",
                hint=f"did you mean {' or '.join(near)}?" if near else "there is no namespace",
            )
