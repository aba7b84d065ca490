"""Random small clusters with something for every rule to judge: databases and environments."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from auditor.model.objects import Container, Namespace, Pod
from auditor.model.snapshot import Snapshot
from auditor.settings import DetectionSettings
from tests.oracle.clusters import snapshots

DETECTION = DetectionSettings(system_namespaces=("three",))

_ENVIRONMENTS = ("dev", "test", "prod", "prod", "pre-prod-live", "")
_IMAGES = ("mysql:8", "redis:7", "redis-exporter:1", "nginx:1", "")


@st.composite
def populated_snapshots(draw: st.DrawFn, *, max_pods: int = 6, max_policies: int = 4) -> Snapshot:
    """Snapshots of `tests.oracle.clusters`, some pods databases, some namespaces environments."""
    snapshot = draw(snapshots(max_pods=max_pods, max_policies=max_policies))
    return msgspec.structs.replace(
        snapshot,
        namespaces=tuple(
            _in_environment(one, draw(st.sampled_from(_ENVIRONMENTS)))
            for one in snapshot.namespaces
        ),
        pods=tuple(_running(one, draw(st.sampled_from(_IMAGES))) for one in snapshot.pods),
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
