"""Pods that a selector selects, whether or not a policy mentions its labels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from auditor.reachability.selection import pods_by_class, select
from auditor.reachability.view import View, evaluate
from tests.oracle.clusters import EXPRESSIONS, SELECTORS, snapshots
from tests.rules.auditing import read_text

CLUSTER = """\
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: app, labels: {app: web, shard: one}}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: app, labels: {app: web, shard: two}}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: app, labels: {app: job, shard: two}}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: host, namespace: app, labels: {app: web, shard: two}}
spec: {hostNetwork: true, containers: [{name: main, image: nginx}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: app}
spec: {podSelector: {matchLabels: {app: web}}}
"""


def selected(view: View, namespace: str, selector: LabelSelector) -> set[str]:
    """The names of the pods that a selector selects."""
    selection = select(view, namespace, selector)
    whole = (one for bit in selection.classes for one in view.remembered(pods_by_class)[bit])
    return {view.snapshot.pods[one].name for one in (*whole, *selection.pods)}


def test_labels_that_no_policy_mentions_part_a_class() -> None:
    """The two web pods are one class: one of them is selected, and the whole of the other class."""
    view = evaluate(read_text(CLUSTER))
    selection = select(view, "app", LabelSelector(match_labels={"shard": "two"}))
    assert 1 == len(selection.pods)
    assert 1 == len(selection.classes)
    assert {"web-2", "job"} == selected(view, "app", LabelSelector(match_labels={"shard": "two"}))


def test_labels_that_policies_mention_select_whole_classes() -> None:
    """No pod is looked at."""
    view = evaluate(read_text(CLUSTER))
    assert not select(view, "app", LabelSelector(match_labels={"app": "web"})).pods
    assert {"web-1", "web-2"} == selected(view, "app", LabelSelector(match_labels={"app": "web"}))


@given(
    data=st.data(),
    snapshot=snapshots(max_pods=8, max_policies=2),
    selector=st.one_of(st.sampled_from(SELECTORS), st.sampled_from(EXPRESSIONS)),
)
def test_a_selector_selects_the_pods_that_it_matches(
    data: st.DataObject, snapshot: Snapshot, selector: LabelSelector
) -> None:
    """On any cluster: those of the namespace that run, and not on the host's network."""
    namespace = data.draw(st.sampled_from(snapshot.namespaces)).name
    assert {
        one.name
        for one in snapshot.pods
        if one.namespace == namespace
        and one.is_endpoint
        and not one.spec.host_network
        and selector.matches(one.labels)
    } == selected(evaluate(snapshot), namespace, selector)
