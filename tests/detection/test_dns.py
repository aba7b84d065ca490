"""Which workloads answer cluster DNS (dns.yaml)."""

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import (
    Container,
    ContainerPort,
    Metadata,
    Pod,
    Reference,
    Service,
    ServicePort,
    ServiceSpec,
)
from auditor.model.ports import PortRange
from tests.detection.objects import make_pod, make_snapshot

COREDNS = Container(name="coredns", image="coredns/coredns:1.12.1")
OPENSHIFT = {"dns.operator.openshift.io/daemonset-dns": "default"}


def openshift_pod() -> Pod:
    """A pod of OpenShift's DNS, which listens beyond the privileged ports."""
    ports = (
        ContainerPort(container_port=5353, name="dns", protocol="UDP"),
        ContainerPort(container_port=5353, name="dns-tcp"),
    )
    return make_pod(
        Container(name="dns", ports=ports),
        namespace="openshift-dns",
        labels=OPENSHIFT,
        owner=("DaemonSet", "dns-default"),
    )


def service(
    *ports: ServicePort, namespace: str = "openshift-dns", selects: dict[str, str] | None = None
) -> Service:
    """A Service of cluster DNS."""
    return Service(
        metadata=Metadata(name="dns-default", namespace=namespace),
        spec=ServiceSpec(selector=OPENSHIFT if selects is None else selects, ports=ports),
    )


def numbers(*wanted: tuple[str, int]) -> tuple[PortRange, ...]:
    """Ports as the recognition has them."""
    return tuple(PortRange(protocol=protocol, first=one, last=one) for protocol, one in wanted)


@pytest.mark.parametrize(
    ("namespace", "labels"),
    [
        ("kube-system", {"k8s-app": "kube-dns"}),
        ("kube-system", {"k8s-app": "node-local-dns"}),
        ("openshift-dns", {"dns.operator.openshift.io/daemonset-dns": "default"}),
    ],
)
def test_label_marks_cluster_dns(namespace: str, labels: dict[str, str]) -> None:
    """The pods of CoreDNS, kube-dns and their caches are known by their label."""
    pod = make_pod(COREDNS, namespace=namespace, labels=labels, owner=("DaemonSet", "dns"))
    found = recognize(make_snapshot(pods=[pod]))
    assert (Reference(namespace, "DaemonSet", "dns"),) == found.dns
    assert (labels,) == found.dns_pod_labels


def test_replicas_are_one_workload() -> None:
    """Two pods of one Deployment are one workload."""
    labels = {"k8s-app": "kube-dns", "pod-template-hash": "abc"}
    pods = [
        make_pod(COREDNS, name=name, namespace="kube-system", labels=labels, owner=owner)
        for name in ("a", "b")
        for owner in [("ReplicaSet", "coredns-abc")]
    ]
    found = recognize(make_snapshot(pods=pods))
    assert (Reference("kube-system", "Deployment", "coredns"),) == found.dns


@pytest.mark.parametrize(
    ("namespace", "labels"),
    [
        ("shop", {"k8s-app": "kube-dns"}),
        ("kube-system", {"k8s-app": "kube-dns-autoscaler"}),
        ("kube-system", {"app": "kube-dns"}),
    ],
)
def test_other_pod_is_not_cluster_dns(namespace: str, labels: dict[str, str]) -> None:
    """A tenant's pod with the label, and a pod with a similar one, answer no cluster DNS."""
    pod = make_pod(COREDNS, namespace=namespace, labels=labels)
    found = recognize(make_snapshot(pods=[pod]))
    assert () == found.dns
    assert ({"k8s-app": "kube-dns"},) == found.dns_pod_labels


def test_host_network_pods_lend_no_labels() -> None:
    """No policy selects a host-network pod, so its labels select nothing."""
    pods = [
        make_pod(
            COREDNS, namespace="kube-system", labels={"k8s-app": "kube-dns"}, owner=("X", "a")
        ),
        make_pod(
            COREDNS,
            namespace="kube-system",
            labels={"k8s-app": "node-local-dns"},
            owner=("X", "b"),
            host_network=True,
        ),
    ]
    found = recognize(make_snapshot(pods=pods))
    assert (Reference("kube-system", "X", "a"), Reference("kube-system", "X", "b")) == found.dns
    assert ({"k8s-app": "kube-dns"},) == found.dns_pod_labels


@pytest.mark.parametrize("targets", [("dns", "dns-tcp"), (5353, 5353)])
def test_ports_are_those_behind_the_service(targets: tuple[int | str, int | str]) -> None:
    """What a Service's port 53 leads to is where a policy must let queries in."""
    ports = (
        ServicePort(port=53, protocol="UDP", target_port=targets[0]),
        ServicePort(port=53, target_port=targets[1]),
        ServicePort(port=9154, target_port=9154),
    )
    found = recognize(make_snapshot(pods=[openshift_pod()], services=[service(*ports)]))
    expected = numbers(("TCP", 5353), ("UDP", 5353))
    assert {Reference("openshift-dns", "DaemonSet", "dns-default"): expected} == found.dns_ports


def test_each_protocol_has_its_own_port() -> None:
    """A Service for UDP alone says nothing of TCP."""
    only = service(ServicePort(port=53, protocol="UDP", target_port=1053))
    pod = make_pod(COREDNS, namespace="openshift-dns", labels=OPENSHIFT)
    found = recognize(make_snapshot(pods=[pod], services=[only]))
    assert [numbers(("TCP", 53), ("UDP", 1053))] == list(found.dns_ports.values())


@pytest.mark.parametrize(
    "other",
    [
        service(ServicePort(port=53, target_port=5300), namespace="shop"),
        service(ServicePort(port=53, target_port=5300), selects={"app": "other"}),
        service(ServicePort(port=53, target_port=5300), selects={}),
        service(ServicePort(port=5300, target_port=5300)),
        service(ServicePort(port=53, target_port="nobody-declares")),
    ],
)
def test_ports_without_a_service_are_those_that_are_named(other: Service) -> None:
    """A Service of another namespace, of other pods, or of another port says nothing."""
    found = recognize(make_snapshot(pods=[openshift_pod()], services=[other]))
    assert [numbers(("TCP", 5353), ("UDP", 5353))] == list(found.dns_ports.values())


def test_ports_that_nothing_tells_are_the_usual_ones() -> None:
    """Without a Service and a name it is port 53, and so it is where a Service has no target."""
    pod = make_pod(COREDNS, namespace="openshift-dns", labels=OPENSHIFT)
    plain = service(ServicePort(port=53), ServicePort(port=53, protocol="UDP"))
    assert {} == recognize(make_snapshot(pods=[pod])).dns_ports
    assert {} == recognize(make_snapshot(pods=[openshift_pod()], services=[plain])).dns_ports
