"""A run as it was kept, and the texts of it as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec

from auditor.errors import HistoryError
from auditor.history.header import RunHeader
from auditor.model.report import EvidenceRecord, FindingRecord, RuleRecord

Kind = TypeVar("Kind")

HINT_VERIFY = "`netpol-auditor verify` says what was changed; restore the store from a backup"


@dataclass(frozen=True)
class StoredRun:
    """A run whose content is kept. What it holds is read when it is asked for, in an open store.

    Properties raise `HistoryError` where the store cannot be read, or does not hold what the
    program has written.
    """

    id: str
    cluster: str
    """The key of its cluster."""
    sequence: int
    started_at: str
    hash: str
    previous_hash: str | None
    snapshot: str
    """The digest of its snapshot."""
    signature: str | None
    key_id: str | None
    header_text: str = field(repr=False)
    _load_rules: Callable[[], tuple[RuleRecord, ...]] = field(repr=False, compare=False)
    _load_findings: Callable[[], tuple[FindingRecord, ...]] = field(repr=False, compare=False)

    @cached_property
    def header(self) -> RunHeader:
        """Tool, settings, scope, summary, digests."""
        return decode(self.header_text, RunHeader, f"run {self.id}")

    @property
    def evidence(self) -> EvidenceRecord:
        """Its link in the chain."""
        return EvidenceRecord(
            cluster=self.cluster,
            sequence=self.sequence,
            hash=self.hash,
            previous_hash=self.previous_hash,
        )

    @cached_property
    def rules(self) -> tuple[RuleRecord, ...]:
        """What became of each rule, sorted by id."""
        return self._load_rules()

    @cached_property
    def findings(self) -> tuple[FindingRecord, ...]:
        """Sorted by id; ``last_seen`` is that of today, ``first_seen`` that of the run."""
        return self._load_findings()


class RawRun(NamedTuple):
    """A run as stored, to be verified: columns and texts, nothing decoded."""

    id: str
    cluster: str
    sequence: int
    started_at: str
    hash: str
    previous_hash: str | None
    snapshot: str
    header: str
    seal: str
    """What the hash is taken over (`auditor.history.chain`)."""
    signature: str | None
    key_id: str | None
    rules: tuple[tuple[str, str], ...]
    """Rule id and record, sorted."""
    findings: Iterator[tuple[str, str, str | None]]
    """Finding id, digest of its record, and the record (None: it is missing), sorted; to be read
    before the next run is."""


class Tombstone(NamedTuple):
    """What remains of a run whose content was pruned."""

    id: str
    cluster: str
    sequence: int
    started_at: str
    hash: str
    previous_hash: str | None
    report: str
    """The digest of its report."""
    seal: str
    """What the hash was taken over (`auditor.history.chain`)."""
    signature: str | None
    key_id: str | None
    pruned_at: str


class ClusterEntry(NamedTuple):
    """A cluster whose runs are kept."""

    key: str
    name: str | None
    runs: int
    """Those whose content is kept."""
    newest_started_at: str | None


def check_row(row: Any) -> None:
    """See that a row of runs or tombstones holds texts and a number: SQLite keeps anything there.

    Raises:
        HistoryError: it does not.
    """
    texts = (row.id, row.cluster, row.started_at, row.hash)
    if not isinstance(row.sequence, int) or not all(isinstance(one, str) for one in texts):
        raise HistoryError(f"run {row.id} is not as it was kept", hint=HINT_VERIFY)


def decode(text: str, kind: type[Kind], what: str) -> Kind:
    """A stored text as what it was.

    Raises:
        HistoryError: it is something else.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise HistoryError(f"{what} is not as it was kept: {error}", hint=HINT_VERIFY) from error
