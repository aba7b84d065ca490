"""Findings: what rules state, with the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from auditor.model.objects import Reference


class Direction(StrEnum):
    """The direction of a rule, seen from the pod that the policy selects."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Severity(StrEnum):
    """How bad a finding is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical … 4 for info: lower is worse."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class RuleStatus(StrEnum):
    """What became of a rule: error > fail > not-evaluated > waived > pass, or disabled."""

    ERROR = "error"
    FAIL = "fail"
    NOT_EVALUATED = "not-evaluated"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105  a status, no secret
    DISABLED = "disabled"


class Record(msgspec.Struct, frozen=True):
    """The base of what stands in JSON under its own (snake case) names, with nothing left out."""


class SubjectRecord(Record, frozen=True):
    """What a finding is about; ``namespace`` is null for the Cluster and for Environments."""

    namespace: str | None
    kind: str
    name: str

    @property
    def reference(self) -> Reference:
        """The same as an object's reference, in which no namespace is empty."""
        return Reference(self.namespace or "", self.kind, self.name)


class Witness(Record, frozen=True):
    """One connection that proves a finding. Endpoints are spelled as in Connections, as text."""

    source: str
    destination: str
    protocol: str | None
    port: int | None


class ChangedConnection(Record, frozen=True):
    """A connection that a remediation closes, or opens, on the ports given in words."""

    source: str
    destination: str
    ports: str


class ChangedConnections(Record, frozen=True):
    """What a remediation closes of today's connections, or opens: how many rows, and the first.

    ``unread`` says which pods were not read: their connections are not among these.
    """

    total: int
    connections: tuple[ChangedConnection, ...]
    omitted: int
    unread: str | None = None


class Remediation(Record, frozen=True):
    """How to mend a finding: a manifest to review and apply, or steps in words.

    A manifest comes with what it closes. ``opens`` None: it opens nothing.
    """

    manifest: str | None = None
    steps: tuple[str, ...] = ()
    closes: ChangedConnections | None = None
    opens: ChangedConnections | None = None


class Hit(NamedTuple):
    """What a rule states about one subject. ``severity`` None: the rule's default."""

    subject: Reference
    message: str
    hint: str
    detail: str | None = None
    severity: Severity | None = None
    severity_reason: str | None = None
    evidence: Mapping[str, Any] = {}
    witness: Witness | None = None
    policies: tuple[Reference, ...] = ()
    remediation: Remediation | None = None


class Unevaluated(NamedTuple):
    """A subject that a rule could not judge, and why: never a pass."""

    subject: Reference
    reason: str
