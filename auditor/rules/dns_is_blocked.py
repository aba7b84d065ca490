"""A workload has no path to cluster DNS.

What it means: at least one pod of the workload may not reach any pod of cluster DNS on UDP 53 (or
on the port behind its Service): its own egress does not allow it, or the ingress of cluster DNS
does not. A resolver on the network of the pod's own node, such as NodeLocal DNSCache, is always
reachable and counts.

Why it matters: every name that the workload looks up fails after a time-out of seconds, and what
breaks seldom says that DNS is the reason. The usual cause is a default-deny for egress that nobody
completed; the usual remedy under pressure is to take the default-deny away again.

How to fix: allow UDP and TCP 53 from the workload to the pods of cluster DNS, by the name of their
namespace and their labels. Where cluster DNS itself is isolated for ingress, admit the workload
there.

When to waive: for a workload that looks up no names at all, or asks a resolver of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.reachability.view import View
from auditor.rules._dns import Answer, Dns, Lack, Paths, grade, judge_clients
from auditor.rules._dns_remediation import mend_blocked

SEVERITY = Severity.MEDIUM


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that policies can select, but for cluster DNS itself."""
    yield from judge_clients(view, "UDP", _lacks_a_path, _state)


def _lacks_a_path(paths: Paths) -> bool | None:
    return None if paths.udp is Answer.POSSIBLE else paths.udp is Answer.NO


def _state(view: View, dns: Dns, lack: Lack) -> Hit:
    workload = lack.client.workload
    severity, reason = grade(view, workload)
    return Hit(
        subject=workload,
        message=f"{workload} has no path to cluster DNS on {dns.words['UDP']}",
        hint="allow it UDP and TCP to the pods of cluster DNS, at both ends",
        severity=severity,
        severity_reason=reason,
        evidence=lack.evidence(dns),
        policies=tuple(sorted({*lack.isolated_by, *lack.dns_isolated_by})),
        remediation=mend_blocked(view, dns, lack),
    )
