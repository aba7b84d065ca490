"""A workload may reach the metadata service of its node's cloud.

What it means: the policies at the workload's own side, if any select it, allow TCP 80 to
169.254.169.254, where the clouds answer instances about themselves, or to fd00:ec2::254, the same
over IPv6 on AWS. Typical is 0.0.0.0/0 without an except. Port 443 alone is not this finding: the
service does not answer there.

Why it matters: the service takes a request for the node's own by where it comes from, and may hand
out the credentials of the node. One request that an attacker makes a pod send is then enough to
act as the node in the cloud's API.

How to fix: take the addresses out of the ipBlocks responsible, by `except`. An open workload is
isolated by a policy that allows everything but these addresses. Beside that, let the cloud's own
settings demand a token or a single hop.

When to waive: where the cluster does not run in a cloud, where the nodes let no pod through to the
service, or for an agent whose work it is to ask it. Resolvers on GKE ask the same address for
names, by UDP 53: look at what closes before applying a manifest there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from auditor.model.findings import Direction, Hit, Severity, Unevaluated
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind
from auditor.reachability.endpoints import WorkloadNode
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, unread_namespaces
from auditor.rules._metadata_service import METADATA_PORT, MetadataService
from auditor.rules._witness import state_witness

SEVERITY = Severity.MEDIUM


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that policies can select."""
    service = MetadataService(view)
    group_of = view.evaluation.groups[Direction.EGRESS].by_class
    pods = view.endpoints.pod_classes
    for workload, variants in groupby(view.workloads, key=lambda one: one.endpoint.workload):
        nodes = tuple(variants)
        bits = [bit for node in nodes for bit in node.classes if bit in pods]
        if not bits:
            continue
        reaching = [bit for bit in bits if service.reached[group_of[bit]]]
        hit = _state(view, service, workload, nodes, reaching) if reaching else None
        yield from certainty(view, (workload.namespace,), Blind.POLICIES).judge(workload, hit)
    yield from unread_namespaces(view, Blind.PODS)


def _state(
    view: View,
    service: MetadataService,
    workload: Reference,
    nodes: tuple[WorkloadNode, ...],
    reaching: list[int],
) -> Hit:
    group_of = view.evaluation.groups[Direction.EGRESS].by_class
    groups = frozenset(group_of[bit] for bit in reaching)
    found = {address for one in groups for address in service.reached[one]}
    addresses = [one for one in service.bits if one in found]
    severity, reason = None, None
    if workload.namespace in view.recognition.system_namespaces:
        severity, reason = Severity.LOW, "it stands in a system namespace"
    isolating = {one for each in reaching for one in view.group(Direction.EGRESS, each).policies}
    bit = reaching[0]
    node = next(one for one in nodes if bit in one.classes)
    part = service.bits[service.reached[group_of[bit]][0]]
    return Hit(
        subject=workload,
        message=f"{workload} may reach the metadata service at {' and '.join(addresses)}",
        hint="take the addresses out of its egress",
        severity=severity,
        severity_reason=reason,
        evidence={
            "addresses": addresses,
            "pods": sum(len(one.pods) for one in nodes),
            "isolated_by": [str(one) for one in view.references(tuple(isolating))],
        },
        witness=state_witness(
            view,
            str(node.endpoint),
            str(view.spell(part)),
            view.group(Direction.EGRESS, bit).ports_with(part) & service.port,
            preferred=(METADATA_PORT,),
        ),
        policies=view.references(tuple({one for one, _ in service.responsible(groups)})),
        remediation=service.mend(workload, nodes, groups),
    )
