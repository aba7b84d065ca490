"""One of two that are compared."""

from __future__ import annotations

from typing import NamedTuple

from auditor.model.drift import SideRecord
from auditor.model.recognition import Recognition
from auditor.model.report import ClusterRecord, FindingRecord, RuleRecord, ScopeRecord
from auditor.model.snapshot import Snapshot
from auditor.sources.archive import digest_snapshot


class Compared(NamedTuple):
    """A snapshot, and what a run said of it: whoever has them makes this of them."""

    id: str | None
    """The run's id, else what was named: a path. None: what was read just now."""
    snapshot: Snapshot
    recognition: Recognition
    ip_blocks_match_pods: bool | None
    """The reading with which it is evaluated; None: not known."""
    findings: tuple[FindingRecord, ...]
    """Open and waived."""
    rules: tuple[RuleRecord, ...]
    scope: ScopeRecord
    cluster: ClusterRecord
    judged: tuple[str, ...]
    """The namespaces that were judged."""
    rules_digest: str
    """Equal for equal rules: their ids, and what the settings change about them."""
    settings_digest: str
    tool_version: str


def record_side(one: Compared) -> SideRecord:
    """A side as the contract has it."""
    return SideRecord(
        id=one.id, taken_at=one.snapshot.taken_at, digest=digest_snapshot(one.snapshot)
    )
