"""What changes would close and open, where pods and hosts stand in one workload.

That both is exact on scenarios, on cases and on random clusters is shown where remediations are
applied, in `tests/rules`.
"""

from __future__ import annotations

import msgspec

from auditor.model.findings import Direction
from auditor.model.objects import (
    EgressRule,
    IngressRule,
    NetworkPolicy,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
)
from auditor.model.snapshot import Snapshot
from auditor.reachability.closing import Change, Closing
from auditor.reachability.connections import Numbering, list_connections
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

CLOSED_FAR = """\
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: far}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: []}
"""

SWAPPED = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: mixed-0, namespace: app, labels: {{app: mixed}}, {OWNED}}}
spec:
  containers:
  - {{name: a, image: nginx, ports: [{{containerPort: 80, name: web}}]}}
  - {{name: b, image: nginx, ports: [{{containerPort: 81, name: other}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: mixed-1, namespace: app, labels: {{app: mixed}}, {OWNED}}}
spec:
  containers:
  - {{name: a, image: nginx, ports: [{{containerPort: 81, name: web}}]}}
  - {{name: b, image: nginx, ports: [{{containerPort: 80, name: other}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: in, namespace: app}}
spec: {{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{ports: [{{port: web}}]}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: mentions, namespace: far}}
spec: {{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{ports: [{{port: other}}]}}]}}
"""


def deny(direction: Direction, namespace: str) -> NetworkPolicy:
    """A default-deny of a direction."""
    return NetworkPolicy(
        metadata=PolicyMetadata(name="deny", namespace=namespace),
        spec=PolicySpec(policy_types=(direction.value.capitalize(),)),
    )


def allow(direction: Direction, policy: NetworkPolicy) -> NetworkPolicy:
    """The policy with a rule more, which allows everything in a direction."""
    rules: dict[str, tuple[IngressRule, ...] | tuple[EgressRule, ...]] = {
        "ingress": (*policy.spec.ingress, IngressRule()),
        "egress": (*policy.spec.egress, EgressRule()),
    }
    spec = msgspec.structs.replace(policy.spec, **{direction.value: rules[direction.value]})
    return msgspec.structs.replace(policy, spec=spec)


def opened_by(view: View, change: Change) -> dict[tuple[str, str], str]:
    """The rows that a change opens, with their ports in words; it closes none."""
    closing = Closing(view)
    assert (0, ()) == closing.closed_by(change, rows=1000, opens=True)
    total, rows = closing.opened_by(change, rows=1000)
    assert total == len(rows)
    names = [str(one) for one in Numbering(view).endpoints]
    return {
        (names[one.source], names[one.destination]): str(view.evaluation.ports.describe(one.ports))
        for one in rows
    }


def closed_between(view: View, change: Change, source: str, destination: str) -> list[str]:
    """The ports of the rows between two workloads that a change closes, in words."""
    closing = Closing(view)
    total, rows = closing.closed_by(change, rows=1000)
    assert total == len(rows)
    names = [str(one) for one in Numbering(view).endpoints]
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


def test_what_opens_is_what_both_sides_allow_and_did_not() -> None:
    """Egress opens to every address, and to those pods alone whose ingress lets the pod in."""
    view = evaluate(read_text(CLUSTER + CLOSED_FAR))
    (position,) = (
        number for number, one in enumerate(view.policies) if one.reference.name == "out"
    )
    policy = allow(Direction.EGRESS, view.policy(position))
    opened = opened_by(view, Change(Direction.EGRESS, (), ((position, policy),)))
    families = [one for one in opened if "-" in one[1] and "/" not in one[1]]
    assert {("strict/Pod/strict", "app/StatefulSet/mixed"), *families} == set(opened)
    assert 2 == len(families)


def test_what_a_pod_gains_beside_a_host_on_the_same_node_opens() -> None:
    """The host reaches `far` on their own node, which is no row; the pod's new egress is one."""
    denied = evaluate(with_policy(read_text(CLUSTER), deny(Direction.EGRESS, "app")))
    policy = allow(Direction.EGRESS, deny(Direction.EGRESS, "app"))
    opened = opened_by(denied, Change(Direction.EGRESS, (), ((0, policy),)))
    assert "all" == opened["app/StatefulSet/mixed", "far/Pod/far"]


def test_what_the_host_beside_a_pod_has_already_does_not_open() -> None:
    """The row to `strict` exists through the host, which no policy isolates."""
    denied = evaluate(with_policy(read_text(CLUSTER), deny(Direction.EGRESS, "app")))
    policy = allow(Direction.EGRESS, deny(Direction.EGRESS, "app"))
    opened = opened_by(denied, Change(Direction.EGRESS, (), ((0, policy),)))
    assert ("app/StatefulSet/mixed", "strict/Pod/strict") not in opened


def with_policy(snapshot: Snapshot, policy: NetworkPolicy) -> Snapshot:
    """The snapshot with a policy before the others."""
    return msgspec.structs.replace(snapshot, policies=(policy, *snapshot.policies))


def test_what_pods_of_a_workload_exchange_neither_closes_nor_opens() -> None:
    """Two names give the two pods each other's ports: the workload's row keeps both."""
    view = evaluate(read_text(SWAPPED))
    policy = view.policy(0)
    rule = IngressRule(ports=(PolicyPort(port="other"),))
    spec = msgspec.structs.replace(policy.spec, ingress=(rule,))
    change = Change(Direction.INGRESS, (), ((0, msgspec.structs.replace(policy, spec=spec)),))
    assert {} == opened_by(view, change)
