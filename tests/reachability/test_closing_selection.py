"""What changes close and open, by the pods that their policies select."""

from __future__ import annotations

import msgspec

from auditor.model.findings import Direction
from auditor.model.objects import NetworkPolicy, PolicyMetadata, PolicySpec
from auditor.model.selectors import LabelSelector
from auditor.reachability.closing import Change, ChangedRow, Closing
from auditor.reachability.connections import Numbering
from auditor.reachability.view import View, evaluate
from tests.rules.auditing import read_text

OWNED = (
    "ownerReferences: "
    "[{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true}]"
)

CLUSTER = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: web-0, namespace: app, labels: {{app: web, shard: one}}, {OWNED}}}
spec: {{containers: [{{name: main, image: nginx}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web-1, namespace: app, labels: {{app: web, shard: two}}, {OWNED}}}
spec: {{containers: [{{name: main, image: nginx}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: bare, namespace: app, labels: {{app: web, shard: three}}}}
spec: {{containers: [{{name: main, image: nginx}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: far, namespace: far, labels: {{app: far}}}}
spec: {{containers: [{{name: main, image: nginx}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: deny, namespace: far}}
spec: {{podSelector: {{matchLabels: {{app: far}}}}, policyTypes: [Ingress]}}
"""


def deny(namespace: str, **labels: str) -> NetworkPolicy:
    """A policy that denies all ingress to the pods with these labels."""
    return NetworkPolicy(
        metadata=PolicyMetadata(name="deny", namespace=namespace),
        spec=PolicySpec(pod_selector=LabelSelector(match_labels=labels), policy_types=("Ingress",)),
    )


def destinations(view: View, rows: tuple[ChangedRow, ...]) -> set[str]:
    """The destinations of rows."""
    names = Numbering(view).endpoints
    return {str(names[one.destination]) for one in rows}


def closed(view: View, policy: NetworkPolicy) -> set[str]:
    """The destinations that an added policy closes for something."""
    change = Change(Direction.INGRESS, (policy,))
    return destinations(view, Closing(view).closed_by(change, rows=1000)[1])


def test_a_row_stays_while_one_pod_of_the_workload_is_not_selected() -> None:
    """The labels part two pods of one class, whichever of them is selected."""
    view = evaluate(read_text(CLUSTER))
    assert set() == closed(view, deny("app", app="web", shard="one"))
    assert set() == closed(view, deny("app", app="web", shard="two"))


def test_a_pod_that_is_selected_out_of_its_class_closes() -> None:
    """The class has further pods, of another workload."""
    view = evaluate(read_text(CLUSTER))
    assert {"app/Pod/bare"} == closed(view, deny("app", shard="three"))
    assert {"app/Pod/bare", "app/StatefulSet/web"} == closed(view, deny("app", app="web"))


def test_pods_that_a_policy_selects_no_longer_open() -> None:
    """The policy in `far` selects nobody any more."""
    view = evaluate(read_text(CLUSTER))
    change = Change(Direction.INGRESS, (), ((0, deny("far", app="nobody")),))
    closing = Closing(view)
    assert {"far/Pod/far"} == destinations(view, closing.opened_by(change, rows=1000)[1])
    assert (0, ()) == closing.closed_by(change, rows=1000, opens=True)


def test_pods_whose_policy_turns_to_another_direction_open() -> None:
    """It isolates them for egress now, and not for ingress."""
    view = evaluate(read_text(CLUSTER))
    policy = view.policy(0)
    spec = msgspec.structs.replace(policy.spec, policy_types=("Egress",))
    turned = msgspec.structs.replace(policy, spec=spec)
    change = Change(Direction.INGRESS, (), ((0, turned),))
    opened = Closing(view).opened_by(change, rows=1000)[1]
    assert {"far/Pod/far"} == destinations(view, opened)
