"""What matches nothing is found exactly, on random small clusters, pod by pod and port by port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.findings import Severity, Unevaluated
from auditor.model.objects import (
    EgressRule,
    IngressRule,
    IPBlock,
    NetworkPolicy,
    Peer,
    Pod,
    Reference,
)
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from auditor.rules import RULES
from tests.oracle.clusters import snapshots
from tests.rules.auditing import Audited, Reading, audit_snapshot, name_subject

Found = dict[tuple[str, str | None], Severity]

# Examples are big by nature.
_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)
on_random_clusters = settings(max_examples=100, suppress_health_check=_slow_checks)
READINGS: tuple[Reading, ...] = ("yes", "no")


class Placed(NamedTuple):
    """A rule in effect, and its place."""

    place: str
    peers: str
    rule: IngressRule | EgressRule


def rules_in_effect(policy: NetworkPolicy) -> Iterator[Placed]:
    """The rules of the directions that the policy isolates (semantics 3.1)."""
    spec = policy.spec
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    if "Ingress" in types:
        yield from (Placed(f"ingress[{i}]", "from", one) for i, one in enumerate(spec.ingress))
    if "Egress" in types:
        yield from (Placed(f"egress[{i}]", "to", one) for i, one in enumerate(spec.egress))


def is_selectable(pod: Pod) -> bool:
    """Whether policies can select the pod today."""
    return pod.is_endpoint and not pod.spec.host_network


def may_return(pod: Pod) -> bool:
    """Whether the pod has finished, and policies could select it before."""
    return not pod.is_endpoint and not pod.spec.host_network


def is_empty(selector: LabelSelector | None) -> bool:
    """Whether a selector asks for nothing."""
    return selector is None or not (selector.match_labels or selector.match_expressions)


def pods_of_peer(snapshot: Snapshot, namespace: str, peer: Peer) -> Iterator[Pod]:
    """Every pod, of whatever kind, whose labels and namespace a peer asks for."""
    labels = {one.name: one.labels for one in snapshot.namespaces}
    for pod in snapshot.pods:
        there = (
            pod.namespace == namespace
            if peer.namespace_selector is None
            else peer.namespace_selector.matches(labels[pod.namespace])
        )
        if there and (peer.pod_selector is None or peer.pod_selector.matches(pod.labels)):
            yield pod


def subjects_of(snapshot: Snapshot, policy: NetworkPolicy) -> Iterator[Pod]:
    """Every pod, of whatever kind, whose labels a policy's podSelector asks for."""
    return pods_of_peer(snapshot, policy.namespace, Peer(pod_selector=policy.spec.pod_selector))


def holds(block: IPBlock, address: str) -> bool:
    """Whether a block, its excepts removed, holds an address."""
    one = ip_address(address)
    inside, *excepts = (ip_network(each, strict=False) for each in (block.cidr, *block.excepts))
    return one in inside and not any(one in each for each in excepts)


def is_whole(block: IPBlock) -> bool:
    """Whether a block is a whole IP family."""
    return ip_network(block.cidr, strict=False).prefixlen == 0 and not block.excepts


def is_exhausted(block: IPBlock) -> bool:
    """Whether the excepts leave nothing of a block: neither its start, nor what follows a hole."""
    whole, *holes = (ip_network(one, strict=False) for one in (block.cidr, *block.excepts))
    behind = (one.broadcast_address for one in holes)
    starts = [
        whole.network_address,
        *(one + 1 for one in behind if one != whole.broadcast_address),
    ]
    return not any(holds(block, str(one)) for one in starts)


def found_of(audited: Audited, rule: str) -> Found:
    """Findings of a rule: severity by subject and detail."""
    return {(name_subject(one), one.detail): one.severity for one in audited.findings_of(rule)}


def unevaluated_of(audited: Audited, rule: str) -> set[Reference]:
    """The subjects that a rule could not judge."""
    (check,) = (one.check for one in RULES if one.id == rule)
    return {one.subject for one in check(audited.view) if isinstance(one, Unevaluated)}


@on_random_clusters
@given(snapshot=snapshots(max_pods=5, max_policies=5))
def test_policies_that_select_no_pods_are_found(snapshot: Snapshot) -> None:
    """Whatever neither a pod of today nor a finished one answers to, unless it asks for nothing."""
    expected = {
        (str(policy.reference), None): Severity.LOW
        for policy in snapshot.policies
        if not is_empty(policy.spec.pod_selector)
        and not any(is_selectable(one) or may_return(one) for one in subjects_of(snapshot, policy))
    }
    rule = "policy-selects-no-pods"
    audited = audit_snapshot(snapshot)
    assert expected == found_of(audited, rule)
    assert set() == unevaluated_of(audited, rule)


@on_random_clusters
@given(snapshot=snapshots(max_pods=5, max_policies=5))
def test_peers_that_match_nothing_are_found(snapshot: Snapshot) -> None:
    """Every peer with selectors that no pod of today answers to; info where a finished one does."""
    expected: Found = {}
    for policy in snapshot.policies:
        for place, field, rule in rules_in_effect(policy):
            for number, peer in enumerate(rule.peers):
                asks = not (is_empty(peer.pod_selector) and is_empty(peer.namespace_selector))
                pods = list(pods_of_peer(snapshot, policy.namespace, peer))
                if asks and peer.ip_block is None and not any(map(is_selectable, pods)):
                    severity = Severity.INFO if any(map(may_return, pods)) else Severity.LOW
                    expected[str(policy.reference), f"{place}.{field}[{number}]"] = severity
    rule_id = "peer-selects-nothing"
    audited = audit_snapshot(snapshot)
    assert expected == found_of(audited, rule_id)
    assert set() == unevaluated_of(audited, rule_id)


def receivers_of(
    snapshot: Snapshot, policy: NetworkPolicy, placed: Placed, reading: Reading
) -> tuple[list[Pod], list[Pod], bool]:
    """The pods that receive what a rule allows, those that may, and whether blocks are allowed."""
    if placed.peers == "from":
        return list(filter(is_selectable, subjects_of(snapshot, policy))), [], False
    if not placed.rule.peers:
        return list(filter(is_selectable, snapshot.pods)), [], False
    certain: list[Pod] = []
    possible: list[Pod] = []
    blocks = [one.ip_block for one in placed.rule.peers if one.ip_block is not None]
    for peer in placed.rule.peers:
        if peer.ip_block is None:
            certain += filter(is_selectable, pods_of_peer(snapshot, policy.namespace, peer))
    for pod in filter(is_selectable, snapshot.pods if reading == "yes" else ()):
        for block in blocks:
            if any(holds(block, one) for one in pod.addresses) or (
                not pod.addresses and is_whole(block)
            ):
                certain.append(pod)
            elif not pod.addresses:
                possible.append(pod)
    return certain, possible, bool(blocks)


def resolves(pods: Iterable[Pod], name: str, protocol: str) -> bool:
    """Whether one of the pods declares a port of the name and protocol."""
    return any(
        (one.name, one.protocol) == (name, protocol) for pod in pods for one in pod.listening
    )


@on_random_clusters
@given(snapshot=snapshots(max_pods=5, max_policies=5), reading=st.sampled_from(READINGS))
def test_ports_that_nobody_resolves_are_found(snapshot: Snapshot, reading: Reading) -> None:
    """Every port by name that no receiver declares; where a pod may be one, nothing is said."""
    expected: Found = {}
    doubtful: set[Reference] = set()
    for policy in snapshot.policies:
        for placed in rules_in_effect(policy):
            certain, possible, blocks = receivers_of(snapshot, policy, placed, reading)
            for number, port in enumerate(placed.rule.ports):
                if not isinstance(port.port, str) or resolves(certain, port.port, port.protocol):
                    continue
                if resolves(possible, port.port, port.protocol):
                    doubtful.add(policy.reference)
                elif certain or blocks:
                    detail = f"{placed.place}.ports[{number}]"
                    expected[str(policy.reference), detail] = Severity.LOW
    rule = "named-port-resolves-nowhere"
    audited = audit_snapshot(snapshot, reading=reading)
    assert expected == found_of(audited, rule)
    assert doubtful == unevaluated_of(audited, rule)


def _without_empty_selector(peer: Peer) -> Peer:
    """The peer without a podSelector that selects every pod of the namespaces."""
    if peer.namespace_selector is None or peer.pod_selector != LabelSelector():
        return peer
    return msgspec.structs.replace(peer, pod_selector=None)


@on_random_clusters
@given(snapshot=snapshots(max_pods=5, max_policies=5), reading=st.sampled_from(READINGS))
def test_blocks_that_hold_pods_are_found(snapshot: Snapshot, reading: Reading) -> None:
    """Every ipBlock that holds a pod's address or a family; a narrower one may hold an unknown.

    But for blocks beside a peer that takes in every pod.
    """
    every_pod = Peer(namespace_selector=LabelSelector())
    expected: Found = {}
    doubtful: set[Reference] = set()
    pods = list(filter(is_selectable, snapshot.pods))
    for policy in snapshot.policies:
        for place, field, rule in rules_in_effect(policy):
            if every_pod in (_without_empty_selector(one) for one in rule.peers):
                continue
            for number, peer in enumerate(rule.peers):
                block = peer.ip_block
                if block is None:
                    continue
                held = any(holds(block, one) for pod in pods for one in pod.addresses)
                if is_whole(block) or held:
                    severity = Severity.MEDIUM if reading == "yes" else Severity.LOW
                    expected[str(policy.reference), f"{place}.{field}[{number}]"] = severity
                elif not is_exhausted(block) and not all(pod.addresses for pod in pods):
                    doubtful.add(policy.reference)
    rule_id = "ip-block-covers-cluster-addresses"
    audited = audit_snapshot(snapshot, reading=reading)
    assert expected == found_of(audited, rule_id)
    assert doubtful == unevaluated_of(audited, rule_id)
