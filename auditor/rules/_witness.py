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
    holder: int,
    among: FrozenBitMap | None = None,
    on: int | None = None,
    preferred: Iterable[tuple[str, int]] = (),
) -> Witness | None:
    """A connection of today of a class of workload ``holder``, with a peer ``among`` those named.

    ``on``: the ports to look at; all where they are not given.
    Hosts are no witnesses: what stands on one's own node is always reachable. Pods of system
    namespaces are the last choice: readers know their own workloads better.
    """
    cells = reach_of(view, direction).of(near)
    for left_out in (view.remembered(_hosts_and_system), view.hosts):
        for allowed, peers in cells:
            ports = allowed if on is None else allowed & on
            if not ports:
                continue
            wanted = (peers if among is None else peers & among) - left_out
            far = _first_of_another(view, holder, near, wanted)
            if far is not None:
                ends = (holder, far)
                source, destination = ends if direction is Direction.EGRESS else ends[::-1]
                names = view.remembered(Numbering).endpoints
                return state_witness(
                    view,
                    str(names[source]),
                    str(names[destination]),
                    ports,
                    preferred=(*preferred, *declared_ports(view, destination)),
                )
    return None


def _first_of_another(view: View, holder: int, near: int, peers: FrozenBitMap) -> int | None:
    """The first peer that is another row endpoint than the workload, and not on its own node."""
    numbering = view.remembered(Numbering)
    return next(
        (
            far
            for peer in peers
            for far in numbering.holders[peer]
            if far != holder and not view.on_own_node(holder, near, far, peer)
        ),
        None,
    )


def _hosts_and_system(view: View) -> FrozenBitMap:
    known = view.endpoints.namespace_index
    runs = (view.run_of(one) for one in view.recognition.system_namespaces if one in known)
    return FrozenBitMap(bit for run in runs for bit in run) | view.hosts


def declared_ports(view: View, workload: int) -> tuple[tuple[str, int], ...]:
    """The (protocol, port) pairs that a workload's containers declare; addresses declare none."""
    if workload >= len(view.workloads):
        return ()
    pods = view.pods_of(view.workloads[workload])
    return tuple((one.protocol, one.container_port) for pod in pods[:1] for one in pod.listening)
