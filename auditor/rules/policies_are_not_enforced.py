"""The cluster's network plugin does not enforce the policies, or not all of what they say.

What it means: policies are only a declaration, which the network plugin (CNI) must enforce on every
node. This one does not enforce them at all, does not enforce a feature that policies of this
cluster use (egress rules, port ranges, SCTP), has no ready agent on some nodes or on any, or cannot
serve some nodes (Fargate, Windows). It is told from the plugin's DaemonSet, its flags, image and
ConfigMap, and from the nodes. While this rule finds anything, each pass of the report is marked as
declared only.

Why it matters: the API server takes policies whether or not anything enforces them, and says
nothing. What looks closed is open, and every other result of this report rests on it.

How to fix: the finding names the switch, the release or the plugin to change. Then test it: a
connection that a policy denies must fail.

When to waive: where something that the API does not show enforces the policies (a plugin inside
the node, security groups of the cloud), with the proof of a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from auditor.model.findings import Direction, Hit, Severity, Unevaluated
from auditor.model.objects import PolicyPort, Reference
from auditor.model.recognition import ApartNodes, Capability, Cni, Feature
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.compile import rules_of
from auditor.reachability.view import View
from auditor.rules._certainty import describe_gaps
from auditor.rules._remediation import by_steps

SEVERITY = Severity.CRITICAL

_CLUSTER = Reference("", "Cluster", "cluster")
_NAMED_AT_MOST = 20
_ISOLATION = {Direction.INGRESS: Feature.INGRESS, Direction.EGRESS: Feature.EGRESS}
_WORDS: Mapping[Feature, str] = {
    Feature.INGRESS: "ingress rules",
    Feature.EGRESS: "egress rules",
    Feature.END_PORT: "port ranges (endPort)",
    Feature.SCTP: "SCTP ports",
}


class _Use(NamedTuple):
    """Where a policy, by its position, uses a feature: in a direction, or at a port of a rule."""

    policy: int
    direction: Direction
    port: tuple[int, int] | None = None

    def __str__(self) -> str:
        """`egress`, or `egress[1].ports[0]`."""
        if self.port is None:
            return self.direction.value
        rule, number = self.port
        return f"{self.direction}[{rule}].ports[{number}]"


def check(view: View) -> Iterator[Hit | Unevaluated]:
    """Judge the cluster as a whole, and then each thing that is enforced only in part."""
    cni = view.recognition.cni
    gaps = _find_gaps(view, cni)
    if cni.enforces is None:
        yield Unevaluated(_CLUSTER, _describe_unknown(cni))
        return
    judged = (_state_nothing(view, cni),) if cni.enforces is False else _judge_parts(view, cni)
    for one in judged:
        if isinstance(one, Hit) and gaps:
            yield one._replace(evidence={**one.evidence, "gaps": describe_gaps(gaps)})
        else:
            yield one
    if cni.enforces and gaps:
        yield Unevaluated(_CLUSTER, describe_gaps(gaps))


def _find_gaps(view: View, cni: Cni) -> tuple[Gap, ...]:
    """What hides agents or nodes, or policies that may use what is not enforced."""
    kinds = {"DaemonSet", "Node"}
    if not all(one.enforced for one in cni.capabilities):
        kinds.add("NetworkPolicy")
    return tuple(
        one for one in view.snapshot.gaps if one.kind in kinds or one.blind is Blind.OBJECTS
    )


def _describe_unknown(cni: Cni) -> str:
    if cni.name is None:
        subject = "no CNI was recognised"
    else:
        subject = f"whether {cni.name} enforces policies is not known"
    return ": ".join(filter(None, (subject, "; ".join(cni.evidence))))


def _state_nothing(view: View, cni: Cni) -> Hit:
    return Hit(
        subject=_CLUSTER,
        message=f"{cni.name} enforces no network policy: whatever they declare, all is open",
        hint="run a CNI that enforces policies, or turn this one's enforcement on",
        evidence={
            "network_plugin": cni.name,
            "seen": list(cni.evidence),
            "policies": len(view.snapshot.policies),
        },
        remediation=by_steps(*cni.remedies),
    )


def _judge_parts(view: View, cni: Cni) -> Iterator[Hit | Unevaluated]:
    uses = _find_uses(view, {one.feature for one in cni.capabilities if not one.enforced})
    for capability in cni.capabilities:
        if used := uses.get(capability.feature):
            yield _judge_feature(view, cni, capability, used)
    yield from _judge_agents(view, cni)
    unserved = tuple(one for one in cni.apart if one.served is False)
    if unserved:
        yield _state_nodes(view, cni, unserved)
    for one in cni.apart:
        if one.served is None:
            names = ", ".join(_shorten(one.nodes))
            reason = f"whether {cni.name} enforces policies on {one.kind} nodes is not known"
            yield Unevaluated(_CLUSTER, f"{reason}: {names}")


def _find_uses(view: View, features: set[Feature]) -> Mapping[Feature, list[_Use]]:
    """Where policies use the features, rules without effect (semantics 3.1) left out."""
    found: dict[Feature, list[_Use]] = {one: [] for one in features}
    for position, compiled in enumerate(view.policies if features else ()):
        for direction in compiled.grants:
            if (isolation := _ISOLATION[direction]) in found:
                found[isolation].append(_Use(position, direction))
            for number, rule in enumerate(rules_of(view.policy(position), direction)):
                for index, port in enumerate(rule.ports):
                    for feature in _features_of(port):
                        if feature in found:
                            found[feature].append(_Use(position, direction, (number, index)))
    return found


def _features_of(port: PolicyPort) -> tuple[Feature, ...]:
    ranged = (Feature.END_PORT,) if port.end_port is not None else ()
    return (*ranged, Feature.SCTP) if port.protocol == "SCTP" else ranged


def _judge_feature(
    view: View, cni: Cni, capability: Capability, used: list[_Use]
) -> Hit | Unevaluated:
    words = _WORDS[capability.feature]
    positions = tuple({one.policy for one in used})
    using = "1 policy uses" if len(positions) == 1 else f"{len(positions):,} policies use"
    if capability.enforced is None:
        reason = f"whether {cni.name} enforces {words}, which {using}, is not known"
        return Unevaluated(_CLUSTER, f"{reason}: {capability.evidence}")
    uses = [f"{view.policies[one.policy].reference}: {one}" for one in used[:_NAMED_AT_MOST]]
    return Hit(
        subject=_CLUSTER,
        detail=capability.feature.value,
        message=f"{cni.name} does not enforce {words}, which {using}",
        hint="change the CNI or its setting, or write the policies without them",
        severity=Severity.HIGH,
        severity_reason="what else the policies declare is enforced",
        evidence={
            "network_plugin": cni.name,
            "seen": capability.evidence,
            "uses": _shorten(uses, len(used)),
        },
        policies=view.references(positions),
        remediation=by_steps(capability.remedy),
    )


def _judge_agents(view: View, cni: Cni) -> Iterator[Hit | Unevaluated]:
    lacking = []
    for one in cni.agents:
        if one.desired is None or one.ready is None:
            # Manifests declare an agent, and have no status; a cluster's answer has one.
            if view.snapshot.origin == "cluster":
                reason = f"on how many nodes {one} is ready is not known"
                yield Unevaluated(_CLUSTER, reason)
        elif one.ready < one.desired:
            lacking.append(one)
    if not (lacking or cni.unattended):
        return
    seen = [str(one) for one in lacking]
    steps = [f"find out why pods of {one.agent} are not ready, and mend that" for one in lacking]
    if cni.unattended:
        seen.append(f"further nodes that no agent is meant for: {cni.unattended:,}")
        steps.append("let the agent run on every node: see its affinity and its tolerations")
    # nodes apart may have what enforces without an agent
    is_nowhere = all(one.ready == 0 for one in cni.agents) and all(
        one.served is False for one in cni.apart
    )
    lack = (
        f"{cni.name} has a ready agent on no node"
        if is_nowhere
        else f"{cni.name} has no ready agent on some nodes"
    )
    yield Hit(
        subject=_CLUSTER,
        detail="agents",
        message=f"{lack}: {'; '.join(seen)}",
        hint="policies are enforced by the agent of each node: see that it is ready everywhere",
        severity=None if is_nowhere else Severity.HIGH,
        severity_reason=(
            None if is_nowhere else "only the nodes without a ready agent are concerned"
        ),
        evidence={"network_plugin": cni.name, "seen": seen},
        remediation=by_steps(*steps),
    )


def _state_nodes(view: View, cni: Cni, unserved: tuple[ApartNodes, ...]) -> Hit:
    names = {name for one in unserved for name in one.nodes}
    pods = sum(
        pod.is_endpoint and not pod.spec.host_network and pod.spec.node_name in names
        for pod in view.snapshot.pods
    )
    counted = ", ".join(f"{len(one.nodes):,} of {one.kind}" for one in unserved)
    evidence: dict[str, Any] = {
        "network_plugin": cni.name,
        "nodes": {one.kind: _shorten(one.nodes) for one in unserved},
        "pods": pods,
    }
    return Hit(
        subject=_CLUSTER,
        detail="nodes",
        message=f"{cni.name} enforces no policy on some nodes: {counted}",
        hint="run pods that policies must protect on nodes that the CNI serves",
        severity=Severity.HIGH,
        severity_reason="only these nodes are concerned",
        evidence=evidence,
        remediation=by_steps(*(one.remedy for one in unserved)),
    )


def _shorten(texts: Sequence[str], total: int | None = None) -> list[str]:
    """The first of them, and how many more there are in total."""
    rest = (len(texts) if total is None else total) - _NAMED_AT_MOST
    return [*texts[:_NAMED_AT_MOST], *((f"and {rest:,} more",) if rest > 0 else ())]
