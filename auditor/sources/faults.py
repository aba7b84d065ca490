"""What is wrong with an object: the field, and why."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One thing for which the API server would turn an object away.

    ``field`` is spelled as the API server spells it: `spec.ingress[0].ports[1].endPort`,
    `metadata.labels[app]`; empty where the whole object is meant.
    """

    field: str
    reason: str


class MalformedError(ValueError):
    """An object is not of the shape that the API documents."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.field}: {fault.reason}" if fault.field else fault.reason)
        self.fault = fault
