"""External space as egress rules see it: which of it a workload's own side allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.addresses import AddressRange, Family, parse_cidr, subtract
from auditor.model.findings import Direction, Severity, Witness
from auditor.model.objects import Reference
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.permissions import Group
from auditor.reachability.view import View
from auditor.rules._witness import state_witness

FAMILIES: tuple[Family, ...] = (4, 6)

_NOT_PUBLIC = tuple(
    parse_cidr(one)
    for one in (
        # IANA IPv4 Special-Purpose Address Registry, and multicast and class E
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        # IANA IPv6 Special-Purpose Address Registry; global unicast is 2000::/3
        "::/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "4000::/2",
        "8000::/1",
    )
)
"""What is not public unicast (RFC 6890, RFC 4291 section 2.4)."""


class Egress(NamedTuple):
    """A workload that policies can select, one of its classes, and that class's permission."""

    workload: Reference
    nodes: tuple[WorkloadNode, ...]
    bit: int
    group: Group


Wide = Callable[[View, Group], Family | None]
"""The family of addresses of which a permission allows too much, if of any."""


def find_wide(view: View, wide: Wide) -> tuple[tuple[Egress, Family | None], ...]:
    """Every workload, with the class that allows too much and the family of which it does."""
    known = view.remembered(_known_wide)
    if wide not in known:
        known[wide] = tuple(_find_wide(view, wide))
    return known[wide]


def _known_wide(_: View) -> dict[Wide, tuple[tuple[Egress, Family | None], ...]]:
    return {}


def _find_wide(view: View, wide: Wide) -> Iterator[tuple[Egress, Family | None]]:
    pods = view.endpoints.pod_classes
    groups = view.evaluation.groups[Direction.EGRESS]
    families = [wide(view, one) for one in groups.groups]
    for workload, variants in groupby(view.workloads, key=lambda one: one.endpoint.workload):
        nodes = tuple(variants)
        found: tuple[Egress, Family | None] | None = None
        for bit in (bit for node in nodes for bit in node.classes if bit in pods):
            number = groups.by_class[bit]
            family = families[number]
            if found is None or family is not None:
                found = Egress(workload, nodes, bit, groups.groups[number]), family
            if family is not None:
                break
        if found is not None:
            yield found


def unrestricted_family(view: View, group: Group) -> Family | None:
    """The first family whose every address is allowed, private ones too, on every port."""
    allowed = _allowed_on(view, group, every_port=True)
    for family in FAMILIES:
        if view.families[family] <= allowed:
            return family
    return None


def public_family(view: View, group: Group) -> Family | None:
    """The first family whose every public unicast address is allowed on some port."""
    allowed = _allowed_on(view, group, every_port=False)
    for family in FAMILIES:
        if public_parts(view, family) <= allowed:
            return family
    return None


def public_parts(view: View, family: Family) -> FrozenBitMap:
    """The address parts that hold a public unicast address of the family."""
    return view.remembered(_public_families)[family]


def state_internet_witness(view: View, egress: Egress, family: Family, ports: int) -> Witness:
    """A connection to the first public part that the permission allows on one of the ports."""
    source = next(one.endpoint for one in egress.nodes if egress.bit in one.classes)
    reached = egress.group.reached_on(ports) & public_parts(view, family)
    part = next(iter(reached or egress.group.reached_on(ports) & view.external))
    return state_witness(
        view,
        str(source),
        str(view.spell(part)),
        egress.group.ports_with(part),
    )


def grade(view: View, egress: Egress) -> tuple[Severity | None, str | None]:
    """Low in a system namespace, else the rule's default."""
    if egress.workload.namespace in view.recognition.system_namespaces:
        return Severity.LOW, "it stands in a system namespace"
    return None, None


def granting(view: View, egress: Egress, family: Family) -> tuple[int, ...]:
    """The policies whose rules allow external addresses of the family."""
    external = view.families[family]
    return tuple(
        sorted({one.policy for one in egress.group.grants if one.peers.intersect(external)})
    )


def _allowed_on(view: View, group: Group, *, every_port: bool) -> FrozenBitMap:
    found = FrozenBitMap()
    for cell in group.cells:
        if not every_port or cell.ports == view.all_ports:
            found = found | cell.peers
    return found


def _public_families(view: View) -> dict[Family, FrozenBitMap]:
    parts = view.endpoints.parts.parts
    start = view.endpoints.external.start
    return {
        family: FrozenBitMap(bit for bit in bits if _is_partly_public(parts[bit - start]))
        for family, bits in view.families.items()
    }


def _is_partly_public(part: AddressRange) -> bool:
    return bool(subtract(part, _NOT_PUBLIC))
