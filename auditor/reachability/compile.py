"""A NetworkPolicy → (subjects, direction, [(peers, ports)]) over bitmaps (semantics, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, PolicyPort, Reference
from auditor.model.ports import LAST_PORT
from auditor.reachability.endpoints import Endpoints
from auditor.reachability.index import EMPTY, Index
from auditor.reachability.port_parts import PortParts
from auditor.reachability.vocabulary import Rule

NamedPort = tuple[str, str]
"""(name, protocol)."""


class Grant(NamedTuple):
    """What one rule of a policy allows: these peers on these ports."""

    rule: int
    """The rule's index in its direction's list."""
    peers: FrozenBitMap
    ports: int
    named: tuple[NamedPort, ...] = ()
    """Of an ingress rule: ports yet to be resolved for each subject (semantics 3.9)."""
    possible: FrozenBitMap = EMPTY
    """Peers that it may match besides: unknown addresses, or an unknown reading of ipBlocks."""


class CompiledPolicy(NamedTuple):
    """A policy over bitmaps. ``grants`` has a key for each direction that the policy isolates."""

    reference: Reference
    subjects: FrozenBitMap
    grants: Mapping[Direction, tuple[Grant, ...]]


def isolated_directions(policy: NetworkPolicy) -> tuple[Direction, ...]:
    """The directions a policy isolates (semantics 3.1)."""
    return _directions(policy.spec.policy_types, has_egress=bool(policy.spec.egress))


@lru_cache(maxsize=64)
def _directions(policy_types: tuple[str, ...], *, has_egress: bool) -> tuple[Direction, ...]:
    """Do as `isolated_directions` does: policies are many, what they write of this is little."""
    if policy_types:
        written = {one.lower() for one in policy_types}
        return tuple(one for one in Direction if one in written)
    return tuple(Direction) if has_egress else (Direction.INGRESS,)


def rules_of(policy: NetworkPolicy, direction: Direction) -> tuple[Rule, ...]:
    """The rules that the policy lists for a direction."""
    return policy.spec.ingress if direction is Direction.INGRESS else policy.spec.egress


class Compiler:
    """Compiles policies against one universe of endpoints.

    ``ip_blocks_match_pods`` None: the CNI is not known. They are then read as not matching pods,
    and what the other reading would add is kept as possible.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        index: Index,
        ports: PortParts,
        *,
        ip_blocks_match_pods: bool | None,
    ) -> None:
        self._endpoints = endpoints
        self._index = index
        self._ports = ports
        self._ip_blocks_match_pods = ip_blocks_match_pods
        self._numbers: dict[NamedPort, dict[int, FrozenBitMap]] = {}

    def compile_policy(self, policy: NetworkPolicy) -> CompiledPolicy:
        """Compile one policy."""
        return CompiledPolicy(
            policy.reference,
            self._index.subjects(policy.namespace, policy.spec.pod_selector),
            {
                direction: self.compile_rules(policy, direction)
                for direction in isolated_directions(policy)
            },
        )

    def compile_rules(self, policy: NetworkPolicy, direction: Direction) -> tuple[Grant, ...]:
        """Compile the rules of one direction."""
        return tuple(
            grant
            for number, rule in enumerate(rules_of(policy, direction))
            for grant in self._grants(policy.namespace, direction, number, rule)
        )

    def resolve(self, named: Iterable[NamedPort], subject: int) -> int:
        """The ports that a subject's containers give to names; unresolved ones contribute none."""
        mask = 0
        for name, protocol, number in self._endpoints.classes[subject].named_ports:
            if (name, protocol) in named:
                mask |= self._ports.mask(protocol, number, number)
        return mask

    def _grants(
        self, namespace: str, direction: Direction, number: int, rule: Rule
    ) -> Iterable[Grant]:
        peers, possible = self.match_peers(namespace, rule)
        mask, named = self.port_mask(rule.ports)
        if not named:
            yield Grant(number, peers, mask, (), possible)
        elif direction is Direction.INGRESS:
            yield Grant(number, peers, mask, named, possible)
        else:
            if mask:
                yield Grant(number, peers, mask, (), possible)
            for one in named:
                for resolved, pods in self._resolved_peers(one).items():
                    if pods.intersect(peers) or pods.intersect(possible):
                        yield Grant(number, peers & pods, resolved, (), possible & pods)

    def match_peers(self, namespace: str, rule: Rule) -> tuple[FrozenBitMap, FrozenBitMap]:
        """Who the peers of a rule match, for a policy of the namespace, and who they may match."""
        if not rule.peers:
            return self._index.everything, EMPTY
        peers: list[FrozenBitMap] = []
        possible: list[FrozenBitMap] = []
        for peer in rule.peers:
            if peer.ip_block is None:
                peers.append(self._index.peers(namespace, peer))
                continue
            addresses, pods, narrow = self._index.block(peer.ip_block)
            peers.append(addresses)
            match self._ip_blocks_match_pods:
                case True:
                    peers.append(pods)
                case None:
                    possible.append(pods)
            if narrow:
                possible.append(self._index.unknown_hosts)
                if self._ip_blocks_match_pods:
                    possible.append(self._index.unknown_pods)
        allowed = FrozenBitMap.union(*peers) if len(peers) > 1 else peers[0]
        return allowed, (FrozenBitMap.union(*possible) - allowed if possible else EMPTY)

    def port_mask(self, ports: tuple[PolicyPort, ...]) -> tuple[int, tuple[NamedPort, ...]]:
        """The ports of a rule that have numbers, and the names of the others."""
        if not ports:
            return self._ports.all, ()
        mask = 0
        named: list[NamedPort] = []
        for one in ports:
            if isinstance(one.port, str):
                named.append((one.port, one.protocol))
            elif one.port is None:
                mask |= self._ports.mask(one.protocol, last=LAST_PORT)
            else:
                mask |= self._ports.mask(one.protocol, one.port, one.end_port or one.port)
        return mask, tuple(named)

    def _resolved_peers(self, named: NamedPort) -> dict[int, FrozenBitMap]:
        """The pod classes that give a name each number, by port mask."""
        found = self._numbers.get(named)
        if found is None:
            classes: dict[int, list[int]] = {}
            for number in self._endpoints.pod_classes:
                if mask := self.resolve((named,), number):
                    classes.setdefault(mask, []).append(number)
            found = {mask: FrozenBitMap(each) for mask, each in classes.items()}
            self._numbers[named] = found
        return found
