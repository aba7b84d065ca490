"""A judged audit → a run that is kept, with what changed since the last one of its cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from auditor.errors import HistoryError
from auditor.job.sides import shown_workloads, side_of_audit, side_of_run
from auditor.job.steps import Stage, seal
from auditor.settings import Settings, evident_settings, store_url

if TYPE_CHECKING:
    from auditor.drift.compare import Compared
    from auditor.history.header import NewRun
    from auditor.history.signature import SigningKey
    from auditor.history.store import Store
    from auditor.model.history import TrendPoint
    from auditor.model.report import Audit, Report
    from auditor.reachability.view import View


class Kept(NamedTuple):
    """An audit whose report is sealed, and what came of keeping it."""

    audit: Audit
    files: tuple[tuple[str, bytes], ...] = ()
    """The detached signature, where there is a key."""
    error: HistoryError | None = None


def load_key(settings: Settings) -> SigningKey | None:
    """The key that signs runs, where the settings name one.

    Raises:
        UsageError: it cannot be read, or is no such key.
    """
    if not settings.signing_key:
        return None
    from auditor.history.signature import load_signing_key

    return load_signing_key(settings.signing_key)


def keep_run(
    audit: Audit, view: View, settings: Settings, key: SigningKey | None, *, stage: Stage
) -> Kept:
    """Compare with the last run, seal the report, and keep the run, unless no history is wanted.

    A store that fails costs the comparison or the evidence, never the report: the error is
    returned, and the report says what it lacks.
    """
    url = store_url(settings)
    if url is None:
        return Kept(seal(audit))
    from auditor.history.store import open_store

    try:
        with open_store(url, snapshots=settings.snapshots, create=True) as store:
            cluster = store.key_of(audit.report.cluster, settings.files)
            with stage("comparing"):
                audit, error = _with_past(audit, view, settings, store, cluster)
            audit = seal(audit)
            with stage("keeping"):
                evidence = store.keep(
                    _new_run(audit, cluster, settings, view.snapshot.taken_at),
                    view.snapshot,
                    sign=None if key is None else key.sign,
                )
    except HistoryError as caught:
        return Kept(seal(_with_history(audit, f"not kept: {caught.message}")), error=caught)
    run = msgspec.structs.replace(audit.report.run, evidence=evidence)
    audit = msgspec.structs.replace(audit, report=msgspec.structs.replace(audit.report, run=run))
    return Kept(audit, _sign(audit, key), error)


def _new_run(audit: Audit, cluster: str, settings: Settings, taken_at: str) -> NewRun:
    from auditor.history.header import NewRun
    from auditor.rules import digest_rules

    return NewRun(
        cluster=cluster,
        report=audit.report,
        judged=audit.judged,
        settings=evident_settings(settings),
        rules_digest=digest_rules(),
        taken_at=taken_at,
    )


def _sign(audit: Audit, key: SigningKey | None) -> tuple[tuple[str, bytes], ...]:
    """The file beside the report that says what was kept, and who says so."""
    from auditor.history.signature import SIGNATURE_FILE, sign_report

    content = None if key is None else sign_report(key, audit.report)
    return () if content is None else ((SIGNATURE_FILE, content),)


def _with_past(
    audit: Audit, view: View, settings: Settings, store: Store, cluster: str
) -> tuple[Audit, HistoryError | None]:
    """The audit with what earlier runs know; and why it is not compared with the last, if so.

    Raises:
        HistoryError: the store cannot be read.
    """
    from auditor.history.trend import read_points, work_out_trend

    report = audit.report
    now = report.run.started_at
    first = store.first_seen(cluster)
    findings = tuple(
        msgspec.structs.replace(one, first_seen=first.get(one.id, now), last_seen=now)
        for one in report.findings
    )
    audit = msgspec.structs.replace(
        audit,
        report=msgspec.structs.replace(report, findings=findings),
        trend=work_out_trend((*read_points(store.entries(cluster)), _point(report))),
        history=store.where,
    )
    previous = store.latest(cluster)
    if previous is None:
        return audit, None
    try:
        before = side_of_run(store, previous, settings)
    except HistoryError as error:
        # what was kept then is damaged: this run is kept all the same
        return _with_history(audit, f"not compared with the last run: {error.message}"), error
    return _with_drift(audit, before, view, settings), None


def _point(report: Report) -> TrendPoint:
    from auditor.model.history import TrendPoint

    return TrendPoint(
        started_at=report.run.started_at,
        score=report.summary.score.value,
        by_severity=report.summary.by_severity,
        gaps=len(report.scope.gaps),
    )


def _with_drift(audit: Audit, before: Compared, view: View, settings: Settings) -> Audit:
    from auditor.drift.compare import compare

    now = side_of_audit(audit, view, settings, audit.report.run.id)
    shown = shown_workloads(settings, (before.snapshot, view.snapshot))
    drift = compare(before, now, shown=shown).drift
    return msgspec.structs.replace(audit, report=msgspec.structs.replace(audit.report, drift=drift))


def _with_history(audit: Audit, history: str) -> Audit:
    return msgspec.structs.replace(audit, history=history)
