"""What is wrong with a run as it is stored: all of it is hashed again, and compared with its seal.

Nothing is decoded into the program's own records, and nothing is encoded again: runs that other
versions of the program kept are judged like one's own. Memory holds one run at a time, and of its
findings the digests alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.errors import ArchiveError, HistoryError
from auditor.history.chain import (
    Seal,
    Statement,
    digest_pairs,
    digest_text,
    read_seal,
    state_run,
)
from auditor.history.stored import RawRun, Tombstone
from auditor.model.evidence import BrokenLink, Fault

if TYPE_CHECKING:
    from auditor.history.signature import PublicKey
    from auditor.history.store import Store

Entry = RawRun | Tombstone

_DIGEST = re.compile(r"[0-9a-f]{64}")


def find_row_faults(entry: Entry) -> Iterator[BrokenLink]:
    """What is wrong with a run's row by itself, or with its tombstone."""
    seal = read_seal(str(entry.seal))
    if seal is None or _digest(entry.seal) != entry.hash:
        yield break_link(entry, Fault.SEAL, None, entry.hash, _digest(entry.seal))
        return
    columns: dict[str, tuple[Any, Any]] = {
        "id": (seal.run, entry.id),
        "cluster": (seal.cluster, entry.cluster),
        "sequence": (seal.sequence, entry.sequence),
        "started_at": (seal.started_at, entry.started_at),
        "previous_hash": (seal.previous_hash, entry.previous_hash),
    }
    if isinstance(entry, Tombstone):
        columns["report"] = (seal.report, entry.report)
    for name, (sealed, found) in columns.items():
        if sealed != found:
            yield break_link(entry, Fault.COLUMN, name, sealed, found)
    if (entry.signature is None) != (entry.key_id is None):
        yield break_link(entry, Fault.COLUMN, "signature" if entry.signature is None else "key_id")


def find_content_faults(store: Store, entry: Entry) -> Iterator[BrokenLink]:
    """What is wrong with the content of a run whose row is sound. A tombstone has none."""
    seal = read_seal(entry.seal)
    if isinstance(entry, Tombstone) or seal is None:
        return
    header = read_header(entry.header)
    if header is None or _digest(entry.header) != seal.header:
        yield break_link(entry, Fault.HEADER, None, seal.header, _digest(entry.header))
        return  # what it says of the snapshot is nobody's word
    rules = [(str(rule), _digest(record)) for rule, record in entry.rules]
    if digest_pairs(rules) != seal.rules:
        yield break_link(entry, Fault.RULES, None, seal.rules, digest_pairs(rules))
    yield from _find_finding_faults(entry, seal)
    if header["snapshot"] != entry.snapshot:
        yield break_link(entry, Fault.COLUMN, "snapshot", header["snapshot"], entry.snapshot)
    yield from _find_snapshot_faults(store, entry)


def find_signature_faults(entry: Entry, keys: Sequence[PublicKey]) -> Iterator[BrokenLink]:
    """Whether a run is signed, and by one of the keys."""
    seal = read_seal(entry.seal)
    if entry.signature is None:
        yield break_link(entry, Fault.UNSIGNED)
    elif seal is not None:
        statement = state_run(seal, entry.hash)
        if not is_signed(statement, entry.signature, entry.key_id, keys):
            known = ", ".join(one.key_id for one in keys)
            yield break_link(entry, Fault.SIGNATURE, None, known, entry.key_id)


def is_signed(
    statement: Statement, signature: str, key_id: str | None, keys: Sequence[PublicKey]
) -> bool:
    """Whether one of the keys, the one that is named, signed the statement."""
    return any(one.key_id == key_id and one.verifies(statement, signature) for one in keys)


def _find_finding_faults(run: RawRun, seal: Seal) -> Iterator[BrokenLink]:
    pairs = []
    for finding, digest, record in run.findings:
        pairs.append((str(finding), str(digest)))
        if record is None:
            yield break_link(run, Fault.MISSING_RECORD, finding, digest, None)
        elif _digest(record) != digest:
            yield break_link(run, Fault.FINDING_RECORD, finding, digest, _digest(record))
    if digest_pairs(pairs) != seal.findings:
        yield break_link(run, Fault.FINDINGS, None, seal.findings, digest_pairs(pairs))


def _find_snapshot_faults(store: Store, run: RawRun) -> Iterator[BrokenLink]:
    from auditor.sources.archive import unpack_json

    if not _DIGEST.fullmatch(run.snapshot):
        yield break_link(run, Fault.HEADER, "snapshot", None, run.snapshot)
        return  # no name of a file that we have written
    try:
        packed = store.snapshots.read(run.snapshot)
    except HistoryError as error:
        yield break_link(run, Fault.SNAPSHOT_UNREADABLE, run.snapshot, None, error.message)
        return
    if packed is None:
        yield break_link(run, Fault.SNAPSHOT_MISSING, run.snapshot)
        return
    try:
        found = hashlib.sha256(unpack_json(packed, name=run.snapshot)).hexdigest()
    except ArchiveError as error:
        yield break_link(run, Fault.SNAPSHOT_DAMAGED, run.snapshot, None, error.message)
        return
    if found != run.snapshot:
        yield break_link(run, Fault.SNAPSHOT_OTHER, run.snapshot, run.snapshot, found)


def read_header(text: object) -> dict[str, Any] | None:
    """Read a stored header as it stands; None where it is none."""
    try:
        header = msgspec.json.decode(str(text))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    known = isinstance(header, dict) and "snapshot" in header
    return header if known and isinstance(header.get("run"), dict) else None


def break_link(
    entry: Entry, fault: Fault, where: str | None = None, expected: Any = None, found: Any = None
) -> BrokenLink:
    """Name what is wrong with an entry."""
    return BrokenLink(
        run=str(entry.id),
        sequence=place_of(entry),
        fault=fault,
        where=_text(where),
        expected=_text(expected),
        found=_text(found),
    )


def place_of(entry: Entry) -> int:
    """The sequence of an entry; 0 where it is no number: SQLite keeps that there, too."""
    sequence: object = entry.sequence
    return sequence if isinstance(sequence, int) else 0


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _digest(stored: object) -> str:
    """The digest of a text as stored; SQLite keeps what is no text in any column, too."""
    return digest_text(stored if isinstance(stored, str) else repr(stored))
