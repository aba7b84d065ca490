"""What the policies mention: the only things by which pods can be told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from auditor.model.objects import EgressRule, IngressRule, IPBlock, NetworkPolicy, PolicyPort
from auditor.model.ports import PortRange
from auditor.model.selectors import LabelSelector

Rule = IngressRule | EgressRule


class Vocabulary(NamedTuple):
    """Label keys of pod selectors, named ports, numeric port ranges and IP blocks."""

    pod_selectors: tuple[LabelSelector, ...]
    label_keys: frozenset[str]
    named_ports: frozenset[tuple[str, str]]
    """(name, protocol)."""
    port_ranges: frozenset[PortRange]
    blocks: frozenset[IPBlock]


def collect_vocabulary(
    policies: Sequence[NetworkPolicy],
    questions: Iterable[LabelSelector] = (),
    blocks: Iterable[IPBlock] = (),
) -> Vocabulary:
    """Everything that the policies mention, and what questions will use besides."""
    selectors: list[LabelSelector] = list(questions)
    ports: list[PolicyPort] = []
    for policy in policies:
        selectors.append(policy.spec.pod_selector)
        rules: tuple[Rule, ...] = (*policy.spec.ingress, *policy.spec.egress)
        for rule in rules:
            ports += rule.ports
            selectors += (one.pod_selector for one in rule.peers if one.pod_selector is not None)
    return Vocabulary(
        pod_selectors=tuple(selectors),
        label_keys=frozenset(
            key
            for selector in selectors
            for key in (
                *selector.match_labels,
                *(one.key for one in selector.match_expressions),
            )
        ),
        named_ports=frozenset(
            (one.port, one.protocol) for one in ports if isinstance(one.port, str)
        ),
        port_ranges=frozenset(
            PortRange(protocol=one.protocol, first=one.port, last=one.end_port or one.port)
            for one in ports
            if isinstance(one.port, int)
        ),
        blocks=frozenset((*mentioned_blocks(policies), *blocks)),
    )


def mentioned_blocks(policies: Iterable[NetworkPolicy]) -> Iterator[IPBlock]:
    """The ipBlocks of policies."""
    for policy in policies:
        rules: tuple[Rule, ...] = (*policy.spec.ingress, *policy.spec.egress)
        for rule in rules:
            for peer in rule.peers:
                if peer.ip_block is not None:
                    yield peer.ip_block
