"""A judged report → what of it one audience may see.

The report is judged with its scope narrowed to the namespaces of the audience, so that no finding,
waiver or count of others is in it. What is left is what its own findings say of others, the gaps
and the population: they are narrowed here, and then every text is gone through (`Secrecy`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from auditor.findings.secrecy import OTHERS, Secrecy
from auditor.model.findings import ChangedConnection, ChangedConnections, Remediation, Witness
from auditor.model.report import (
    Audit,
    FindingRecord,
    GapRecord,
    Matrix,
    MatrixCell,
    Report,
    RuleRecord,
    ScopeRecord,
    record_gap,
)
from auditor.model.snapshot import Gap, Snapshot
from auditor.model.waivers import WaiverRecord
from auditor.reachability.picture import EXTERNAL
from auditor.reachability.view import View

WHOLE_REPORT = "whoever gets the whole report"

MENTIONS_OTHERS = (
    f"the manifest that mends this names {OTHERS}: {WHOLE_REPORT} has it, ask them for it"
)
STEP_MENTIONS_OTHERS = f"a further step is about {OTHERS}: {WHOLE_REPORT} can name it"
COVERS_OTHERS = f"this waiver covers {OTHERS}, too: {WHOLE_REPORT} can read why"
_GLOB = frozenset("*?[")
_SEGMENTS = 3
"""Of the key of an object that is in a namespace."""
_UNSAID = f"what could not be read is not of this audience alone: {WHOLE_REPORT} can read why"


def extract_report(audit: Audit, view: View, secrecy: Secrecy, gaps: Iterable[Gap] = ()) -> Audit:
    """Take out of an audit of the audience's namespaces what is not theirs to see.

    ``gaps`` are what is to be said beside the gaps of the view: that some of the namespaces that
    the audience was given do not exist, for instance.
    """
    report = audit.report
    kept = (*_own_gaps((*view.snapshot.gaps, *view.gaps), secrecy), *map(record_gap, gaps))
    report = msgspec.structs.replace(
        report,
        scope=_narrow_scope(report.scope, view, secrecy.own, kept),
        rules=tuple(_narrow_rule(one, secrecy) for one in report.rules),
        findings=tuple(hide_ends(one, secrecy) for one in report.findings),
        waivers=tuple(
            msgspec.structs.replace(one, waiver=hide_waiver(one.waiver, secrecy))
            for one in report.waivers
            if one.findings
        ),
        refused_waivers=tuple(
            one for one in report.refused_waivers if _is_own_key(one.annotated, secrecy)
        ),
    )
    return msgspec.structs.replace(
        audit,
        report=hide_report(report, secrecy),
        matrix=_narrow_matrix(audit.matrix, secrecy),
        production=audit.production & secrecy.own,
        trend=None,
    )


def hide_report(report: Report, secrecy: Secrecy) -> Report:
    """Go through every text of a report but those that are the product's own."""
    cni = msgspec.structs.replace(
        report.cluster.cni,
        evidence=tuple(one for one in report.cluster.cni.evidence if one == secrecy.hide(one)),
    )
    return msgspec.structs.replace(
        report,
        cluster=msgspec.structs.replace(report.cluster, cni=cni),
        scope=secrecy.hide_record(report.scope),
        rules=secrecy.hide_record(report.rules),
        findings=secrecy.hide_record(report.findings),
        waivers=secrecy.hide_record(report.waivers),
        refused_waivers=secrecy.hide_record(report.refused_waivers),
    )


def hide_ends(finding: FindingRecord, secrecy: Secrecy) -> FindingRecord:
    """Hide what a finding names of others where objects are named: before its texts are."""
    witness = finding.witness
    return msgspec.structs.replace(
        finding,
        waiver=None if finding.waiver is None else hide_waiver(finding.waiver, secrecy),
        evidence=secrecy.hide_value(finding.evidence),
        witness=None
        if witness is None
        else Witness(
            secrecy.hide_end(witness.source),
            secrecy.hide_end(witness.destination),
            witness.protocol,
            witness.port,
        ),
        policies=tuple(dict.fromkeys(map(secrecy.hide_end, finding.policies))),
        remediation=None
        if finding.remediation is None
        else _hide_remediation(finding.remediation, secrecy),
    )


def hide_waiver(waiver: WaiverRecord, secrecy: Secrecy) -> WaiverRecord:
    """A waiver that may hold elsewhere, too, without what its authors wrote of it in sentences."""
    if not secrecy.is_narrow or _is_confined(waiver.subject, secrecy):
        return waiver
    return msgspec.structs.replace(
        waiver,
        reason=COVERS_OTHERS,
        compensating_control=None if waiver.compensating_control is None else COVERS_OTHERS,
        ticket=waiver.ticket if len(waiver.ticket.split()) == 1 else COVERS_OTHERS,
    )


def _is_confined(subject: str, secrecy: Secrecy) -> bool:
    """Whether an object key, or a glob of keys, is of one's own namespaces and of no others.

    A star stands for slashes, too: only in a glob of three segments does the first one stand
    for a namespace alone.
    """
    head, *_ = segments = subject.split("/")
    if len(segments) == _SEGMENTS and _GLOB.intersection(head):
        return not any(fnmatchcase(one, head) for one in secrecy.others)
    return head in secrecy.own


def _hide_remediation(one: Remediation, secrecy: Secrecy) -> Remediation:
    """A manifest that names others is left out whole: with words missing it would do harm."""
    steps = tuple(
        dict.fromkeys(
            step if step == secrecy.hide(step) else STEP_MENTIONS_OTHERS for step in one.steps
        )
    )
    if one.manifest is not None and secrecy.tells(one.manifest):
        return Remediation(steps=(*steps, MENTIONS_OTHERS))
    return Remediation(
        manifest=one.manifest,
        steps=steps,
        closes=_hide_changed(one.closes, secrecy),
        opens=_hide_changed(one.opens, secrecy),
    )


def _hide_changed(
    changed: ChangedConnections | None, secrecy: Secrecy
) -> ChangedConnections | None:
    """The rows with the other ends hidden; rows that are alike then are one."""
    if changed is None:
        return None
    rows = dict.fromkeys(
        ChangedConnection(
            secrecy.hide_end(one.source), secrecy.hide_end(one.destination), one.ports
        )
        for one in changed.connections
    )
    return msgspec.structs.replace(
        changed, connections=tuple(rows), omitted=changed.total - len(rows)
    )


def _is_own_key(key: str, secrecy: Secrecy) -> bool:
    return not secrecy.hides(key.partition("/")[0])


def _narrow_rule(rule: RuleRecord, secrecy: Secrecy) -> RuleRecord:
    kept = (one for one in rule.not_evaluated if secrecy.hide_end(one) == one)
    return msgspec.structs.replace(rule, not_evaluated=tuple(kept))


def _own_gaps(gaps: Iterable[Gap], secrecy: Secrecy) -> tuple[GapRecord, ...]:
    """The gaps of the audience's namespaces, and those of the cluster without names and places.

    What could not be parsed is in no vocabulary: the reason of a gap of nobody's is not told where
    it may quote it.
    """
    kept: dict[GapRecord, None] = {}
    for gap in gaps:
        place = gap.name if gap.kind == "Namespace" and gap.name else gap.namespace
        if secrecy.hides(place):
            continue
        record = record_gap(gap)
        if place is None and secrecy.is_narrow and (gap.source is not None or gap.name):
            record = msgspec.structs.replace(record, name=None, source=None, reason=_UNSAID)
        kept[record] = None
    return tuple(kept)


def _narrow_scope(
    scope: ScopeRecord, view: View, own: frozenset[str], gaps: tuple[GapRecord, ...]
) -> ScopeRecord:
    namespaces = scope.namespaces
    return msgspec.structs.replace(
        scope,
        namespaces=msgspec.structs.replace(
            namespaces,
            total=sum(one.name in own for one in view.snapshot.namespaces),
            excluded=tuple(one for one in namespaces.excluded if one.name in own),
        ),
        pods=sum(view.pods_per_namespace[one] for one in own),
        policies=_count_policies(view.snapshot, own),
        gaps=gaps,
    )


def _count_policies(snapshot: Snapshot, own: frozenset[str]) -> dict[str, int]:
    """The policies of the namespaces, and those of none that are not evaluated."""
    kinds = Counter(
        one.kind
        for one in snapshot.unevaluated_policies
        if not one.namespace or one.namespace in own
    )
    policies = sum(one.namespace in own for one in snapshot.policies)
    return {"NetworkPolicy": policies, **dict(sorted(kinds.items()))}


def _narrow_matrix(matrix: Matrix, secrecy: Secrecy) -> Matrix:
    """The picture without what lies between others, and without their number."""
    names = tuple(one if one in secrecy.own or one == EXTERNAL else OTHERS for one in matrix.names)
    foreign = frozenset(number for number, name in enumerate(names) if name in {OTHERS, EXTERNAL})
    nothing = MatrixCell(0, 0, 0)
    cells = tuple(
        tuple(
            nothing if source in foreign and destination in foreign else cell
            for destination, cell in enumerate(row)
        )
        for source, row in enumerate(matrix.cells)
    )
    return Matrix(names=names, cells=cells, grouped=0)
