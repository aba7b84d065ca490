"""A rule names a port that no pod resolves, so it allows nothing on it.

What it means: a port of a rule in effect is given by name, and no pod at the receiving end declares
a container port of that name with that protocol: for ingress a pod that the policy selects, for
egress a pod that the rule's peers match. An address outside the cluster never resolves a name: an
egress rule with ipBlocks alone is meant, too. Where some pods resolve the name it is clean, and
where the policy or the peers match no pod at all, that is a finding of its own.

Why it matters: the port is closed, and no error says so. A rename in a Deployment, or a name
declared for TCP where the rule says UDP, closes a connection at the next rollout.

How to fix: declare the name on the containers, spell it as they do, or give the port's number.

When to waive: for a port that the next version of the workload declares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, NamedTuple

from pyroaring import BitMap, FrozenBitMap

from auditor.model.findings import Direction, Hit, Severity, Unevaluated
from auditor.model.objects import NetworkPolicy
from auditor.model.ports import PROTOCOLS
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.compile import NamedPort
from auditor.reachability.index import EMPTY
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps, unread_policies
from auditor.rules._peer_pods import matched_pods, unread_peers, unread_pods
from auditor.rules._places import PlacedRule, placed_rules
from auditor.rules._remediation import by_steps, with_peers

SEVERITY = Severity.LOW

_WORKLOADS_READ = 500
"""Workloads whose declared ports are compared with a name that nothing resolves."""

_NAMES_SHOWN = 10

_STEPS = (
    "declare a container port of that name and protocol in the workload's template",
    "or give the port's number in the rule",
)
_STEPS_FOR_ADDRESSES = ("give the port's number in the rule: it holds for addresses, too",)


class _Receivers(NamedTuple):
    """Who receives what a rule allows."""

    pods: FrozenBitMap
    """Classes of today's pods: those that could resolve a name."""
    possible: FrozenBitMap
    """Those that may receive besides: how the CNI reads ipBlocks, or an address, is not known."""
    blocks: bool
    """Whether the rule allows addresses by ipBlocks."""
    unread: tuple[Gap, ...]
    """What was not read and may hide receivers."""


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every port by name of every rule in effect."""
    yield from unread_policies(view)
    for position, policy in enumerate(view.snapshot.policies):
        for rule in placed_rules(policy):
            named = [
                (place, (port.port, port.protocol))
                for place, port in rule.ports
                if isinstance(port.port, str)
            ]
            if named:
                receivers = _find_receivers(view, position, rule)
                for place, port in named:
                    yield from _judge(view, policy, place, port, receivers)


def _find_receivers(view: View, position: int, placed: PlacedRule) -> _Receivers:
    namespace = view.policy(position).namespace
    rule = placed.rule
    if placed.direction is Direction.INGRESS:
        pods = view.policies[position].subjects & view.real_classes
        gaps = view.blind_spots(namespace, Blind.PODS)
        return _Receivers(pods, EMPTY, blocks=False, unread=gaps)
    every_pod = view.evaluation.index.pods & view.real_classes
    if not rule.peers:
        return _Receivers(every_pod, EMPTY, blocks=False, unread=unread_pods(view))
    selectors = [one for one in rule.peers if one.ip_block is None]
    pods = FrozenBitMap.union(EMPTY, *(matched_pods(view, namespace, one) for one in selectors))
    gaps = tuple(gap for one in selectors for gap in unread_peers(view, namespace, one))
    possible = EMPTY
    blocks = tuple(one for one in rule.peers if one.ip_block is not None)
    if blocks:
        admitted, possible = view.evaluation.compiler.match_peers(
            namespace, with_peers(rule, blocks)
        )
        pods |= admitted & every_pod
        if view.ip_blocks_match_pods is not False:
            gaps += unread_pods(view)
    return _Receivers(
        pods, possible & every_pod, blocks=bool(blocks), unread=tuple(dict.fromkeys(gaps))
    )


def _judge(
    view: View, policy: NetworkPolicy, place: str, port: NamedPort, receivers: _Receivers
) -> Iterator[Hit | Unevaluated]:
    resolving = view.remembered(_declaring).get(port, EMPTY)
    if receivers.pods.intersect(resolving):
        return
    if receivers.unread:
        yield Unevaluated(policy.reference, describe_gaps(receivers.unread))
    elif receivers.possible.intersect(resolving):
        yield Unevaluated(policy.reference, view.doubt)
    elif receivers.pods or receivers.blocks:
        yield _state(view, policy, place, port, receivers)


def _declaring(view: View) -> dict[NamedPort, FrozenBitMap]:
    """The pod classes that declare a name with a protocol, of those that policies name."""
    found: dict[NamedPort, BitMap] = defaultdict(BitMap)
    for bit in view.endpoints.pod_classes:
        for name, protocol, _ in view.endpoints.classes[bit].named_ports:
            found[name, protocol].add(bit)
    return {port: FrozenBitMap(bits) for port, bits in found.items()}


def _state(
    view: View, policy: NetworkPolicy, place: str, port: NamedPort, receivers: _Receivers
) -> Hit:
    name, protocol = port
    workloads = sorted({one for bit in receivers.pods for one in view.endpoints.holders[bit]})
    if workloads:
        why = "no pod that it is for declares it"
        facts = _compare(view, port, workloads[:_WORKLOADS_READ])
    else:
        why, facts = "an address resolves no name", {}
    if near := facts.get("near"):
        why += f"; {near[0]} comes nearest"
    return Hit(
        subject=policy.reference,
        detail=place,
        message=f"{policy.reference} names port {name} ({protocol}) at {place}: {why}",
        hint="declare the name on the containers, or give the port's number",
        evidence={
            "port": name,
            "protocol": protocol,
            "workloads": len({view.workloads[one].endpoint.workload for one in workloads}),
            "ip_blocks": receivers.blocks,
            **facts,
        },
        policies=(policy.reference,),
        remediation=by_steps(*(_STEPS if workloads else _STEPS_FOR_ADDRESSES)),
    )


def _compare(view: View, port: NamedPort, workloads: list[int]) -> dict[str, Any]:
    """What the receivers declare instead: the name with another protocol first, then near names."""
    name = port[0]
    declared: dict[NamedPort, str] = {}
    for number in workloads:
        workload = view.workloads[number]
        for pod in view.pods_of(workload)[:1]:
            for one in pod.listening:
                if one.name:
                    declared.setdefault((one.name, one.protocol), str(workload.endpoint.workload))
    names = sorted({one for one, _ in declared})
    alike = [name, *(one for one in get_close_matches(name, names, n=3) if one != name)]
    near = [
        f"{one} ({each}) of {declared[one, each]}"
        for one in alike
        for each in PROTOCOLS
        if (one, each) in declared
    ]
    return {"near": near} if near else {"declared": names[:_NAMES_SHOWN]}
