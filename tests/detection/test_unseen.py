"""What was not read of agents, nodes and ConfigMaps keeps the verdict on the CNI open."""

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import Agent, AgentContainer, Node
from auditor.model.recognition import Cni
from auditor.model.snapshot import ConfigMapEvidence, Gap
from tests.detection.objects import make_agent, make_node, make_snapshot

FLANNEL = make_agent("kube-flannel-ds", AgentContainer(name="kube-flannel"))
CILIUM = make_agent("cilium", AgentContainer(name="cilium-agent"))
CALICO = make_agent("calico-node")


def gap_of(
    kind: str, *, namespace: str | None = None, name: str | None = None, reason: str | None = None
) -> Gap:
    """A list, or an object, that was not read."""
    return Gap(
        kind=kind,
        namespace=namespace,
        name=name,
        reason=reason or f"{kind.lower()}s cannot be listed: forbidden",
        effect="not known",
    )


def recognize_cni(
    *agents: Agent,
    gaps: tuple[Gap, ...],
    nodes: tuple[Node, ...] = (),
    version: str | None = None,
    config_maps: tuple[ConfigMapEvidence, ...] = (),
) -> Cni:
    """What is recognised of these agents, beside what was not read."""
    snapshot = make_snapshot(
        agents=agents, gaps=gaps, nodes=nodes, version=version, config_maps=config_maps
    )
    return recognize(snapshot).cni


@pytest.mark.parametrize("namespace", [None, "kube-system"])
def test_unread_daemon_sets_may_hold_an_agent_that_enforces(namespace: str | None) -> None:
    """Flannel was seen, and still somebody else may enforce: nothing is claimed."""
    found = recognize_cni(FLANNEL, gaps=(gap_of("DaemonSet", namespace=namespace),))
    assert ("Flannel", None) == (found.name, found.enforces)
    where = f" in {namespace}" if namespace else ""
    reason = f"daemonsets cannot be listed: forbidden{where}: another agent may enforce policies"
    assert reason == found.evidence[-1]
    assert () == found.remedies


def test_many_unread_lists_are_counted() -> None:
    """An account that is refused in each of many namespaces does not fill the evidence."""
    gaps = tuple(gap_of("DaemonSet", namespace=f"team-{one}") for one in range(50))
    found = recognize_cni(FLANNEL, gaps=gaps)
    assert found.enforces is None
    assert "and 47 more such lists" == found.evidence[-1]
    assert 6 == len(found.evidence)


def test_unread_daemon_sets_are_evidence_where_no_cni_was_recognised() -> None:
    """The reader sees why nothing is known."""
    found = recognize_cni(gaps=(gap_of("DaemonSet"),))
    assert (None, None) == (found.name, found.enforces)
    assert "daemonsets cannot be listed" in found.evidence[0]


def test_unread_daemon_sets_do_not_take_enforcement_away() -> None:
    """An agent that enforces was seen: another one could change nothing about it."""
    found = recognize_cni(CALICO, gaps=(gap_of("DaemonSet", namespace="shop"),))
    assert ("Calico", True) == (found.name, found.enforces)
    assert ("DaemonSet kube-system/calico-node",) == found.evidence


def test_one_unread_daemon_set_leaves_the_verdict() -> None:
    """A single broken object of a team does not hide that Flannel enforces nothing."""
    found = recognize_cni(FLANNEL, gaps=(gap_of("DaemonSet", namespace="shop", name="logs"),))
    assert found.enforces is False


@pytest.mark.parametrize(
    ("enforces", "version"), [(False, "v1.33.5"), (None, "v1.33.5+k3s1"), (None, None)]
)
def test_unread_nodes_may_enforce_without_an_agent(
    enforces: bool | None,  # noqa: FBT001
    version: str | None,
) -> None:
    """The API server's version tells whether they do: k3s' server reports the kubelet's."""
    found = recognize_cni(FLANNEL, gaps=(gap_of("Node"),), version=version)
    assert enforces is found.enforces


def test_api_server_of_k3s_shows_its_controller() -> None:
    """Without nodes it is not known whether it is on."""
    found = recognize_cni(gaps=(gap_of("Node"),), version="v1.33.5+k3s1")
    assert ("k3s (kube-router)", None) == (found.name, found.enforces)
    assert "API server v1.33.5+k3s1" == found.evidence[0]


def test_nodes_that_were_read_outweigh_the_api_server() -> None:
    """The agents of k3s' server are its nodes: what they are is known from themselves."""
    found = recognize_cni(gaps=(), nodes=(make_node("a", "v1.33.5"),), version="v1.33.5+k3s1")
    assert Cni() == found


def test_config_map_that_may_not_be_read_is_not_assumed() -> None:
    """Policies may be off in it: Cilium's defaults are taken only where nobody asked for it."""
    gap = gap_of(
        "ConfigMap", namespace="kube-system", name="cilium-config", reason="cannot be read: no"
    )
    found = recognize_cni(CILIUM, gaps=(gap,))
    assert ("Cilium", None, False) == (found.name, found.enforces, found.ip_blocks_match_pods)
    assert "ConfigMap kube-system/cilium-config cannot be read: no" == found.evidence[-1]


@pytest.mark.parametrize(
    ("namespace", "name"), [("shop", "cilium-config"), ("kube-system", "amazon-vpc-cni")]
)
def test_config_map_that_the_agent_does_not_read_hides_nothing(namespace: str, name: str) -> None:
    """Only the agent's own ConfigMap decides about it."""
    gap = gap_of("ConfigMap", namespace=namespace, name=name, reason="cannot be read: no")
    assert recognize_cni(CILIUM, gaps=(gap,)).enforces is True


def test_config_map_that_was_read_after_all_decides() -> None:
    """A gap about it (a duplicate in manifests) does not make it unknown."""
    config_map = ConfigMapEvidence(
        namespace="kube-system", name="cilium-config", values={"enable-policy": "never"}
    )
    gap = gap_of(
        "ConfigMap", namespace="kube-system", name="cilium-config", reason="is declared twice"
    )
    assert recognize_cni(CILIUM, gaps=(gap,), config_maps=(config_map,)).enforces is False
