"""A namespace does not say to which environment it belongs.

What it means: neither the settings nor a label nor the name of the namespace names an environment
(detail `unknown`), or they name several that contradict each other (detail `ambiguous`; the
evidence lists what says what). System namespaces belong to the platform and are not judged.

Why it matters: rules about environments judge only what they know. Traffic with this namespace is
counted to no environment, so a path from development to production that leads through it is seen
by nobody, neither by this audit nor by a policy that selects namespaces by environment.

How to fix: label the namespace (`environment: prod`, say), or declare its environment in the
settings. Where label and name contradict each other, correct the label or declare which holds.

When to waive: for a namespace that serves all environments alike, such as an ingress controller or
monitoring, once somebody has looked at what it may reach.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.objects import Reference
from auditor.model.recognition import DECLARED, Environment
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, describe_gaps
from auditor.rules._remediation import by_steps

SEVERITY = Severity.LOW

_LABEL = "label the namespace with its environment, for instance environment=prod"
_DECLARE = "or declare it in the settings, under detection.environments"


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every namespace that is not the platform's."""
    nobody_knows = _nobody_knows(view)
    for namespace in view.snapshot.namespaces:
        name = namespace.name
        found = view.recognition.environments.get(name)
        if name in view.recognition.system_namespaces or _is_declared(found):
            continue
        subject = Reference(name, "Namespace", name)
        sure = certainty(view, (name,), Blind.NAMESPACE_LABELS)
        if unread := (*sure.unread, *sure.doubts):
            yield Unevaluated(subject, describe_gaps(unread))
        elif found is None:
            yield _state_unknown(view, subject, nobody_knows=nobody_knows)
        elif found.name is None:
            yield _state_ambiguous(view, subject, found)
    if unseen := tuple(one for one in view.snapshot.gaps if _is_unseen(view, one)):
        yield Unevaluated(Reference("", "Cluster", "cluster"), describe_gaps(unseen))


def _is_unseen(view: View, gap: Gap) -> bool:
    """Whether a gap is a namespace that nothing else uses: it is not among the namespaces."""
    return (
        gap.kind == "Namespace"
        and bool(gap.name)
        and gap.name not in view.endpoints.namespace_index
    )


def _nobody_knows(view: View) -> bool:
    """Whether no environment is known, and none can hide in labels that were not read."""
    hiding = {Blind.NAMESPACE_LABELS, Blind.OBJECTS}
    return all(one.name is None for one in view.recognition.environments.values()) and not any(
        one.blind in hiding for one in view.snapshot.gaps
    )


def _is_declared(environment: Environment | None) -> bool:
    """Whether the settings say it: no label that was not read can change that."""
    return environment is not None and DECLARED in environment.evidence


def _state_unknown(view: View, subject: Reference, *, nobody_knows: bool) -> Hit:
    severity, reason = None, None
    if nobody_knows:
        severity, reason = Severity.INFO, "no namespace of the cluster has a known environment"
    elif not view.pods_per_namespace[subject.name] and not view.blind_spots(
        subject.name, Blind.PODS
    ):
        severity, reason = Severity.INFO, "the namespace holds no pods"
    return Hit(
        subject=subject,
        detail="unknown",
        message=f"namespace {subject.name} does not say to which environment it belongs",
        hint="label it, or declare its environment in the settings",
        severity=severity,
        severity_reason=reason,
        evidence=_count(view, subject.name),
        remediation=by_steps(_LABEL, _DECLARE),
    )


def _state_ambiguous(view: View, subject: Reference, found: Environment) -> Hit:
    return Hit(
        subject=subject,
        detail="ambiguous",
        message=f"namespace {subject.name} names several environments: {'; '.join(found.evidence)}",
        hint="correct its labels, or declare its environment in the settings",
        evidence={**_count(view, subject.name), "recognised_by": list(found.evidence)},
        remediation=by_steps(
            "correct the label, so that it names one environment and agrees with the name", _DECLARE
        ),
    )


def _count(view: View, name: str) -> dict[str, object]:
    unread = view.blind_spots(name, Blind.PODS)
    return {
        **({"pods_not_read": describe_gaps(unread)} if unread else {}),
        "pods": view.pods_per_namespace[name],
    }
