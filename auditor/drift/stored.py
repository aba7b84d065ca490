"""Objects as the API server and the controllers make them of what is written."""

from __future__ import annotations

import msgspec

from auditor.model.objects import Metadata, NetworkPolicy, Pod, PodSpec, Service
from auditor.model.snapshot import UnevaluatedPolicy

AT_TIMES = frozenset({"CronJob", "Job"})
"""Workloads that have pods only while they run."""

CONTROLLER_LABELS = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
"""The keys of pods' labels that no template holds: controllers, and the API server, set them."""


def with_policy_types(policy: NetworkPolicy) -> NetworkPolicy:
    """The policy with the `policyTypes` that the API server stores where none are written."""
    if policy.spec.policy_types:
        return policy
    types = ("Ingress", "Egress") if policy.spec.egress else ("Ingress",)
    return msgspec.structs.replace(
        policy, spec=msgspec.structs.replace(policy.spec, policy_types=types)
    )


def with_unknown_content(policy: UnevaluatedPolicy) -> UnevaluatedPolicy:
    """The policy as an API server would store it: it may complete what is written as it likes."""
    return msgspec.structs.replace(policy, digest=None)


def with_service_defaults(service: Service) -> Service:
    """The Service with the target ports and the traffic policy that the API server stores."""
    spec = service.spec
    ports = tuple(
        msgspec.structs.replace(one, target_port=one.target_port or one.port) for one in spec.ports
    )
    outside = spec.type in {"LoadBalancer", "NodePort"} or (
        spec.type == "ClusterIP" and bool(spec.external_ips)
    )
    policy = spec.external_traffic_policy or ("Cluster" if outside else "")
    return msgspec.structs.replace(
        service,
        spec=msgspec.structs.replace(spec, ports=ports, external_traffic_policy=policy),
    )


def with_assignments(service: Service, live: Service) -> Service:
    """The Service with what the API server has given it: addresses, and ports on the nodes."""
    spec, given = service.spec, live.spec
    if spec.type == "ExternalName":
        return service
    node_ports = {(one.port, one.protocol): one.node_port for one in given.ports}
    ports = spec.ports
    if spec.type in {"LoadBalancer", "NodePort"}:
        ports = tuple(
            msgspec.structs.replace(
                one, node_port=one.node_port or node_ports.get((one.port, one.protocol), 0)
            )
            for one in spec.ports
        )
    return msgspec.structs.replace(
        service,
        spec=msgspec.structs.replace(
            spec,
            ports=ports,
            cluster_ip=spec.cluster_ip or given.cluster_ip,
            cluster_ips=spec.cluster_ips or given.cluster_ips,
        ),
    )


def with_template(pod: Pod, metadata: Metadata, spec: PodSpec) -> Pod:
    """A pod of a workload as a rollout of the template would make it, in the same place.

    It keeps its name, its owner, its node, its addresses, and the labels that are not the
    template's to set. Addresses are not known any more where it joins or leaves its node's network.
    """
    own = {key: one for key, one in pod.labels.items() if key in CONTROLLER_LABELS}
    moved = spec.host_network != pod.spec.host_network
    return msgspec.structs.replace(
        pod,
        metadata=msgspec.structs.replace(
            pod.metadata, labels={**metadata.labels, **own}, annotations=metadata.annotations
        ),
        spec=msgspec.structs.replace(spec, node_name=spec.node_name or pod.spec.node_name),
        status=msgspec.structs.replace(pod.status, pod_ip="", pod_ips=()) if moved else pod.status,
    )
