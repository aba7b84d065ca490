"""Small objects for these tests, with only the fields that detection reads."""

from collections.abc import Iterable, Mapping

from auditor.model.objects import (
    Agent,
    AgentContainer,
    Container,
    Metadata,
    Namespace,
    Node,
    NodeInfo,
    NodeMetadata,
    NodeStatus,
    OwnerReference,
    Pod,
    PodSpec,
    PodStatus,
    Service,
)
from auditor.model.recognition import Cni
from auditor.model.snapshot import ClusterIdentity, ConfigMapEvidence, Gap, Snapshot


def make_pod(
    *containers: Container,
    name: str = "store-0",
    namespace: str = "shop",
    labels: Mapping[str, str] | None = None,
    owner: tuple[str, str] | None = ("StatefulSet", "store"),
    init_containers: tuple[Container, ...] = (),
    host_network: bool = False,
    phase: str = "Running",
) -> Pod:
    """A pod of the StatefulSet `store`, or of another owner, or of none."""
    owners = (OwnerReference(kind=owner[0], name=owner[1], controller=True),) if owner else ()
    return Pod(
        metadata=Metadata(
            name=name, namespace=namespace, labels=labels or {}, owner_references=owners
        ),
        spec=PodSpec(
            containers=containers, init_containers=init_containers, host_network=host_network
        ),
        status=PodStatus(phase=phase),
    )


def make_namespace(name: str, labels: Mapping[str, str] | None = None) -> Namespace:
    """A namespace with its name label and the labels given."""
    return Namespace(
        metadata=Metadata(name=name, labels={"kubernetes.io/metadata.name": name, **(labels or {})})
    )


def make_agent(
    name: str,
    *containers: AgentContainer,
    namespace: str = "kube-system",
    labels: Mapping[str, str] | None = None,
    ready: tuple[int, int] | None = None,
) -> Agent:
    """A DaemonSet; ``ready`` is ready and desired."""
    return Agent(
        metadata=Metadata(name=name, namespace=namespace, labels=labels or {}),
        containers=containers,
        ready=ready[0] if ready else None,
        desired=ready[1] if ready else None,
    )


def make_node(
    name: str,
    version: str,
    annotations: Mapping[str, str] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
) -> Node:
    """A node with a kubelet of some version."""
    return Node(
        metadata=NodeMetadata(name=name, annotations=annotations or {}, labels=labels or {}),
        status=NodeStatus(node_info=NodeInfo(kubelet_version=version)),
    )


def make_snapshot(
    *,
    pods: Iterable[Pod] = (),
    namespaces: Iterable[Namespace] = (),
    agents: Iterable[Agent] = (),
    nodes: Iterable[Node] = (),
    config_maps: Iterable[ConfigMapEvidence] = (),
    gaps: Iterable[Gap] = (),
    version: str | None = None,
    services: Iterable[Service] = (),
) -> Snapshot:
    """A snapshot; a namespace that only a pod uses is there as well, as the sources see to it."""
    present = list(namespaces)
    used = tuple(pods)
    names = {one.name for one in present}
    present += [make_namespace(one) for one in sorted({pod.namespace for pod in used} - names)]
    return Snapshot(
        origin="cluster",
        taken_at="2026-01-02T03:04:05Z",
        pods=used,
        namespaces=tuple(present),
        agents=tuple(agents),
        nodes=tuple(nodes),
        config_maps=tuple(config_maps),
        gaps=tuple(gaps),
        cluster=ClusterIdentity(version=version),
        services=tuple(services),
    )


def verdict(cni: Cni) -> tuple[str | None, bool | None, bool | None]:
    """A CNI without its evidence: name, enforces, whether ipBlocks match pods."""
    return cni.name, cni.enforces, cni.ip_blocks_match_pods
