"""Two sides → what changed: runs, folders, snapshots, the cluster; as it is, or as it would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from auditor.errors import ManifestsError
from auditor.job.sides import shown_workloads, side_of_audit
from auditor.job.steps import (
    Stage,
    check_namespaces,
    evaluate_side,
    judge_view,
    load_acceptance,
    scope_of,
    take_snapshot,
)
from auditor.model.drift import PolicyDrift
from auditor.model.objects import Reference
from auditor.settings import Settings

if TYPE_CHECKING:
    from auditor.drift.compare import Comparison
    from auditor.drift.compared import Compared
    from auditor.findings.scope import Scope
    from auditor.model.findings import SubjectRecord
    from auditor.model.snapshot import Gap, Snapshot

_NOT_NARROWED_BY_LABELS = frozenset({"Namespace", "NetworkPolicy"})


def read_side(
    settings: Settings, *, name: str | None, now: str, stdin: BinaryIO | None, stage: Stage
) -> Compared:
    """Collect what the settings name, evaluate it and judge it; ``name`` is what it is called.

    Raises:
        SourceError: nothing could be collected.
        UsageError: the settings name something that does not exist, or a waiver is malformed.
    """
    snapshot = take_snapshot(settings, clock=lambda: now, stdin=stdin, stage=stage)
    return judge_side(snapshot, settings, name=name, now=now, stage=stage)


def judge_side(
    snapshot: Snapshot, settings: Settings, *, name: str | None, now: str, stage: Stage
) -> Compared:
    """Evaluate and judge a snapshot, to be compared with another.

    Raises:
        UsageError: a pattern of the settings, or a waiver, is malformed.
    """
    acceptance = load_acceptance(settings)
    view = evaluate_side(snapshot, settings, stage=stage)
    with stage("judging"):
        audit = judge_view(view, settings, acceptance, run_id="", started_at=now, clock=lambda: now)
    return side_of_audit(audit, view, settings, name)


def compare_sides(
    previous: Compared, current: Compared, settings: Settings, *, stage: Stage
) -> Comparison:
    """What changed from one side to the other, within what the settings narrow to.

    Raises:
        UnknownNameError: a namespace that they narrow to is on neither side.
    """
    from auditor.drift.compare import compare

    snapshots = (previous.snapshot, current.snapshot)
    check_namespaces(settings, *snapshots)
    with stage("comparing"):
        scope = scope_of(settings)
        shown = shown_workloads(scope, snapshots)
        if shown is None:
            return compare(previous, current)
        previous, current = (narrow_side(one, scope, shown) for one in (previous, current))
        comparison = compare(previous, current, shown=shown)
        policies = _narrow_policies(comparison.drift.policies, scope)
        drift = msgspec.structs.replace(comparison.drift, policies=policies)
        return comparison._replace(drift=drift)


def _narrow_policies(policies: PolicyDrift, scope: Scope) -> PolicyDrift:
    """The policies of the namespaces that are shown, and those of none."""

    def is_shown(key: str) -> bool:
        *namespace, _, _ = key.split("/")
        return not namespace or scope.reason_to_exclude(namespace[0]) is None

    return PolicyDrift(
        added=tuple(filter(is_shown, policies.added)),
        removed=tuple(filter(is_shown, policies.removed)),
        changed=tuple(one for one in policies.changed if is_shown(one.key)),
    )


def preview_change(
    source: Compared,
    settings: Settings,
    files: tuple[str, ...],
    deletions: tuple[str, ...],
    *,
    now: str,
    stdin: BinaryIO | None,
    stage: Stage,
) -> tuple[Compared, tuple[str, ...]]:
    """The source as it would be with the objects of files made and others deleted; and warnings.

    Raises:
        SourceError: the files hold no object, or one that the API server would refuse.
        UnknownNameError: what is to be deleted is not there.
        UsageError: a deletion is malformed.
    """
    from auditor.detection.recognize import retention
    from auditor.drift.preview import NO_OBJECTS, Change, preview
    from auditor.sources.manifests import read_objects

    kept = retention(settings.detection)
    written = read_objects(files, retention=kept, stdin=stdin) if files else NO_OBJECTS
    for gap in written.gaps:
        if gap.blind is not None:
            raise _refuse(gap)
    previewed = preview(source.snapshot, Change(written, deletions))
    side = judge_side(previewed.snapshot, settings, name="the preview", now=now, stage=stage)
    return side, previewed.warnings


def desired_side(
    current: Compared, settings: Settings, baseline: str, *, now: str, stage: Stage
) -> tuple[Compared, tuple[str, ...]]:
    """What the manifests of a folder want of a cluster; and notes on what they do not speak of.

    Raises:
        SourceError: the folder holds no object.
    """
    from auditor.drift.baseline import desire

    only = msgspec.structs.replace(settings, files=(baseline,))
    manifests = take_snapshot(only, clock=lambda: now, stdin=None, stage=stage)
    system = current.recognition.system_namespaces
    desired = desire(current.snapshot, manifests, system_namespaces=system)
    return judge_side(
        desired.snapshot, settings, name=baseline, now=now, stage=stage
    ), desired.notes


def _refuse(gap: Gap) -> ManifestsError:
    from reports.conclusion import name_gap, place_gap

    place = place_gap(gap)
    return ManifestsError(
        f"change cannot be previewed: {f'{name_gap(gap)}: ' if gap.name else ''}{gap.reason}"
        f"{f' ({place})' if place else ''}",
        hint="the API server would refuse it: mend the file",
    )


def narrow_side(side: Compared, scope: Scope, shown: Callable[[Reference], bool]) -> Compared:
    """A side without what is not shown: a run was judged as its own settings had it."""
    judged = tuple(one for one in side.judged if scope.reason_to_exclude(one) is None)

    def holds(subject: SubjectRecord) -> bool:
        if subject.namespace is None or subject.kind in _NOT_NARROWED_BY_LABELS:
            return subject.namespace is None or subject.namespace in judged
        return shown(Reference(subject.namespace, subject.kind, subject.name))

    findings = tuple(one for one in side.findings if holds(one.subject))
    return side._replace(judged=judged, findings=findings)
