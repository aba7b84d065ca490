"""Verifying: all that is kept is hashed again, as it is stored, and compared with its seals.

Nothing is decoded into the program's own records, and nothing is encoded again: runs that other
versions of the program kept are verified like one's own. Memory holds one run at a time, and of
its findings the digests alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.errors import ArchiveError
from auditor.history.chain import (
    Seal,
    Statement,
    digest_pairs,
    digest_text,
    read_seal,
    state_run,
)
from auditor.history.stored import RawRun, Tombstone
from auditor.model.evidence import BrokenLink, ChainResult, Fault

if TYPE_CHECKING:
    from auditor.history.signature import PublicKey
    from auditor.history.store import Store

Entry = RawRun | Tombstone


def verify_chain(store: Store, cluster: str, keys: Sequence[PublicKey] = ()) -> ChainResult:
    """Verify the chain of a cluster's runs, from the first to the newest.

    With ``keys`` every run from the first signed one on must be signed by one of them, and one
    run at least.

    Raises:
        HistoryError: the store cannot be read.
    """
    walk = _Walk(keys)
    for entry in store.raw(cluster):
        walk.pass_by(store, entry)
    return walk.result(cluster)


class _Walk:
    """Along a chain. After the first broken link, the rest is only counted."""

    def __init__(self, keys: Sequence[PublicKey]) -> None:
        self._keys = keys
        self._counts = {RawRun: 0, Tombstone: 0}
        self._signed = 0
        self._signed_from: int | None = None
        self._sequence = 0
        self._last_hash: str | None = None
        self._broken: BrokenLink | None = None

    def pass_by(self, store: Store, entry: Entry) -> None:
        """Verify an entry, and count it."""
        self._counts[type(entry)] += 1
        if entry.signature is not None:
            self._signed += 1
            self._signed_from = self._signed_from or entry.sequence
        if self._broken is None:
            self._broken = next(self._faults(store, entry), None)
        self._sequence, self._last_hash = entry.sequence, entry.hash

    def result(self, cluster: str) -> ChainResult:
        """Return what was found, at the chain's end."""
        if self._broken is None and not self._sequence:
            # a cluster is written with its first run, and the newest is never pruned
            self._broken = BrokenLink(None, 1, Fault.HOLE)
        if self._broken is None and self._keys and not self._signed:
            self._broken = BrokenLink(None, self._sequence, Fault.UNSIGNED)
        return ChainResult(
            cluster=cluster,
            runs=self._counts[RawRun],
            tombstones=self._counts[Tombstone],
            signed=self._signed,
            signed_from=self._signed_from,
            is_signature_checked=bool(self._keys),
            last_hash=self._last_hash,
            broken=self._broken,
        )

    def _faults(self, store: Store, entry: Entry) -> Iterator[BrokenLink]:
        yield from find_row_faults(entry)
        if entry.sequence <= self._sequence:
            yield _broken(entry, Fault.TWICE)
        if entry.sequence != self._sequence + 1:
            yield BrokenLink(None, self._sequence + 1, Fault.HOLE)
        yield from find_content_faults(store, entry)
        if entry.previous_hash != self._last_hash:
            yield _broken(entry, Fault.LINK, None, self._last_hash, entry.previous_hash)
        if self._keys and self._signed_from is not None:
            yield from find_signature_faults(entry, self._keys)


def find_row_faults(entry: Entry) -> Iterator[BrokenLink]:
    """What is wrong with a run's row by itself, or with its tombstone."""
    seal = read_seal(str(entry.seal))
    if seal is None or _digest(entry.seal) != entry.hash:
        yield _broken(entry, Fault.SEAL, None, entry.hash, _digest(entry.seal))
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
            yield _broken(entry, Fault.COLUMN, name, sealed, found)
    if (entry.signature is None) != (entry.key_id is None):
        yield _broken(entry, Fault.COLUMN, "signature" if entry.signature is None else "key_id")


def find_content_faults(store: Store, entry: Entry) -> Iterator[BrokenLink]:
    """What is wrong with the content of a run whose row is sound. A tombstone has none."""
    seal = read_seal(entry.seal)
    if isinstance(entry, Tombstone) or seal is None:
        return
    header = read_header(entry.header)
    if header is None or _digest(entry.header) != seal.header:
        yield _broken(entry, Fault.HEADER, None, seal.header, _digest(entry.header))
        return  # what it says of the snapshot is nobody's word
    rules = [(str(rule), _digest(record)) for rule, record in entry.rules]
    if digest_pairs(rules) != seal.rules:
        yield _broken(entry, Fault.RULES, None, seal.rules, digest_pairs(rules))
    yield from _find_finding_faults(entry, seal)
    if header["snapshot"] != entry.snapshot:
        yield _broken(entry, Fault.COLUMN, "snapshot", header["snapshot"], entry.snapshot)
    yield from _find_snapshot_faults(store, entry)


def find_signature_faults(entry: Entry, keys: Sequence[PublicKey]) -> Iterator[BrokenLink]:
    """Whether a run is signed, and by one of the keys."""
    seal = read_seal(entry.seal)
    if entry.signature is None:
        yield _broken(entry, Fault.UNSIGNED)
    elif seal is not None:
        statement = state_run(seal, entry.hash)
        if not is_signed(statement, entry.signature, entry.key_id, keys):
            known = ", ".join(one.key_id for one in keys)
            yield _broken(entry, Fault.SIGNATURE, None, known, entry.key_id)


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
            yield _broken(run, Fault.MISSING_RECORD, finding, digest, None)
        elif _digest(record) != digest:
            yield _broken(run, Fault.FINDING_RECORD, finding, digest, _digest(record))
    if digest_pairs(pairs) != seal.findings:
        yield _broken(run, Fault.FINDINGS, None, seal.findings, digest_pairs(pairs))


def _find_snapshot_faults(store: Store, run: RawRun) -> Iterator[BrokenLink]:
    from auditor.sources.archive import unpack_json

    packed = store.snapshots.read(run.snapshot)
    if packed is None:
        yield _broken(run, Fault.SNAPSHOT_MISSING, run.snapshot)
        return
    try:
        found = hashlib.sha256(unpack_json(packed, name=run.snapshot)).hexdigest()
    except ArchiveError as error:
        yield _broken(run, Fault.SNAPSHOT_DAMAGED, run.snapshot, None, error.message)
        return
    if found != run.snapshot:
        yield _broken(run, Fault.SNAPSHOT_OTHER, run.snapshot, run.snapshot, found)


def read_header(text: object) -> dict[str, Any] | None:
    """A stored header as it stands; None where it is none."""
    try:
        header = msgspec.json.decode(str(text))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    known = isinstance(header, dict) and "snapshot" in header
    return header if known and isinstance(header.get("run"), dict) else None


def _broken(
    entry: Entry, fault: Fault, where: str | None = None, expected: Any = None, found: Any = None
) -> BrokenLink:
    sequence: object = entry.sequence  # SQLite keeps what is no number there, too
    return BrokenLink(
        run=str(entry.id),
        sequence=sequence if isinstance(sequence, int) else 0,
        fault=fault,
        where=_text(where),
        expected=_text(expected),
        found=_text(found),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _digest(stored: object) -> str:
    """The digest of a text as stored; SQLite keeps what is no text in any column, too."""
    return digest_text(stored if isinstance(stored, str) else repr(stored))
