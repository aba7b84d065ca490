"""What a policy would grant, were one thing as it is on the other side, and all else as it is."""

from __future__ import annotations

from typing import NamedTuple

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Peer
from auditor.reachability.compile import isolated_directions, rules_of
from auditor.reachability.view import View


class Circumstances(NamedTuple):
    """A policy, and the ends of a connection, thing by thing: of each, of which bit it is taken."""

    policy: NetworkPolicy
    selected: int
    """The subject's labels and network."""
    own_ports: int
    """What the subject's containers name ports."""
    labels: int
    """The peer's, and its network."""
    addresses: int
    ports: int
    namespaces: View
    """The side by whose labels of namespaces peers are selected."""
    blocks_match_pods: bool


def isolates(direction: Direction, given: Circumstances) -> bool:
    """Whether the policy isolates the subject under the circumstances."""
    policy, index = given.policy, given.namespaces.evaluation.index
    return direction in isolated_directions(policy) and given.selected in index.subjects(
        policy.namespace, policy.spec.pod_selector
    )


def grant(direction: Direction, given: Circumstances) -> int:
    """The ports that the policy grants under the circumstances, as a mask."""
    if not isolates(direction, given):
        return 0
    policy, evaluation = given.policy, given.namespaces.evaluation
    naming = given.own_ports if direction is Direction.INGRESS else given.ports
    ports = 0
    for rule in rules_of(policy, direction):
        if not rule.peers or any(_matches(policy.namespace, one, given) for one in rule.peers):
            mask, named = evaluation.compiler.port_mask(rule.ports)
            ports |= mask
            if named and naming in evaluation.endpoints.pod_classes:
                ports |= evaluation.compiler.resolve(named, naming)
    return ports


def _matches(namespace: str, peer: Peer, given: Circumstances) -> bool:
    index = given.namespaces.evaluation.index
    if peer.ip_block is None:
        return given.labels in index.peers(namespace, peer)
    addresses, pods, _ = index.block(peer.ip_block)
    return given.addresses in addresses or (given.blocks_match_pods and given.addresses in pods)
