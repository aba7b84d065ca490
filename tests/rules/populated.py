"""Random small clusters with something for every rule to judge: databases, environments, DNS."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from auditor.model.findings import Direction
from auditor.model.objects import (
    Container,
    EgressRule,
    Namespace,
    NetworkPolicy,
    Peer,
    Pod,
    PolicyPort,
)
from auditor.model.selectors import LabelSelector
from auditor.model.snapshot import Snapshot
from auditor.reachability.compile import isolated_directions
from auditor.settings import DetectionSettings
from tests.oracle.clusters import snapshots

_SYSTEM = "three"

DETECTION = DetectionSettings(system_namespaces=(_SYSTEM,))

_ENVIRONMENTS = ("dev", "test", "prod", "prod", "pre-prod-live", "")
_ANY_POD = Peer(namespace_selector=LabelSelector())
_QUERIES = (
    None,
    None,
    EgressRule(peers=(_ANY_POD,), ports=(PolicyPort(protocol="UDP", port=53),)),
    EgressRule(ports=(PolicyPort(protocol="UDP", port=53),)),
)
"""Rules for DNS, by UDP alone as many are written."""

_IMAGES = ("mysql:8", "redis:7", "redis-exporter:1", "nginx:1", "")


@st.composite
def populated_snapshots(draw: st.DrawFn, *, max_pods: int = 6, max_policies: int = 4) -> Snapshot:
    """Snapshots of `tests.oracle.clusters`: some pods databases or DNS, some environments."""
    snapshot = draw(snapshots(max_pods=max_pods, max_policies=max_policies))
    return msgspec.structs.replace(
        snapshot,
        namespaces=tuple(
            _in_environment(one, draw(st.sampled_from(_ENVIRONMENTS)))
            for one in snapshot.namespaces
        ),
        pods=tuple(
            _answering(_running(one, draw(st.sampled_from(_IMAGES))), draw(st.booleans()))
            for one in snapshot.pods
        ),
        policies=tuple(_asking(one, draw(st.sampled_from(_QUERIES))) for one in snapshot.policies),
    )


def _in_environment(namespace: Namespace, environment: str) -> Namespace:
    if not environment:
        return namespace
    metadata = msgspec.structs.replace(
        namespace.metadata, labels={**namespace.labels, "environment": environment}
    )
    return msgspec.structs.replace(namespace, metadata=metadata)


def _running(pod: Pod, image: str) -> Pod:
    if not image:
        return pod
    main = Container(name="main", image=image)
    spec = msgspec.structs.replace(pod.spec, containers=(*pod.spec.containers, main))
    return msgspec.structs.replace(pod, spec=spec)


def _answering(pod: Pod, dns: bool) -> Pod:  # noqa: FBT001  drawn
    """The pod, of cluster DNS where that is drawn and it stands alone in a system namespace."""
    if not dns or pod.namespace != _SYSTEM or pod.metadata.owner_references:
        return pod
    labels = {**pod.labels, "k8s-app": "kube-dns"}
    # no resolver is a database, too: what shuts the one up would cut names off
    containers = tuple(one for one in pod.spec.containers if not one.image)
    return msgspec.structs.replace(
        pod,
        metadata=msgspec.structs.replace(pod.metadata, labels=labels),
        spec=msgspec.structs.replace(pod.spec, containers=containers),
    )


def _asking(policy: NetworkPolicy, rule: EgressRule | None) -> NetworkPolicy:
    """The policy with one rule more, where it isolates for egress."""
    if rule is None or Direction.EGRESS not in isolated_directions(policy):
        return policy
    spec = msgspec.structs.replace(policy.spec, egress=(*policy.spec.egress, rule))
    return msgspec.structs.replace(policy, spec=spec)
