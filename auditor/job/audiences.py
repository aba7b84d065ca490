"""A whole audit → what each audience is told, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from auditor.job.compare import narrow_side
from auditor.job.sides import shown_workloads, side_of_audit
from auditor.job.steps import judge_view, scope_of, seal
from auditor.model.report import Extract
from auditor.model.selector_syntax import parse_selector
from auditor.model.snapshot import Blind, Gap
from auditor.settings import Audience, Settings

if TYPE_CHECKING:
    from auditor.drift.compared import Compared
    from auditor.findings.assemble import Acceptance
    from auditor.findings.scope import Scope
    from auditor.findings.secrecy import Secrecy
    from auditor.findings.vocabulary import WordsByNamespace
    from auditor.model.drift import Drift
    from auditor.model.findings import SubjectRecord
    from auditor.model.objects import Namespace
    from auditor.model.report import Audit
    from auditor.model.snapshot import Snapshot
    from auditor.reachability.view import View

_GLOB = frozenset("*?[")


def namespaces_of(audience: Audience, snapshot: Snapshot) -> tuple[str, ...]:
    """The namespaces of a snapshot that an audience is told of, sorted; of everything, all.

    A selector chooses no namespace whose labels were not read: `env!=prod` would choose it.
    """
    selected = _selects(audience, snapshot)
    return tuple(
        sorted(
            one.name
            for one in snapshot.namespaces
            if audience.everything
            or any(fnmatchcase(one.name, glob) for glob in audience.namespaces)
            or selected(one)
        )
    )


def _selects(audience: Audience, snapshot: Snapshot) -> Callable[[Namespace], bool]:
    if not audience.namespace_selector.strip():
        return lambda _: False
    selector = parse_selector(audience.namespace_selector)
    unread = _unread_labels(snapshot)
    return lambda one: (
        one.declared and not {None, one.name} & unread and selector.matches(one.labels)
    )


def _unread_labels(snapshot: Snapshot) -> frozenset[str | None]:
    """The namespaces whose labels were not read; None stands for all."""
    return frozenset(
        one.name if one.kind == "Namespace" and one.name else one.namespace
        for one in snapshot.gaps
        if one.blind is Blind.NAMESPACE_LABELS
    )


def find_unmatched(audience: Audience, snapshot: Snapshot) -> tuple[Gap, ...]:
    """What an audience was given, and the snapshot does not have: it is told so, never `clean`."""
    names = [one.name for one in snapshot.namespaces]
    gaps = [
        _gap(f"no namespace is named {glob}", "nothing is told of it", glob)
        for glob in audience.namespaces
        if not _GLOB.intersection(glob) and glob not in names
    ]
    if _unread_labels(snapshot) and audience.namespace_selector.strip():
        gaps.append(
            _gap(
                "the labels of some namespaces were not read",
                "namespaces of this audience may be among them, and are left out",
            )
        )
    if not namespaces_of(audience, snapshot):
        gaps.append(
            _gap("no namespace is one of this audience's", "nothing is judged: this is no pass")
        )
    return tuple(gaps)


def _gap(reason: str, effect: str, name: str | None = None) -> Gap:
    return Gap(kind="Namespace", namespace=None, name=name, reason=reason, effect=effect)


def narrow_audit(
    audit: Audit,
    view: View,
    settings: Settings,
    acceptance: Acceptance,
    audience: Audience,
    *,
    previous: Compared | None = None,
) -> Audit:
    """The audit as an audience may see it; of everything, the audit itself.

    It is judged anew with the scope narrowed to the audience's namespaces, sealed with a digest of
    its own, and bears the run's id and times. ``previous`` is the run that this audience was sent
    last: `drift` is what changed since then; None: there is nothing to compare with.

    Raises:
        UsageError: a pattern of the settings is malformed.
    """
    if audience.everything:
        return audit
    from auditor.findings.extract import extract_report
    from auditor.findings.secrecy import Secrecy
    from auditor.findings.vocabulary import collect_words

    run = audit.report.run
    own = frozenset(namespaces_of(audience, view.snapshot))
    scope = scope_of(settings)._replace(only=own, between=audience.names_others)
    judged = judge_view(
        view,
        settings,
        acceptance,
        run_id=run.id,
        started_at=run.started_at,
        clock=lambda: run.finished_at,
        scope=scope,
    )
    judged = _with_sightings(judged, audit)
    words = [view.remembered(_words_of_view)]
    if previous is not None:
        words.append(collect_words(previous.snapshot, previous.recognition))
        scope = scope._replace(only=own | _gone(audience, previous.snapshot, view.snapshot))
    cluster = audit.report.cluster
    secrecy = Secrecy(
        scope.only or frozenset(),
        words,
        spoken=filter(None, (cluster.name, cluster.version, audience.name, *audience.namespaces)),
        names_others=audience.names_others,
    )
    current = side_of_audit(judged, view, settings, run.id)
    drift = None if previous is None else _compare(previous, current, scope, secrecy)
    extract = extract_report(judged, view, secrecy, find_unmatched(audience, view.snapshot))
    report = msgspec.structs.replace(extract.report, drift=drift)
    return seal(
        msgspec.structs.replace(
            extract,
            report=report,
            history=f"an extract of run {run.id}, whose whole report has the digest "
            f"{audit.report.digest}",
            extract=Extract(audience.name, audit.report.digest),
        )
    )


def _words_of_view(view: View) -> WordsByNamespace:
    from auditor.findings.vocabulary import collect_words

    return collect_words(view.snapshot, view.recognition)


def _with_sightings(judged: Audit, audit: Audit) -> Audit:
    """Since when each finding is seen, as the whole report has it."""
    whole = {one.id: one for one in audit.report.findings}
    findings = tuple(
        msgspec.structs.replace(
            one, first_seen=whole[one.id].first_seen, last_seen=whole[one.id].last_seen
        )
        if one.id in whole
        else one
        for one in judged.report.findings
    )
    report = msgspec.structs.replace(judged.report, findings=findings)
    return msgspec.structs.replace(judged, report=report)


def _gone(audience: Audience, previous: Snapshot, current: Snapshot) -> frozenset[str]:
    """The audience's namespaces that were there, and are not: nobody else's by now."""
    there = {one.name for one in current.namespaces}
    return frozenset(namespaces_of(audience, previous)) - there


def _compare(previous: Compared, current: Compared, scope: Scope, secrecy: Secrecy) -> Drift:
    """What changed in the audience's namespaces since the run that it was sent last."""
    from auditor.drift.compare import compare
    from auditor.drift.extract import extract_drift

    shown = shown_workloads(scope, (previous.snapshot, current.snapshot))
    if shown is not None:
        previous, current = (narrow_side(one, scope, shown) for one in (previous, current))
    sides = [
        side._replace(
            findings=tuple(one for one in side.findings if _holds(one.subject, side, scope))
        )
        for side in (previous, current)
    ]
    return extract_drift(compare(sides[0], sides[1], shown=shown), secrecy)


def _holds(subject: SubjectRecord, side: Compared, scope: Scope) -> bool:
    """Whether a finding of one side is the audience's: as the run judged it, it had them all."""
    only = scope.only or frozenset()
    if subject.namespace is not None:
        return subject.namespace in only
    if subject.kind != "Environments":
        return subject.kind == "Cluster"
    ends = subject.name.split("→")
    return scope.between and any(
        one.name in ends and namespace in only
        for namespace, one in side.recognition.environments.items()
    )
