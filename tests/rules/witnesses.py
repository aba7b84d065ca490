"""Holds witnesses to the connections: is it one of today, and does it concern the subject?"""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model.connections import Connection
from auditor.model.findings import Witness
from auditor.reachability.connections import list_connections
from tests.rules.auditing import Audited, name_subject

_SUBJECT_IS: Mapping[str, str | Mapping[str, str]] = {
    "database-egress-is-unrestricted": "source",
    "database-open-beyond-its-ports": "destination",
    "database-open-to-all-pods": "destination",
    "database-open-to-other-environments": "destination",
    "database-open-to-outside": "destination",
    "egress-is-unrestricted": "source",
    "egress-to-whole-internet": "source",
    "workload-is-not-isolated": {"ingress": "destination", "egress": "source"},
    "metadata-service-is-reachable": "source",
}
"""Rules about workloads, and which end of the witness the subject is, or which by the detail."""


def spell_witness(witness: Witness | None) -> str | None:
    """`source → destination TCP 80`, as cases write it."""
    if witness is None:
        return None
    return f"{witness.source} → {witness.destination} {witness.protocol} {witness.port}"


def find_unproven(audited: Audited) -> list[str]:
    """The witnesses, in words, that are no connection of today or not one of the subject."""
    rows = {(str(one.source), str(one.destination)): one for one in list_connections(audited.view)}
    wrong: list[str] = []
    for finding in audited.findings:
        witness = finding.witness
        if witness is None:
            continue
        row = rows.get((witness.source, witness.destination))
        ends = {"source": witness.source, "destination": witness.destination}
        end = _SUBJECT_IS.get(finding.rule, "")
        subject = ends.get(end if isinstance(end, str) else end[finding.detail or ""])
        if row is None or not _allows(row, witness):
            wrong.append(f"{finding.message}: {spell_witness(witness)} is not allowed")
        elif subject is not None and subject.partition("[")[0] != name_subject(finding):
            wrong.append(f"{finding.message}: {spell_witness(witness)} is another's")
    return wrong


def _allows(connection: Connection, witness: Witness) -> bool:
    """Whether a row allows the witness's port; one without a port stands for other protocols."""
    if connection.ports == "all":
        return True
    return any(
        one.protocol == witness.protocol
        and witness.port is not None
        and one.first <= witness.port <= one.last
        for one in connection.ports
    )
