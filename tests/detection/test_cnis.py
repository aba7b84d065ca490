"""Which CNI runs, and what it enforces (cnis.yaml)."""

import pytest

from auditor.detection.recognize import recognize
from auditor.model.objects import Agent, AgentContainer
from auditor.model.recognition import Cni
from auditor.model.snapshot import ConfigMapEvidence
from tests.detection.objects import make_agent, make_snapshot, verdict

CILIUM = make_agent("cilium", AgentContainer(name="cilium-agent"))
FLANNEL = make_agent(
    "kube-flannel-ds",
    AgentContainer(name="kube-flannel", image="flannel/flannel:v0.27.4"),
    namespace="kube-flannel",
    labels={"app": "flannel"},
)
AWS_ON = make_agent(
    "aws-node",
    AgentContainer(name="aws-node"),
    AgentContainer(name="aws-eks-nodeagent", args=("--enable-network-policy=true",)),
)


def recognize_cni(*agents: Agent, config_maps: tuple[ConfigMapEvidence, ...] = ()) -> Cni:
    """What is recognised of these agents."""
    return recognize(make_snapshot(agents=agents, config_maps=config_maps)).cni


def cilium_config(**values: str) -> ConfigMapEvidence:
    """Cilium's ConfigMap; underscores stand for dashes."""
    spelled = {key.replace("_", "-"): value for key, value in values.items()}
    return ConfigMapEvidence(namespace="kube-system", name="cilium-config", values=spelled)


def aws_config(value: str) -> ConfigMapEvidence:
    """The AWS VPC CNI's ConfigMap."""
    values = {"enable-network-policy-controller": value}
    return ConfigMapEvidence(namespace="kube-system", name="amazon-vpc-cni", values=values)


@pytest.mark.parametrize(
    ("name", "ip_blocks", "daemon_set", "namespace"),
    [
        ("Calico", True, "calico-node", "calico-system"),
        ("Calico", True, "calico-node", "kube-system"),
        ("Canal", True, "canal", "kube-system"),
        ("Canal", True, "rke2-canal", "kube-system"),
        ("Cilium", False, "cilium", "cilium"),
        ("GKE Dataplane V2", False, "anetd", "kube-system"),
        ("Azure NPM", None, "azure-npm", "kube-system"),
        ("Antrea", None, "antrea-agent", "kube-system"),
        ("kube-router", None, "kube-router", "kube-system"),
        ("kube-network-policies", True, "kube-network-policies", "kube-system"),
        ("OVN-Kubernetes", None, "ovnkube-node", "openshift-ovn-kubernetes"),
        ("OpenShift SDN", None, "sdn", "openshift-sdn"),
        ("Romana", None, "romana-agent", "kube-system"),
        ("NSX NCP", None, "nsx-ncp", "nsx-system"),
        ("NSX NCP", None, "nsx-node-agent", "nsx-system"),
    ],
)
def test_agent_that_enforces(
    name: str,
    ip_blocks: bool | None,  # noqa: FBT001
    daemon_set: str,
    namespace: str,
) -> None:
    """The agent's DaemonSet says which CNI enforces policies, and how it reads an ipBlock."""
    agent = make_agent(daemon_set, AgentContainer(name="agent"), namespace=namespace)
    assert (name, True, ip_blocks) == verdict(recognize_cni(agent))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("Calico", {"k8s-app": "calico-node"}),
        ("Cilium", {"k8s-app": "cilium"}),
        ("Antrea", {"app": "antrea"}),
        ("kube-network-policies", {"app": "kube-network-policies"}),
    ],
)
def test_label_stands_in_for_the_name(name: str, labels: dict[str, str]) -> None:
    """An agent under a name of its own is known by the CNI's label, and the evidence says so."""
    found = recognize_cni(make_agent("agent", labels=labels))
    ((key, value),) = labels.items()
    assert (name, True) == (found.name, found.enforces)
    assert f"DaemonSet kube-system/agent (label {key}={value})" == found.evidence[0]


def test_companion_with_the_label_is_no_second_agent() -> None:
    """Where the agent has its usual name, a DaemonSet that only has the label is passed over."""
    labels = {"app": "antrea"}
    windows = make_agent("antrea-agent-windows", labels=labels)
    found = recognize_cni(make_agent("antrea-agent", labels=labels), windows)
    assert ("DaemonSet kube-system/antrea-agent",) == found.evidence


@pytest.mark.parametrize(
    ("daemon_set", "namespace"),
    [
        ("calico-node-windows", "kube-system"),
        ("cilium-envoy", "kube-system"),
        ("kube-proxy", "kube-system"),
    ],
)
def test_other_daemon_set_is_no_cni(daemon_set: str, namespace: str) -> None:
    """A similar name is no agent."""
    assert Cni() == recognize_cni(make_agent(daemon_set, namespace=namespace))


def test_readiness_is_evidence() -> None:
    """How many nodes run a ready agent is said where it is known."""
    found = recognize_cni(make_agent("calico-node", ready=(3, 5)))
    assert ("DaemonSet kube-system/calico-node, ready on 3 of 5 nodes",) == found.evidence


def test_no_agent_is_not_known() -> None:
    """Without an agent nothing is known, and nothing is claimed."""
    assert (None, None, None) == verdict(recognize_cni())


def test_flannel_alone_enforces_nothing() -> None:
    """Plain Flannel enforces no policy, and reads no ipBlock."""
    found = recognize_cni(FLANNEL)
    assert ("Flannel", False, None) == verdict(found)
    assert (
        "DaemonSet kube-flannel/kube-flannel-ds",
        "container kube-network-policies is absent",
    ) == found.evidence


def test_flannel_with_its_policy_container_enforces() -> None:
    """Flannel's chart can add kube-network-policies, whose ipBlocks match pods."""
    netpol = AgentContainer(name="kube-network-policies")
    assert ("Flannel", True, True) == verdict(
        recognize_cni(make_agent("kube-flannel-ds", AgentContainer(name="kube-flannel"), netpol))
    )


def test_policy_container_is_known_by_its_image() -> None:
    """A container under another name is known by the last segment of its image."""
    image = "registry.k8s.io/networking/kube-network-policies:v0.9.2"
    agent = make_agent("kube-flannel-ds", AgentContainer(name="netpol", image=image))
    assert recognize_cni(agent).enforces is True


def test_calico_beside_flannel_enforces() -> None:
    """Where several CNIs are there, the one that enforces stands for all; all are evidence."""
    found = recognize_cni(FLANNEL, make_agent("calico-node"))
    assert ("Calico", True, True) == verdict(found)
    assert "DaemonSet kube-system/calico-node" in found.evidence
    assert "DaemonSet kube-flannel/kube-flannel-ds" in found.evidence


def test_two_enforcers_that_read_ip_blocks_differently() -> None:
    """Where two enforce and read an ipBlock differently, its reading is not known."""
    found = recognize_cni(make_agent("calico-node"), CILIUM)
    assert ("Calico and Cilium", True, None) == verdict(found)


@pytest.mark.parametrize(
    ("enforces", "key", "value"),
    [
        (True, "enable_policy", "default"),
        (True, "enable_policy", "always"),
        (False, "enable_policy", "never"),
        (None, "enable_policy", "sometimes"),
        (True, "policy_audit_mode", "false"),
        (False, "policy_audit_mode", "true"),
        (True, "enable_k8s_networkpolicy", "true"),
        (False, "enable_k8s_networkpolicy", "false"),
    ],
)
def test_cilium_config_decides(
    enforces: bool | None,  # noqa: FBT001
    key: str,
    value: str,
) -> None:
    """Cilium enforces nothing where policies are off, only audited, or not watched."""
    found = recognize_cni(CILIUM, config_maps=(cilium_config(**{key: value}),))
    assert ("Cilium", enforces, False) == verdict(found)
    text = f"ConfigMap kube-system/cilium-config: {key.replace('_', '-')}={value}"
    assert any(one.startswith(text) for one in found.evidence)


@pytest.mark.parametrize(
    ("ip_blocks", "mode"),
    [(False, ""), (False, "nodes"), (None, "pods"), (None, "nodes,pods"), (None, "all")],
)
def test_cilium_cidr_match_mode(
    ip_blocks: bool | None,  # noqa: FBT001
    mode: str,
) -> None:
    """`nodes` lets ipBlocks match nodes, not pods; what another mode does is not known."""
    found = recognize_cni(CILIUM, config_maps=(cilium_config(policy_cidr_match_mode=mode),))
    assert ("Cilium", True, ip_blocks) == verdict(found)


def test_cilium_without_its_config_map() -> None:
    """Where the ConfigMap was not read, Cilium's defaults are assumed, and the evidence says so."""
    expected = (
        "DaemonSet kube-system/cilium",
        (
            "ConfigMap cilium-config was not read: "
            "enable-policy=default, policy-audit-mode=false, enable-k8s-networkpolicy=true "
            "is assumed"
        ),
    )
    assert expected == recognize_cni(CILIUM).evidence


def test_config_map_of_another_namespace_says_nothing() -> None:
    """A tenant's ConfigMap of the same name is not Cilium's."""
    other = ConfigMapEvidence(
        namespace="shop", name="cilium-config", values={"enable-policy": "never"}
    )
    assert recognize_cni(CILIUM, config_maps=(other,)).enforces is True


def test_cilium_chaining_and_labels_are_evidence() -> None:
    """Chaining and the identity labels decide nothing, and are shown."""
    config = cilium_config(cni_chaining_mode="aws-cni", labels="k8s:app")
    found = recognize_cni(CILIUM, config_maps=(config,))
    assert "ConfigMap kube-system/cilium-config: cni-chaining-mode=aws-cni" in found.evidence
    assert "ConfigMap kube-system/cilium-config: labels=k8s:app" in found.evidence


def test_azure_cni_alone_enforces_nothing() -> None:
    """Azure's CNI enforces nothing by itself; beside it, Cilium does."""
    azure = make_agent("azure-cns")
    assert ("Azure CNI", False, None) == verdict(recognize_cni(azure))
    assert ("Cilium", True, False) == verdict(recognize_cni(azure, CILIUM))


def test_aws_without_node_agent_enforces_nothing() -> None:
    """The AWS VPC CNI before 1.14 has no policy agent."""
    found = recognize_cni(make_agent("aws-node", AgentContainer(name="aws-node")))
    assert ("AWS VPC CNI", False, None) == verdict(found)
    assert "container aws-eks-nodeagent is absent" in found.evidence


@pytest.mark.parametrize(
    ("enforces", "arguments", "config"),
    [
        (True, ("--enable-network-policy=true",), "true"),
        (True, ("--enable-network-policy=true",), None),
        (True, ("--enable-network-policy",), "true"),
        (False, ("--enable-network-policy=true",), "false"),
        (False, ("--enable-network-policy=false",), "true"),
        (False, ("--enable-network-policy=false",), None),
        (False, (), None),
        (None, ("--enable-network-policy=$(ENABLED)",), "true"),
    ],
)
def test_aws_needs_flag_and_controller(
    enforces: bool | None,  # noqa: FBT001
    arguments: tuple[str, ...],
    config: str | None,
) -> None:
    """The AWS VPC CNI enforces where its agent's flag (default off) and its controller are on."""
    agent = make_agent("aws-node", AgentContainer(name="aws-eks-nodeagent", args=arguments))
    config_maps = () if config is None else (aws_config(config),)
    assert ("AWS VPC CNI", enforces, None) == verdict(recognize_cni(agent, config_maps=config_maps))


def test_aws_evidence_says_what_was_not_read() -> None:
    """Without the ConfigMap its evidence is missing, and that is said."""
    assert (
        "DaemonSet kube-system/aws-node",
        "container aws-eks-nodeagent is present",
        "flag --enable-network-policy=true",
        "ConfigMap amazon-vpc-cni was not read: enable-network-policy-controller=true is assumed",
    ) == recognize_cni(AWS_ON).evidence


def test_flag_of_another_container_does_not_count() -> None:
    """Only the policy agent's own flag turns it on."""
    agent = make_agent(
        "aws-node",
        AgentContainer(name="aws-node", args=("--enable-network-policy=true",)),
        AgentContainer(name="aws-eks-nodeagent"),
    )
    assert recognize_cni(agent).enforces is False


@pytest.mark.parametrize(
    ("enforces", "arguments"),
    [
        (True, ()),
        (True, ("--run-firewall=true",)),
        (True, ("--run-firewall",)),
        (False, ("--run-firewall=false",)),
        (False, ("--run-firewall=true", "--run-firewall=false")),
    ],
)
def test_kube_router_needs_its_firewall(
    enforces: bool,  # noqa: FBT001
    arguments: tuple[str, ...],
) -> None:
    """kube-router's firewall is on by default; the last flag counts."""
    agent = make_agent("kube-router", AgentContainer(name="kube-router", args=arguments))
    assert ("kube-router", enforces, None) == verdict(recognize_cni(agent))


def test_flag_of_a_renamed_agent_is_not_known() -> None:
    """Flags are kept by the agent's usual names: under another, absent does not mean default."""
    agent = make_agent(
        "router", AgentContainer(name="kube-router"), labels={"k8s-app": "kube-router"}
    )
    found = recognize_cni(agent)
    assert found.enforces is None
    assert "flag --run-firewall was not read" in found.evidence


@pytest.mark.parametrize(
    ("enforces", "image"),
    [
        (True, "docker.io/kindest/kindnetd:v20240813-c6f155d6"),
        (True, "docker.io/kindest/kindnetd:v20250512-df8de77b"),
        (False, "docker.io/kindest/kindnetd:v20240513-cd2ac642"),
        (None, "ghcr.io/example/kindnetd:stable"),
        (None, "docker.io/kindest/kindnetd@sha256:20240813"),
    ],
)
def test_kindnet_enforces_since_kind_0_24(
    enforces: bool | None,  # noqa: FBT001
    image: str,
) -> None:
    """Kindnet enforces from the image of kind 0.24 on; where the tag has no date, who knows."""
    agent = make_agent("kindnet", AgentContainer(name="kindnet-cni", image=image))
    found = recognize_cni(agent)
    assert ("kindnet", enforces) == (found.name, found.enforces)


@pytest.mark.parametrize(("enforces", "container"), [(True, "weave-npc"), (False, "weave")])
def test_weave_needs_its_policy_controller(
    enforces: bool,  # noqa: FBT001
    container: str,
) -> None:
    """Weave Net enforces by its container weave-npc."""
    agent = make_agent("weave-net", AgentContainer(name=container))
    assert ("Weave Net", enforces, None) == verdict(recognize_cni(agent))


def test_multus_is_never_the_cni() -> None:
    """Multus adds networks to the cluster's own: it is evidence, and decides nothing."""
    multus = make_agent("kube-multus-ds")
    found = recognize_cni(multus)
    assert (None, None, None) == verdict(found)
    assert ("DaemonSet kube-system/kube-multus-ds",) == found.evidence
    assert ("Calico", True, True) == verdict(recognize_cni(multus, make_agent("calico-node")))
