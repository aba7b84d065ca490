"""The hash of a run, and the statement that a signature of it signs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from auditor.model.canonical import encode_canonical
from auditor.model.findings import Record

SIGNATURE_SCHEMA = "netpol-auditor/signature/v1"


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
    """SHA-256 (hex) of a text as it is stored."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_run(
    header: str, rules: Iterable[tuple[str, str]], findings: Iterable[tuple[str, str]]
) -> str:
    """SHA-256 (hex) of what is kept of a run and never changes.

    ``header`` is the text as stored. ``rules`` and ``findings`` are ids, each with the SHA-256
    (`digest_text`) of the record as stored, in any order.
    """
    document = {
        "header": digest_text(header),
        "rules": sorted(rules),
        "findings": sorted(findings),
    }
    return hashlib.sha256(encode_canonical(document)).hexdigest()


def state_run(cluster: str, run: str, sequence: int, run_hash: str, report: str) -> bytes:
    """The canonical JSON of the statement about a run: the bytes that are signed."""
    return encode_canonical(Statement(SIGNATURE_SCHEMA, cluster, run, sequence, run_hash, report))
