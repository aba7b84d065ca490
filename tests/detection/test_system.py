"""Which namespaces are the platform's own (system.yaml)."""

import pytest

from auditor.detection.recognize import recognize
from auditor.settings import DetectionSettings
from tests.detection.objects import make_namespace, make_snapshot

NO_SETTINGS = DetectionSettings()


def is_system(name: str, settings: DetectionSettings = NO_SETTINGS) -> bool:
    """Whether a namespace of this name is recognised."""
    snapshot = make_snapshot(namespaces=[make_namespace(name)])
    return name in recognize(snapshot, settings).system_namespaces


@pytest.mark.parametrize(
    "name",
    [
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "kube-flannel",
        "openshift",
        "openshift-dns",
        "cattle-system",
        "cattle-fleet-system",
        "calico-system",
        "calico-apiserver",
        "tigera-operator",
        "gke-managed-system",
        "nsx-system",
        "cilium",
        "antrea-system",
        "weave",
        "ovn-kubernetes",
    ],
)
def test_platform_namespace_is_system(name: str) -> None:
    """Namespaces of Kubernetes, of a distribution, and of a CNI are system namespaces."""
    assert is_system(name)


@pytest.mark.parametrize(
    "name",
    ["default", "monitoring", "ingress-nginx", "kubeflow", "my-kube-system", "cattle", "gkeep"],
)
def test_other_namespace_is_not_system(name: str) -> None:
    """Add-ons that teams run, and names that only look alike, are judged like anyone's."""
    assert not is_system(name)


@pytest.mark.parametrize("name", ["platform", "infra-dns"])
def test_settings_add_names_and_globs(name: str) -> None:
    """The settings add system namespaces, by name or by glob."""
    settings = DetectionSettings(system_namespaces=("platform", "infra-*"))
    assert is_system(name, settings)
    assert is_system("kube-system", settings)
    assert not is_system("infra", settings)
