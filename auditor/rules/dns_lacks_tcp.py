"""A workload may ask cluster DNS by UDP alone, and not by TCP.

What it means: at least one pod of the workload has a path to cluster DNS on UDP 53 (or on the port
behind its Service), and none on TCP.

Why it matters: an answer that does not fit into a datagram is cut short, and the resolver asks
again by TCP (RFC 7766 makes TCP a requirement). Names with many addresses, or with long TXT or
DNSSEC records, then fail, while all others work: a fault that is seldom traced to a policy.

How to fix: allow TCP beside UDP where the path is allowed, at both ends.

When to waive: where the resolver on the node asks upstream on the workload's behalf in a way that
the snapshot does not show.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.reachability.view import View
from auditor.rules._dns import Answer, Dns, Lack, Paths, grade, judge_clients
from auditor.rules._dns_remediation import mend_tcp

SEVERITY = Severity.LOW


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that policies can select, but for cluster DNS itself."""
    yield from judge_clients(view, "TCP", _lacks_tcp_alone, _state)


def _lacks_tcp_alone(paths: Paths) -> bool | None:
    if paths.udp is Answer.NO or paths.tcp is Answer.YES:
        return False
    return True if (paths.udp, paths.tcp) == (Answer.YES, Answer.NO) else None


def _state(view: View, dns: Dns, lack: Lack) -> Hit:
    workload = lack.client.workload
    severity, reason = grade(view, workload)
    udp, tcp = dns.words["UDP"], dns.words["TCP"]
    return Hit(
        subject=workload,
        message=f"{workload} has a path to cluster DNS on {udp}, and none on {tcp}",
        hint="allow TCP beside UDP: long answers come by TCP alone",
        severity=severity,
        severity_reason=reason,
        evidence=lack.evidence(dns),
        policies=tuple(sorted({*lack.isolated_by, *lack.dns_isolated_by})),
        remediation=mend_tcp(view, dns, lack),
    )
