"""Remediations of name resolution: open the path to cluster DNS, and little besides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from auditor.model.findings import Direction, Remediation
from auditor.model.objects import EgressRule, PolicyPort
from auditor.reachability.closing import Change, Closing
from auditor.reachability.compile import rules_of
from auditor.reachability.view import View
from auditor.rules._dns import Client, Dns, Lack
from auditor.rules._environments import Environments
from auditor.rules._remediation import (
    by_manifest,
    by_steps,
    new_policy,
    selector_of,
    selects_open,
    with_rules,
)

_EGRESS = Direction.EGRESS


class _Amendment(NamedTuple):
    """Ports that policies of today allow besides."""

    ports: tuple[PolicyPort, ...]
    extended: tuple[int, ...] = ()
    """Policies that get a rule for the ports, to the pods of cluster DNS."""
    widened: tuple[tuple[int, int], ...] = ()
    """Rules, by policy and index, that get the ports beside their own."""


def mend_blocked(view: View, dns: Dns, lack: Lack) -> Remediation:
    """Allow the workload UDP and TCP to the pods of cluster DNS, where that alone is missing.

    By a policy of its own; where that would isolate pods that are open today, by one rule more in
    policies that isolate the workload already.
    """
    if dns.peers and not _joins_environments(view, dns, lack.client):
        added = _add(view, dns, lack.client)
        if added is not None and _mends(view, dns, lack, added):
            return by_manifest(view, added, opens=True)
        amendment = _Amendment(dns.policy_ports, extended=tuple(_fewest(view, lack.bits)))
        if (found := _amend(view, dns, lack, amendment)) is not None:
            return found
    return by_steps(*_steps(view, dns, lack))


def mend_tcp(view: View, dns: Dns, lack: Lack) -> Remediation:
    """Allow TCP beside UDP in the rules that open the path.

    Where such a rule opens more than pods by selectors, TCP gets a rule of its own, to cluster DNS
    alone; addresses are widened only where they are what leads to a resolver.
    """
    ports = tuple(one for one in dns.policy_ports if one.protocol == "TCP")
    rules = tuple(_opening(view, dns, lack.bits))
    selecting = tuple(one for one in rules if _has_selectors_alone(view, *one))
    positions = tuple(sorted({position for position, _ in rules})) if dns.peers else ()
    for amendment in (
        _Amendment(ports, widened=selecting),
        _Amendment(ports, extended=positions),
        _Amendment(ports, widened=rules),
    ):
        if (found := _amend(view, dns, lack, amendment)) is not None:
            return found
    return by_steps(*_steps(view, dns, lack))


def _add(view: View, dns: Dns, client: Client) -> Change | None:
    """A policy for the workload's pods, where it isolates none that is open."""
    pods = (pod for node in client.nodes for pod in view.pods_of(node))
    selector = selector_of(pod for pod in pods if not pod.spec.host_network)
    namespace, name = client.workload.namespace, f"{client.workload.name}-dns"
    if selector is None or selects_open(view, namespace, selector, _EGRESS):
        return None
    rule = EgressRule(peers=dns.peers, ports=dns.policy_ports)
    return Change(_EGRESS, (new_policy(view, namespace, name, selector, _EGRESS, rules=(rule,)),))


def _joins_environments(view: View, dns: Dns, client: Client) -> bool:
    """Whether the path would be the first between two environments: nobody is advised into that."""
    known = view.recognition.environments
    own = known.get(client.workload.namespace)
    return any(
        own is not None
        and one is not None
        and None not in (own.name, one.name)
        and own.name != one.name
        and (own.name, one.name) not in view.remembered(Environments).leaks
        for one in map(known.get, dns.namespaces)
    )


def _amend(view: View, dns: Dns, lack: Lack, amendment: _Amendment) -> Remediation | None:
    """The remediation by an amendment; None where it mends nothing.

    That depends on the policies of both ends alone, and many workloads share them.
    """
    sides = frozenset(
        (view.group(_EGRESS, bit).policies, dns.admitting(lack.protocol, bit)) for bit in lack.bits
    )
    known = view.remembered(_known_amendments)
    if (amendment, sides) not in known:
        change = _change(view, dns, amendment)
        mends = _mends(view, dns, lack, change)
        known[amendment, sides] = by_manifest(view, change, opens=True) if mends else None
    return known[amendment, sides]


_Sides = frozenset[tuple[tuple[int, ...], tuple[int, ...]]]
"""The policies that isolate each class for egress, and the pods of cluster DNS that admit it."""


def _known_amendments(_: View) -> dict[tuple[_Amendment, _Sides], Remediation | None]:
    return {}


def _change(view: View, dns: Dns, amendment: _Amendment) -> Change:
    positions = {*amendment.extended, *(position for position, _ in amendment.widened)}
    replaced = []
    for position in sorted(positions):
        policy = view.policy(position)
        rules = [
            msgspec.structs.replace(rule, ports=_united(rule.ports, amendment.ports))
            if (position, index) in amendment.widened
            else rule
            for index, rule in enumerate(rules_of(policy, _EGRESS))
        ]
        if position in amendment.extended:
            rules.append(EgressRule(peers=dns.peers, ports=amendment.ports))
        replaced.append((position, with_rules(policy, _EGRESS, tuple(rules))))
    return Change(_EGRESS, (), tuple(replaced))


def _united(ports: tuple[PolicyPort, ...], more: tuple[PolicyPort, ...]) -> tuple[PolicyPort, ...]:
    return (*ports, *(one for one in more if one not in ports))


def _mends(view: View, dns: Dns, lack: Lack, change: Change) -> bool:
    """Whether all that lack a path have one after the change."""
    closing = view.remembered(Closing)
    return all(
        any(
            group.ports_with(one) & view.group(Direction.INGRESS, one).ports_with(bit) & mask
            for one, mask in dns.masks[lack.protocol].items()
        )
        for node in lack.client.nodes
        for bit, group in closing.outcomes(node.endpoint, change)
        if bit in lack.bits
    )


def _fewest(view: View, bits: Iterable[int]) -> Iterator[int]:
    """Policies that isolate the classes together: of those of most classes, the narrowest."""
    left = set(bits)
    while left:
        isolated = {bit: view.group(_EGRESS, bit).policies for bit in left}
        candidates = {position for each in isolated.values() for position in each}
        if not candidates:
            return
        chosen = min(
            candidates,
            key=lambda one: (
                -sum(one in each for each in isolated.values()),
                view.count_pods(view.policies[one].subjects),
                one,
            ),
        )
        yield chosen
        left = {bit for bit in left if chosen not in isolated[bit]}


def _opening(view: View, dns: Dns, bits: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The rules, by policy and index, that allow the classes UDP to cluster DNS."""
    resolvers = dns.masks["UDP"]
    found = {
        (grant.policy, grant.rule)
        for bit in bits
        for grant in view.group(_EGRESS, bit).grants
        if any(one in grant.peers and grant.ports & mask for one, mask in resolvers.items())
    }
    yield from sorted(found)


def _has_selectors_alone(view: View, position: int, index: int) -> bool:
    peers = rules_of(view.policy(position), _EGRESS)[index].peers
    return bool(peers) and all(one.ip_block is None for one in peers)


def _steps(view: View, dns: Dns, lack: Lack) -> Iterator[str]:
    """What to do at each end, in words."""
    ports = " and ".join(dns.words.values())
    if lack.isolated_by and dns.peers:
        named = ", ".join(map(str, lack.isolated_by))
        yield f"allow {ports} to the pods of cluster DNS in the egress of {named}"
    if any(bit in view.hosts for bit in dns.masks["UDP"]):
        yield (
            f"where cluster DNS stands on the network of its nodes, allow {ports} to their "
            "addresses by ipBlock"
        )
    if lack.dns_isolated_by:
        named = ", ".join(map(str, lack.dns_isolated_by))
        yield f"admit {lack.client.workload} on {ports} in the ingress of {named}"
