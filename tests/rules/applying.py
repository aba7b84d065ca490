"""Applies remediations to their input and audits again: do they do what they say, and only that?

What closes and opens is found without the product's own arithmetic: both inputs are evaluated from
scratch, each with the vocabulary of both, so that their rows have the same ends, and subtracted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import yaml

from auditor.model.connections import AddressEndpoint, Endpoint
from auditor.model.findings import ChangedConnections, Remediation
from auditor.model.objects import Metadata, Namespace, NetworkPolicy
from auditor.model.report import FindingRecord
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Snapshot
from auditor.reachability.connections import Numbering, list_rows
from auditor.reachability.port_parts import OTHER, PortParts
from auditor.reachability.view import View, evaluate
from auditor.rules import RULES
from auditor.rules._remediation import ROWS_SHOWN
from tests.rules.auditing import Audited, audit_snapshot, name_subject, read_text
from tests.rules.excuses import is_excused

End = frozenset[int] | str
"""The positions of a row end's pods, or the range of addresses."""

Rows = Mapping[tuple[End, End], int]
"""Ports, as a mask, by source and destination."""

_VOCABULARY = "vocabulary"


def find_faults(before: Audited, finding: FindingRecord) -> list[str]:
    """What is wrong with the remediation of a finding, in words; empty where nothing is."""
    where = f"{finding.rule} {name_subject(finding)} {finding.detail or ''}".strip()
    return [f"{where}: {fault}" for fault in _find_faults(before, finding)]


def _find_faults(before: Audited, finding: FindingRecord) -> Iterable[str]:
    remediation = finding.remediation
    if remediation is None:
        yield "there is no remediation"
        return
    if remediation.manifest is None:
        if not remediation.steps or not all(remediation.steps):
            yield "there is neither a manifest nor steps"
        return
    if remediation.steps or remediation.closes is None:
        yield "a manifest comes with what it closes, and without steps"
        return
    read = read_text(remediation.manifest)
    if read.gaps:
        yield from (f"the manifest is not accepted: {gap.reason}" for gap in read.gaps)
        return
    yield from _find_omissions(before.view.snapshot, remediation.manifest)
    after = audit_snapshot(
        apply_policies(before.view.snapshot, read.policies),
        reading=before.reading,
        detection=before.detection,
    )
    if finding.id in after.severities:
        yield "the finding is still there"
    for one in after.findings:
        if (
            _weighs_as_much(one, finding)
            and _is_worse(before, one)
            and not is_excused(before, after, finding, one)
        ):
            yield f"a new finding of {one.severity}: {one.rule} {name_subject(one)} {one.detail}"
    yield from find_differences(before.view, after.view.snapshot, remediation)


def _weighs_as_much(one: FindingRecord, finding: FindingRecord) -> bool:
    """Whether the one is as severe as the finding, or more.

    In a system namespace everything is low: of two there, the rules' own severities are compared.
    """
    if one.system and finding.system:
        usual = {rule.id: rule.severity.rank for rule in RULES}
        return usual[one.rule] <= usual[finding.rule]
    return one.severity.rank <= finding.severity.rank


def _is_worse(before: Audited, finding: FindingRecord) -> bool:
    """Whether there was no such finding before, or one that weighed less."""
    known = before.severities.get(finding.id)
    return known is None or finding.severity.rank < known.rank


def apply_policies(snapshot: Snapshot, policies: Iterable[NetworkPolicy]) -> Snapshot:
    """The snapshot with the policies put in, each in the place of its namesake."""
    by_name = {one.reference: one for one in (*snapshot.policies, *policies)}
    found = sorted(by_name.values(), key=lambda one: (one.namespace, one.metadata.name))
    return msgspec.structs.replace(snapshot, policies=tuple(found))


def _find_omissions(snapshot: Snapshot, manifest: str) -> Iterable[str]:
    """Fields that an apply would keep, because the manifest does not name them."""
    existing = {one.reference: one for one in snapshot.policies}
    for document in yaml.safe_load_all(manifest):
        (policy,) = read_text(yaml.safe_dump(document)).policies
        spec = document["spec"]
        wanted = {"podSelector", "policyTypes", *(one.lower() for one in spec["policyTypes"])}
        if policy.reference in existing:
            old = existing[policy.reference].spec
            wanted |= {"ingress"} if old.ingress else set()
            wanted |= {"egress"} if old.egress else set()
            if policy.spec.pod_selector != old.pod_selector:
                yield f"{policy.reference} changes its podSelector"
        if missing := wanted - spec.keys():
            yield f"{policy.reference} does not name {sorted(missing)}"
        yield from _find_rule_omissions(spec)


def _find_rule_omissions(spec: Mapping[str, Any]) -> Iterable[str]:
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for number, rule in enumerate(spec.get(direction, [])):
            if missing := {peers, "ports"} - rule.keys():
                yield f"{direction}[{number}] does not name {sorted(missing)}"


def find_differences(before: View, after: Snapshot, remediation: Remediation) -> Iterable[str]:
    """Where what closes or opens is not what the remediation says."""
    assert remediation.closes is not None
    fine_before, fine_after = _like_rows(before, after)
    ports = fine_before.evaluation.ports
    rows_before, rows_after = _rows(fine_before), _rows(fine_after)
    closed = _lost_rows(before, ports, rows_before, rows_after)
    yield from _compare(closed, remediation.closes, "close")
    if remediation.opens is not None:
        opened = _lost_rows(before, ports, rows_after, rows_before)
        yield from _compare(opened, remediation.opens, "open")
        return
    names = _names(fine_before)
    for (source, destination), now in rows_after.items():
        opened_ports = now & ~rows_before.get((source, destination), 0)
        if opened_ports:
            yield f"{names[source]} → {names[destination]} opens on {_words(ports, opened_ports)}"


def _compare(
    found: set[tuple[str, str, str]], stated: ChangedConnections, verb: str
) -> Iterable[str]:
    """Where the rows found and those stated differ."""
    rows = [(one.source, one.destination, one.ports) for one in stated.connections]
    if stated.total != len(found):
        yield f"{len(found)} connections {verb}, not {stated.total}"
    if stated.omitted != stated.total - len(rows):
        yield "the count of connections left out is wrong"
    if len(rows) != min(len(found), ROWS_SHOWN):
        yield f"{len(rows)} connections are named of {len(found)}"
    if len(set(rows)) != len(rows):
        yield "a connection is named twice"
    yield from (f"does not {verb}: {one}" for one in sorted(set(rows) - found)[:5])
    if len(found) <= ROWS_SHOWN:
        yield from (f"{verb}s unsaid: {one}" for one in sorted(found - set(rows))[:5])


def _words(ports: PortParts, mask: int) -> str:
    """Ports as remediations write them: also what is neither TCP, UDP nor SCTP."""
    described = ports.describe(mask)
    if described == "all":
        return "every port"
    words = [str(one) for one in described]
    if mask & ports.part(OTHER, None):
        words.append("other protocols")
    return ", ".join(words)


def _like_rows(before: View, after: Snapshot) -> tuple[View, View]:
    """Both snapshots, evaluated so that their endpoints and ports are cut alike."""
    snapshots = (before.snapshot, after)
    mentions = [
        msgspec.structs.replace(
            policy,
            metadata=msgspec.structs.replace(
                policy.metadata, namespace=_VOCABULARY, name=f"mention-{number}"
            ),
        )
        for number, policy in enumerate(one for each in snapshots for one in each.policies)
    ]
    labels = {NAMESPACE_NAME_LABEL: _VOCABULARY}
    home = Namespace(metadata=Metadata(name=_VOCABULARY, labels=labels))
    first, second = (
        evaluate(
            msgspec.structs.replace(
                one, namespaces=(*one.namespaces, home), policies=(*one.policies, *mentions)
            ),
            before.recognition,
            ip_blocks_match_pods=before.ip_blocks_match_pods,
        )
        for one in snapshots
    )
    return first, second


def _ends(view: View) -> list[End]:
    """What the numbers of rows stand for, in terms that hold for any evaluation."""
    return [
        *(frozenset(one.pods) for one in view.workloads),
        *(str(part) for part in view.endpoints.parts.parts),
    ]


def _names(view: View) -> dict[End, Endpoint]:
    return dict(zip(_ends(view), Numbering(view).endpoints, strict=True))


def _rows(view: View) -> dict[tuple[End, End], int]:
    ends = _ends(view)
    return {
        (ends[one.source], ends[one.destination]): one.ports
        for one in list_rows(view, Numbering(view))
    }


def _lost_rows(
    view: View, ports: PortParts, before: Rows, after: Rows
) -> set[tuple[str, str, str]]:
    """The rows between workloads of the view and the finest address parts that lose ports."""
    united_before, united_after = _unite(view, before), _unite(view, after)
    return {
        (str(source), str(destination), _words(ports, lost))
        for (source, destination), mask in united_before.items()
        if (lost := mask & ~united_after.get((source, destination), 0))
    }


def _unite(view: View, rows: Rows) -> dict[tuple[Endpoint, Endpoint], int]:
    """The rows of a finer evaluation, put together to those of the view's own workloads.

    Addresses stay as finely cut as they are: a manifest may bring a CIDR that no policy mentions.
    """
    workload_of = {position: one.endpoint for one in view.workloads for position in one.pods}
    united: dict[tuple[Endpoint, Endpoint], int] = defaultdict(int)
    for ends, ports in rows.items():
        source, destination = (_coarse_end(one, workload_of) for one in ends)
        if source != destination:
            united[source, destination] |= ports
    return united


def _coarse_end(end: End, workload_of: Mapping[int, Endpoint]) -> Endpoint:
    if isinstance(end, str):
        return AddressEndpoint(end)
    (found,) = {workload_of[position] for position in end}
    return found
