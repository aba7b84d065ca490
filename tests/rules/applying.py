"""Applies remediations to their input and audits again: do they do what they say, and only that?

What closes and opens is found without the product's own arithmetic: both inputs are evaluated from
scratch, each with the vocabulary of both, so that their rows have the same ends, and subtracted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

import msgspec
import ryaml

from auditor.model.connections import AddressEndpoint, Endpoint
from auditor.model.findings import ChangedConnections, Remediation
from auditor.model.objects import Metadata, Namespace, NetworkPolicy
from auditor.model.ports import OTHER
from auditor.model.report import FindingRecord
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Snapshot
from auditor.reachability.connections import Numbering, list_rows
from auditor.reachability.port_parts import PortParts
from auditor.reachability.view import View, evaluate
from auditor.rules import RULES
from auditor.rules._remediation import ROWS_SHOWN
from tests.rules.auditing import Audited, audit_snapshot, name_subject, read_text
from tests.rules.excuses import is_excused

End = frozenset[int] | str
"""The positions of a row end's pods, or the range of addresses."""

Rows = Mapping[tuple[End, End], int]
"""Ports, as a mask, by source and destination."""

_United = Mapping[tuple[Endpoint, Endpoint], int]
"""The same between workloads."""

_VOCABULARY = "vocabulary"


class Differences(NamedTuple):
    """What a change of policies closes and opens: (source, destination, ports), in words."""

    closed: set[tuple[str, str, str]]
    opened: set[tuple[str, str, str]]
    """Between workloads of the input."""
    opened_finely: tuple[tuple[str, str, str], ...]
    """Between what the policies of before and after tell apart."""


class _Applied(NamedTuple):
    """The input after a manifest."""

    omissions: list[str]
    after: Audited
    differences: Differences


def find_faults(before: Audited, findings: Iterable[FindingRecord]) -> list[str]:
    """What is wrong with the remediations of findings, in words; empty where nothing is.

    A manifest is applied once, however many of the findings propose it.
    """
    apply = lru_cache(maxsize=None)(partial(_apply, before))
    return [
        f"{where}: {fault}"
        for one in findings
        for where in [f"{one.rule} {name_subject(one)} {one.detail or ''}".strip()]
        for fault in _find_faults(before, one, apply)
    ]


def _apply(before: Audited, manifest: str) -> _Applied | list[str]:
    """The input after a manifest, or why an API server would refuse it."""
    read = read_text(manifest)
    if read.gaps:
        return [f"the manifest is not accepted: {gap.reason}" for gap in read.gaps]
    after = audit_snapshot(
        apply_policies(before.view.snapshot, read.policies),
        reading=before.reading,
        detection=before.detection,
    )
    omissions = list(_find_omissions(before.view.snapshot, manifest, read.policies))
    return _Applied(omissions, after, compare_rows(before.view, after.view.snapshot))


def _find_faults(
    before: Audited, finding: FindingRecord, apply: Callable[[str], _Applied | list[str]]
) -> Iterable[str]:
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
    applied = apply(remediation.manifest)
    if isinstance(applied, list):
        yield from applied
        return
    omissions, after, differences = applied
    yield from omissions
    if finding.id in after.severities:
        yield "the finding is still there"
    for one in after.findings:
        if (
            _weighs_as_much(one, finding)
            and _is_worse(before, one)
            and not is_excused(before, after, finding, one)
        ):
            yield f"a new finding of {one.severity}: {one.rule} {name_subject(one)} {one.detail}"
    yield from find_differences(differences, remediation)


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


def _find_omissions(
    snapshot: Snapshot, manifest: str, policies: Iterable[NetworkPolicy]
) -> Iterable[str]:
    """Fields that an apply would keep, because the manifest does not name them."""
    existing = {one.reference: one for one in snapshot.policies}
    written = {(one.namespace, one.metadata.name): one for one in policies}
    for document in ryaml.loads_all(manifest):
        policy = written[document["metadata"]["namespace"], document["metadata"]["name"]]
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


def find_differences(found: Differences, remediation: Remediation) -> Iterable[str]:
    """Where what closes or opens is not what the remediation says."""
    assert remediation.closes is not None
    yield from _compare(found.closed, remediation.closes, "close")
    if remediation.opens is not None:
        yield from _compare(found.opened, remediation.opens, "open")
        return
    for source, destination, ports in found.opened_finely:
        yield f"{source} → {destination} opens on {ports}"


def compare_rows(before: View, after: Snapshot) -> Differences:
    """What closes and opens from one snapshot to the other, found by evaluating both."""
    fine_before, fine_after = _like_rows(before, after)
    ports = fine_before.evaluation.ports
    rows_before, rows_after = _rows(fine_before), _rows(fine_after)
    names = _names(fine_before)
    opened_finely = (
        (source, destination, opened)
        for (source, destination), now in rows_after.items()
        if (opened := now & ~rows_before.get((source, destination), 0))
    )
    united_before, united_after = (_unite(before, one) for one in (rows_before, rows_after))
    return Differences(
        _lost_rows(ports, united_before, united_after),
        _lost_rows(ports, united_after, united_before),
        tuple(
            (str(names[source]), str(names[destination]), _words(ports, opened))
            for source, destination, opened in opened_finely
        ),
    )


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


def _lost_rows(ports: PortParts, before: _United, after: _United) -> set[tuple[str, str, str]]:
    """The rows between workloads and the finest address parts that lose ports."""
    return {
        (str(source), str(destination), _words(ports, lost))
        for (source, destination), mask in before.items()
        if (lost := mask & ~after.get((source, destination), 0))
    }


def _unite(view: View, rows: Rows) -> _United:
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
