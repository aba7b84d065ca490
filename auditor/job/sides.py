"""What can be compared: an audit of now, or a run that was kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from auditor.job.steps import read_ip_blocks
from auditor.settings import Settings, digest_settings

if TYPE_CHECKING:
    from auditor.drift.compared import Compared
    from auditor.findings.scope import Scope
    from auditor.history.store import Store
    from auditor.history.stored import StoredRun
    from auditor.model.objects import Reference
    from auditor.model.report import Audit
    from auditor.model.snapshot import Snapshot
    from auditor.reachability.view import View


def side_of_audit(audit: Audit, view: View, settings: Settings, name: str | None) -> Compared:
    """A judged view; ``name`` is the run's id, or what was read, or None for the cluster now."""
    from auditor.drift.compared import Compared
    from auditor.rules import digest_rules

    report = audit.report
    return Compared(
        id=name,
        snapshot=view.snapshot,
        recognition=view.recognition,
        ip_blocks_match_pods=view.ip_blocks_match_pods,
        findings=report.findings,
        rules=report.rules,
        scope=report.scope,
        cluster=report.cluster,
        judged=audit.judged,
        rules_digest=digest_rules(),
        settings_digest=_digest(settings),
        tool_version=report.tool.version,
    )


def side_of_run(store: Store, run: StoredRun, settings: Settings) -> Compared:
    """A run as it was judged then. ``settings`` are those of now.

    Its snapshot is recognised by the settings that it was recognised by then, unless another
    version of this program wrote them in a way that this one cannot read.

    Raises:
        HistoryError: the run, or its snapshot, cannot be read.
    """
    from auditor.detection.recognize import recognize
    from auditor.drift.compared import Compared

    header = run.header
    then = settings_of_run(run, settings)
    snapshot = store.load_snapshot(run)
    recognition = recognize(snapshot, then.detection)
    return Compared(
        id=run.id,
        snapshot=snapshot,
        recognition=recognition,
        ip_blocks_match_pods=read_ip_blocks(recognition, then),
        findings=run.findings,
        rules=run.rules,
        scope=header.scope,
        cluster=header.cluster,
        judged=header.judged,
        rules_digest=header.rules_digest,
        settings_digest=_digest(then),
        tool_version=header.tool.version,
    )


def settings_of_run(run: StoredRun, settings: Settings) -> Settings:
    """The settings by which a run was judged; those of now where they cannot be read any more.

    Raises:
        HistoryError: the run cannot be read.
    """
    try:
        return msgspec.convert(run.header.settings, Settings)
    except msgspec.ValidationError:
        return settings


def _digest(settings: Settings) -> str:
    """What the settings are, whatever they read: the two sides are different files by intent."""
    return digest_settings(msgspec.structs.replace(settings, files=()))


def shown_workloads(
    scope: Scope, snapshots: Iterable[Snapshot]
) -> Callable[[Reference], bool] | None:
    """Which workloads are shown, seen from either snapshot; None: all."""
    from auditor.findings.scope import Scope
    from auditor.model.workloads import index_owners, workload_of

    if scope == Scope():
        return None
    selector = scope.selector
    chosen: set[Reference] = set()
    for snapshot in snapshots:
        owners = index_owners(snapshot.owners)
        for pod in snapshot.pods:
            if selector is None or selector.matches(pod.labels):
                chosen.add(workload_of(pod, owners))
    return frozenset(
        one for one in chosen if scope.reason_to_exclude(one.namespace) is None
    ).__contains__
