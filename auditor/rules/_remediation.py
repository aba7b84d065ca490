"""Remediations: whole policies with every field explicit, and what they close of today.

An apply keeps fields that a manifest does not name, so `ingress: []` is written, never left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec
import yaml

from auditor.model.addresses import parse_cidr
from auditor.model.findings import ClosedConnection, Closes, Direction, Remediation
from auditor.model.objects import (
    EgressRule,
    IngressRule,
    NetworkPolicy,
    Peer,
    Pod,
    PolicyMetadata,
    PolicySpec,
)
from auditor.model.ports import describe_ports
from auditor.model.selectors import LabelSelector
from auditor.reachability.closing import Change, Closing
from auditor.reachability.compile import isolated_directions, rules_of
from auditor.reachability.port_parts import OTHER
from auditor.reachability.view import View
from auditor.reachability.vocabulary import Rule
from auditor.rules._certainty import describe_unread_pods

ROWS_SHOWN = 50
"""Connections listed of those that a remediation closes; the rest are counted."""

_ROLLOUT_LABELS = {
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
}
"""Labels that controllers set and that differ from pod to pod, or from rollout to rollout."""

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's where PyYAML has it: a large report holds thousands of manifests."""

_HEADER = (
    "# review before applying: this closes connections that are open today\n"
    "# one remediation at a time: it rests on today's policies, so audit again before the next\n"
)


def new_policy(
    view: View,
    namespace: str,
    name: str,
    selector: LabelSelector,
    direction: Direction,
    *,
    rules: tuple[Rule, ...] = (),
    besides: Collection[NetworkPolicy] = (),
) -> NetworkPolicy:
    """A policy that isolates in one direction, under a name that is still free.

    ``besides``: further policies of the same manifest, whose names are taken, too.
    """
    taken = {view.policies[one].reference.name for one in view.policies_in.get(namespace, ())}
    taken |= {one.metadata.name for one in besides if one.namespace == namespace}
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    metadata = PolicyMetadata(name=free, namespace=namespace)
    return _with_rules(
        NetworkPolicy(
            metadata=metadata,
            spec=PolicySpec(pod_selector=selector, policy_types=(direction.value.capitalize(),)),
        ),
        direction,
        rules,
    )


def with_rules(
    policy: NetworkPolicy, direction: Direction, rules: tuple[Rule, ...]
) -> NetworkPolicy:
    """The policy with other rules in a direction, its policyTypes made explicit."""
    types = tuple(one.value.capitalize() for one in isolated_directions(policy))
    spec = msgspec.structs.replace(policy.spec, policy_types=types)
    return _with_rules(msgspec.structs.replace(policy, spec=spec), direction, rules)


def with_peers(rule: Rule, peers: tuple[Peer, ...]) -> Rule:
    """The rule with other peers."""
    return msgspec.structs.replace(rule, peers=peers)


def selector_of(pods: Iterable[Pod]) -> LabelSelector | None:
    """A selector for exactly the labels that the pods share; None where they share none."""
    shared: frozenset[tuple[str, str]] | None = None
    for pod in pods:
        borne = _lasting_labels(pod)
        shared = borne if shared is None else shared & borne
    return LabelSelector(match_labels=dict(sorted(shared))) if shared else None


def _lasting_labels(pod: Pod) -> frozenset[tuple[str, str]]:
    return frozenset(one for one in pod.labels.items() if one[0] not in _ROLLOUT_LABELS)


def selects_isolated(
    view: View, namespace: str, selector: LabelSelector, direction: Direction
) -> bool:
    """Whether a selector of `selector_of` takes in a pod that is isolated: rules would open it."""
    wanted = frozenset(selector.match_labels.items())
    return any(wanted <= one for one in view.remembered(_IsolatedLabels).of(direction, namespace))


class _IsolatedLabels:
    """The label sets of isolated pods, worked out for the namespaces that are asked for."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._found: dict[tuple[Direction, str], frozenset[frozenset[tuple[str, str]]]] = {}

    def of(self, direction: Direction, namespace: str) -> frozenset[frozenset[tuple[str, str]]]:
        found = self._found.get((direction, namespace))
        if found is None:
            found = frozenset(self._collect(direction, namespace))
            self._found[direction, namespace] = found
        return found

    def _collect(
        self, direction: Direction, namespace: str
    ) -> Iterator[frozenset[tuple[str, str]]]:
        for position in self._view.pods_in.get(namespace, ()):
            bit = self._view.endpoints.class_of_pod[position]
            if self._view.group(direction, bit).is_isolated:
                yield _lasting_labels(self._view.snapshot.pods[position])


def by_manifest(view: View, change: Change) -> Remediation:
    """A remediation by manifests, with what they close."""
    policies = (*change.added, *(one for _, one in change.replaced))
    manifest = _HEADER + "---\n".join(_write_manifest(one) for one in policies)
    closing = view.remembered(Closing)
    total, rows = closing.closed_by(change, rows=ROWS_SHOWN)
    names = closing.numbering.endpoints
    connections = tuple(
        ClosedConnection(
            source=str(names[one.source]),
            destination=str(names[one.destination]),
            ports=_describe_closed(view, one.ports),
        )
        for one in rows
    )
    return Remediation(
        manifest=manifest,
        closes=Closes(
            total=total,
            connections=connections,
            omitted=total - len(connections),
            unread=view.remembered(describe_unread_pods),
        ),
    )


def _describe_closed(view: View, mask: int) -> str:
    """Ports in words. What is neither TCP, UDP nor SCTP may close while some of them stays open."""
    ports = view.evaluation.ports
    words = describe_ports(ports.describe(mask))
    if mask == ports.all or not mask & ports.part(OTHER, None):
        return words
    return f"{words}, other protocols" if ports.describe(mask) else "other protocols"


def by_steps(*steps: str) -> Remediation:
    """A remediation in words, where no manifest can mend the finding."""
    return Remediation(steps=steps)


def _with_rules(
    policy: NetworkPolicy, direction: Direction, rules: tuple[Rule, ...]
) -> NetworkPolicy:
    spec = policy.spec
    if direction is Direction.INGRESS:
        ingress = tuple(one for one in rules if isinstance(one, IngressRule))
        spec = msgspec.structs.replace(spec, ingress=ingress)
    else:
        egress = tuple(one for one in rules if isinstance(one, EgressRule))
        spec = msgspec.structs.replace(spec, egress=egress)
    return msgspec.structs.replace(policy, spec=spec)


def _write_manifest(policy: NetworkPolicy) -> str:
    spec: dict[str, Any] = {
        "podSelector": _selector(policy.spec.pod_selector),
        "policyTypes": [one.value.capitalize() for one in isolated_directions(policy)],
    }
    for direction in Direction:
        rules = rules_of(policy, direction)
        if direction in isolated_directions(policy) or rules:
            spec[direction.value] = [_rule(direction, one) for one in rules]
    metadata: dict[str, Any] = {
        "name": policy.metadata.name,
        "namespace": policy.metadata.namespace,
    }
    if policy.metadata.labels:
        metadata["labels"] = dict(sorted(policy.metadata.labels.items()))
    document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": spec,
    }
    return yaml.dump(document, Dumper=_DUMPER, sort_keys=False, allow_unicode=False)


def _rule(direction: Direction, rule: Rule) -> dict[str, Any]:
    ports = [
        {"protocol": one.protocol}
        | ({} if one.port is None else {"port": one.port})
        | ({} if one.end_port is None else {"endPort": one.end_port})
        for one in rule.ports
    ]
    return {
        "from" if direction is Direction.INGRESS else "to": [_peer(one) for one in rule.peers],
        "ports": ports,
    }


def _peer(peer: Peer) -> dict[str, Any]:
    if peer.ip_block is not None:
        block: dict[str, Any] = {"cidr": _cidr(peer.ip_block.cidr)}
        if peer.ip_block.excepts:
            block["except"] = [_cidr(one) for one in peer.ip_block.excepts]
        return {"ipBlock": block}
    selectors = {
        "namespaceSelector": peer.namespace_selector,
        "podSelector": peer.pod_selector,
    }
    return {key: _selector(one) for key, one in selectors.items() if one is not None}


def _cidr(text: str) -> str:
    """The CIDR as a new object may spell it: what an API server took once may hold host bits."""
    whole = parse_cidr(text)
    bits = 32 if whole.family == 4 else 128
    first, _, _ = str(whole).partition("-")
    return f"{first}/{bits - (whole.last - whole.first).bit_length()}"


def _selector(selector: LabelSelector) -> dict[str, Any]:
    written: dict[str, Any] = {}
    if selector.match_labels:
        written["matchLabels"] = dict(sorted(selector.match_labels.items()))
    if selector.match_expressions:
        written["matchExpressions"] = [
            {"key": one.key, "operator": one.operator}
            | ({"values": list(one.values)} if one.values else {})
            for one in selector.match_expressions
        ]
    return written
