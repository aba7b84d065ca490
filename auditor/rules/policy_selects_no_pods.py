"""A policy's podSelector matches no pod, so the policy does nothing.

What it means: the podSelector is not empty, and no pod of the policy's namespace that policies can
select bears the labels. The empty selector is not meant: a default-deny of a namespace without
pods waits for them. Nor is a selector that matches a finished pod: a CronJob between two runs has
no other. Pods on the host's network count as none, because no policy selects those.

Why it matters: the pods that the policy was written for are as open as they were before it, and
whoever reads it believes otherwise. Mostly a label was renamed, or a tool put one more into every
selector (Kustomize's commonLabels), or the policy stands in another namespace than the pods.

How to fix: compare the selector with the labels of the pods' template: the evidence names the pod
that comes nearest and what it misses. Delete the policy where its workload is gone.

When to waive: for a workload that is not deployed yet, or that is scaled to nothing now and then.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.objects import NetworkPolicy
from auditor.model.selector_syntax import spell_selector
from auditor.model.snapshot import Blind
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps, unread_policies
from auditor.rules._no_match import Cause, NoMatch, explain_subjects
from auditor.rules._remediation import by_steps

SEVERITY = Severity.LOW

_STEPS = {
    Cause.HOST_NETWORK: (
        "run the pods on the pod network: no NetworkPolicy restricts a pod on the host's network",
        "or delete the policy, and filter on the nodes",
    ),
    Cause.ELSEWHERE: (
        "move the policy to the namespace of the pods: a podSelector looks in no other",
        "or make the podSelector meet the labels of the pods' template here",
        "delete the policy where its workload is gone",
    ),
}
_STEPS_BY_LABEL = (
    "make the podSelector meet the labels of the pods' template",
    "delete the policy where its workload is gone",
)


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every policy that was read."""
    yield from unread_policies(view)
    for position, compiled in enumerate(view.policies):
        if compiled.subjects.intersect(view.real_classes):
            continue
        policy = view.policy(position)
        selector = policy.spec.pod_selector
        if not selector.requirements():
            continue
        found = explain_subjects(view, policy.namespace, selector)
        if found.cause is Cause.FINISHED:
            continue
        if gaps := view.blind_spots(policy.namespace, Blind.PODS):
            yield Unevaluated(policy.reference, describe_gaps(gaps))
        else:
            yield _state(view, policy, found)


def _state(view: View, policy: NetworkPolicy, found: NoMatch) -> Hit:
    return Hit(
        subject=policy.reference,
        message=f"{policy.reference} selects no pod: {found.why}",
        hint="make its podSelector meet the labels of the pods, or delete it",
        evidence={
            "pod_selector": spell_selector(policy.spec.pod_selector),
            "pods_in_namespace": view.pods_per_namespace[policy.namespace],
            **found.evidence,
        },
        policies=(policy.reference,),
        remediation=by_steps(*_STEPS.get(found.cause, _STEPS_BY_LABEL)),
    )
