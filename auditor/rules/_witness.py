"""Witnesses: one connection of today that proves a finding."""

from __future__ import annotations

from collections.abc import Iterable

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Witness
from auditor.model.ports import PortRange
from auditor.reachability.connections import Numbering
from auditor.reachability.reach import reach_of
from auditor.reachability.view import View

_USUAL_PORTS = (("TCP", 443), ("TCP", 80), ("UDP", 53))


def state_witness(
    view: View,
    source: str,
    destination: str,
    ports: int,
    *,
    preferred: Iterable[tuple[str, int]] = (),
) -> Witness:
    """A witness on one allowed port: a preferred one, a usual one, or the first.

    Where only other protocols are allowed the witness names no port.
    """
    parts = view.evaluation.ports
    for protocol, port in (*preferred, *_USUAL_PORTS):
        if ports & parts.part(protocol, port):
            return Witness(source=source, destination=destination, protocol=protocol, port=port)
    described = parts.describe(ports)
    ranges: tuple[PortRange, ...] = () if described == "all" else described
    first = next(iter(sorted(ranges, key=lambda one: one.protocol != "TCP")), None)
    return Witness(
        source=source,
        destination=destination,
        protocol=None if first is None else first.protocol,
        port=None if first is None else first.first,
    )


def find_witness(
    view: View,
    direction: Direction,
    near: int,
    *,
    among: FrozenBitMap | None = None,
    preferred: Iterable[tuple[str, int]] = (),
) -> Witness | None:
    """A connection of today of an endpoint, in a direction, with a peer ``among`` those named.

    Hosts are no witnesses: what stands on one's own node is always reachable.
    """
    numbering = view.remembered(Numbering)
    hosts = FrozenBitMap(view.endpoints.host_classes)
    holder = numbering.holders[near][0]
    for ports, peers in reach_of(view, direction).of(near):
        for peer in (peers if among is None else peers & among) - hosts:
            far = next((one for one in numbering.holders[peer] if one != holder), None)
            if far is None:
                continue
            source, destination = (
                (holder, far) if direction is Direction.EGRESS else (far, holder)
            )
            return state_witness(
                view,
                str(numbering.endpoints[source]),
                str(numbering.endpoints[destination]),
                ports,
                preferred=(*preferred, *declared_ports(view, destination)),
            )
    return None


def declared_ports(view: View, workload: int) -> tuple[tuple[str, int], ...]:
    """The (protocol, port) pairs that a workload's containers declare; addresses declare none."""
    if workload >= len(view.workloads):
        return ()
    pods = view.pods_of(view.workloads[workload])
    return tuple((one.protocol, one.container_port) for pod in pods[:1] for one in pod.listening)

