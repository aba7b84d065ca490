"""Which workloads answer cluster DNS (dns.yaml)."""

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import Container, Reference
from tests.detection.objects import make_pod, make_snapshot

COREDNS = Container(name="coredns", image="coredns/coredns:1.12.1")


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
