"""Policy controllers inside the node's own process (cnis.yaml, in_process)."""

import json

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import Agent, Node
from auditor.model.recognition import Cni
from tests.detection.objects import make_agent, make_node, make_snapshot, verdict


def recognize_cni(*agents: Agent, nodes: tuple[Node, ...]) -> Cni:
    """What is recognised of these agents and nodes."""
    return recognize(make_snapshot(agents=agents, nodes=nodes)).cni


def k3s_node(name: str, *arguments: str) -> Node:
    """A k3s node with its arguments in the annotation."""
    return make_node(name, "v1.31.2+k3s1", {"k3s.io/node-args": json.dumps(arguments)})


@pytest.mark.parametrize(
    ("enforces", "arguments"),
    [
        (True, ("server",)),
        (True, ("server", "--flannel-backend", "vxlan")),
        (False, ("server", "--disable-network-policy")),
        (False, ("server", "--disable-network-policy", "true")),
        (False, ("server", "--disable-network-policy=true")),
        (False, ("server", "--disable-network-policy", "--disable", "traefik")),
        (True, ("server", "--disable-network-policy", "false")),
        (None, ("agent", "--node-ip", "10.0.0.2")),
        (None, ()),
    ],
)
def test_k3s_server_arguments_decide(
    enforces: bool | None,  # noqa: FBT001
    arguments: tuple[str, ...],
) -> None:
    """k3s runs kube-router's controller unless its server's arguments turn it off."""
    found = recognize_cni(nodes=(k3s_node("a", *arguments),))
    assert ("k3s (kube-router)", enforces, None) == verdict(found)


@pytest.mark.parametrize("annotation", [None, "", "{", '"server"', "[1]", "server"])
def test_k3s_without_readable_arguments_is_not_known(annotation: str | None) -> None:
    """An annotation that is absent or no list of words says nothing, and the evidence says so."""
    annotations = {} if annotation is None else {"k3s.io/node-args": annotation}
    found = recognize_cni(nodes=(make_node("a", "v1.31.2+k3s1", annotations),))
    assert ("k3s (kube-router)", None, None) == verdict(found)
    assert (
        "node a: kubelet v1.31.2+k3s1",
        (
            "no server's arguments in the annotation k3s.io/node-args: "
            "whether --disable-network-policy is given is not known"
        ),
    ) == found.evidence


def test_k3s_servers_that_differ_are_not_known() -> None:
    """Where one server turns the controller off and another does not, nothing is claimed."""
    nodes = (k3s_node("a", "server"), k3s_node("b", "server", "--disable-network-policy"))
    found = recognize_cni(nodes=nodes)
    assert found.enforces is None
    assert "node a: --disable-network-policy is not given" in found.evidence
    assert "node b: --disable-network-policy is given" in found.evidence


def test_k3s_agents_leave_the_answer_to_the_servers() -> None:
    """An agent's arguments do not mention the flag, and decide nothing."""
    nodes = (k3s_node("a", "agent"), k3s_node("b", "server", "--disable-network-policy"))
    assert recognize_cni(nodes=nodes).enforces is False


def test_calico_on_k3s_enforces() -> None:
    """Where k3s' own controller is off, another agent enforces."""
    node = k3s_node("a", "server", "--flannel-backend", "none", "--disable-network-policy")
    found = recognize_cni(make_agent("calico-node"), nodes=(node,))
    assert ("Calico", True, True) == verdict(found)


def test_unknown_outweighs_known_not_to_enforce() -> None:
    """Beside Flannel, a controller of which it is not known keeps the verdict open."""
    found = recognize_cni(make_agent("kube-flannel-ds"), nodes=(make_node("a", "v1.31.2+k3s1"),))
    assert ("k3s (kube-router)", None) == (found.name, found.enforces)


def test_plain_nodes_say_nothing() -> None:
    """A kubelet of Kubernetes itself shows no controller."""
    assert Cni() == recognize_cni(nodes=(make_node("a", "v1.31.2"),))


def test_rke2_is_not_k3s() -> None:
    """Only the version of k3s itself shows the controller inside the process."""
    assert Cni() == recognize_cni(nodes=(make_node("a", "v1.31.2+rke2r1"),))
