"""The seal of a run, whose hash links the next run to it, and the statement that is signed.

A seal says which run it is, and holds the digests of all its parts. A tombstone keeps it: so
everything that still stands of a run whose content was pruned is covered, and where content does
not have its digest, it is known which part was altered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from auditor.history.header import RunHeader
from auditor.model.canonical import encode_canonical
from auditor.model.findings import Record

SIGNATURE_SCHEMA = "netpol-auditor/signature/v1"
SEAL_SCHEMA = "netpol-auditor/seal/v1"


class Seal(Record, frozen=True):
    """What the hash of a run is taken over. Digests are SHA-256 (hex) of texts as stored."""

    schema: str
    cluster: str
    """The key under which the runs of the cluster are kept."""
    run: str
    sequence: int
    started_at: str
    previous_hash: str | None
    report: str
    """The digest of the report."""
    header: str
    rules: str
    """Of the rule results (`digest_pairs`)."""
    findings: str
    """Of the findings."""


class Statement(Record, frozen=True):
    """What a signature signs: which run, and its place in the chain."""

    schema: str
    cluster: str
    """The key under which the runs of the cluster are kept."""
    run: str
    sequence: int
    hash: str
    report: str
    """The digest of the report."""


def digest_text(text: str) -> str:
    """SHA-256 (hex) of a text as it is stored, be it one that we would not store."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digest_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """SHA-256 (hex) of the canonical JSON of pairs (id, digest of a record), in any order."""
    return hashlib.sha256(encode_canonical(sorted(pairs))).hexdigest()


def seal_run(
    header: RunHeader,
    text: str,
    rules: Iterable[tuple[str, str]],
    findings: Iterable[tuple[str, str]],
) -> Seal:
    """The seal of a run. The run's hash is `digest_text` of its canonical JSON, as stored.

    ``text`` is the header as stored. ``rules`` and ``findings`` are ids, each with the SHA-256
    (`digest_text`) of the record as stored, in any order.
    """
    return Seal(
        schema=SEAL_SCHEMA,
        cluster=header.cluster_key,
        run=header.run.id,
        sequence=header.sequence,
        started_at=header.run.started_at,
        previous_hash=header.previous_hash,
        report=header.report,
        header=digest_text(text),
        rules=digest_pairs(rules),
        findings=digest_pairs(findings),
    )


def read_seal(text: str) -> Seal | None:
    """Read a stored seal; None where the text is none."""
    try:
        return msgspec.json.decode(text, type=Seal)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def state_run(seal: Seal, run_hash: str) -> Statement:
    """The statement about a run: its canonical JSON is what is signed."""
    return Statement(
        schema=SIGNATURE_SCHEMA,
        cluster=seal.cluster,
        run=seal.run,
        sequence=seal.sequence,
        hash=run_hash,
        report=seal.report,
    )
