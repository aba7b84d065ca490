"""A workload runs on the host's network, where no policy holds.

What it means: at least one pod of the workload has hostNetwork set. Such a pod is treated as its
node: no policy selects it, not even a default-deny of its namespace, and no peer with a
podSelector or a namespaceSelector matches it. The evidence counts the pods, and names the policies
of the namespace whose podSelector matches them in vain.

Why it matters: whoever reads the policies believes the pod to be isolated. It may be reached by
everyone and may reach everyone that does not defend itself; it shares the node's addresses, and
with them whatever trusts the node: the kubelet, the metadata service of a cloud.

How to fix: take hostNetwork out of the workload's template. A port of the node can often be had by
hostPort or by a Service instead. Where the workload must stand there (a CNI agent, a node
exporter), restrict it by the node's own firewall, or by the CNI's policies for hosts.

When to waive: for agents that manage the node's network, with the firewall that guards them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.findings import Direction, Hit, Severity, Unevaluated, Witness
from auditor.model.objects import Pod, Reference
from auditor.model.snapshot import Blind
from auditor.reachability.index import LabelIndex
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps, unread_namespaces
from auditor.rules._remediation import by_steps
from auditor.rules._witness import find_witness

SEVERITY = Severity.MEDIUM

_POLICIES_SHOWN = 20

_MENDING = by_steps(
    "take hostNetwork out of the workload's template; publish a port of the node by hostPort or by "
    "a Service where one is needed",
    "where it must run on the host's network, restrict it by the node's own firewall or by the "
    "CNI's policies for hosts",
)


class _Hosted(NamedTuple):
    """A workload's pods on the host's network whose labels every policy judges alike."""

    number: int
    """The workload, a variant apart, by position in the view's."""
    pods: int
    policies: tuple[int, ...]
    """Those of its namespace whose podSelector matches the labels, by position."""


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge every workload that has a pod on the host's network."""
    found = sorted(_find_hosted(view))
    for workload, hosted in groupby(
        found, key=lambda one: view.workloads[one.number].endpoint.workload
    ):
        yield _state(view, workload, tuple(hosted))
    yield from unread_namespaces(view, Blind.PODS)


def _find_hosted(view: View) -> Iterator[_Hosted]:
    pods_in: dict[str, dict[int, list[Pod]]] = {}
    for number, node in enumerate(view.workloads):
        if any(map(view.is_host, node.classes)):
            pods = [one for one in view.pods_of(node) if one.spec.host_network]
            pods_in.setdefault(node.endpoint.workload.namespace, {})[number] = pods
    for namespace, hosted in pods_in.items():
        index = LabelIndex(
            FrozenBitMap(hosted), [(number, pods[0].labels) for number, pods in hosted.items()]
        )
        matching: dict[int, list[int]] = {number: [] for number in hosted}
        for position in view.policies_in.get(namespace, ()):
            for number in index.select(view.policy(position).spec.pod_selector):
                matching[number].append(position)
        for number, pods in hosted.items():
            yield _Hosted(number, len(pods), tuple(matching[number]))


def _state(view: View, workload: Reference, hosted: tuple[_Hosted, ...]) -> Hit:
    is_system = workload.namespace in view.recognition.system_namespaces
    pods = sum(one.pods for one in hosted)
    in_vain = view.references(tuple(position for one in hosted for position in one.policies))
    matches = "matches" if len(in_vain) == 1 else "match"
    vain = f"; {len(in_vain):,} {matches} it in vain" if in_vain else ""
    evidence: dict[str, Any] = {
        "host_network_pods": pods,
        "policies_in_vain": len(in_vain),
        "matched_in_vain": [str(one) for one in in_vain[:_POLICIES_SHOWN]],
    }
    if unread := view.blind_spots(workload.namespace, Blind.POLICIES):
        evidence["policies_not_read"] = describe_gaps(unread)
    return Hit(
        subject=workload,
        message=(
            f"{workload} runs {pods:,} pod{'' if pods == 1 else 's'} on the host's network, where "
            f"no policy holds{vain}"
        ),
        hint="run it on the pod network, or guard it by the node's firewall",
        severity=Severity.LOW if is_system else None,
        severity_reason="it stands in a system namespace" if is_system else None,
        evidence=evidence,
        witness=next(_find_witnesses(view, hosted), None),
        remediation=_MENDING,
    )


def _find_witnesses(view: View, hosted: tuple[_Hosted, ...]) -> Iterator[Witness]:
    """Connections of today that the policies would deny if they held."""
    for number, _, matching in hosted:
        for direction in Direction:
            denied = _denied(view, direction, matching)
            for bit in view.workloads[number].classes:
                if denied and view.is_host(bit):
                    found = find_witness(view, direction, bit, holder=number, among=denied)
                    if found is not None:
                        yield found


def _denied(view: View, direction: Direction, matching: tuple[int, ...]) -> FrozenBitMap:
    """The peers to which policies would allow no port; none where none of them isolates.

    What is possible counts as allowed, and so do ports by name, which no host resolves.
    """
    isolating = [
        grants[direction]
        for grants in (view.policies[one].grants for one in matching)
        if direction in grants
    ]
    if not isolating:
        return FrozenBitMap()
    allowed = (grant.peers | grant.possible for grants in isolating for grant in grants)
    return view.evaluation.index.everything - FrozenBitMap.union(FrozenBitMap(), *allowed)
