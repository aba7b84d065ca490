"""The Explanation contract, `netpol-auditor/explanation/v1`: is a connection allowed, and why."""

from __future__ import annotations

from auditor.model.findings import Direction, Record
from auditor.model.ports import PortSet
from auditor.model.report import GapRecord

EXPLANATION_SCHEMA = "netpol-auditor/explanation/v1"


class AskedEnd(Record, frozen=True):
    """An end of the question: as it was given, and what it was taken for."""

    given: str
    kind: str
    """`pod`, `workload` or `address`."""
    name: str
    """`namespace/name` of a pod, `namespace/Kind/name` of a workload, or the address."""
    note: str | None
    """Why it was taken for that, where the text alone does not say so."""


class AskedPort(Record, frozen=True):
    """The port of the question; ``protocol`` and ``port`` are null where a name says them."""

    given: str
    protocol: str | None
    port: int | None


class EndRecord(Record, frozen=True):
    """An end of an answer: a pod, which may stand for others, or an address."""

    kind: str
    """`pod`, `host-network pod` or `address`."""
    name: str
    alike: int
    """Pods of the workload asked for that no policy can tell apart, this one among them; 0 for an
    address."""


class AllowingRule(Record, frozen=True):
    """A rule that allows the connection."""

    policy: str
    direction: Direction
    index: int
    path: str
    """Where the rule stands in the policy: `spec.ingress[0]`."""


class SideRecord(Record, frozen=True):
    """What one side says: egress of the source, or ingress of the destination."""

    direction: Direction
    isolated: bool
    isolated_by: tuple[str, ...]
    allowed: bool
    ports: PortSet
    """All ports that this side allows between the two."""
    allowing: tuple[AllowingRule, ...]


class Answer(Record, frozen=True):
    """The answer for a pair of ends. Without a port the question is for any port at all."""

    source: EndRecord
    destination: EndRecord
    nodes: str | None
    """`on the same node` or `on different nodes`, where that makes a difference."""
    protocol: str | None
    port: int | None
    allowed: bool
    ports: PortSet
    """All ports on which both sides allow the connection."""
    always: str | None
    """Why no policy is asked, where that is so."""
    egress: SideRecord
    ingress: SideRecord
    gaps: tuple[GapRecord, ...]
    """What the answer rests on and could not be read or evaluated."""


class Explanation(Record, frozen=True):
    """Everything that `explain` says. There are several answers where a workload's pods differ."""

    schema: str
    source: AskedEnd
    destination: AskedEnd
    port: AskedPort | None
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]
    """What holds for all answers, such as a CNI that does not enforce policies."""
