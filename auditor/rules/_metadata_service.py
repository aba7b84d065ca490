"""The metadata service of clouds: who may ask it, and how to shut it out and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import msgspec

from auditor.model.addresses import parse_cidr
from auditor.model.findings import Direction, Remediation
from auditor.model.objects import EgressRule, IPBlock, NetworkPolicy, Peer, Reference
from auditor.reachability.address_parts import block_ranges
from auditor.reachability.closing import Change
from auditor.reachability.compile import rules_of
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._remediation import (
    EVERY_POD,
    by_manifest,
    by_steps,
    new_policy,
    selector_of,
    selects_isolated,
    with_peers,
    with_rules,
)

_EGRESS = Direction.EGRESS

_ADDRESSES = {"169.254.169.254": "169.254.169.254/32", "fd00:ec2::254": "fd00:ec2::254/128"}
"""Where instances ask: every large cloud's, and AWS's over IPv6."""

METADATA_PORT = ("TCP", 80)

_EVERYTHING_ELSE = (
    EVERY_POD,
    *(
        Peer(ip_block=IPBlock(cidr=whole, excepts=(one,)))
        for whole, one in zip(("0.0.0.0/0", "::/0"), _ADDRESSES.values(), strict=True)
    ),
)
"""Every pod, and every address but those of the service."""


class MetadataService:
    """The service as a view sees it.

    The part of external space that holds an address is uniform, so the view's own parts answer
    exactly; only what closes is worked out on a view that cuts them out.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._groups = view.evaluation.groups[_EGRESS].groups
        self._narrowed: dict[frozenset[int], Remediation] = {}

    @cached_property
    def port(self) -> int:
        """The mask of the part that holds its port."""
        return self._view.evaluation.ports.part(*METADATA_PORT)

    @cached_property
    def bits(self) -> Mapping[str, int]:
        """The address parts that hold its addresses."""
        endpoints = self._view.endpoints
        return {
            address: endpoints.external.start + endpoints.parts.indexes(parse_cidr(cidr))[0]
            for address, cidr in _ADDRESSES.items()
        }

    @cached_property
    def reached(self) -> tuple[tuple[str, ...], ...]:
        """By isolation group for egress: the addresses that it allows on the service's port."""
        return tuple(
            tuple(one for one, bit in self.bits.items() if group.ports_with(bit) & self.port)
            for group in self._groups
        )

    def responsible(self, groups: Iterable[int]) -> frozenset[tuple[int, int]]:
        """The rules, by policy and index, that allow it to the groups."""
        bits = tuple(self.bits.values())
        return frozenset(
            (grant.policy, grant.rule)
            for number in groups
            for grant in self._groups[number].grants
            if grant.ports & self.port and any(one in grant.peers for one in bits)
        )

    def mend(
        self, workload: Reference, nodes: Iterable[WorkloadNode], groups: frozenset[int]
    ) -> Remediation:
        """Take the addresses out of what allows them to the workload's pods in these groups."""
        if any(not self._groups[one].is_isolated for one in groups):
            return self._isolate(workload, nodes)
        if groups not in self._narrowed:
            self._narrowed[groups] = self._narrow(groups)
        return self._narrowed[groups]

    def _isolate(self, workload: Reference, nodes: Iterable[WorkloadNode]) -> Remediation:
        """A policy for the workload that allows everything else, where all its pods are open."""
        view, namespace = self._view, workload.namespace
        pods = (pod for node in nodes for pod in view.pods_of(node))
        selector = selector_of(pod for pod in pods if not pod.spec.host_network)
        if selector is None or selects_isolated(view, namespace, selector, _EGRESS):
            return by_steps(
                "give the pods a label of their own in the workload's template",
                "then isolate them for egress by it, and allow what they need without the "
                f"addresses {' and '.join(_ADDRESSES)}",
            )
        rules = (EgressRule(peers=_EVERYTHING_ELSE),)
        name = f"{workload.name}-no-metadata"
        policy = new_policy(view, namespace, name, selector, _EGRESS, rules=rules)
        return by_manifest(self._finer, Change(_EGRESS, (policy,)))

    def _narrow(self, groups: Iterable[int]) -> Remediation:
        """The policies responsible, without the addresses."""
        responsible = self.responsible(groups)
        replaced = tuple(
            (position, self._without(position, responsible))
            for position in sorted({position for position, _ in responsible})
        )
        return by_manifest(self._finer, Change(_EGRESS, (), replaced))

    def _without(self, position: int, responsible: frozenset[tuple[int, int]]) -> NetworkPolicy:
        policy = self._view.policy(position)
        rules: list[Rule] = []
        for index, rule in enumerate(rules_of(policy, _EGRESS)):
            if (position, index) not in responsible:
                rules.append(rule)
            elif peers := tuple(_narrowed(rule.peers)) if rule.peers else _EVERYTHING_ELSE:
                rules.append(with_peers(rule, peers))
        return with_rules(policy, _EGRESS, tuple(rules))

    @cached_property
    def _finer(self) -> View:
        """The view in which the addresses are parts of their own: once for all findings."""
        return self._view.finer(IPBlock(cidr=one) for one in _ADDRESSES.values())


def _narrowed(peers: Iterable[Peer]) -> Iterator[Peer]:
    """The peers without the addresses; an ipBlock of nothing else goes."""
    for peer in peers:
        block = peer.ip_block
        if block is None:
            yield peer
            continue
        ranges = block_ranges(block)
        whole = parse_cidr(block.cidr)
        excepts = tuple(
            cidr
            for cidr in _ADDRESSES.values()
            if any(one.contains(parse_cidr(cidr)) for one in ranges)
        )
        if all(parse_cidr(one) != whole for one in excepts):
            narrowed = msgspec.structs.replace(block, excepts=(*block.excepts, *excepts))
            yield msgspec.structs.replace(peer, ip_block=narrowed)
