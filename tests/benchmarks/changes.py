"""Clusters some time later: what teams change of their policies, and what an incident does."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from auditor.model.objects import (
    EgressRule,
    IngressRule,
    NetworkPolicy,
    Peer,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
)
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot

_DEBUGGER = PolicyPort(port=9229)


def change_policies(snapshot: Snapshot, *, share: float, seed: int = 1) -> Snapshot:
    """A share of the policies removed, widened, narrowed or joined by others, default-denies too.

    Pods and namespaces stay as they are.
    """
    chance = random.Random(seed)
    policies = snapshot.policies
    chosen = set(chance.sample(range(len(policies)), round(len(policies) * share)))
    changed = [
        after
        for number, policy in enumerate(policies)
        for after in (chance.choice(_EDITS)(policy) if number in chosen else (policy,))
    ]
    return _with_policies(snapshot, changed)


def close_namespaces(snapshot: Snapshot, count: int) -> Snapshot:
    """The first namespaces closed by a default-deny in both directions."""
    closed = (
        NetworkPolicy(
            metadata=PolicyMetadata(name="default-deny", namespace=namespace.name),
            spec=PolicySpec(policy_types=("Ingress", "Egress")),
        )
        for namespace in snapshot.namespaces[:count]
    )
    return _with_policies(snapshot, [*snapshot.policies, *closed])


def _with_policies(snapshot: Snapshot, policies: list[NetworkPolicy]) -> Snapshot:
    ordered = sorted(policies, key=lambda one: (one.namespace, one.metadata.name))
    return replace(snapshot, policies=tuple(ordered))


def _remove(_policy: NetworkPolicy) -> Iterator[NetworkPolicy]:
    return iter(())


def _join(policy: NetworkPolicy) -> Iterator[NetworkPolicy]:
    """Somebody debugs what it selects, from within the namespace."""
    yield policy
    inside = (IngressRule(peers=(Peer(pod_selector=LabelSelector()),), ports=(_DEBUGGER,)),)
    yield replace(
        policy,
        metadata=replace(policy.metadata, name=f"{policy.metadata.name}-debug"),
        spec=replace(policy.spec, policy_types=("Ingress",), ingress=inside, egress=()),
    )


def _widen(policy: NetworkPolicy) -> Iterator[NetworkPolicy]:
    """Any port, where it named some; the whole cluster, where it named nobody."""
    spec = policy.spec
    ingress = tuple(replace(one, ports=()) for one in spec.ingress)
    egress = tuple(replace(one, ports=()) for one in spec.egress)
    if not ingress and not egress:
        everyone = (Peer(namespace_selector=LabelSelector()),)
        ingress, egress = (IngressRule(peers=everyone),), (EgressRule(peers=everyone),)
    yield replace(policy, spec=replace(spec, ingress=ingress, egress=egress))


def _admit(policy: NetworkPolicy) -> Iterator[NetworkPolicy]:
    """Monitoring is let in by every rule."""
    monitoring = LabelSelector(match_labels={"kubernetes.io/metadata.name": "monitoring"})
    more = (Peer(namespace_selector=monitoring),)
    ingress = tuple(replace(one, peers=one.peers + more) for one in policy.spec.ingress)
    yield replace(policy, spec=replace(policy.spec, ingress=ingress))


def _narrow(policy: NetworkPolicy) -> Iterator[NetworkPolicy]:
    """The last rule of each direction goes."""
    spec = policy.spec
    yield replace(policy, spec=replace(spec, ingress=spec.ingress[:-1], egress=spec.egress[:-1]))


_EDITS: tuple[Callable[[NetworkPolicy], Iterator[NetworkPolicy]], ...] = (
    _remove,
    _join,
    _widen,
    _admit,
    _narrow,
)
