"""Kinds are found however kubectl's users write them."""

import pytest

from auditor.model.kind_names import find_kind

GROUPS = {
    "NetworkPolicy": "networking.k8s.io",
    "Pod": "",
    "Deployment": "apps",
}
CALICO = {"NetworkPolicy.projectcalico.org": "projectcalico.org"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("netpol", "NetworkPolicy"),
        ("NETPOL", "NetworkPolicy"),
        ("networkpolicies", "NetworkPolicy"),
        ("NetworkPolicy", "NetworkPolicy"),
        ("networkpolicies.networking.k8s.io", "NetworkPolicy"),
        ("networkpolicies.v1.networking.k8s.io", "NetworkPolicy"),
        ("networkpolicies.projectcalico.org", "NetworkPolicy.projectcalico.org"),
        ("po", "Pod"),
        ("pods", "Pod"),
        ("deployments.apps", "Deployment"),
        ("deployments.xapps", None),
        ("netpols", None),
        ("networkpolicie", None),
        ("ingress", None),
        ("", None),
    ],
)
def test_a_kind_is_found_by_any_of_its_names(text: str, kind: str | None) -> None:
    """In any case, in the plural, short, or with its group; what is near is not meant."""
    assert kind == find_kind(text, GROUPS | CALICO)


@pytest.mark.parametrize(
    ("text", "kinds", "kind"),
    [
        ("cnp", ["CiliumNetworkPolicy.cilium.io"], "CiliumNetworkPolicy.cilium.io"),
        ("CNP", ["NetworkPolicy.projectcalico.org"], "NetworkPolicy.projectcalico.org"),
        (
            "ccnp",
            ["CiliumNetworkPolicy.cilium.io", "CiliumClusterwideNetworkPolicy.cilium.io"],
            "CiliumClusterwideNetworkPolicy.cilium.io",
        ),
        (
            "banp",
            ["BaselineAdminNetworkPolicy.policy.networking.k8s.io"],
            "BaselineAdminNetworkPolicy.policy.networking.k8s.io",
        ),
        ("cnp", ["NetworkPolicy.crd.antrea.io"], None),
        ("gnp", [], None),
    ],
)
def test_a_short_name_that_kinds_share_means_the_one_that_is_there(
    text: str, kinds: list[str], kind: str | None
) -> None:
    """Cilium's policies and Calico's are both `cnp`; no cluster has both."""
    assert kind == find_kind(text, GROUPS | {one: one.partition(".")[2] for one in kinds})
