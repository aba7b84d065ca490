"""Kubernetes objects, in the API's own shape, with only the fields that the audit needs.

The same types decode the API server's answers, manifests and saved snapshots. What is not a field
here (environment values, arguments, secrets) is never kept, and of annotations only waivers are;
`Node.metadata` and `AgentContainer.args` are narrowed by the sources to what the detection data
names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from auditor.model._value import Value
from auditor.model.selectors import LabelSelector

WAIVER_PREFIX = "netpol-auditor.io/waive."
"""What the keys of annotations that waive a finding begin with; the rule's id follows."""

LONGEST_WAIVER = 4096
"""Characters of such an annotation. Of a longer one, one more is kept: enough to refuse it."""


class Reference(NamedTuple):
    """An object, or a group of them, by name. ``namespace`` is empty where there is none."""

    namespace: str
    kind: str
    name: str

    def __str__(self) -> str:
        """The object key `namespace/kind/name`, or `kind/name` without a namespace."""
        parts = (self.namespace, self.kind, self.name) if self.namespace else self[1:]
        return "/".join(parts)


class OwnerReference(Value, frozen=True):
    """``metadata.ownerReferences[]``."""

    kind: str
    name: str
    controller: bool = False


class ManagedField(Value, frozen=True):
    """``metadata.managedFields[]``: who wrote some of the fields, and when last."""

    manager: str = ""
    time: str = ""
    """As the API server writes it, in seconds and UTC; empty where it is not known."""


class Metadata(Value, frozen=True):
    """``metadata``."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    """Only those that mean to waive a finding."""
    owner_references: tuple[OwnerReference, ...] = ()

    def __post_init__(self) -> None:
        """Forget all other annotations: they may hold anything, secrets included."""
        if self.annotations:
            kept = {
                key: text[: LONGEST_WAIVER + 1]
                for key, text in self.annotations.items()
                if key.startswith(WAIVER_PREFIX)
            }
            msgspec.structs.force_setattr(self, "annotations", kept)

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls the object, if one does."""
        return next((one for one in self.owner_references if one.controller), None)


class PolicyMetadata(Metadata, frozen=True):
    """``metadata`` of a policy: also who wrote its fields."""

    managed_fields: tuple[ManagedField, ...] = ()


class NodeMetadata(Metadata, frozen=True):
    """``metadata`` of a node: its annotations are those that the detection data names."""

    def __post_init__(self) -> None:
        """Keep the annotations as they are: the sources know which of them to forget."""


class Namespace(Value, frozen=True):
    """A Namespace. ``declared`` is false where objects use it and no manifest declares it."""

    metadata: Metadata
    declared: bool = True

    @property
    def name(self) -> str:
        """The namespace's name."""
        return self.metadata.name

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels; the sources see to it that ``kubernetes.io/metadata.name`` is among them."""
        return self.metadata.labels


class ContainerPort(Value, frozen=True):
    """``containers[].ports[]``."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"


class Container(Value, frozen=True):
    """A container, without its arguments and environment."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    restart_policy: str = ""


class PodSpec(Value, frozen=True):
    """``spec`` of a pod."""

    node_name: str = ""
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()


class PodIP(Value, frozen=True):
    """``status.podIPs[]``."""

    ip: str = ""


class PodStatus(Value, frozen=True):
    """``status`` of a pod."""

    phase: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    pod_ips: tuple[PodIP, ...] = msgspec.field(name="podIPs", default=())


class Pod(Value, frozen=True):
    """A pod, live or made from a workload's template."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.metadata.namespace

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.metadata.labels

    @property
    def is_endpoint(self) -> bool:
        """Whether it takes part in traffic: not Succeeded and not Failed (semantics 1.1)."""
        return self.status.phase not in {"Succeeded", "Failed"}

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its IP addresses, of both families; empty while it has none."""
        listed = tuple(one.ip for one in self.status.pod_ips if one.ip)
        return listed or ((self.status.pod_ip,) if self.status.pod_ip else ())

    @property
    def listening(self) -> tuple[ContainerPort, ...]:
        """The ports its containers declare, init sidecars included (semantics 3.9)."""
        sidecars = (one for one in self.spec.init_containers if one.restart_policy == "Always")
        return tuple(port for one in (*self.spec.containers, *sidecars) for port in one.ports)


class Owner(Value, frozen=True):
    """A ReplicaSet or Job, kept only as far as needed to name the workload of a pod."""

    kind: str
    metadata: Metadata


class ServicePort(Value, frozen=True):
    """``spec.ports[]`` of a Service. A ``targetPort`` of 0, or the empty one, is ``port``."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str = 0
    node_port: int = 0

    def resolve(self, pod: Pod) -> int | None:
        """The port of a pod behind it: policies see that, never the Service's (semantics 3.12).

        A name stands for the first port to which the pod's containers give it (`FindPort` of the
        API server), and for none where they do not; without a target it is the same port.
        """
        target = self.target_port or self.port
        if isinstance(target, int):
            return target
        named = (target, self.protocol)
        return next(
            (one.container_port for one in pod.listening if (one.name, one.protocol) == named), None
        )


class ServiceSpec(Value, frozen=True):
    """``spec`` of a Service. An absent ``externalTrafficPolicy`` is Cluster."""

    type: str = "ClusterIP"
    selector: Mapping[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    external_ips: tuple[str, ...] = msgspec.field(name="externalIPs", default=())
    load_balancer_source_ranges: tuple[str, ...] = ()
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    """An address, `None` for a headless Service, or empty where none is assigned yet."""
    cluster_ips: tuple[str, ...] = msgspec.field(name="clusterIPs", default=())
    external_traffic_policy: str = ""

    @property
    def is_published(self) -> bool:
        """Whether the cluster's outside can connect to it: by a load balancer, nodes or IPs."""
        if self.type in {"LoadBalancer", "NodePort"}:
            return True
        # kube-proxy leaves a Service alone that is only a name, or has no address of its own
        return (
            self.type != "ExternalName"
            and self.cluster_ip != "None"
            and (bool(self.external_ips) or any(one.node_port for one in self.ports))
        )


class Service(Value, frozen=True):
    """A Service."""

    metadata: Metadata
    spec: ServiceSpec = ServiceSpec()

    @property
    def cluster_addresses(self) -> tuple[str, ...]:
        """Its cluster IPs, of both families; empty where it is headless, or has none yet."""
        listed = self.spec.cluster_ips or (self.spec.cluster_ip,)
        return tuple(one for one in listed if one not in {"", "None"})


class NodeAddress(Value, frozen=True):
    """``status.addresses[]`` of a node."""

    type: str
    address: str


class NodeInfo(Value, frozen=True):
    """``status.nodeInfo``."""

    kubelet_version: str = ""


class NodeStatus(Value, frozen=True):
    """``status`` of a node."""

    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeInfo = NodeInfo()


class Node(Value, frozen=True):
    """A node."""

    metadata: NodeMetadata
    status: NodeStatus = NodeStatus()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its IP addresses, internal and external."""
        wanted = {"InternalIP", "ExternalIP"}
        return tuple(one.address for one in self.status.addresses if one.type in wanted)


class AgentContainer(Value, frozen=True):
    """A container of an agent; ``args`` holds only the flags that the detection data names."""

    name: str = ""
    image: str = ""
    args: tuple[str, ...] = ()


class Agent(Value, frozen=True):
    """A DaemonSet, kept to recognise the CNI by its agent."""

    metadata: Metadata
    containers: tuple[AgentContainer, ...] = ()
    desired: int | None = None
    """Nodes that should run it; unknown from manifests."""
    ready: int | None = None


class IPBlock(Value, frozen=True):
    """``ipBlock`` of a peer."""

    cidr: str
    excepts: tuple[str, ...] = msgspec.field(name="except", default=())


class Peer(Value, frozen=True):
    """``from[]`` or ``to[]``. An absent selector selects nothing by itself."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class PolicyPort(Value, frozen=True):
    """``ports[]`` of a rule. Absent ``protocol`` is TCP; absent ``port`` is all of its ports."""

    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class IngressRule(Value, frozen=True):
    """``ingress[]``."""

    peers: tuple[Peer, ...] = msgspec.field(name="from", default=())
    ports: tuple[PolicyPort, ...] = ()


class EgressRule(Value, frozen=True):
    """``egress[]``."""

    peers: tuple[Peer, ...] = msgspec.field(name="to", default=())
    ports: tuple[PolicyPort, ...] = ()


class PolicySpec(Value, frozen=True):
    """``spec`` of a NetworkPolicy. An absent ``podSelector`` is the empty one."""

    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()
    ingress: tuple[IngressRule, ...] = ()
    egress: tuple[EgressRule, ...] = ()


class NetworkPolicy(Value, frozen=True):
    """A NetworkPolicy of ``networking.k8s.io/v1``."""

    metadata: PolicyMetadata
    spec: PolicySpec = PolicySpec()

    @property
    def reference(self) -> Reference:
        """Its key."""
        return Reference(self.metadata.namespace, "NetworkPolicy", self.metadata.name)

    @property
    def namespace(self) -> str:
        """Its namespace: the scope of its subjects."""
        return self.metadata.namespace
