"""One question, one answer, with the rules that gave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from auditor.model.addresses import AddressRange, parse_address
from auditor.model.findings import Direction
from auditor.model.objects import Pod, Reference
from auditor.model.ports import PortSet
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.endpoints import host_addresses
from auditor.reachability.permissions import Group
from auditor.reachability.view import View


class PodEnd(NamedTuple):
    """A pod as one end of a question."""

    namespace: str
    name: str


class AddressEnd(NamedTuple):
    """An external address as one end of a question."""

    address: str


End = PodEnd | AddressEnd


class Allowing(NamedTuple):
    """A rule that allows the connection: ``spec.<direction>[rule]`` of a policy."""

    policy: Reference
    direction: Direction
    rule: int


class Side(NamedTuple):
    """What one side says: isolated by which policies, allowed by which rules, on which ports."""

    direction: Direction
    isolated_by: tuple[Reference, ...]
    allowing: tuple[Allowing, ...]
    ports: PortSet
    allowed: bool


class Verdict(NamedTuple):
    """The answer, with what each side says.

    ``ports`` are all that are allowed between the two; ``always`` says why no policy is asked at
    all, where that is so (semantics 1.4).
    """

    allowed: bool
    ports: PortSet
    egress: Side
    ingress: Side
    always: str | None
    gaps: tuple[Gap, ...]


def decide(
    view: View, source: End, destination: End, protocol: str | None = None, port: int | None = None
) -> Verdict:
    """Whether ``source`` may open a connection to ``destination`` on a port.

    Without a protocol the question is for any port at all; protocol `other` asks for ICMP and its
    like.

    Raises:
        KeyError: no such pod is an endpoint of the snapshot.
        ValueError: the text is no address.

    """
    ports = view.evaluation.ports
    asked = ports.all if protocol is None else ports.part(protocol, port)
    source_bit, destination_bit = _bit(view, source), _bit(view, destination)
    egress_group = view.group(Direction.EGRESS, source_bit)
    ingress_group = view.group(Direction.INGRESS, destination_bit)
    allowed = egress_group.ports_with(destination_bit) & ingress_group.ports_with(source_bit)
    always = _always(view, source, destination)
    possible = (
        egress_group.ports_with(destination_bit) | egress_group.possible_ports_with(destination_bit)
    ) & (ingress_group.ports_with(source_bit) | ingress_group.possible_ports_with(source_bit))
    uncertain = bool(possible & ~allowed & asked)
    return Verdict(
        allowed=always is not None or bool(allowed & asked),
        ports=ports.describe(ports.all if always is not None else allowed),
        egress=_side(view, Direction.EGRESS, egress_group, destination_bit, asked),
        ingress=_side(view, Direction.INGRESS, ingress_group, source_bit, asked),
        always=always,
        gaps=() if always is not None else _gaps(view, source, destination, uncertain=uncertain),
    )


def _bit(view: View, end: End) -> int:
    match end:
        case PodEnd():
            return view.endpoints.class_of_pod[view.pod_positions[end]]
        case AddressEnd():
            parts = view.endpoints.parts
            return view.endpoints.external.start + parts.indexes(parse_address(end.address))[0]


def _side(view: View, direction: Direction, group: Group, peer: int, asked: int) -> Side:
    allowing = {
        Allowing(view.policies[one.policy].reference, direction, one.rule)
        for one in group.grants
        if one.ports & asked and peer in one.peers
    }
    ports = group.ports_with(peer)
    return Side(
        direction=direction,
        isolated_by=view.references(group.policies),
        allowing=tuple(sorted(allowing)),
        ports=view.evaluation.ports.describe(ports),
        allowed=bool(ports & asked),
    )


def _always(view: View, source: End, destination: End) -> str | None:
    if isinstance(source, AddressEnd) and isinstance(destination, AddressEnd):
        return None
    ends = [_placed(view, one) for one in (source, destination)]
    if source == destination:
        return "a pod can always reach itself"
    one, other = ends
    for pod, far in ((one, other), (other, one)):
        if not isinstance(pod, Pod):
            continue
        if isinstance(far, AddressRange):
            if far in _addresses_of_node(view, pod):
                return "traffic between a pod and its own node is always allowed"
        elif (
            far.spec.host_network
            and pod.spec.node_name
            and pod.spec.node_name == far.spec.node_name
        ):
            return "traffic between a pod and its own node is always allowed"
    return None


def _placed(view: View, end: End) -> Pod | AddressRange:
    if isinstance(end, AddressEnd):
        return parse_address(end.address)
    return view.snapshot.pods[view.pod_positions[end]]


def _addresses_of_node(view: View, pod: Pod) -> tuple[AddressRange, ...]:
    nodes: Mapping[str, tuple[str, ...]] = {
        one.metadata.name: one.addresses for one in view.snapshot.nodes
    }
    texts = (
        host_addresses(pod, nodes) if pod.spec.host_network else nodes.get(pod.spec.node_name, ())
    )
    return tuple(parse_address(one) for one in texts)


def _gaps(view: View, source: End, destination: End, *, uncertain: bool) -> tuple[Gap, ...]:
    """What the verdict rests on and could not be read or evaluated."""
    found = dict.fromkeys(
        gap
        for end in (source, destination)
        if isinstance(end, PodEnd)
        for gap in view.blind_spots(end.namespace, Blind.POLICIES, Blind.NAMESPACE_LABELS)
    )
    if uncertain:
        namespaces = {end.namespace for end in (source, destination) if isinstance(end, PodEnd)}
        found |= dict.fromkeys(one for one in view.gaps if one.namespace in namespaces)
    return tuple(found)
