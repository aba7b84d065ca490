"""Workloads of one environment may connect to workloads of another.

What it means: at least one pod of a namespace of the first environment may open a connection to a
pod of a namespace of the second, on some port: the source's egress and the destination's ingress
both allow it. One finding stands for each ordered pair; it counts the workload pairs and names
every policy that allows some of it.

Why it matters: test and development run unreviewed code with weaker passwords and more people.
A path from there to production makes the weakest environment the door to the strongest, and a
path back lets production data out.

How to fix: select peers by namespace as well as by pod, and deny by default in both environments.
An empty namespaceSelector in a peer lets every environment in.

When to waive: for a deliberate, one-way path (a promotion job, a shared registry), stated with its
owner.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.findings import Hit, Severity, Unevaluated
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind
from auditor.reachability.view import View
from auditor.rules._certainty import certainty, describe_gaps
from auditor.rules._environment_remediation import mend_leak
from auditor.rules._environments import Environments, Leak
from auditor.rules._witness import declared_ports, state_witness

SEVERITY = Severity.HIGH

_KINDS = (Blind.PODS, Blind.POLICIES, Blind.NAMESPACE_LABELS)


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every ordered pair of environments."""
    environments = view.remembered(Environments)
    for namespace, one in sorted(view.recognition.environments.items()):
        if one.name is None:
            subject = Reference(namespace, "Namespace", namespace)
            reason = f"its environment is ambiguous: {'; '.join(one.evidence)}"
            yield Unevaluated(subject, reason)
    yield from _unknown_environments(view)
    names = sorted(environments.namespaces)
    for source in names:
        for destination in names:
            if source == destination:
                continue
            subject = Reference("", "Environments", f"{source}→{destination}")
            leak = environments.leaks.get((source, destination))
            if leak is not None:
                yield _state(view, environments, subject, (source, destination), leak)
            yield from _doubt(view, environments, subject, (source, destination), leak)


def _unknown_environments(view: View) -> Iterator[Unevaluated]:
    """Where what was not read may hold an environment that is not seen at all."""
    everywhere = view.blind_spots("", Blind.NAMESPACE_LABELS)
    if everywhere:
        yield Unevaluated(Reference("", "Cluster", "cluster"), describe_gaps(everywhere))
    for namespace in view.snapshot.namespaces:
        if namespace.name not in view.recognition.environments:
            gaps = view.blind_spots(namespace.name, Blind.NAMESPACE_LABELS)
            if own := tuple(one for one in gaps if one not in everywhere):
                subject = Reference(namespace.name, "Namespace", namespace.name)
                yield Unevaluated(subject, describe_gaps(own))


def _doubt(
    view: View,
    environments: Environments,
    subject: Reference,
    pair: tuple[str, str],
    leak: Leak | None,
) -> Iterator[Unevaluated]:
    """What keeps the pair from being known whole."""
    namespaces = [one for name in pair for one in environments.namespaces[name]]
    sure = certainty(view, namespaces, *_KINDS)
    if sure.unread or sure.doubts:
        yield Unevaluated(subject, describe_gaps((*sure.unread, *sure.doubts)))
    elif leak is None and pair in environments.possible_leaks:
        yield Unevaluated(subject, view.doubt)


def _state(
    view: View,
    environments: Environments,
    subject: Reference,
    pair: tuple[str, str],
    leak: Leak,
) -> Hit:
    source, destination, ports = leak.first
    severity, reason = SEVERITY, "one end is production"
    if not any(map(environments.is_production, pair)):
        severity, reason = Severity.MEDIUM, "neither end is production"
    count = "1 workload pair" if leak.pairs == 1 else f"{leak.pairs} workload pairs"
    return Hit(
        subject=subject,
        message=f"{pair[0]} may connect to {pair[1]}: {count}",
        hint="select peers by namespace too, and deny by default in both environments",
        severity=severity,
        severity_reason=reason,
        evidence={
            "workload_pairs": leak.pairs,
            "source_namespaces": list(environments.namespaces[pair[0]]),
            "destination_namespaces": list(environments.namespaces[pair[1]]),
        },
        witness=state_witness(
            view,
            str(view.workloads[source].endpoint),
            str(view.workloads[destination].endpoint),
            ports,
            preferred=declared_ports(view, destination),
        ),
        policies=view.references(leak.policies),
        remediation=mend_leak(view, leak, environments.namespaces[pair[0]]),
    )
