"""A database admits connections on ports that are not its own.

What it means: the policies at the database's own side let somebody in (a pod of today, one that may
come, or an address) on a port that is neither one of its engine's usual TCP ports nor declared by
its containers. Ports of every protocol count, and a rule without ports admits all of them. Where
neither the engine nor the containers say which ports are the database's own, nothing is judged.

Why it matters: today nothing may listen there. Tomorrow a debug shell, a metrics endpoint or a
replication port does, and it is open from its first second to everyone whom the rule admits.

How to fix: state the database's own ports in the rules that admit its clients. The manifest shown
narrows the rules' ports to those; a policy that selects other workloads too is left to you, because
their ports are not the database's.

When to waive: for an engine that picks its ports at run time, with the range that it uses stated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Remediation, Severity, Unevaluated, Witness
from auditor.model.objects import IngressRule, NetworkPolicy
from auditor.model.ports import describe_ports
from auditor.model.snapshot import Blind
from auditor.reachability.compile import rules_of
from auditor.reachability.reach import reach_of
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, unread_namespaces
from auditor.rules._databases import (
    DataStore,
    admitting,
    find_databases,
    holder_of,
    ingress_groups,
    mend_ingress,
    own_ports,
)
from auditor.rules._own_ports import Beyond, Excess, OwnPorts, describe_own, narrow_ports
from auditor.rules._remediation import by_steps, with_rules
from auditor.rules._witness import find_witness

SEVERITY = Severity.LOW
_INGRESS = Direction.INGRESS
_UNKNOWN = "neither its engine nor its containers say which ports are its own"


class _Opening(NamedTuple):
    """A database whose own side admits more than its own ports."""

    store: DataStore
    own: OwnPorts
    bits: tuple[int, ...]
    """The classes of its pods that are open so."""
    excess: Excess


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that is recognised as a database."""
    for store in view.remembered(find_databases):
        own = own_ports(view, store)
        if not own and any(group.cells for _, group in ingress_groups(view, store)):
            yield Unevaluated(store.workload, _UNKNOWN)
            continue
        sure = certainty(view, (store.workload.namespace,), Blind.POLICIES)
        opening = _find_opening(view, store, own)
        yield from sure.judge(store.workload, opening and _state(view, opening))
    yield from unread_namespaces(view, Blind.PODS)


def _find_opening(view: View, store: DataStore, own: OwnPorts) -> _Opening | None:
    beyond = view.remembered(Beyond)
    bits: dict[int, None] = {}
    mask = 0
    for bit, group in ingress_groups(view, store):
        for cell in group.cells:
            if beyond.of(cell.ports, own).ports:
                bits[bit] = None
                mask |= cell.ports
    return _Opening(store, own, tuple(bits), beyond.of(mask, own)) if bits else None


def _state(view: View, opening: _Opening) -> Hit:
    store, own = opening.store, opening.own
    beyond = view.remembered(Beyond)
    policies = admitting(
        view, store, lambda one: bool(one.peers and beyond.of(one.ports, own).ports)
    )
    ports = describe_ports(opening.excess.ports)
    return Hit(
        subject=store.workload,
        message=f"{store.name} admits connections on ports that are not its own: {ports}",
        hint="state its own ports in the rules that admit its clients",
        evidence={
            **store.evidence,
            "own_ports": describe_own(own),
            "ports_beyond": ports,
        },
        witness=_witness(view, opening),
        policies=view.references(policies),
        remediation=_mend(view, opening, policies),
    )


def _witness(view: View, opening: _Opening) -> Witness | None:
    """A connection of today on a port that is not the database's own."""
    beyond = view.remembered(Beyond)
    for bit in opening.bits:
        reached = [
            (cell.peers, excess.examples)
            for cell in reach_of(view, _INGRESS).of(bit)
            if (excess := beyond.of(cell.ports, opening.own)).ports
        ]
        if not reached:
            continue
        found = find_witness(
            view,
            _INGRESS,
            bit,
            holder=holder_of(view, opening.store, bit),
            among=FrozenBitMap.union(*(peers for peers, _ in reached)),
            preferred=tuple(dict.fromkeys(one for _, examples in reached for one in examples)),
        )
        if found is not None:
            return found
    return None


def _mend(view: View, opening: _Opening, policies: tuple[int, ...]) -> Remediation:
    """Isolate what is open but for its own ports; narrow the ports of the database's policies."""
    store, own = opening.store, opening.own
    words = describe_own(own)
    shared = [one for one in policies if _selects_others(view, store, one)]
    if shared:
        named = ", ".join(map(str, view.references(tuple(shared))))
        return by_steps(
            f"admit its clients by a policy of the database's own, on {words} alone",
            f"then take the database out of the selectors of {named}, or narrow their ports: "
            "they select other workloads, too",
        )
    return mend_ingress(
        view,
        store,
        aim=f"admit its clients on {words} alone",
        name=f"{store.workload.name}-own-ports",
        rules=(IngressRule(ports=narrow_ports((), own)),),
        replaced=tuple((one, _narrowed(view, one, own)) for one in policies),
        alone=True,
    )


def _selects_others(view: View, store: DataStore, position: int) -> bool:
    holders = view.endpoints.holders
    return any(
        view.workloads[number].endpoint.workload != store.workload
        for bit in view.policies[position].subjects
        for number in holders[bit]
    )


def _narrowed(view: View, position: int, own: OwnPorts) -> NetworkPolicy:
    policy = view.policy(position)
    rules = (
        msgspec.structs.replace(rule, ports=ports)
        for rule in rules_of(policy, _INGRESS)
        if (ports := narrow_ports(rule.ports, own))
    )
    return with_rules(policy, _INGRESS, tuple(rules))
