"""Everything at once, and what the sources are told to keep."""

from auditor.detection.recognize import recognize, retention
from auditor.model.recognition import Cni, Recognition
from auditor.model.retention import AgentFlags, ConfigMapKeys, PolicyKind
from tests.detection.objects import make_snapshot


def test_empty_snapshot_has_nothing() -> None:
    """Nothing is recognised in nothing; DNS policies are still expected to use the usual label."""
    expected = Recognition(dns_pod_labels=({"k8s-app": "kube-dns"},), cni=Cni())
    assert expected == recognize(make_snapshot())


def test_flags_are_kept_by_daemon_set() -> None:
    """Only the flags that decide about enforcement are kept."""
    expected = (
        AgentFlags(daemon_set="aws-node", flags=("--enable-network-policy",)),
        AgentFlags(daemon_set="kube-router", flags=("--run-firewall",)),
    )
    assert expected == retention().agents


def test_node_arguments_of_k3s_are_kept() -> None:
    """Of a node's annotations only k3s' own arguments are kept."""
    assert ("k3s.io/node-args",) == retention().node_annotations


def test_two_config_maps_are_read() -> None:
    """No ConfigMap but Cilium's and the AWS VPC CNI's is read, and of these only some keys."""
    expected = (
        ConfigMapKeys(
            namespace="kube-system",
            name="cilium-config",
            keys=(
                "enable-policy",
                "policy-audit-mode",
                "enable-k8s-networkpolicy",
                "enable-sctp",
                "policy-cidr-match-mode",
                "cni-chaining-mode",
                "labels",
            ),
        ),
        ConfigMapKeys(
            namespace="kube-system",
            name="amazon-vpc-cni",
            keys=("enable-network-policy-controller",),
        ),
    )
    assert expected == retention().config_maps


def test_policy_kinds_that_are_not_evaluated() -> None:
    """Each kind that can open or close connections is counted, in every group that serves it."""
    expected = {
        "AdminNetworkPolicy.policy.networking.k8s.io",
        "ApplicationNetworkPolicy.networking.k8s.aws",
        "AuthorizationPolicy.security.istio.io",
        "BaselineAdminNetworkPolicy.policy.networking.k8s.io",
        "CiliumClusterwideNetworkPolicy.cilium.io",
        "CiliumNetworkPolicy.cilium.io",
        "ClusterNetworkPolicy.crd.antrea.io",
        "ClusterNetworkPolicy.networking.k8s.aws",
        "ClusterNetworkPolicy.policy.networking.k8s.io",
        "EgressFirewall.k8s.ovn.org",
        "EgressNetworkPolicy.network.openshift.io",
        "FQDNNetworkPolicy.networking.gke.io",
        "GlobalNetworkPolicy.crd.projectcalico.org",
        "GlobalNetworkPolicy.projectcalico.org",
        "HostEndpoint.crd.projectcalico.org",
        "HostEndpoint.projectcalico.org",
        "MultiNetworkPolicy.k8s.cni.cncf.io",
        "NetworkPolicy.crd.antrea.io",
        "NetworkPolicy.crd.projectcalico.org",
        "NetworkPolicy.projectcalico.org",
    }
    assert expected == {f"{one.kind}.{one.group}" for one in retention().policy_kinds}


def test_policy_kind_knows_its_resource() -> None:
    """A kind carries its plural and scope, by which the API lists it."""
    expected = PolicyKind(
        group="k8s.cni.cncf.io",
        kind="MultiNetworkPolicy",
        plural="multi-networkpolicies",
        namespaced=True,
    )
    assert expected in retention().policy_kinds
