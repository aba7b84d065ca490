"""A judged audit → a run that is kept, with what changed since the last one of its cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from auditor.errors import HistoryError, UsageError
from auditor.job.sides import shown_workloads, side_of_audit, side_of_run
from auditor.job.steps import Stage, scope_of, seal
from auditor.settings import Settings, evident_settings, store_url

if TYPE_CHECKING:
    from auditor.drift.compared import Compared
    from auditor.history.header import NewRun
    from auditor.history.signature import SigningKey
    from auditor.history.store import Store
    from auditor.history.stored import StoredRun
    from auditor.model.drift import Drift
    from auditor.model.history import TrendPoint
    from auditor.model.report import Audit, EvidenceRecord, Report
    from auditor.reachability.view import View


class Kept(NamedTuple):
    """An audit whose report is sealed, and what came of keeping it."""

    audit: Audit
    files: tuple[tuple[str, bytes], ...] = ()
    """The detached signature, where there is a key."""
    error: HistoryError | None = None


def check_store(settings: Settings) -> None:
    """See that the settings name a store that can be, before anything is read.

    Raises:
        UsageError: they do not.
    """
    url = store_url(settings)
    if url is not None:
        from auditor.history.store import check_place

        check_place(url, settings.snapshots)


def load_key(settings: Settings) -> SigningKey | None:
    """The key that signs runs, where the settings name one.

    Raises:
        UsageError: it cannot be read, or is no such key; or no run is kept that it could sign.
    """
    if not settings.signing_key:
        return None
    if store_url(settings) is None:
        raise UsageError(
            "signing key is given, and no history is kept",
            hint="what is signed is a run in the history: leave out --no-store, or the key",
        )
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
            audit = _with_history(audit, store.where)
            error: HistoryError | None = None
            with stage("comparing"):
                for add in (_add_sightings, partial(_add_drift, view=view, settings=settings)):
                    try:
                        audit = add(audit, store, cluster)
                    except HistoryError as caught:
                        # what was kept before is damaged: this run is kept all the same
                        said = f"earlier runs could not be read whole: {caught.message}"
                        audit, error = _with_history(audit, said), caught
            audit = seal(audit)
            with stage("keeping"):
                evidence = store.keep(
                    _new_run(audit, cluster, settings, view.snapshot.taken_at),
                    view.snapshot,
                    sign=None if key is None else key.sign,
                )
    except HistoryError as caught:
        return Kept(seal(_with_history(audit, f"not kept: {caught.message}")), error=caught)
    audit = with_evidence(audit, evidence)
    return Kept(audit, _sign(audit, key), error)


def with_evidence(audit: Audit, evidence: EvidenceRecord) -> Audit:
    """The audit with its link in the chain, which no digest of its own covers."""
    run = msgspec.structs.replace(audit.report.run, evidence=evidence)
    return msgspec.structs.replace(audit, report=msgspec.structs.replace(audit.report, run=run))


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


def _add_sightings(audit: Audit, store: Store, cluster: str) -> Audit:
    """Since when each finding is seen, and the trend.

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
    return msgspec.structs.replace(
        audit,
        report=msgspec.structs.replace(report, findings=findings),
        trend=work_out_trend((*read_points(store.entries(cluster)), _point(report))),
    )


def _point(report: Report) -> TrendPoint:
    from auditor.model.history import TrendPoint

    return TrendPoint(
        started_at=report.run.started_at,
        score=report.summary.score.value,
        by_severity=report.summary.by_severity,
        gaps=len(report.scope.gaps),
    )


def _add_drift(
    audit: Audit, store: Store, cluster: str, *, view: View, settings: Settings
) -> Audit:
    """What changed since the last run, where there is one.

    Raises:
        HistoryError: the run, or its snapshot, cannot be read.
    """
    return with_drift(audit, store.latest(cluster), view, settings, store)


def with_drift(
    audit: Audit, previous: StoredRun | None, view: View, settings: Settings, store: Store
) -> Audit:
    """The audit with what changed since a run; as it is, where there is none.

    Raises:
        HistoryError: the run, or its snapshot, cannot be read.
    """
    if previous is None:
        return audit
    drift = compare_with(side_of_run(store, previous, settings), audit, view, settings)
    return msgspec.structs.replace(audit, report=msgspec.structs.replace(audit.report, drift=drift))


def compare_with(previous: Compared, audit: Audit, view: View, settings: Settings) -> Drift:
    """What changed from a run to an audit, of what the settings narrow to."""
    from auditor.drift.compare import compare

    now = side_of_audit(audit, view, settings, audit.report.run.id)
    shown = shown_workloads(scope_of(settings), (previous.snapshot, view.snapshot))
    return compare(previous, now, shown=shown).drift


def _with_history(audit: Audit, history: str) -> Audit:
    return msgspec.structs.replace(audit, history=history)
