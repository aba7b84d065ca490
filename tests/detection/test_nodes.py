"""On which nodes the agents of the CNI run, and on which they do not."""

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import Agent, AgentContainer, Node, Reference
from auditor.model.recognition import Cni, Readiness
from tests.detection.objects import make_agent, make_node, make_snapshot

AWS = AgentContainer(name="aws-eks-nodeagent", args=("--enable-network-policy=true",))
LINUX = tuple(
    make_node(f"linux-{one}", "v1.33.5", labels={"kubernetes.io/os": "linux"}) for one in range(3)
)
FARGATE = make_node("fargate-0", "v1.33.5", labels={"eks.amazonaws.com/compute-type": "fargate"})
AUTO = make_node("auto-0", "v1.33.5", labels={"eks.amazonaws.com/compute-type": "auto"})
HYBRID = make_node("hybrid-0", "v1.33.5", labels={"eks.amazonaws.com/compute-type": "hybrid"})
WINDOWS = make_node("windows-0", "v1.33.5", labels={"kubernetes.io/os": "windows"})


def recognize_cni(*agents: Agent, nodes: tuple[Node, ...]) -> Cni:
    """What is recognised of these agents on these nodes."""
    return recognize(make_snapshot(agents=agents, nodes=nodes)).cni


def apart_of(cni: Cni) -> dict[str, bool | None]:
    """The kinds of nodes that are not served, or of which it is not known."""
    return {one.kind: one.served for one in cni.apart}


def aws(ready: tuple[int, int] | None = None) -> Agent:
    """The AWS VPC CNI with its policies on."""
    return make_agent("aws-node", AWS, ready=ready)


def test_readiness_is_that_of_the_agents_that_enforce() -> None:
    """Flannel's agent beside Calico's does not matter: it enforces nothing."""
    flannel = make_agent("kube-flannel-ds", ready=(0, 3))
    calico = make_agent("calico-node", ready=(2, 3))
    found = recognize_cni(flannel, calico, nodes=LINUX)
    agent = Reference("kube-system", "DaemonSet", "calico-node")
    assert (Readiness(agent, desired=3, ready=2),) == found.agents
    assert "DaemonSet kube-system/calico-node, ready on 2 of 3 nodes" == str(found.agents[0])


def test_readiness_is_not_known_of_a_declared_agent() -> None:
    """A manifest has no status."""
    (found,) = recognize_cni(make_agent("calico-node"), nodes=LINUX).agents
    assert (None, None) == (found.desired, found.ready)


@pytest.mark.parametrize(("enforces", "nodes"), [(False, LINUX), (False, (FARGATE,)), (None, ())])
def test_agent_that_is_meant_for_no_node_enforces_nothing(
    enforces: bool | None,  # noqa: FBT001
    nodes: tuple[Node, ...],
) -> None:
    """A DaemonSet that was left behind, or that fits no node; without nodes, who knows."""
    found = recognize_cni(make_agent("calico-node", ready=(0, 0)), nodes=nodes)
    assert enforces is found.enforces
    assert "DaemonSet kube-system/calico-node is meant to run on no node" in found.evidence
    assert (enforces is False) is bool(found.remedies)


def test_agent_that_was_left_behind_does_not_stand_for_the_others() -> None:
    """Calico's agent fits no node any more, and Flannel's runs: nobody enforces."""
    calico = make_agent("calico-node", ready=(0, 0))
    flannel = make_agent("kube-flannel-ds", ready=(3, 3))
    found = recognize_cni(calico, flannel, nodes=LINUX)
    assert ("Calico and Flannel", False) == (found.name, found.enforces)


@pytest.mark.parametrize(
    ("unattended", "desired"), [(0, (3,)), (2, (1,)), (0, (2, 1)), (1, (1, 1)), (0, (9,))]
)
def test_nodes_beyond_the_agents_are_unattended(unattended: int, desired: tuple[int, ...]) -> None:
    """Nodes that no DaemonSet is meant for, whatever their number of ready pods."""
    names = ("calico-node", "cilium")
    agents = [make_agent(name, ready=(0, one)) for name, one in zip(names, desired, strict=False)]
    assert unattended == recognize_cni(*agents, nodes=LINUX).unattended


def test_nodes_of_a_kind_apart_are_not_unattended() -> None:
    """They are named as what they are."""
    found = recognize_cni(aws(ready=(3, 3)), nodes=(*LINUX, FARGATE, AUTO, HYBRID, WINDOWS))
    assert 0 == found.unattended


def test_agents_of_unknown_number_leave_nobody_unattended() -> None:
    """A manifest does not say on how many nodes an agent will run."""
    assert 0 == recognize_cni(make_agent("calico-node"), nodes=LINUX).unattended


def test_controller_inside_the_node_attends_to_every_node() -> None:
    """k3s' controller needs no DaemonSet."""
    node = make_node("a", "v1.33.5+k3s1", {"k3s.io/node-args": '["server"]'})
    found = recognize_cni(nodes=(node, node))
    assert (True, 0, ()) == (found.enforces, found.unattended, found.agents)


def test_aws_serves_ec2_linux_nodes_alone() -> None:
    """Fargate, hybrid and Windows nodes have no policies; Auto Mode's own agent is not visible."""
    found = recognize_cni(aws(), nodes=(*LINUX, FARGATE, AUTO, HYBRID, WINDOWS))
    assert {
        "Fargate": False,
        "EKS Auto Mode": None,
        "EKS hybrid": False,
        "Windows": False,
    } == apart_of(found)
    assert [("fargate-0",), ("auto-0",), ("hybrid-0",), ("windows-0",)] == [
        one.nodes for one in found.apart
    ]
    assert all(one.remedy for one in found.apart)


def test_no_agent_runs_on_fargate() -> None:
    """Calico's does not, either."""
    found = recognize_cni(make_agent("calico-node"), nodes=(*LINUX, FARGATE))
    assert {"Fargate": False} == apart_of(found)


@pytest.mark.parametrize(
    ("served", "agent", "companion"),
    [
        (None, "calico-node", None),
        (True, "calico-node", "calico-node-windows"),
        (True, "antrea-agent", "antrea-agent-windows"),
        (True, "azure-npm", "azure-npm-win"),
        (None, "calico-node", "azure-npm-win"),
        (False, "cilium", None),
        (None, "kube-router", None),
    ],
)
def test_windows_nodes_need_an_agent_of_their_own(
    served: bool | None,  # noqa: FBT001
    agent: str,
    companion: str | None,
) -> None:
    """A DaemonSet beside the agent serves them; without it, it is not known, or known not to be."""
    agents = [make_agent(one) for one in (agent, companion) if one]
    found = recognize_cni(*agents, nodes=(*LINUX, WINDOWS))
    assert ({} if served else {"Windows": served}) == apart_of(found)


def test_companion_must_be_ready_as_well() -> None:
    """Its readiness stands beside the agent's; one that is meant for no node serves nobody."""
    calico = make_agent("calico-node", ready=(3, 3))
    windows = make_agent("calico-node-windows", ready=(0, 1))
    found = recognize_cni(calico, windows, nodes=(*LINUX, WINDOWS))
    assert [(3, 3), (1, 0)] == [(one.desired, one.ready) for one in found.agents]
    idle = make_agent("calico-node-windows", ready=(0, 0))
    assert {"Windows": None} == apart_of(recognize_cni(calico, idle, nodes=(WINDOWS,)))


def test_one_of_several_enforcers_may_serve_a_node() -> None:
    """Cilium runs on hybrid nodes perhaps, where the AWS VPC CNI does not."""
    cilium = make_agent("cilium", AgentContainer(name="cilium-agent"))
    found = recognize_cni(aws(), cilium, nodes=(HYBRID, WINDOWS))
    assert {"EKS hybrid": None, "Windows": False} == apart_of(found)
