"""Kinds in groups that are not theirs: a typing error, or a vendor's that nobody knows."""

import pytest

from auditor.model.snapshot import Blind
from tests.sources.manifest_text import RETENTION, field_of, only_gap, pod, read

OBJECT = "{apiVersion: %s, kind: %s, metadata: {name: a, namespace: shop}}\n"


@pytest.mark.parametrize(
    ("version", "kind", "spelled"),
    [
        ("networkin.k8s.io/v1", "NetworkPolicy", "NetworkPolicy.networkin.k8s.io"),
        ("networking/v1", "NetworkPolicy", "NetworkPolicy.networking"),
        ("vendor.example/v1", "GlobalNetworkPolicy", "GlobalNetworkPolicy.vendor.example"),
        ("example.com/v1", "CiliumNetworkPolicy", "CiliumNetworkPolicy.example.com"),
    ],
)
def test_a_policy_of_an_unknown_group_is_one_not_evaluated(
    version: str, kind: str, spelled: str
) -> None:
    """By the name of its kind it may open or close connections: it is counted, with the gap."""
    snapshot = read(OBJECT % (version, kind))
    assert [(spelled, "shop", "a")] == [
        (one.kind, one.namespace, one.name) for one in snapshot.unevaluated_policies
    ]
    assert [(spelled, "shop", Blind.POLICIES, "1 policy of a kind not evaluated")] == [
        (gap.kind, gap.namespace, gap.blind, gap.reason) for gap in snapshot.gaps
    ]
    assert () == snapshot.policies


def test_without_a_namespace_it_may_bear_on_all() -> None:
    """Nobody knows whether such a kind is cluster-wide, so no verdict is certain."""
    gap = only_gap("{apiVersion: vendor.example/v1, kind: XNetworkPolicy, metadata: {name: a}}")
    assert ("XNetworkPolicy.vendor.example", None, Blind.POLICIES) == (
        gap.kind,
        gap.namespace,
        gap.blind,
    )


def test_a_policy_of_an_unknown_group_without_a_name_is_left_out() -> None:
    """It is a gap of policies all the same."""
    gap = only_gap("{apiVersion: vendor.example/v1, kind: XNetworkPolicy, metadata: {}}")
    assert ("XNetworkPolicy.vendor.example", "metadata.name", Blind.POLICIES) == (
        gap.kind,
        field_of(gap),
        gap.blind,
    )


def test_in_a_known_vendors_group_the_kinds_that_count_are_known() -> None:
    """What is not among them, such as a staged policy, changes nothing."""
    (group,) = {one.group for one in RETENTION.policy_kinds if one.kind == "CiliumNetworkPolicy"}
    snapshot = read(pod() + "---\n" + OBJECT % (f"{group}/v2", "StagedNetworkPolicy"))
    assert ((), ()) == (snapshot.unevaluated_policies, snapshot.gaps)


def test_a_kind_that_no_server_can_have_is_a_gap() -> None:
    """Its name does not reach the report as that of a kind."""
    text = 'apiVersion: vendor.example/v1\nkind: "\\x1b[31mNetworkPolicy"\nmetadata: {name: a}\n'
    gap = only_gap(pod() + "---\n" + text)
    assert (None, "kind", Blind.OBJECTS) == (gap.kind, field_of(gap), gap.blind)
    assert "\x1b" not in str(gap)


@pytest.mark.parametrize(
    "version", ["text", "batch/v1x/y", "a/b/c", "apps/", "/v1", "v2", "Apps/v1"]
)
@pytest.mark.parametrize(
    ("kind", "blind"),
    [
        ("Deployment", Blind.PODS),
        ("Pod", Blind.PODS),
        ("NetworkPolicy", Blind.POLICIES),
        ("Namespace", Blind.NAMESPACE_LABELS),
        ("Node", None),
        ("Service", Blind.SERVICES),
    ],
)
def test_a_known_kind_in_a_version_that_cannot_be_is_a_gap(
    version: str, kind: str, blind: Blind | None
) -> None:
    """The API server would refuse it; the gap names apiVersion."""
    gap = only_gap(OBJECT % (version, kind))
    assert (kind, "a", "apiVersion", blind) == (gap.kind, gap.name, field_of(gap), gap.blind)
    assert version in gap.reason


def test_a_group_without_a_dot_is_nobodys_own() -> None:
    """Those are the API server's, so a workload in one that it does not have is a typing error."""
    gap = only_gap(OBJECT % ("app/v1", "Deployment"))
    assert "apiVersion is no version of Deployment: app/v1" == gap.reason
    assert (Blind.PODS, "shop") == (gap.blind, gap.namespace)


def test_a_policy_kind_in_a_version_that_cannot_be_is_a_gap_of_policies() -> None:
    """Also where the kind is nobody's that is known."""
    gap = only_gap(OBJECT % ("text", "XNetworkPolicy"))
    assert ("XNetworkPolicy", "apiVersion", Blind.POLICIES) == (gap.kind, field_of(gap), gap.blind)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("serving.knative.dev/v1", "Service"),
        ("apps.kruise.io/v1beta1", "StatefulSet"),
        ("skaffold/v4beta11", "Config"),
        ("text", "Anything"),
    ],
)
def test_kinds_of_others_are_theirs(version: str, kind: str) -> None:
    """A kind in a vendor's own group, or one that is not read, is no gap."""
    assert () == read(pod() + "---\n" + OBJECT % (version, kind)).gaps
