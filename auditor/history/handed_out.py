"""What was handed out, a report or a signature, checked against the store.

Whoever can write the store can also recompute its chain, or cut its end off. What was handed out
before is out of their reach.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import to_builtins
from msgspec.structs import replace

from auditor.history.chain import Seal, read_seal, state_run
from auditor.history.faults import (
    Entry,
    find_content_faults,
    find_row_faults,
    is_signed,
    place_of,
    read_header,
)
from auditor.history.signature import Signature, read_signature
from auditor.history.stored import RawRun, Tombstone
from auditor.model.canonical import encode_canonical
from auditor.model.evidence import FileResult, FileState
from auditor.model.report import REPORT_SCHEMA, UNSEALED, RunRecord

if TYPE_CHECKING:
    from auditor.history.signature import PublicKey
    from auditor.history.store import Store

_FORGOTTEN = frozenset(f"run.{field}" for field in RunRecord.__struct_fields__)
"""What a tombstone no longer knows."""


def verify_file(store: Store, file: str, data: bytes, keys: Sequence[PublicKey] = ()) -> FileResult:
    """Check a report.json or a report.sig; ``file`` is its name.

    Raises:
        HistoryError: the store cannot be read.
    """
    signature = read_signature(data)
    if signature is not None:
        return verify_signature_file(store, file, signature, keys)
    return verify_report(store, file, data)


def verify_report(store: Store, file: str, data: bytes) -> FileResult:
    """Check a report by its JSON alone, whatever version wrote it.

    Its digest is worked out again, and its run is looked up: what the store keeps of it is hashed
    again, and must be what the report says.

    Raises:
        HistoryError: the store cannot be read.
    """
    report = _read_report(data)
    if report is None:
        return FileResult(file, FileState.FOREIGN)
    run, digest = report["run"], _digest_report(report)
    if digest != report["digest"]:
        edited = FileResult(file, FileState.EDITED, run=run["id"])
        return replace(edited, expected=str(report["digest"]), found=digest)
    evidence = run.get("evidence")
    if not isinstance(evidence, dict):
        return FileResult(file, FileState.WITHOUT_EVIDENCE, run=run["id"])
    said = {
        **{f"run.{key}": value for key, value in run.items() if key != "evidence"},
        **{f"run.evidence.{key}": value for key, value in evidence.items()},
        "digest": digest,
    }
    return _look_up(store, file, run["id"], said, _report_facts)


def verify_signature_file(
    store: Store, file: str, signature: Signature, keys: Sequence[PublicKey] = ()
) -> FileResult:
    """Check a detached signature: what it states by the store, and it itself by the keys.

    Raises:
        HistoryError: the store cannot be read.
    """
    statement = signature.statement
    result = _look_up(store, file, statement.run, to_builtins(statement), _statement_facts)
    if not result.state.is_intact:
        return result
    if not keys:
        return replace(result, state=FileState.UNCHECKED)
    if not is_signed(statement, signature.signature, signature.key_id, keys):
        known = ", ".join(one.key_id for one in keys)
        return replace(
            result, state=FileState.WRONG_SIGNATURE, expected=known, found=signature.key_id
        )
    return result


def _look_up(
    store: Store,
    file: str,
    run: str,
    said: Mapping[str, object],
    facts: Callable[[Entry, Seal], dict[str, object]],
) -> FileResult:
    """Find the run, whatever cluster it is kept under, and compare ``said`` with its ``facts``."""
    for cluster in store.clusters():
        for entry in store.raw(cluster.key):
            if entry.id == run:
                return _compare(store, entry, FileResult(file, FileState.INTACT), said, facts)
    return FileResult(file, FileState.UNKNOWN_RUN, run=run)


def _compare(
    store: Store,
    entry: Entry,
    result: FileResult,
    said: Mapping[str, object],
    facts: Callable[[Entry, Seal], dict[str, object]],
) -> FileResult:
    result = replace(result, run=entry.id, cluster=str(entry.cluster), sequence=place_of(entry))
    broken = next(find_row_faults(entry), None) or next(find_content_faults(store, entry), None)
    seal = read_seal(entry.seal)
    if broken is not None or seal is None:
        return replace(result, state=FileState.RUN_BROKEN, broken=broken)
    told = facts(entry, seal)
    forgotten = _FORGOTTEN if isinstance(entry, Tombstone) else frozenset()
    added = sorted(said.keys() - told.keys() - forgotten)
    for field, kept in told.items():
        if encode_canonical(said.get(field)) != encode_canonical(kept):
            return replace(
                result,
                state=FileState.CONTRADICTED,
                where=field,
                expected=_text(kept),
                found=_text(said.get(field)),
            )
    if added:
        found = _text(said[added[0]])
        return replace(result, state=FileState.EDITED, where=added[0], found=found)
    return result if isinstance(entry, RawRun) else replace(result, state=FileState.CONTENT_PRUNED)


def _report_facts(entry: Entry, seal: Seal) -> dict[str, object]:
    """What a report must say of a run. When a pruned run ended, and its settings, are not known."""
    header = read_header(entry.header) if isinstance(entry, RawRun) else None
    run = header["run"] if header is not None else {"id": seal.run, "started_at": seal.started_at}
    return {
        **{f"run.{key}": value for key, value in run.items() if key != "evidence"},
        "run.evidence.cluster": seal.cluster,
        "run.evidence.sequence": seal.sequence,
        "run.evidence.hash": entry.hash,
        "run.evidence.previous_hash": seal.previous_hash,
        "digest": seal.report,
    }


def _statement_facts(entry: Entry, seal: Seal) -> dict[str, object]:
    facts: dict[str, object] = to_builtins(state_run(seal, entry.hash))
    return facts


def _read_report(data: bytes) -> dict[str, Any] | None:
    """A report as it stands; None where it is none that this version can check."""
    try:
        report = json.loads(
            data,
            object_pairs_hook=_refuse_doubles,
            parse_constant=_refuse,
            parse_float=_read_number,
        )
        known = report["schema"] == REPORT_SCHEMA and isinstance(report["run"]["id"], str)
        msgspec.json.encode(report)  # the digest leaves the run out
        _digest_report(report)
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    return report if known and "digest" in report else None


def _digest_report(report: Mapping[str, Any]) -> str:
    sealed = {key: part for key, part in report.items() if key not in UNSEALED}
    # not `encode_canonical`: lone surrogates are none of ours, and must not be read as escapes
    return hashlib.sha256(msgspec.json.encode(sealed, order="sorted")).hexdigest()


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: another program might show the other value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _read_number(text: str) -> float:
    """Refuse a number too large for one: it would be compared as null."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large")
    return number


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
