"""findings.csv: a row per finding, for spreadsheets; other rows are written alike."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import msgspec

from auditor.model.findings import ChangedConnections, Remediation
from auditor.model.report import Audit, FindingRecord, Report
from reports.finding_rows import OPEN, sort_findings
from reports.text import visible, visible_lines

_WAIVER_COLUMNS = (
    "waiver",
    "waiver_state",
    "waiver_reason",
    "waiver_compensating_control",
    "waiver_owner",
    "waiver_approved_by",
    "waiver_ticket",
    "waiver_created",
    "waiver_expires",
)

COLUMNS = (
    "id",
    "rule",
    "severity",
    "severity_reason",
    "status",
    "system",
    "namespace",
    "kind",
    "name",
    "detail",
    "message",
    "hint",
    "witness_source",
    "witness_destination",
    "witness_protocol",
    "witness_port",
    "policies",
    "remediation",
    "closes",
    "evidence",
    "first_seen",
    "last_seen",
    "cluster",
    "run",
    "opens",
    "controls",
    *_WAIVER_COLUMNS,
)
"""The columns, in an order that later versions only add to, at the end."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet may take for the beginning of a formula, full-width forms included."""


def render_csv(audit: Audit) -> bytes:
    """Render the findings as CSV, worst first: UTF-8 with a byte order mark, every field quoted.

    Without the mark Excel reads UTF-8 as the local code page. Nothing is cut; characters that
    would hide or reorder text are spelled out, as in every format but JSON.
    """
    return _encode(COLUMNS, [_row(one, audit.report) for one in sort_findings(audit.report)])


def write_rows(columns: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> bytes:
    """Write any rows as `render_csv` does; what is null is empty."""
    return _encode(
        columns, [tuple("" if one is None else _field(str(one)) for one in row) for row in rows]
    )


def _encode(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
    from pandas import DataFrame

    frame = DataFrame(rows, columns=list(columns), dtype=str)
    # QUOTE_ALL is 1: a field never ends where a spreadsheet's locale sees another delimiter.
    text = frame.to_csv(index=False, quoting=1, lineterminator="\n")
    return text.encode("utf-8-sig")


def begins_formula(text: str) -> bool:
    """Whether a spreadsheet may take a field for a formula: then an apostrophe goes before it.

    Source: OWASP, CSV injection. Leading spaces are looked through, since some programs trim them.
    """
    return text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)


def _row(one: FindingRecord, report: Report) -> tuple[str, ...]:
    witness = one.witness
    fields = (
        one.id,
        one.rule,
        one.severity.value,
        one.severity_reason,
        one.status,
        "yes" if one.system else "no",
        one.subject.namespace,
        one.subject.kind,
        one.subject.name,
        one.detail,
        one.message,
        one.hint,
        witness.source if witness else None,
        witness.destination if witness else None,
        witness.protocol if witness else None,
        str(witness.port) if witness and witness.port is not None else None,
        " ".join(one.policies),
        "",
        _total(one.remediation.closes if one.remediation else None),
        _evidence(one),
        one.first_seen,
        one.last_seen,
        report.cluster.name,
        report.run.id,
        _total(one.remediation.opens if one.remediation else None),
        "; ".join(one.controls),
        *_waiver(one),
    )
    shown = dict(zip(COLUMNS, (_field(field or "") for field in fields), strict=True))
    if one.remediation:
        shown["remediation"] = _remediation(one.remediation)
    return tuple(shown.values())


def _waiver(one: FindingRecord) -> tuple[str | None, ...]:
    """Return the waiver's columns, empty without one. One that expired leaves the finding open."""
    waiver = one.waiver
    if waiver is None:
        return ("",) * len(_WAIVER_COLUMNS)
    return (
        waiver.id,
        "expired" if one.status == OPEN else "holds",
        waiver.reason,
        waiver.compensating_control,
        waiver.owner,
        waiver.approved_by,
        waiver.ticket,
        waiver.created,
        waiver.expires,
    )


def _total(changed: ChangedConnections | None) -> str | None:
    return None if changed is None else str(changed.total)


def _field(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if begins_formula(text) else shown


def _remediation(remediation: Remediation) -> str:
    """Return the manifest, or the steps in a line each: the one field of several lines."""
    text = remediation.manifest or "\n".join(remediation.steps)
    shown = visible_lines(text)
    return f"'{shown}" if begins_formula(text) else shown


def _evidence(one: FindingRecord) -> str:
    """Return the evidence as JSON: in ASCII where it holds what would not be shown as it is."""
    if not one.evidence:
        return ""
    plain = msgspec.to_builtins(one.evidence, order="sorted")
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    return text if visible(text) == text else json.dumps(plain, sort_keys=True)
