"""A database may open connections to any address outside.

What it means: the policies at the database's own side, if any select it, allow every external
address of at least one IP family on every port (high), or every public unicast address of a family
on at least one port (medium). The question is the one of egress-is-unrestricted and
egress-to-whole-internet, put to workloads that are recognised as databases. Pods on the host's
network are not judged: no policy selects them.

Why it matters: a database answers; it has few reasons to call. What gets in by a stolen password or
an injected statement takes the data out by the same pod, and an open way out is all it needs.

How to fix: isolate the database for egress, and allow what it does need: cluster DNS, its replicas,
the address of its backups. The manifest shown keeps its connections to the pods of the cluster and
closes what is outside.

When to waive: for a store that fetches from changing addresses by design (a federated query
engine, say), together with a control at the network's edge.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.addresses import Family
from auditor.model.findings import Direction, Hit, Severity, Unevaluated
from auditor.model.ports import describe_ports
from auditor.model.snapshot import Blind
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, unread_namespaces
from auditor.rules._databases import DataStore, find_databases
from auditor.rules._egress_remediation import mend_egress
from auditor.rules._internet import (
    Egress,
    Wide,
    grade,
    granting,
    public_family,
    public_parts,
    state_internet_witness,
    unrestricted_family,
)

SEVERITY = Severity.HIGH


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that is recognised as a database."""
    for store in view.remembered(find_databases):
        sure = certainty(view, (store.workload.namespace,), Blind.POLICIES)
        yield from sure.judge(store.workload, _find(view, store))
    yield from unread_namespaces(view, Blind.PODS)


def _find(view: View, store: DataStore) -> Hit | None:
    """The widest that some pod of the database is allowed, if that is too much."""
    for wide in (unrestricted_family, public_family):
        for egress in _permissions(view, store):
            family = wide(view, egress.group)
            if family is not None:
                return _state(view, store, egress, family, wide)
    return None


def _permissions(view: View, store: DataStore) -> Iterator[Egress]:
    """What each class of its pods is allowed, hosts left out: no policy selects them."""
    pods = view.endpoints.pod_classes
    for bit in store.bits:
        if bit in pods:
            group = view.group(Direction.EGRESS, bit)
            yield Egress(store.workload, store.nodes, bit, group)


def _state(view: View, store: DataStore, egress: Egress, family: Family, wide: Wide) -> Hit:
    unrestricted = wide is unrestricted_family
    ports = view.all_ports if unrestricted else _public_ports(view, egress, family)
    described = describe_ports(view.evaluation.ports.describe(ports))
    addresses = f"IPv{family} address" if unrestricted else f"public IPv{family} address"
    severity, reason = grade(view, egress)
    if severity is None and not unrestricted:
        severity, reason = Severity.MEDIUM, "only public addresses"
    return Hit(
        subject=store.workload,
        message=f"{store.name} may reach every {addresses}: {_why(egress)}",
        hint="isolate it for egress and allow only the addresses and ports it needs",
        severity=severity,
        severity_reason=reason,
        evidence={
            **store.evidence,
            "ip_family": family,
            "ports": described,
            "isolated_by": [str(one) for one in view.references(egress.group.policies)],
        },
        witness=state_internet_witness(view, egress, family, ports),
        policies=view.references(granting(view, egress, family)),
        # what leaves every public address open would leave the finding
        remediation=mend_egress(view, egress, public_family),
    )


def _why(egress: Egress) -> str:
    return "its policies allow it" if egress.group.is_isolated else "no policy isolates it"


def _public_ports(view: View, egress: Egress, family: Family) -> int:
    """The ports on which some public address of the family is allowed."""
    public = public_parts(view, family)
    mask = 0
    for cell in egress.group.cells:
        if cell.peers.intersect(public):
            mask |= cell.ports
    return mask
