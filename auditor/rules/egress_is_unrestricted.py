"""A workload may open connections to every external address, on every port.

What it means: the policies at the workload's own side, if any select it, allow every external
address of at least one IP family, private ranges included, on every port and protocol.

Why it matters: data can leave to anywhere, a dropped tool can be fetched from anywhere, and the
networks next to the cluster (the metadata service, the office, other clouds) stand open.

How to fix: isolate the workload for egress, and allow the addresses and ports it needs. The
manifest shown keeps its connections to the pods of the cluster and closes what is outside.

When to waive: for a workload whose purpose is to reach arbitrary addresses (a crawler, a forward
proxy), together with a control at the network's edge.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.addresses import Family
from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.snapshot import Blind
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, unread_namespaces
from auditor.rules._egress_remediation import mend_egress
from auditor.rules._internet import (
    Egress,
    find_wide,
    grade,
    granting,
    state_internet_witness,
    unrestricted_family,
)

SEVERITY = Severity.HIGH


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that policies can select."""
    for egress, family in find_wide(view, unrestricted_family):
        hit = None if family is None else _state(view, egress, family)
        sure = certainty(view, (egress.workload.namespace,), Blind.POLICIES)
        yield from sure.judge(egress.workload, hit)
    yield from unread_namespaces(view, Blind.PODS)


def _state(view: View, egress: Egress, family: Family) -> Hit:
    severity, reason = grade(view, egress)
    why = "no policy isolates it" if not egress.group.is_isolated else "its policies allow it"
    return Hit(
        subject=egress.workload,
        message=f"{egress.workload} may reach every IPv{family} address on every port: {why}",
        hint="isolate it for egress and allow only the addresses and ports it needs",
        severity=severity,
        severity_reason=reason,
        evidence={
            "ip_family": family,
            "pods": sum(len(node.pods) for node in egress.nodes),
            "isolated_by": [str(one) for one in view.references(egress.group.policies)],
        },
        witness=state_internet_witness(view, egress, family, view.all_ports),
        policies=view.references(granting(view, egress, family)),
        remediation=mend_egress(view, egress, unrestricted_family),
    )
