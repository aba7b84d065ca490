"""A preview deletes what kubectl delete would, with all that goes with it."""

from __future__ import annotations

import msgspec
import pytest

from auditor.errors import UnknownNameError, UsageError
from auditor.model.snapshot import Blind, Gap
from tests.drift.changes import API, NARROW, POLICY, SERVICE, SHOP, WEB, live, make
from tests.rules.auditing import read_text


@pytest.mark.parametrize(
    "spelled", ["netpol", "networkpolicy", "NetworkPolicy", "networkpolicies.networking.k8s.io"]
)
def test_a_policy_is_deleted_however_its_kind_is_spelled(spelled: str) -> None:
    """As kubectl takes it."""
    after, warnings = make(read_text(SHOP + POLICY), "", f"{spelled}/shop/db")
    assert (read_text(SHOP), ()) == (after, warnings)


def test_a_workload_takes_its_pods_along() -> None:
    """In a cluster, with the ReplicaSets that stand between."""
    replica_set = WEB.replace("Deployment", "ReplicaSet").replace(
        "name: web, namespace: shop", "name: web-5d8, namespace: shop, "
        "ownerReferences: [{kind: Deployment, name: web, controller: true}]"
    )  # fmt: skip
    before = live(read_text(SHOP + replica_set + API))
    assert 4 == len(before.pods)
    after, warnings = make(before, "", "deploy/shop/web")
    assert ((), ["api-1", "api-2"], ()) == (
        after.owners,
        [one.name for one in after.pods],
        warnings,
    )


@pytest.mark.parametrize("target", ["rs/shop/web-5d8", "pod/shop/web-5d8-1"])
def test_what_a_controller_makes_again_is_left(target: str) -> None:
    """Deleting it changes nothing for long, and that is said."""
    replica_set = WEB.replace("Deployment", "ReplicaSet").replace(
        "name: web, namespace: shop", "name: web-5d8, namespace: shop, "
        "ownerReferences: [{kind: Deployment, name: web, controller: true}]"
    )  # fmt: skip
    before = live(read_text(SHOP + replica_set))
    after, (warning,) = make(before, "", target)
    assert before == after
    assert warning.endswith("nothing changes")


def test_a_namespace_takes_its_objects_along() -> None:
    """Those of others stay, and so do gaps of others."""
    other = (SHOP + WEB + POLICY).replace("shop", "bank")
    after, _ = make(read_text(SHOP + WEB + POLICY + SERVICE % ("", "") + other), "", "ns/shop")
    assert read_text(other) == after


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("netpol/shop/bd", "did you mean NetworkPolicy/shop/db?"),
        ("netpol/shpo/db", "did you mean NetworkPolicy/shop/db?"),
        ("deploy/shop/wep", "did you mean Deployment/shop/web?"),
        ("ns/shpo", "did you mean Namespace/shop?"),
        ("svc/shop/web", "there is no Service"),
    ],
)
def test_what_is_not_there_cannot_be_deleted(target: str, hint: str) -> None:
    """The nearest that is there is named."""
    with pytest.raises(UnknownNameError) as refused:
        make(read_text(SHOP + WEB + POLICY), "", target)
    assert hint == refused.value.hint


def test_what_was_not_read_is_not_called_unknown() -> None:
    """It may be there."""
    gap = Gap(
        kind="NetworkPolicy", namespace=None, name=None, reason="forbidden", effect="",
        blind=Blind.POLICIES,
    )  # fmt: skip
    half_seen = msgspec.structs.replace(read_text(SHOP), gaps=(gap,))
    with pytest.raises(UnknownNameError) as refused:
        make(half_seen, "", "netpol/shop/db")
    assert "not all was read: forbidden" == refused.value.hint


@pytest.mark.parametrize(
    "target", ["", "netpol", "netpol//db", "ns/shop/db", "netpol/a/b/c", "ingress/shop/web", "/"]
)
def test_a_malformed_deletion_is_refused(target: str) -> None:
    """It has another form, or names a kind on which nothing depends."""
    with pytest.raises(UsageError) as refused:
        make(read_text(SHOP + POLICY), "", target)
    assert refused.value.hint


@pytest.mark.parametrize("target", ["netpol/shop/db", "ns/shop"])
def test_nothing_is_both_put_and_deleted(target: str) -> None:
    """Which of the two came first, nobody could say."""
    with pytest.raises(UsageError):
        make(read_text(SHOP + POLICY), NARROW, target)
