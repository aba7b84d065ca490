"""Findings as display rows: sorted worst first and worded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditor.model.findings import ChangedConnections, Remediation, SubjectRecord, Witness
from auditor.model.report import FindingRecord, Report
from reports.exceptions import describe_terms
from reports.layout import Layout
from reports.rows import ChangedRow, ChangedRows, Fact, FindingRow, Related, RemediationRow
from reports.sightings import Sightings
from reports.text import clip, count, show_name, show_text, visible_lines, words_of

EVIDENCE_VALUES = 12
"""Values shown of a list in evidence; the rest is counted."""

POLICIES_SHOWN = 20
"""Policies named of one finding; the rest is counted."""

RELATED_SHOWN = 5
"""Other findings about the same subject that are named at a finding; the rest is counted."""

OPEN = "open"


def sort_findings(report: Report) -> list[FindingRecord]:
    """Sort open before waived, outside before inside system namespaces, worst first.

    What weighs the same goes by rule, the most telling first, as the report lists them.
    """
    ranks = {one.id: number for number, one in enumerate(report.rules)}

    def order(one: FindingRecord) -> tuple[object, ...]:
        subject = one.subject
        return (
            one.status != OPEN,
            one.system,
            one.severity.rank,
            ranks.get(one.rule, len(ranks)),
            one.rule,
            subject.namespace or "",
            subject.kind,
            subject.name,
            one.detail or "",
            one.id,
        )

    return sorted(report.findings, key=order)


class Company:
    """Which open findings are about the same subject: its worst one is not lost among them."""

    def __init__(self, findings: Iterable[FindingRecord], titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._about: dict[SubjectRecord, list[FindingRecord]] = {}
        for one in findings:
            if one.status == OPEN:
                self._about.setdefault(one.subject, []).append(one)

    def of(self, one: FindingRecord) -> tuple[Related, ...]:
        """Name the others in the order of the findings given, and count what is not named."""
        others = [other for other in self._about.get(one.subject, ()) if other.id != one.id]
        named = tuple(self._name(other) for other in others[:RELATED_SHOWN])
        rest = len(others) - len(named)
        return (*named, Related("", f"and {rest:,} more")) if rest else named

    def _name(self, other: FindingRecord) -> Related:
        title = self._titles.get(other.rule, show_name(other.rule))
        detail = f", {show_name(other.detail)}" if other.detail else ""
        return Related(show_name(other.id), f"{title}{detail} ({other.severity})")


def build_row(
    one: FindingRecord,
    titles: Mapping[str, str],
    layout: Layout | None,
    company: Company | None = None,
    sightings: Sightings | None = None,
) -> FindingRow:
    """Word one finding. Without a layout its remediation is left out: the row is a pointer."""
    subject, waiver = one.subject, one.waiver
    return FindingRow(
        id=show_name(one.id),
        rule=show_name(one.rule),
        title=titles.get(one.rule, show_name(one.rule)),
        severity=one.severity,
        severity_reason=show_text(one.severity_reason or ""),
        status=show_name(one.status),
        waiver=describe_terms(waiver) if waiver else "",
        waiver_reason=show_text(waiver.reason) if waiver else "",
        waiver_expired=waiver is not None and one.status == OPEN,
        system=one.system,
        namespace=show_name(subject.namespace or ""),
        kind=show_name(subject.kind),
        name=show_name(subject.name),
        subject=describe_subject(subject),
        detail=show_name(one.detail or ""),
        message=show_text(one.message),
        hint=show_text(one.hint),
        witness=describe_witness(one.witness) if one.witness else "",
        policies=_cut([show_name(key) for key in one.policies], POLICIES_SHOWN),
        evidence=tuple(describe_evidence(one.evidence)),
        related=company.of(one) if company else (),
        seen=sightings.describe(one) if sightings else "",
        is_new=sightings is not None and sightings.is_new(one),
        remediation=_remediation(one.remediation, layout) if one.remediation and layout else None,
    )


def find_place(subject: SubjectRecord) -> str | None:
    """Return the namespace that a subject stands in, or that it is."""
    if subject.kind == "Namespace" and subject.namespace is None:
        return subject.name
    return subject.namespace


def describe_subject(subject: SubjectRecord) -> str:
    """Return the object key `namespace/kind/name`, or `kind/name` without a namespace."""
    parts = (subject.namespace, subject.kind, subject.name)
    return "/".join(show_name(part) for part in parts if part)


def describe_witness(witness: Witness) -> str:
    """Return `source → destination on TCP 5432`; without a port, on which ports."""
    ends = f"{show_name(witness.source)} → {show_name(witness.destination)}"
    if witness.protocol is None:
        return f"{ends} on every port" if witness.port is None else f"{ends} on {witness.port}"
    protocol = show_name(witness.protocol)
    if witness.port is None:
        return f"{ends} on every {protocol} port"
    return f"{ends} on {protocol} {witness.port}"


def describe_evidence(evidence: Mapping[str, object]) -> Iterable[Fact]:
    """Return labelled values: a mapping is flattened, long lists cut and counted."""
    for key, value in sorted(evidence.items()):
        label = show_name(words_of(key))
        label = label[:1].upper() + label[1:]
        if isinstance(value, Mapping):
            for part, inner in sorted(value.items()):
                yield Fact(f"{label}: {show_name(words_of(str(part)))}", describe_value(inner))
        else:
            yield Fact(label, describe_value(value))


def describe_value(value: object) -> str:
    """Return a value of evidence in words."""
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case Mapping():
            return ", ".join(f"{show_name(str(k))} {describe_value(v)}" for k, v in value.items())
        case list() | tuple() | set() | frozenset():
            items = [describe_value(one) for one in value]
            ordered = sorted(items) if isinstance(value, (set, frozenset)) else items
            return "; ".join(_cut(ordered, EVIDENCE_VALUES)) or "none"
        case _:
            return show_text(str(value))


def _cut(values: Sequence[str], length: int) -> tuple[str, ...]:
    if len(values) <= length:
        return tuple(values)
    return (*values[:length], f"and {len(values) - length:,} more")


def _remediation(remediation: Remediation, layout: Layout) -> RemediationRow:
    opens, closes = remediation.opens, remediation.closes
    return RemediationRow(
        manifest=_manifest(remediation.manifest or "", layout),
        steps=tuple(show_text(step) for step in remediation.steps),
        changed=(
            *([_changed("opens", opens, "that {} closed today", layout)] if opens else []),
            *([_changed("closes", closes, "of today", layout)] if closes else []),
        ),
    )


def _manifest(manifest: str, layout: Layout) -> str:
    lines = [
        clip(line, layout.manifest_columns)
        for line in visible_lines(manifest).strip("\n").split("\n")
    ]
    shown = layout.manifest_lines
    if len(lines) > shown:
        omitted = count(len(lines) - shown, "further line")
        lines = [*lines[:shown], f"# {omitted}: {layout.full_in} them"]
    return "\n".join(lines)


def _changed(verb: str, changed: ChangedConnections, which: str, layout: Layout) -> ChangedRows:
    shown = changed.connections[: layout.changed_rows]
    return ChangedRows(
        text=_describe_change(verb.capitalize(), changed, which, len(shown)),
        caption=f"Connections that the remediation {verb}",
        rows=tuple(
            ChangedRow(show_name(one.source), show_name(one.destination), show_name(one.ports))
            for one in shown
        ),
    )


def _describe_change(verb: str, changed: ChangedConnections, which: str, shown: int) -> str:
    unread = f" Pods that were not read: {show_text(changed.unread)}." if changed.unread else ""
    if changed.total == 0:
        return f"{verb} no connection {which.format('is')}.{unread}"
    which = which.format("is" if changed.total == 1 else "are")
    text = f"{unread} {verb} {count(changed.total, 'connection')} {which}".lstrip()
    if shown < changed.total:
        return f"{text}, of which {shown:,} {'is' if shown == 1 else 'are'} listed:"
    return f"{text}:"
