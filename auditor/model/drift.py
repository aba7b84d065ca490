"""The Drift contract, `netpol-auditor/drift/v1`: what changed from one snapshot to another."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from auditor.model.connections import EndpointRecord
from auditor.model.findings import Record, Severity, SubjectRecord
from auditor.model.ports import PortSet

DRIFT_SCHEMA = "netpol-auditor/drift/v1"


class SideRecord(Record, frozen=True):
    """One of the two that are compared."""

    id: str | None
    """The run's id, else what was named: a path. Null: what was read just now."""
    taken_at: str
    """ISO 8601, UTC."""
    digest: str
    """SHA-256 of the snapshot (`auditor.sources.archive.digest_snapshot`)."""


class FieldChange(Record, frozen=True):
    """A field of a policy. Null stands for a field that is absent."""

    path: str
    """As kubectl explains fields: `spec.ingress[0].from[1].podSelector.matchLabels.app`."""
    previous: Any
    current: Any


class PolicyChange(Record, frozen=True):
    """A policy that is there before and after, and not the same."""

    key: str
    fields: tuple[FieldChange, ...]
    manager: str | None
    """Who wrote it last, by managedFields; null where the snapshot does not know."""


class PolicyDrift(Record, frozen=True):
    """Policies by object key, sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[PolicyChange, ...]


class CauseKind(StrEnum):
    """Why a connection opened or closed."""

    POLICY_ADDED = "policy-added"
    POLICY_REMOVED = "policy-removed"
    POLICY_CHANGED = "policy-changed"
    LABELS_CHANGED = "labels-changed"
    """Of the workload's pods, or of the namespace: which of them is the cause's object."""
    WORKLOAD_ADDED = "workload-added"
    WORKLOAD_REMOVED = "workload-removed"
    PORTS_CHANGED = "ports-changed"
    """The pods give a port name another number."""
    ADDRESSES_CHANGED = "addresses-changed"
    """The pods or their nodes have other addresses, and an ipBlock tells them apart."""
    HOST_NETWORK_CHANGED = "host-network-changed"
    """The pods joined, or left, the network of their nodes."""
    NODES_CHANGED = "nodes-changed"
    """The pods stand on other nodes: traffic with one's own node is always allowed."""
    IP_BLOCK_READING_CHANGED = "ip-block-reading-changed"
    """ipBlocks match pods now, or no longer do: another CNI, or another setting."""


class Cause(Record, frozen=True):
    """Why, and the key of the object that changed: a policy, a workload, a Namespace, a Cluster."""

    cause: CauseKind
    object: str


class ChangedRow(Record, frozen=True):
    """A row of Connections with the ports that opened, or closed."""

    source: EndpointRecord
    destination: EndpointRecord
    ports: PortSet
    causes: tuple[Cause, ...]


class ConnectionGroup(Record, frozen=True):
    """The rows from one namespace to another, counted. Null stands for external addresses."""

    source: str | None
    destination: str | None
    opened: int
    closed: int
    causes: tuple[Cause, ...]
    """The causes of its rows, each once; at most 10."""
    causes_omitted: int = 0


class Totals(Record, frozen=True):
    """Numbers of rows."""

    opened: int
    closed: int


class Uncompared(Record, frozen=True):
    """A namespace of which one side read what the other did not; null stands for all of them."""

    namespace: str | None
    reason: str


class ConnectionDrift(Record, frozen=True):
    """Connections that opened or closed, by workload pair; the first rows, and all groups."""

    opened: tuple[ChangedRow, ...]
    closed: tuple[ChangedRow, ...]
    totals: Totals
    omitted: Totals
    """Rows that are not listed here; `diff -o json` lists all."""
    groups: tuple[ConnectionGroup, ...]
    """Sorted by how many rows opened, then closed, most first."""
    not_compared: tuple[Uncompared, ...] = ()
    """Rows with an end in these are in no number above: they may have opened, or closed."""


class FindingBrief(Record, frozen=True):
    """What a finding id of the drift stands for."""

    rule: str
    severity: Severity
    system: bool
    subject: SubjectRecord
    detail: str | None
    message: str
    reason: str | None = None
    """Of an incomparable one: why it cannot be compared."""


class FindingDrift(Record, frozen=True):
    """Findings by id. Resolved is only what was evaluated again; new, what was before."""

    new: tuple[str, ...]
    resolved: tuple[str, ...]
    incomparable: tuple[str, ...]
    unchanged: int
    details: dict[str, FindingBrief]
    """Of every id above."""


class ScopeChangeKind(StrEnum):
    """What is seen now and was not, or the reverse."""

    NAMESPACE_ADDED = "namespace-added"
    NAMESPACE_REMOVED = "namespace-removed"
    NAMESPACE_LABELS_CHANGED = "namespace-labels-changed"
    JUDGED_SINCE = "judged-since"
    """The namespace was left out before."""
    NOT_JUDGED_ANY_MORE = "not-judged-any-more"
    GAP_ADDED = "gap-added"
    GAP_REMOVED = "gap-removed"
    SELECTOR_CHANGED = "selector-changed"
    CNI_CHANGED = "cni-changed"
    IP_BLOCK_READING_CHANGED = "ip-block-reading-changed"
    VERSION_CHANGED = "version-changed"
    """Of Kubernetes."""
    RULES_CHANGED = "rules-changed"
    """Another version of the tool, or other rules."""
    SETTINGS_CHANGED = "settings-changed"


class ScopeChange(Record, frozen=True):
    """One such change. ``previous`` and ``current`` are said in words."""

    change: ScopeChangeKind
    object: str
    previous: str | None = None
    current: str | None = None


class Drift(Record, frozen=True):
    """What `diff` says, and what `drift` of report.json holds."""

    schema: str
    previous: SideRecord
    current: SideRecord
    policies: PolicyDrift
    connections: ConnectionDrift
    findings: FindingDrift
    scope: tuple[ScopeChange, ...]
    """New namespaces first."""
