"""The main job: collect → recognise → evaluate → judge → compare → keep → render → deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from auditor.job.keep import Kept, check_store, keep_run, load_key
from auditor.job.steps import (
    Clock,
    Judged,
    Stage,
    evaluate_snapshot,
    judge_view,
    load_acceptance,
    render_audit,
    take_snapshot,
)
from auditor.settings import Settings

if TYPE_CHECKING:
    from auditor.errors import HistoryError
    from auditor.model.report import Audit


class Finished(NamedTuple):
    """A judged audit, and the files of its report: name and content."""

    judged: Judged
    files: tuple[tuple[str, bytes], ...]
    unkept: HistoryError | None
    """Why the run is not kept, or could not be compared with the last, where it should be."""

    @property
    def audit(self) -> Audit:
        """What the renderers were given."""
        return self.judged.audit


def audit_source(
    settings: Settings, *, run_id: str, clock: Clock, stdin: BinaryIO | None, stage: Stage
) -> Finished:
    """Do the main job, up to the finished files: all are rendered before any is delivered.

    The run is kept before its report is rendered, which names its link in the chain. Where it
    cannot be kept, the report is rendered all the same, and says so.

    Raises:
        SourceError: nothing could be collected.
        UsageError: the settings name something that does not exist, or a waiver is malformed.
    """
    started_at = clock()
    acceptance = load_acceptance(settings)
    check_store(settings)
    key = load_key(settings)
    snapshot = take_snapshot(settings, clock=clock, stdin=stdin, stage=stage)
    view = evaluate_snapshot(snapshot, settings, stage=stage)
    with stage("judging"):
        audit = judge_view(
            view, settings, acceptance, run_id=run_id, started_at=started_at, clock=clock
        )
    kept: Kept = keep_run(audit, view, settings, key, stage=stage)
    with stage("rendering") as progress:
        files = render_audit(kept.audit, progress)
    judged = Judged(kept.audit, view, settings, acceptance)
    return Finished(judged, (*kept.files, *files), kept.error)
