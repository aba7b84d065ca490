"""What lets a connection through, by trying: one thing at a time is put as the other side has it.

Each trial is a question to the pod-by-pod oracle about a cluster of one policy and two pods, made
of parts of both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import msgspec

from auditor.model.drift import CauseKind
from auditor.model.objects import Metadata, Namespace, NetworkPolicy, Pod, PodIP, PodSpec
from auditor.model.snapshot import Snapshot
from tests.oracle.oracle import Oracle, PortSample

replace = msgspec.structs.replace

Named = tuple[CauseKind, str]
"""A cause."""


class World(NamedTuple):
    """A policy and what it judges, on one side or made of parts of both."""

    policy: NetworkPolicy
    subject: Pod | str
    """The policy's own pod, with the addresses that count."""
    peer: Pod | str
    namespaces: Sequence[Namespace]
    ip_blocks_match_pods: bool

    def oracle(self, snapshot: Snapshot) -> Oracle:
        """One that knows nothing but this; the snapshot is any, whose contents do not matter."""
        known = replace(
            snapshot,
            policies=(self.policy,),
            namespaces=tuple(self.namespaces),
            nodes=(),
            pods=tuple(one for one in (self.subject, self.peer) if isinstance(one, Pod)),
        )
        return Oracle(known, ip_blocks_match_pods=self.ip_blocks_match_pods)


Change = Callable[[World, World], World]
"""Takes one thing of the second world into the first."""

Changes = Sequence[tuple[Named, Change]]
"""By what each is named: of two ends that are one workload's pods, both by the same."""

_PodChange = Callable[[Pod, Pod], Pod]

Outcome = Callable[[World], set[PortSample]]


def with_addresses(pod: Pod, nodes: Mapping[str, Sequence[str]]) -> Pod:
    """The pod with the addresses that count as its own status, and on no node."""
    found = (pod.spec.host_network and nodes.get(pod.spec.node_name)) or pod.addresses
    return replace(
        pod,
        spec=replace(pod.spec, node_name=""),
        status=replace(pod.status, pod_ips=tuple(PodIP(ip=one) for one in found)),
    )


def factors(
    mine: World, theirs: World, keys: tuple[str, str], policy: str
) -> Iterator[tuple[Named, Change]]:
    """What differs between two worlds; ``keys``: of the subject's workload, and of the peer's."""
    if reading_of(mine.policy) != reading_of(theirs.policy):
        yield (
            (CauseKind.POLICY_CHANGED, policy),
            lambda one, two: one._replace(policy=two.policy),
        )
    if isinstance(mine.subject, Pod) and isinstance(theirs.subject, Pod):
        for kind, change in _of_pods(mine.subject, theirs.subject).items():
            yield (kind, keys[0]), _of_subject(change)
    if isinstance(mine.peer, Pod) and isinstance(theirs.peer, Pod):
        for kind, change in _of_pods(mine.peer, theirs.peer).items():
            yield (kind, keys[1]), _of_peer(change)
        labels = [
            {one.name: one.labels for one in each.namespaces}[mine.peer.namespace]
            for each in (mine, theirs)
        ]
        if labels[0] != labels[1]:
            yield (
                (CauseKind.LABELS_CHANGED, f"Namespace/{mine.peer.namespace}"),
                lambda one, two: one._replace(namespaces=two.namespaces),
            )
    if mine.ip_blocks_match_pods != theirs.ip_blocks_match_pods:
        yield (
            (CauseKind.IP_BLOCK_READING_CHANGED, "Cluster/cluster"),
            lambda one, two: one._replace(ip_blocks_match_pods=two.ip_blocks_match_pods),
        )


def _of_subject(change: _PodChange) -> Change:
    def apply(one: World, two: World) -> World:
        assert isinstance(one.subject, Pod)
        assert isinstance(two.subject, Pod)
        return one._replace(subject=change(one.subject, two.subject))

    return apply


def _of_peer(change: _PodChange) -> Change:
    def apply(one: World, two: World) -> World:
        assert isinstance(one.peer, Pod)
        assert isinstance(two.peer, Pod)
        return one._replace(peer=change(one.peer, two.peer))

    return apply


def _of_pods(mine: Pod, theirs: Pod) -> dict[CauseKind, _PodChange]:
    """What differs between two pods: all at once where one is on the network of its node."""
    if mine.spec.host_network != theirs.spec.host_network:
        return {CauseKind.HOST_NETWORK_CHANGED: lambda _one, two: two}
    found: dict[CauseKind, _PodChange] = {}
    if mine.labels != theirs.labels:
        found[CauseKind.LABELS_CHANGED] = lambda one, two: replace(
            one, metadata=_relabelled(one.metadata, two.metadata)
        )
    if (mine.spec.containers, mine.spec.init_containers) != (
        theirs.spec.containers,
        theirs.spec.init_containers,
    ):
        found[CauseKind.PORTS_CHANGED] = lambda one, two: replace(
            one, spec=_with_containers(one.spec, two.spec)
        )
    if mine.addresses != theirs.addresses:
        found[CauseKind.ADDRESSES_CHANGED] = lambda one, two: replace(
            one, status=replace(one.status, pod_ips=two.status.pod_ips)
        )
    return found


def _relabelled(one: Metadata, two: Metadata) -> Metadata:
    return replace(one, labels=two.labels)


def _with_containers(one: PodSpec, two: PodSpec) -> PodSpec:
    return replace(one, containers=two.containers, init_containers=two.init_containers)


def reading_of(policy: NetworkPolicy) -> tuple[object, ...]:
    """What the API server makes of a policy's spec."""
    spec = policy.spec
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    return sorted(set(types)), spec.pod_selector, spec.ingress, spec.egress


class Explanation(NamedTuple):
    """What must be named of factors, and what may be besides."""

    must: set[Named]
    may: set[Named]


def explain(mine: World, theirs: World, changes: Changes, permitted: Outcome) -> Explanation:
    """Why the first world permits what the second does not, port by port."""
    ports = permitted(mine)
    lost = [(named, ports - permitted(change(mine, theirs))) for named, change in changes]
    rest = ports.difference(*(each for _, each in lost))
    gained = [(named, rest & permitted(change(theirs, mine))) for named, change in changes]
    must = {named for named, each in (*lost, *gained) if each}
    if not rest.difference(*(each for _, each in gained)):
        return Explanation(must, must)
    every = {named for named, _ in changes}
    return Explanation(must | _bearing(mine, theirs, changes, permitted), every)


def _bearing(mine: World, theirs: World, changes: Changes, permitted: Outcome) -> set[Named]:
    """The factors that make a difference in whatever mixture of both worlds."""
    found: set[Named] = set()
    for chosen in product((False, True), repeat=len(changes)):
        world = mine
        for (_, change), is_chosen in zip(changes, chosen, strict=True):
            if is_chosen:
                world = change(world, theirs)
        for (named, change), is_chosen in zip(changes, chosen, strict=True):
            if not is_chosen and permitted(world) != permitted(change(world, theirs)):
                found.add(named)
    return found
