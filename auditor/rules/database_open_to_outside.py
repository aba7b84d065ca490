"""A database can be reached from outside the cluster.

What it means: two ways in are judged, each by itself. `addresses`: the policies at the database's
own side admit external addresses (medium where they are every public address of an IP family,
high where a Service that the outside can connect to hands such connections on, low where only some
addresses are admitted). `service`: a Service of type LoadBalancer or NodePort, or with external
IPs, selects the database's pods, and connections through it get in: either the policies admit some
external address on the pods' port (high), or the Service's externalTrafficPolicy is not Local
(medium). In that case a node may put its own address in the place of the caller's, and no policy
keeps a pod's own node out. A load balancer's source ranges narrow who may arrive; the node ports
that it opens besides are taken to be shut at the network's edge.

Why it matters: a database that answers the outside is scanned within hours, and one weak password
or unpatched flaw gives the data away. Where the address of the caller is lost, no ipBlock helps.

How to fix: isolate the database for ingress and admit pods alone, as the manifest shown does. Make
the Service a ClusterIP. Where clients outside are meant, set externalTrafficPolicy to Local and
admit their addresses, and nothing else, by ipBlock.

When to waive: for clients outside that are known by address and cannot come through a gateway of
the cluster, with the addresses and their owner stated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.addresses import AddressRange, Family
from auditor.model.findings import Direction, Hit, Severity, Unevaluated, Witness
from auditor.model.objects import IngressRule, NetworkPolicy
from auditor.model.ports import describe_ports, merge_ports
from auditor.model.snapshot import Blind
from auditor.reachability.permissions import Group
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, describe_gaps, unread_namespaces
from auditor.rules._databases import (
    DataStore,
    admitting,
    find_databases,
    grade_system,
    holder_of,
    ingress_groups,
    mend_ingress,
    without_peers,
)
from auditor.rules._internet import public_family, public_parts
from auditor.rules._remediation import EVERY_POD, by_steps
from auditor.rules._services import Publication, find_publications
from auditor.rules._witness import declared_ports, state_witness

SEVERITY = Severity.HIGH

_INGRESS = Direction.INGRESS
_RANGES_SHOWN = 20
_NOT_PUBLISHED = "no Service publishes it"
_NOT_HANDED_ON = "no Service hands connections from outside on to a port that is open to them"
_LAST_STEP = "then isolate it for ingress, and admit of addresses only theirs by ipBlock"
_HOST_STEP = "then run it on the pod network: no NetworkPolicy restricts it on the host's"
_BY_NODE = (
    "the policies admit no outside address, but the Service may hand traffic on with the address "
    "of the pod's own node"
)


class _Opening(NamedTuple):
    """What the database's own side admits of external space."""

    bit: int
    """The class of its pods that is judged: the one that is open widest."""
    group: Group
    family: Family | None
    """The family of which every public address is admitted; None where only some are."""
    admitted: FrozenBitMap


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that is recognised as a database."""
    for store in view.remembered(find_databases):
        namespace = store.workload.namespace
        positions = [one for node in store.nodes for one in node.pods]
        published = find_publications(view, namespace, positions)
        opening = _find_opening(view, store)
        addresses = opening and _state_addresses(view, store, opening, published)
        sure = certainty(view, (namespace,), Blind.POLICIES)
        yield from sure.judge(store.workload, addresses)
        entries = [one for one in published if one.lets_in]
        service = _state_service(view, store, entries) if entries else None
        sure = certainty(view, (namespace,), Blind.POLICIES, Blind.SERVICES)
        yield from sure.judge(store.workload, service)
    yield from unread_namespaces(view, Blind.PODS)


def _find_opening(view: View, store: DataStore) -> _Opening | None:
    """The widest opening of the database's pods to external space."""
    some: _Opening | None = None
    for bit, group in ingress_groups(view, store):
        if any(cell.peers.intersect(view.external) for cell in group.cells):
            family = public_family(view, group)
            found = _Opening(bit, group, family, group.reached_on(view.all_ports) & view.external)
            if family is not None:
                return found
            some = some or found
    return some


def _state_addresses(
    view: View, store: DataStore, opening: _Opening, published: tuple[Publication, ...]
) -> Hit:
    severity, reason = _grade_addresses(view, store, opening, published)
    ports = _ports(view, opening)
    whom = "some addresses outside the cluster"
    if opening.family is not None:
        whom = f"every public IPv{opening.family} address"
    policies = admitting(view, store, lambda one: one.peers.intersect(view.external))
    return Hit(
        subject=store.workload,
        detail="addresses",
        message=f"{store.name} admits {whom} on {ports}",
        hint="isolate its pods for ingress and admit pods alone",
        severity=severity,
        severity_reason=reason,
        evidence={
            **store.evidence,
            "addresses": view.remembered(_Spelling).of(opening.admitted),
            "ports": ports,
            "published_by": _name_services(published),
        },
        witness=_witness(view, store, opening.bit, opening.admitted, store.usual_ports),
        policies=view.references(policies),
        remediation=mend_ingress(
            view,
            store,
            aim="admit pods, and of addresses only those that are needed",
            name=f"{store.workload.name}-pods-only",
            rules=(IngressRule(peers=(EVERY_POD,)),),
            replaced=tuple((one, _pods_alone(view, one)) for one in policies),
        ),
    )


def _grade_addresses(
    view: View, store: DataStore, opening: _Opening, published: tuple[Publication, ...]
) -> tuple[Severity | None, str | None]:
    if low := grade_system(view, store.workload):
        return low
    if opening.family is None:
        return Severity.LOW, "only stated addresses are admitted"
    if any(one.admitted for one in published):
        return None, None
    if unread := view.blind_spots(store.workload.namespace, Blind.SERVICES):
        return (
            Severity.MEDIUM,
            f"whether a Service publishes it is not known: {describe_gaps(unread)}",
        )
    return Severity.MEDIUM, _NOT_HANDED_ON if published else _NOT_PUBLISHED


def _ports(view: View, opening: _Opening) -> str:
    """The ports on which the addresses are admitted, some on some of them."""
    mask = 0
    for cell in opening.group.cells:
        if cell.peers.intersect(opening.admitted):
            mask |= cell.ports
    return describe_ports(view.evaluation.ports.describe(mask))


class _Spelling:
    """Spells address parts, for one view: what many databases admit is the same."""

    def __init__(self, view: View) -> None:
        self._endpoints = view.endpoints
        self._found: dict[FrozenBitMap, list[str]] = {}

    def of(self, parts: FrozenBitMap) -> list[str]:
        """The ranges, neighbours put together: the first of them, and how many more."""
        found = self._found.get(parts)
        if found is None:
            ranges = self._unite(parts)
            more = len(ranges) - _RANGES_SHOWN
            shown = [str(one) for one in ranges[:_RANGES_SHOWN]]
            found = self._found[parts] = [*shown, f"{more} more"] if more > 0 else shown
        return found

    def _unite(self, parts: FrozenBitMap) -> list[AddressRange]:
        ranges: list[AddressRange] = []
        for bit in parts:
            one = self._endpoints.parts.parts[bit - self._endpoints.external.start]
            if ranges and ranges[-1].family == one.family and ranges[-1].last + 1 == one.first:
                ranges[-1] = AddressRange(one.family, ranges[-1].first, one.last)
            else:
                ranges.append(one)
        return ranges


def _pods_alone(view: View, position: int) -> NetworkPolicy:
    """The policy without its ipBlocks, and with every pod where it admitted everyone."""
    return without_peers(
        view, position, lambda peer: peer.ip_block is not None, everyone=(EVERY_POD,)
    )


def _witness(
    view: View,
    store: DataStore,
    bit: int,
    admitted: FrozenBitMap,
    preferred: Iterable[tuple[str, int]],
) -> Witness:
    """A connection from an address that is let in, a public one if any is."""
    public = public_parts(view, 4) | public_parts(view, 6)
    part = next(iter((admitted & public) or admitted))
    holder = holder_of(view, store, bit)
    return state_witness(
        view,
        str(view.spell(part)),
        str(view.workloads[holder].endpoint),
        view.group(_INGRESS, bit).ports_with(part),
        preferred=(*preferred, *declared_ports(view, holder)),
    )


def _state_service(view: View, store: DataStore, entries: list[Publication]) -> Hit:
    """``entries``: the publications through which connections get in, or may."""
    let_in = [one for one in entries if one.admitted]
    shown = let_in or entries
    named = ", ".join(_name_services(shown))
    ports = describe_ports(merge_ports(one.target for one in shown))
    severity, reason = _grade_service(view, store, let_in)
    gets_in = "connections from outside get in" if let_in else "its own node lets the outside in"
    return Hit(
        subject=store.workload,
        detail="service",
        message=f"{store.name} is published by {named}: {gets_in} on {ports}",
        hint="publish it inside the cluster alone, or admit only the addresses of its clients",
        severity=severity,
        severity_reason=reason,
        evidence={**store.evidence, "services": [str(one) for one in shown], "ports": ports},
        witness=_witness_of(view, store, let_in[0]) if let_in else None,
        policies=view.references(_letting_in(view, store, let_in)),
        remediation=by_steps(
            f"make {named} of type ClusterIP, without externalIPs",
            "where clients outside are meant, set externalTrafficPolicy: Local, so that policies "
            "see their addresses",
            _HOST_STEP if any(one in view.hosts for one in store.bits) else _LAST_STEP,
        ),
    )


def _grade_service(
    view: View, store: DataStore, let_in: list[Publication]
) -> tuple[Severity | None, str | None]:
    if low := grade_system(view, store.workload):
        return low
    return (None, None) if let_in else (Severity.MEDIUM, _BY_NODE)


def _witness_of(view: View, store: DataStore, one: Publication) -> Witness:
    port = (one.target.protocol, one.target.first)
    return _witness(view, store, one.bit, one.admitted, (port,))


def _letting_in(view: View, store: DataStore, let_in: list[Publication]) -> tuple[int, ...]:
    """The policies that admit outside addresses on the ports that are published."""
    parts = view.evaluation.ports
    wanted = [(one.admitted, parts.part(one.target.protocol, one.target.first)) for one in let_in]
    return admitting(
        view,
        store,
        lambda grant: any(
            grant.ports & port and grant.peers.intersect(admitted) for admitted, port in wanted
        ),
    )


def _name_services(published: Iterable[Publication]) -> list[str]:
    return sorted({str(one.reference) for one in published})
