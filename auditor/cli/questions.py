"""A question about two ends → an answer for each pair of pods that may be treated differently.

Pods of one endpoint class are alike to every policy, so one pod stands for all of its class. Where
a host-network pod or an address stands at one end, it also matters whether the other end is on
that node: no policy is asked then (semantics 1.4), and these pairs are answered apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from auditor.cli.names import (
    NamedAddress,
    NamedEnd,
    NamedPod,
    NamedPort,
    NamedWorkload,
    numbers_of,
    unknown_port,
)
from auditor.errors import UsageError
from auditor.model.explanation import (
    EXPLANATION_SCHEMA,
    AllowingRule,
    Answer,
    AskedEnd,
    AskedPort,
    EndRecord,
    Explanation,
    SideRecord,
)
from auditor.model.report import record_gap
from auditor.reachability.verdict import AddressEnd, End, PodEnd, Side, Verdict, decide
from auditor.reachability.view import View

SAME_NODE = "on the same node"
DIFFERENT_NODES = "on different nodes"

Pods = tuple[int, ...]
"""Pods of one class, by position in the snapshot's pods."""

Group = Pods | AddressEnd
"""What stands at one end, as far as policies can tell."""


class _Pair(NamedTuple):
    """Two ends that a question is put for."""

    source: int | AddressEnd
    destination: int | AddressEnd
    nodes: str | None


def answer_questions(
    view: View,
    source: tuple[str, NamedEnd],
    destination: tuple[str, NamedEnd],
    port: tuple[str, NamedPort] | None,
) -> Explanation:
    """Answer for all pairs of groups, and all ports, that the names (text, meaning) stand for.

    Raises:
        UsageError: no pod stands at either end, or an address is asked for a port by name.
        UnknownNameError: no container of the destination gives a port that name.
    """
    groups = _groups(view, source[1]), _groups(view, destination[1])
    if all(isinstance(one, AddressEnd) for each in groups for one in each):
        raise UsageError(
            "no pod stands at either end, so no policy decides",
            hint="name a pod or a workload at one end at least",
        )
    _check_port(view, groups[1], destination[0], port)
    return Explanation(
        schema=EXPLANATION_SCHEMA,
        source=_asked_end(view, *source),
        destination=_asked_end(view, *destination),
        port=None if port is None else AskedPort(port[0], port[1].protocol, port[1].number),
        answers=tuple(
            _answer(view, pair, (one, other), protocol, number)
            for one in groups[0]
            for other in groups[1]
            for protocol, number in _ports(view, other, port)
            for pair in _pairs(view, one, other)
        ),
        notes=_notes(view),
    )


def _groups(view: View, named: NamedEnd) -> tuple[Group, ...]:
    match named:
        case NamedAddress(address):
            return (AddressEnd(address),)
        case NamedPod(pod):
            return ((pod,),)
        case NamedWorkload(_, variants):
            by_class: dict[int, list[int]] = {}
            for number in variants:
                for position in view.workloads[number].pods:
                    by_class.setdefault(view.endpoints.class_of_pod[position], []).append(position)
            return tuple(tuple(pods) for _, pods in sorted(by_class.items()))


def _pairs(view: View, one: Group, other: Group) -> Iterator[_Pair]:
    if isinstance(one, AddressEnd) or isinstance(other, AddressEnd):
        yield from _pairs_with_address(view, one, other)
    elif _is_host(view, one) or _is_host(view, other):
        yield from _pairs_with_host(view, one, other)
    else:
        # Two pods where there are two: that a pod reaches itself says nothing of its workload.
        yield _Pair(one[0], next((pod for pod in other if pod != one[0]), other[0]), None)


def _pairs_with_address(view: View, one: Group, other: Group) -> Iterator[_Pair]:
    """The first pod whose node has the address, and the first whose node has not."""
    sources = (one,) if isinstance(one, AddressEnd) else _pod_per_node(view, one).values()
    destinations = (
        (other,) if isinstance(other, AddressEnd) else _pod_per_node(view, other).values()
    )
    found: dict[str, _Pair] = {}
    for source in sources:
        for destination in destinations:
            verdict = decide(view, _end(view, source), _end(view, destination))
            nodes = SAME_NODE if verdict.always else DIFFERENT_NODES
            found.setdefault(nodes, _Pair(source, destination, nodes))
    yield from _named_apart(list(found.values()))


def _pairs_with_host(view: View, one: Pods, other: Pods) -> Iterator[_Pair]:
    """A pair on one node and a pair on two, where there are such; one pod is on its own node."""
    sources, destinations = _pod_per_node(view, one), _pod_per_node(view, other)
    near = next((node for node in sources if node and node in destinations), None)
    far = next(
        (
            (source, destination)
            for node, source in sources.items()
            for beside, destination in destinations.items()
            if not node or node != beside
        ),
        None,
    )
    found: list[_Pair] = []
    if near is not None:
        found.append(_Pair(sources[near], destinations[near], SAME_NODE))
    if far is not None:
        found.append(_Pair(*far, DIFFERENT_NODES))
    yield from _named_apart(found)


def _named_apart(pairs: list[_Pair]) -> list[_Pair]:
    """Pairs that say which nodes they are about, where there are several to tell apart."""
    return pairs if len(pairs) > 1 else [one._replace(nodes=None) for one in pairs]


def _pod_per_node(view: View, pods: Pods) -> dict[str, int]:
    found: dict[str, int] = {}
    for position in pods:
        found.setdefault(view.snapshot.pods[position].spec.node_name, position)
    return found


def _is_host(view: View, pods: Pods) -> bool:
    return view.is_host(view.endpoints.class_of_pod[pods[0]])


def _check_port(
    view: View, destinations: tuple[Group, ...], text: str, port: tuple[str, NamedPort] | None
) -> None:
    if port is None or port[1].name is None:
        return
    pods = [pod for one in destinations if not isinstance(one, AddressEnd) for pod in one]
    if not pods:
        raise UsageError(
            f"port {port[1].name} of {text} has no number: an address names no ports",
            hint="write a number (5432), or a protocol and a number (udp/53)",
        )
    if not numbers_of(view, pods, port[1].name):
        raise unknown_port(view, pods, port[1].name, text)


def _ports(
    view: View, destination: Group, port: tuple[str, NamedPort] | None
) -> list[tuple[str | None, int | None]]:
    """The ports asked for: a name stands for what the destination's containers give it."""
    if port is None:
        return [(None, None)]
    _, asked = port
    if asked.name is None or isinstance(destination, AddressEnd):
        return [(asked.protocol, asked.number)]
    return [*sorted(numbers_of(view, destination, asked.name))]


def _answer(
    view: View,
    pair: _Pair,
    groups: tuple[Group, Group],
    protocol: str | None,
    port: int | None,
) -> Answer:
    verdict: Verdict = decide(
        view, _end(view, pair.source), _end(view, pair.destination), protocol, port
    )
    return Answer(
        source=_record_end(view, pair.source, groups[0]),
        destination=_record_end(view, pair.destination, groups[1]),
        nodes=pair.nodes,
        protocol=protocol,
        port=port,
        allowed=verdict.allowed,
        ports=verdict.ports,
        always=verdict.always,
        egress=_record_side(verdict.egress),
        ingress=_record_side(verdict.ingress),
        gaps=tuple(record_gap(one) for one in verdict.gaps),
    )


def _end(view: View, end: int | AddressEnd) -> End:
    if isinstance(end, AddressEnd):
        return end
    pod = view.snapshot.pods[end]
    return PodEnd(pod.namespace, pod.name)


def _record_end(view: View, end: int | AddressEnd, group: Group) -> EndRecord:
    if isinstance(end, AddressEnd):
        return EndRecord(kind="address", name=end.address, alike=0)
    pod = view.snapshot.pods[end]
    return EndRecord(
        kind="host-network pod" if pod.spec.host_network else "pod",
        name=f"{pod.namespace}/{pod.name}",
        alike=len(group),
    )


def _record_side(side: Side) -> SideRecord:
    return SideRecord(
        direction=side.direction,
        isolated=bool(side.isolated_by),
        isolated_by=tuple(map(str, side.isolated_by)),
        allowed=side.allowed,
        ports=side.ports,
        allowing=tuple(
            AllowingRule(
                policy=str(policy),
                direction=direction,
                index=index,
                path=f"spec.{direction}[{index}]",
            )
            for policy, direction, index in side.allowing
        ),
    )


def _asked_end(view: View, given: str, named: NamedEnd) -> AskedEnd:
    match named:
        case NamedAddress(address):
            return AskedEnd(given, "address", address, None)
        case NamedPod(position, address):
            name = _name_pod(view, position)
            note = f"{address} is the address of pod {name}" if address else None
            return AskedEnd(given, "pod", name, note)
        case NamedWorkload(reference, _):
            return AskedEnd(given, "workload", str(reference), None)


def _name_pod(view: View, position: int) -> str:
    pod = view.snapshot.pods[position]
    return f"{pod.namespace}/{pod.name}"


def _notes(view: View) -> tuple[str, ...]:
    cni = view.recognition.cni
    if cni.enforces is not False:
        return ()
    return (f"{cni.name} does not enforce policies: the answer is what the policies declare",)
