"""A run that was kept → its audit, with all that the renderers need, as it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from auditor.job.keep import with_drift, with_evidence
from auditor.job.sides import settings_of_run
from auditor.job.steps import Judged, Stage, evaluate_side, judge_view, load_acceptance, seal
from auditor.settings import Settings, with_place

if TYPE_CHECKING:
    from auditor.history.store import Store
    from auditor.history.stored import StoredRun
    from auditor.model.report import Audit, FindingRecord, Report, RuleRecord
    from auditor.reachability.view import View

    Identified = TypeVar("Identified", FindingRecord, RuleRecord)


def recall_run(store: Store, run: StoredRun, settings: Settings, *, stage: Stage) -> Judged:
    """Evaluate the snapshot of a run by the settings of then, and put its results beside it.

    What the rules found is what was kept, also where this version of the program would find
    something else. Where the report made so is not the one that was kept, to the digest (a waiver
    file was edited since), it has no place in the chain, and says so.

    Raises:
        HistoryError: the run, its snapshot, or the run before cannot be read.
        UsageError: a waiver file that the run was judged by is malformed, or gone.
    """
    then = with_place(settings_of_run(run, settings), settings)
    acceptance = load_acceptance(then)
    header = run.header
    with stage("reading"):
        snapshot = store.load_snapshot(run)
    view = evaluate_side(snapshot, then, stage=stage)
    with stage("judging"):
        judged = judge_view(
            view,
            then,
            acceptance,
            run_id=run.id,
            started_at=header.run.started_at,
            clock=lambda: header.run.finished_at,
        )
    audit = msgspec.structs.replace(
        judged, report=_as_kept(judged.report, run), judged=header.judged, history=store.where
    )
    with stage("comparing"):
        audit = _with_past(audit, view, then, store, run)
    audit = seal(audit)
    if audit.report.digest == header.report:
        audit = with_evidence(audit, run.evidence)
    else:
        history = f"{store.where} keeps another report of this run: {header.report}"
        audit = msgspec.structs.replace(audit, history=history)
    return Judged(audit, view, then, acceptance)


def _as_kept(report: Report, run: StoredRun) -> Report:
    """The report with what was kept of it, mapped to controls anew."""
    from auditor.frameworks.data import load_frameworks
    from auditor.frameworks.matrix import map_controls

    header = run.header
    kept = msgspec.structs.replace(
        report,
        tool=header.tool,
        run=header.run,
        cluster=header.cluster,
        scope=header.scope,
        summary=header.summary,
        rules=_in_order(run.rules, report.rules),
        findings=tuple(
            msgspec.structs.replace(one, last_seen=header.run.started_at)
            for one in _in_order(run.findings, report.findings)
        ),
    )
    return map_controls(kept, load_frameworks())


def _in_order(kept: Iterable[Identified], judged: Iterable[Identified]) -> tuple[Identified, ...]:
    """What was kept, which is sorted by id, in the order of the report."""
    positions = {one.id: position for position, one in enumerate(judged)}
    return tuple(sorted(kept, key=lambda one: positions.get(one.id, len(positions))))


def _with_past(audit: Audit, view: View, settings: Settings, store: Store, run: StoredRun) -> Audit:
    """The trend up to this run, and what changed since the run before."""
    from auditor.history.trend import read_points, work_out_trend

    entries = [one for one in store.entries(run.cluster) if one.sequence <= run.sequence]
    audit = msgspec.structs.replace(audit, trend=work_out_trend(read_points(entries)))
    return with_drift(audit, store.previous(run), view, settings, store)
