"""What a policy would grant, were one thing as it is on the other side, and all else as it is."""

from __future__ import annotations

from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy
from auditor.reachability.compile import NamedPort, isolated_directions, rules_of
from auditor.reachability.index import EMPTY
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule


class ReadRule(NamedTuple):
    """A rule, with whom it matches by what."""

    by_labels: FrozenBitMap
    by_address: FrozenBitMap
    """Addresses, and pods on the network of their node."""
    pods_by_address: FrozenBitMap
    ports: int
    named: tuple[NamedPort, ...]


class ReadPolicy:
    """A policy in one direction, ready to be asked; bits mean the same on both sides."""

    def __init__(self, policy: NetworkPolicy, direction: Direction, view: View) -> None:
        self._policy = policy
        self._rules: dict[View, tuple[ReadRule, ...]] = {}
        self.direction = direction
        self.subjects = (
            view.evaluation.index.subjects(policy.namespace, policy.spec.pod_selector)
            if direction in isolated_directions(policy)
            else EMPTY
        )
        """Whom it isolates."""

    def rules(self, namespaces: View) -> tuple[ReadRule, ...]:
        """Its rules, with the labels that namespaces have on a side."""
        found = self._rules.get(namespaces)
        if found is None:
            found = self._rules[namespaces] = tuple(
                self._read(one, namespaces) for one in rules_of(self._policy, self.direction)
            )
        return found

    def _read(self, rule: Rule, namespaces: View) -> ReadRule:
        index = namespaces.evaluation.index
        ports, named = namespaces.evaluation.compiler.port_mask(rule.ports)
        if not rule.peers:
            return ReadRule(index.everything, EMPTY, EMPTY, ports, named)
        labels, addresses, pods = [EMPTY], [EMPTY], [EMPTY]
        for peer in rule.peers:
            if peer.ip_block is None:
                labels.append(index.peers(self._policy.namespace, peer))
            else:
                found = index.block(peer.ip_block)
                addresses.append(found[0])
                pods.append(found[1])
        union = FrozenBitMap.union
        return ReadRule(union(*labels), union(*addresses), union(*pods), ports, named)


class Circumstances(NamedTuple):
    """A policy, and the ends of a connection, thing by thing: of each, of which bit it is taken."""

    policy: ReadPolicy
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


def isolates(given: Circumstances) -> bool:
    """Whether the policy isolates the subject under the circumstances."""
    return given.selected in given.policy.subjects


def grant(given: Circumstances) -> int:
    """The ports that the policy grants under the circumstances, as a mask."""
    policy, selected, own_ports, labels, addresses, naming, namespaces, match_pods = given
    if selected not in policy.subjects:
        return 0
    granted = 0
    for by_labels, by_address, pods_by_address, ports, named in policy.rules(namespaces):
        if (
            labels in by_labels
            or addresses in by_address
            or (match_pods and addresses in pods_by_address)
        ):
            granted |= ports
            if named:
                is_own = policy.direction is Direction.INGRESS
                granted |= _resolve(namespaces, named, own_ports if is_own else naming)
    return granted


def _resolve(view: View, named: tuple[NamedPort, ...], bit: int) -> int:
    evaluation = view.evaluation
    if bit not in evaluation.endpoints.pod_classes:
        return 0
    return evaluation.compiler.resolve(named, bit)
