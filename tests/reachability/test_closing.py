"""What changes would close, where pods and host-network pods stand in one workload.

That closing is exact on scenarios, on cases and on random clusters is shown where remediations are
applied, in `tests/rules`.
"""

from __future__ import annotations

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, PolicyMetadata, PolicySpec
from auditor.reachability.closing import Change, Closing
from auditor.reachability.connections import list_connections
from auditor.reachability.view import View, evaluate
from tests.rules.auditing import read_text

OWNED = (
    "ownerReferences: "
    "[{apiVersion: apps/v1, kind: StatefulSet, name: mixed, uid: u, controller: true}]"
)

CLUSTER = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: mixed-0, namespace: app, labels: {{app: mixed}}, {OWNED}}}
spec:
  nodeName: two
  containers: [{{name: main, image: nginx, ports: [{{containerPort: 80, name: web}}]}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: mixed-1, namespace: app, labels: {{app: mixed}}, {OWNED}}}
spec: {{nodeName: one, hostNetwork: true, containers: [{{name: main, image: nginx}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: far, namespace: far, labels: {{app: far}}}}
spec: {{nodeName: one, containers: [{{name: main, image: nginx}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: strict, namespace: strict, labels: {{app: strict}}}}
spec: {{nodeName: three, containers: [{{name: main, image: nginx}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: out, namespace: strict}}
spec:
  podSelector: {{}}
  policyTypes: [Egress]
  egress: [{{ports: [{{protocol: UDP, port: 53}}]}}, {{ports: [{{port: web}}]}}]
"""


def deny(direction: Direction, namespace: str) -> NetworkPolicy:
    """A default-deny of a direction."""
    return NetworkPolicy(
        metadata=PolicyMetadata(name="deny", namespace=namespace),
        spec=PolicySpec(policy_types=(direction.value.capitalize(),)),
    )


def closed_between(view: View, change: Change, source: str, destination: str) -> list[str]:
    """The ports of the rows between two workloads that a change closes, in words."""
    closing = Closing(view)
    total, rows = closing.closed_by(change, rows=1000)
    assert total == len(rows)
    names = [str(one) for one in closing.numbering.endpoints]
    return [
        str(view.evaluation.ports.describe(one.ports))
        for one in rows
        if (names[one.source], names[one.destination]) == (source, destination)
    ]


def test_what_a_host_reaches_on_its_own_node_keeps_no_row_open() -> None:
    """The pod loses its egress; the host of the same workload only reaches its own node."""
    view = evaluate(read_text(CLUSTER))
    change = Change(Direction.EGRESS, (deny(Direction.EGRESS, "app"),))
    closed = closed_between(view, change, "app/StatefulSet/mixed", "far/Pod/far")
    assert ["all"] == closed


def test_a_row_to_pods_and_hosts_allows_what_either_allows() -> None:
    """A host counts as an address, which resolves no named port; the pod beside it does."""
    view = evaluate(read_text(CLUSTER))
    (row,) = (
        one
        for one in list_connections(view)
        if str(one.source) == "strict/Pod/strict"
        and str(one.destination) == "app/StatefulSet/mixed"
    )
    assert row.ports != "all"
    assert ["TCP 80", "UDP 53"] == [str(one) for one in row.ports]
