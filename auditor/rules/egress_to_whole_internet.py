"""A workload may reach every public address of the internet.

What it means: the workload is not wholly unrestricted, but the policies at its own side allow
every public unicast address of an IP family on at least one port. Typical is 0.0.0.0/0 without the
private ranges.

Why it matters: an attacker who runs code in the pod needs one reachable address to fetch tools
from and to send data to; here every address will do.

How to fix: name the addresses, or send the traffic through an egress gateway or proxy and allow
that alone. The manifest shown takes the widest ipBlocks out of the policies responsible.

When to waive: where names behind changing addresses must be reached and no proxy can be had; keep
the ports few.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.addresses import Family
from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.ports import PROTOCOLS, describe_ports
from auditor.model.snapshot import Blind
from auditor.reachability.permissions import Group
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, unread_namespaces
from auditor.rules._egress_remediation import mend_egress
from auditor.rules._internet import (
    Egress,
    find_wide,
    grade,
    granting,
    public_family,
    public_parts,
    state_internet_witness,
    unrestricted_family,
)

SEVERITY = Severity.MEDIUM


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload whose egress is not wholly unrestricted."""
    unrestricted = {
        egress.workload for egress, family in find_wide(view, unrestricted_family) if family
    }
    for egress, family in find_wide(view, public_family):
        # What is wholly unrestricted is another rule's. A policy that was not read may narrow it.
        hit = None
        if family is not None and egress.workload not in unrestricted:
            hit = _state(view, egress, family)
        sure = certainty(view, (egress.workload.namespace,), Blind.POLICIES)
        yield from sure.judge(egress.workload, hit)
    yield from unread_namespaces(view, Blind.PODS)


def _state(view: View, egress: Egress, family: Family) -> Hit:
    ports = _common_ports(view, egress.group, family)
    severity, reason = grade(view, egress)
    if severity is None and not _is_a_whole_protocol(view, ports):
        severity, reason = Severity.LOW, "only stated ports are open"
    described = describe_ports(
        view.evaluation.ports.describe(ports or _ports(view, egress, family))
    )
    described = described if ports else f"at least one port of {described}"
    return Hit(
        subject=egress.workload,
        message=f"{egress.workload} may reach every public IPv{family} address on {described}",
        hint="name the addresses it needs, or send the traffic through an egress gateway",
        severity=severity,
        severity_reason=reason,
        evidence={
            "ip_family": family,
            "ports": described,
            "pods": sum(len(node.pods) for node in egress.nodes),
        },
        witness=state_internet_witness(view, egress, family, ports or view.all_ports),
        policies=view.references(granting(view, egress, family)),
        remediation=mend_egress(view, egress, public_family),
    )


def _is_a_whole_protocol(view: View, ports: int) -> bool:
    """Whether every port of some protocol is open: a rule that states no port."""
    parts = view.evaluation.ports
    return any(ports & whole == whole for whole in map(parts.mask, PROTOCOLS))


def _ports(view: View, egress: Egress, family: Family) -> int:
    """The ports on which some public address of the family is allowed."""
    found = 0
    for part in public_parts(view, family):
        found |= egress.group.ports_with(part)
    return found


def _common_ports(view: View, group: Group, family: Family) -> int:
    """The ports on which every public address of the family is allowed; 0 where they differ."""
    common = view.all_ports
    for part in public_parts(view, family):
        common &= group.ports_with(part)
    return common
