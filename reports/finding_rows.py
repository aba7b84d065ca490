"""Findings as display rows: sorted worst first, worded, sectioned, cut to a format's limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from auditor.model.findings import ChangedConnections, Remediation, Severity, Witness
from auditor.model.report import FindingRecord, SubjectRecord
from reports.layout import Layout
from reports.rows import (
    ChangedRow,
    ChangedRows,
    Fact,
    FindingGroup,
    FindingRow,
    FindingSection,
    RemediationRow,
    WorstRow,
)
from reports.text import clip, count, join_words, show_name, show_text, visible_lines, words_of

EVIDENCE_VALUES = 12
"""Values shown of a list in evidence; the rest is counted."""

POLICIES_SHOWN = 20
"""Policies named of one finding; the rest is counted."""

WORST = 6
"""Lines in the list of the worst findings."""

OPEN = "open"


def sort_findings(findings: Iterable[FindingRecord]) -> list[FindingRecord]:
    """Sort open before waived, outside before inside system namespaces, worst first."""
    return sorted(findings, key=_order)


def _order(one: FindingRecord) -> tuple[bool, bool, int, str, str, str, str, str, str]:
    subject = one.subject
    place = (subject.namespace or "", subject.kind, subject.name)
    return (
        one.status != OPEN,
        one.system,
        one.severity.rank,
        one.rule,
        *place,
        one.detail or "",
        one.id,
    )


def build_sections(
    findings: Sequence[FindingRecord], titles: Mapping[str, str], layout: Layout
) -> tuple[FindingSection, ...]:
    """Build the sections of a format: open, in system namespaces, waived (where there are any)."""
    ordered = sort_findings(findings)
    rows = tuple(build_row(one, titles, layout) for one in ordered[: layout.finding_rows])
    parts = {
        "findings": [one for one in ordered if one.status == OPEN and not one.system],
        "system-findings": [one for one in ordered if one.status == OPEN and one.system],
        "waived-findings": [one for one in ordered if one.status != OPEN],
    }
    sections: list[FindingSection] = []
    start = 0
    for anchor, records in parts.items():
        listed = rows[start : start + len(records)]
        full = max(0, layout.full_rows - start)
        start += len(records)
        if not records and anchor != "findings":
            continue
        title, introduction = _head(anchor, len(records))
        if len(findings) > layout.group_above:
            groups = _group(listed, layout.group_rows, by_namespace=True)
            omitted = _omitted_of_groups(groups)
            section = FindingSection(
                anchor, title, introduction, len(records), groups=groups, omitted=omitted
            )
        else:
            section = FindingSection(
                anchor,
                title,
                introduction,
                len(records),
                rows=listed[:full],
                brief=_group(listed[full:], len(listed), by_namespace=False),
                omitted=_omitted(records[len(listed) :]),
            )
        sections.append(section)
    return tuple(sections)


def _head(anchor: str, total: int) -> tuple[str, str]:
    match anchor:
        case "findings":
            text = "" if total else "No open finding outside of system namespaces."
            return "Findings", text
        case "system-findings":
            text = (
                "Namespaces that the cluster itself needs. They are judged as all others are, "
                "graded low, and listed apart."
            )
            return "Findings in system namespaces", text
        case _:
            return "Waived findings", "Accepted by a waiver. A waived finding never counts as pass."


def _omitted(records: Sequence[FindingRecord]) -> str:
    if not records:
        return ""
    severities = Counter(one.severity for one in records)
    words = join_words(f"{severities[one]:,} {one}" for one in Severity if severities[one])
    return (
        f"{count(len(records), 'further finding')} ({words}) "
        f"{'is' if len(records) == 1 else 'are'} not listed here: "
        "report.html, report.json and findings.csv hold every finding."
    )


def _group(
    rows: Sequence[FindingRow], listed: int, *, by_namespace: bool
) -> tuple[FindingGroup, ...]:
    def key(one: FindingRow) -> tuple[str, str, str]:
        return one.severity, one.rule, one.namespace if by_namespace else ""

    groups: list[FindingGroup] = []
    for (_, _, namespace), members in groupby(rows, key=key):
        found = tuple(members)
        first = found[0]
        groups.append(
            FindingGroup(
                rule=first.rule,
                title=first.title,
                severity=first.severity,
                system=first.system,
                namespace=namespace,
                total=len(found),
                hint=first.hint,
                listed=found[:listed],
                omitted=max(0, len(found) - listed),
            )
        )
    return tuple(groups)


def _omitted_of_groups(groups: Sequence[FindingGroup]) -> str:
    return (
        "There are too many findings to show each in full: those of one rule, severity and "
        f"namespace are grouped ({count(len(groups), 'group')}). "
        "report.json and findings.csv hold every finding, with evidence and remediation."
        if groups
        else ""
    )


def pick_worst(
    findings: Sequence[FindingRecord], titles: Mapping[str, str]
) -> tuple[WorstRow, ...]:
    """Pick the worst open finding of each rule and severity, outside of system namespaces."""
    ordered = sort_findings(one for one in findings if one.status == OPEN and not one.system)
    worst: list[WorstRow] = []
    for _, members in groupby(ordered, key=lambda one: (one.severity, one.rule)):
        first, *others = members
        worst.append(WorstRow(build_row(first, titles, None), len(others)))
        if len(worst) == WORST:
            break
    return tuple(worst)


def build_row(one: FindingRecord, titles: Mapping[str, str], layout: Layout | None) -> FindingRow:
    """Word one finding. Without a layout its remediation is left out: the row is a pointer."""
    subject = one.subject
    return FindingRow(
        id=show_name(one.id),
        rule=show_name(one.rule),
        title=titles.get(one.rule, show_name(one.rule)),
        severity=one.severity,
        severity_reason=show_text(one.severity_reason or ""),
        status=show_name(one.status),
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
        seen=_seen(one),
        remediation=_remediation(one.remediation, layout) if one.remediation and layout else None,
    )


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


def _seen(one: FindingRecord) -> str:
    if one.first_seen is None:
        return ""
    last = f", last {show_name(one.last_seen)}" if one.last_seen else ""
    return f"first {show_name(one.first_seen)}{last}"


def _remediation(remediation: Remediation, layout: Layout) -> RemediationRow:
    opens, closes = remediation.opens, remediation.closes
    return RemediationRow(
        manifest=_manifest(remediation.manifest or "", layout),
        steps=tuple(show_text(step) for step in remediation.steps),
        changed=(
            *([_changed("opens", opens, "that {} closed today")] if opens else []),
            *([_changed("closes", closes, "of today")] if closes else []),
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
        lines = [*lines[:shown], f"# {omitted}: report.html and report.json hold them"]
    return "\n".join(lines)


def _changed(verb: str, changed: ChangedConnections, which: str) -> ChangedRows:
    return ChangedRows(
        text=_describe_change(verb.capitalize(), changed, which),
        caption=f"Connections that the remediation {verb}",
        rows=tuple(
            ChangedRow(show_name(one.source), show_name(one.destination), show_name(one.ports))
            for one in changed.connections
        ),
    )


def _describe_change(verb: str, changed: ChangedConnections, which: str) -> str:
    unread = f" Pods that were not read: {show_text(changed.unread)}." if changed.unread else ""
    if changed.total == 0:
        return f"{verb} no connection {which.format('is')}.{unread}"
    which = which.format("is" if changed.total == 1 else "are")
    text = f"{unread} {verb} {count(changed.total, 'connection')} {which}".lstrip()
    shown = len(changed.connections)
    if shown < changed.total:
        return f"{text}, of which {shown:,} {'is' if shown == 1 else 'are'} listed:"
    return f"{text}:"
