"""Kinds are found however kubectl's users write them."""

import pytest

from auditor.model.kind_names import find_kind

GROUPS = {
    "NetworkPolicy": "networking.k8s.io",
    "Pod": "",
    "Deployment": "apps",
    "NetworkPolicy.projectcalico.org": "projectcalico.org",
}


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
    assert kind == find_kind(text, GROUPS)
