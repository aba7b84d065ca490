"""One crowded namespace: as many pods as policies, each pod an app of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from auditor.model.objects import (
    IngressRule,
    Metadata,
    Namespace,
    NetworkPolicy,
    Peer,
    Pod,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
)
from auditor.model.selectors import NAMESPACE_NAME_LABEL, LabelSelector
from auditor.model.snapshot import Snapshot

EVERYTHING = LabelSelector()


def app(number: int) -> LabelSelector:
    """The pods of one app."""
    return LabelSelector(match_labels={"app": f"app-{number}"})


def allow(
    number: int, subjects: LabelSelector, peers: LabelSelector, *ports: PolicyPort
) -> NetworkPolicy:
    """A policy that admits pods of the namespace."""
    rule = IngressRule(peers=(Peer(pod_selector=peers),), ports=ports)
    return NetworkPolicy(
        metadata=PolicyMetadata(name=f"policy-{number:05}", namespace="app"),
        spec=PolicySpec(pod_selector=subjects, policy_types=("Ingress",), ingress=(rule,)),
    )


def crowd(policies: Iterable[NetworkPolicy], *, pods: int) -> Snapshot:
    """One namespace with one pod for each of as many apps."""
    labels = {NAMESPACE_NAME_LABEL: "app"}
    return Snapshot(
        origin="manifests",
        taken_at="2026-01-01T00:00:00Z",
        namespaces=(Namespace(metadata=Metadata(name="app", labels=labels)),),
        pods=tuple(
            Pod(
                metadata=Metadata(
                    name=f"pod-{number:05}", namespace="app", labels={"app": f"app-{number}"}
                )
            )
            for number in range(pods)
        ),
        policies=tuple(policies),
    )


def _select_every_pod(count: int) -> tuple[NetworkPolicy, ...]:
    port = PolicyPort(port=80)
    return tuple(allow(one, EVERYTHING, app(one), port) for one in range(count))


def _select_an_app_each(count: int) -> tuple[NetworkPolicy, ...]:
    port = PolicyPort(port=80)
    return tuple(allow(one, app(one), EVERYTHING, port) for one in range(count))


def _select_half_and_half(count: int) -> tuple[NetworkPolicy, ...]:
    """An app's own policy admits what the one before it admits to every pod."""
    return tuple(
        allow(one, app(one) if one % 2 else EVERYTHING, app(one - one % 2)) for one in range(count)
    )


CROWDS: Mapping[str, Callable[[int], tuple[NetworkPolicy, ...]]] = {
    "all select every pod": _select_every_pod,
    "each selects an app of its own": _select_an_app_each,
    "half select every pod, half an app": _select_half_and_half,
}
"""Policies of a crowded namespace, by what they select."""
