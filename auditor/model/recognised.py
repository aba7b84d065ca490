"""What was recognised in a source, of what a rule rests on: shown beside the rule's page."""

from __future__ import annotations

from enum import StrEnum

from auditor.model.findings import Record


class Aspect(StrEnum):
    """Something that detection recognises."""

    DATABASES = "databases"
    ENVIRONMENTS = "environments"
    DNS = "dns"
    SYSTEM_NAMESPACES = "system-namespaces"
    CNI = "cni"
    IP_BLOCKS = "ip-blocks"


class RecognisedItem(Record, frozen=True):
    """One thing, what it is taken for, and by which evidence."""

    subject: str
    taken_for: str
    evidence: tuple[str, ...]


class RecognisedAspect(Record, frozen=True):
    """All that was recognised of an aspect. None: that itself may be what is wrong."""

    aspect: Aspect
    items: tuple[RecognisedItem, ...]
