"""Places within a policy, and how they are spelled: `ingress[0].from[1]`, `egress[2].ports[0]`.

Indices count from 0 in the list as it is written, as a field path of the API does. Rules of a
direction that the policy does not isolate are inert (semantics 3.1) and hold no places.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, Peer, PolicyPort
from auditor.reachability.compile import isolated_directions, rules_of
from auditor.reachability.vocabulary import Rule


class PlacedRule(NamedTuple):
    """A rule in effect, its direction, and its index there."""

    direction: Direction
    number: int
    rule: Rule

    @property
    def place(self) -> str:
        """`ingress[0]`."""
        return spell_rule(self.direction, self.number)

    @property
    def peers(self) -> Iterator[tuple[str, Peer]]:
        """Its peers with their places."""
        for index, peer in enumerate(self.rule.peers):
            yield spell_peer(self.direction, self.number, index), peer

    @property
    def ports(self) -> Iterator[tuple[str, PolicyPort]]:
        """Its ports with their places."""
        for index, port in enumerate(self.rule.ports):
            yield spell_port(self.direction, self.number, index), port


def placed_rules(policy: NetworkPolicy) -> Iterator[PlacedRule]:
    """The rules of a policy that are in effect, in order: ingress first."""
    for direction in isolated_directions(policy):
        for index, rule in enumerate(rules_of(policy, direction)):
            yield PlacedRule(direction, index, rule)


@lru_cache(maxsize=4096)
def spell_rule(direction: Direction, index: int) -> str:
    """`ingress[0]`."""
    return f"{direction}[{index}]"


@lru_cache(maxsize=4096)
def spell_peer(direction: Direction, rule: int, index: int) -> str:
    """`ingress[0].from[1]`, or `egress[0].to[1]`."""
    field = "from" if direction is Direction.INGRESS else "to"
    return f"{spell_rule(direction, rule)}.{field}[{index}]"


@lru_cache(maxsize=4096)
def spell_port(direction: Direction, rule: int, index: int) -> str:
    """`ingress[0].ports[1]`."""
    return f"{spell_rule(direction, rule)}.ports[{index}]"
