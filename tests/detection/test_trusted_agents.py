"""Which agents are believed: those that not everyone may run."""

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import Agent
from auditor.model.recognition import Cni
from auditor.settings import DetectionSettings
from tests.detection.objects import make_agent, make_snapshot


def recognize_cni(*agents: Agent) -> Cni:
    """What is recognised of these agents."""
    return recognize(make_snapshot(agents=agents)).cni


@pytest.mark.parametrize(
    ("agent", "looks"),
    [
        (make_agent("calico-node", namespace="shop"), "Calico"),
        (make_agent("agent", namespace="shop", labels={"app": "antrea"}), "Antrea"),
        (make_agent("sdn", namespace="shop"), "OpenShift SDN"),
    ],
)
def test_agent_that_anyone_may_run_is_not_trusted(agent: Agent, looks: str) -> None:
    """A DaemonSet outside the system namespaces is no agent, and the evidence says why."""
    found = recognize_cni(agent)
    assert (None, None) == (found.name, found.enforces)
    (evidence,) = found.evidence
    assert f"looks like {looks} and is not trusted: shop is no" in evidence


def test_agent_that_is_not_trusted_changes_nothing_of_one_that_is() -> None:
    """Beside Flannel, which enforces nothing, a tenant's Calico does not enforce either."""
    flannel = make_agent("kube-flannel-ds", namespace="kube-flannel")
    found = recognize_cni(flannel, make_agent("calico-node", namespace="shop"))
    assert ("Flannel", False) == (found.name, found.enforces)
    assert any("DaemonSet shop/calico-node looks like Calico" in one for one in found.evidence)


def test_agents_that_are_not_trusted_are_counted() -> None:
    """The first are named: there may be one in each of many namespaces."""
    agents = [make_agent("calico-node", namespace=f"shop-{number}") for number in range(9)]
    evidence = recognize_cni(*agents).evidence
    assert 4 == len(evidence)
    assert "and 6 more such DaemonSets" == evidence[-1]


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("calico-node", "calico-system"),
        ("cilium", "cilium"),
        ("cilium", "cilium-system"),
        ("antrea-agent", "antrea-system"),
        ("weave-net", "weave"),
        ("ovnkube-node", "ovn-kubernetes"),
    ],
)
def test_agent_in_the_namespace_of_its_installer_is_trusted(name: str, namespace: str) -> None:
    """The namespaces in which CNIs are usually installed are system namespaces."""
    assert recognize_cni(make_agent(name, namespace=namespace)).name


def test_settings_make_a_namespace_trusted() -> None:
    """An agent in a namespace that the settings call a system namespace counts."""
    snapshot = make_snapshot(agents=[make_agent("calico-node", namespace="net")])
    settings = DetectionSettings(system_namespaces=("net",))
    assert "Calico" == recognize(snapshot, settings).cni.name
