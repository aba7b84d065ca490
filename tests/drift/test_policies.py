"""Policies by object key: added, removed, changed, and how the others differ."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from auditor.drift.policies import compare_policies
from auditor.model.drift import PolicyDrift
from auditor.model.objects import ManagedField, NetworkPolicy
from auditor.model.snapshot import Blind, ClusterIdentity, Gap, Snapshot, UnevaluatedPolicy
from auditor.sources.archive import pack, unpack
from auditor.sources.unevaluated import unevaluated_gaps
from tests.sources.manifest_text import policy, read

NOTHING = PolicyDrift(added=(), removed=(), changed=())
ONLY = "default/NetworkPolicy/only"


def compare(previous: str, current: str, metadata: str = "") -> PolicyDrift:
    """Compare two specs of one policy."""
    return compare_policies(read(policy(previous)), read(policy(current, metadata)))


def fields_of(previous: str, current: str) -> list[tuple[str, object, object]]:
    """The field changes of the one policy that changed."""
    (changed,) = compare(previous, current).changed
    assert ONLY == changed.key
    return [(one.path, one.previous, one.current) for one in changed.fields]


def test_policies_come_and_go_by_key() -> None:
    """A policy of another name is another policy, whatever it says."""
    before = read(policy("podSelector: {}"))
    now = read(policy("podSelector: {}").replace("only", "other"))
    expected = PolicyDrift(added=("default/NetworkPolicy/other",), removed=(ONLY,), changed=())
    assert expected == compare_policies(before, now)


def test_a_change_is_told_field_by_field() -> None:
    """The paths are those that kubectl explains."""
    peers = "{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: %s}}}"
    spec = "ingress: [{from: [" + peers + "], ports: [{port: 80}]}]"
    path = "spec.ingress[0].from[1].podSelector.matchLabels.app"
    assert [(path, "api", "job")] == fields_of(spec % "api", spec % "job")


def test_an_inserted_first_rule_is_the_only_change() -> None:
    """The rules behind it are the same rules."""
    rules = "{ports: [{port: 80}]}, {ports: [{port: 443}]}"
    expected: dict[str, Any] = {"from": [{"podSelector": {}}]}
    assert [("spec.ingress[0]", None, expected)] == fields_of(
        f"ingress: [{rules}]", f"ingress: [{{from: [{{podSelector: {{}}}}]}}, {rules}]"
    )


def test_a_protocol_that_was_left_out_is_told() -> None:
    """From TCP by default to UDP: what it was stands there, not that it was absent."""
    spec = "ingress: [{ports: [{port: 53%s}]}]"
    assert [("spec.ingress[0].ports[0].protocol", "TCP", "UDP")] == fields_of(
        spec % "", spec % ", protocol: UDP"
    )


@pytest.mark.parametrize(
    ("previous", "current"),
    [
        ("ingress: [{ports: [{port: 53}]}]", "ingress: [{ports: [{protocol: TCP, port: 53}]}]"),
        ("podSelector: {}", ""),
        ("podSelector: {matchLabels: {}}", "podSelector: {}"),
        ("ingress: []", ""),
        ("ingress: [{from: [], ports: []}]", "ingress: [{}]"),
        ("egress: null", ""),
        ("podSelector: {matchLabels: {a: x, b: y}}", "podSelector: {matchLabels: {b: y, a: x}}"),
    ],
)
def test_what_is_absent_is_what_the_server_takes_for_it(previous: str, current: str) -> None:
    """Defaults that are spelled are no change, and the order of keys is none."""
    assert NOTHING == compare(previous, current)


def test_an_empty_peer_selector_is_not_an_absent_one() -> None:
    """A near miss: `{}` selects everything, an absent selector nothing."""
    path = "spec.ingress[0].from[0].namespaceSelector"
    assert [(path, None, {})] == fields_of(
        "ingress: [{from: [{podSelector: {}}]}]",
        "ingress: [{from: [{podSelector: {}, namespaceSelector: {}}]}]",
    )


def test_policy_types_that_are_spelled_change_the_object() -> None:
    """It closes and opens nothing, and is no less a change of what is stored."""
    assert [("spec.policyTypes", None, ["Ingress"])] == fields_of(
        "ingress: [{}]", "ingress: [{}], policyTypes: [Ingress]"
    )


def test_labels_of_a_policy_matter_to_nobody() -> None:
    """No selector looks at them, nor does their change appear."""
    assert NOTHING == compare("ingress: [{}]", "ingress: [{}]", "labels: {team: red}")


def test_an_annotation_that_waives_is_a_change() -> None:
    """Whoever accepts a finding on the policy changed what the audit says."""
    key = "netpol-auditor.io/waive.peers-are-ored"
    before = read(policy("ingress: [{}]"))
    now = read(policy("ingress: [{}]", f"annotations: {{{key}: reviewed, other: x}}"))
    (changed,) = compare_policies(before, now).changed
    assert [(f"metadata.annotations[{key}]", None, "reviewed")] == [
        (one.path, one.previous, one.current) for one in changed.fields
    ]


def written_by(*fields: ManagedField) -> Snapshot:
    """One policy whose fields these managers wrote."""
    snapshot = read(policy("ingress: [{}]"))
    (only,) = snapshot.policies
    metadata = msgspec.structs.replace(only.metadata, managed_fields=fields)
    return msgspec.structs.replace(
        snapshot, policies=(NetworkPolicy(metadata=metadata, spec=only.spec),)
    )


def manager_of(*fields: ManagedField) -> str | None:
    """Who is said to have changed a policy that these managers wrote."""
    (changed,) = compare_policies(read(policy("")), written_by(*fields)).changed
    return changed.manager


OLD = ManagedField(manager="helm", time="2026-01-01T00:00:00Z")
NEW = ManagedField(manager="kubectl-edit", time="2026-02-01T00:00:00Z")


def test_the_manager_is_whoever_wrote_last() -> None:
    """By time, however the server lists them."""
    assert ["kubectl-edit", "kubectl-edit"] == [manager_of(OLD, NEW), manager_of(NEW, OLD)]


@pytest.mark.parametrize(
    "fields",
    [
        (),
        (ManagedField(manager="helm"), ManagedField(manager="argocd")),
        (OLD, ManagedField(manager="argocd", time=OLD.time)),
        (ManagedField(time=OLD.time),),
    ],
)
def test_nobody_is_named_who_may_not_have_been_it(fields: tuple[ManagedField, ...]) -> None:
    """Nobody wrote, several at unknown times, two in one second, one without a name."""
    assert manager_of(*fields) is None


def test_the_manager_is_known_where_all_that_wrote_are_one() -> None:
    """Also of a snapshot that is too old to know when."""
    assert "helm" == manager_of(ManagedField(manager="helm"), ManagedField(manager="helm"))


def test_an_older_snapshot_is_still_read() -> None:
    """One of which managers were kept without their times; and times survive the file."""
    snapshot = written_by(OLD, ManagedField(manager="argocd"))
    assert snapshot == unpack(pack(snapshot), name="saved")
    assert [{"manager": "helm", "time": OLD.time}, {"manager": "argocd"}] == [
        msgspec.to_builtins(one) for one in snapshot.policies[0].metadata.managed_fields
    ]


CILIUM = "CiliumNetworkPolicy.cilium.io"


def unevaluated(*policies: tuple[str, str, str]) -> Snapshot:
    """Policies of kinds that are not evaluated, as (namespace, kind, name)."""
    found = tuple(UnevaluatedPolicy(kind=k, namespace=n, name=name) for n, k, name in policies)
    return Snapshot(
        origin="cluster", taken_at="", unevaluated_policies=found, gaps=unevaluated_gaps(found)
    )


def test_policies_that_are_not_evaluated_come_and_go_too() -> None:
    """By namespace, kind with its group, and name; a cluster-wide one without a namespace."""
    wide = ("", "CiliumClusterwideNetworkPolicy.cilium.io", "all")
    before, now = unevaluated(("shop", CILIUM, "a")), unevaluated(("shop", CILIUM, "b"), wide)
    expected = PolicyDrift(
        added=("CiliumClusterwideNetworkPolicy.cilium.io/all", f"shop/{CILIUM}/b"),
        removed=(f"shop/{CILIUM}/a",),
        changed=(),
    )
    assert expected == compare_policies(before, now)


def without(snapshot: Snapshot, gap: Gap) -> Snapshot:
    """The snapshot as it is read where all policies are hidden by a gap."""
    return msgspec.structs.replace(
        snapshot, policies=(), unevaluated_policies=(), gaps=(gap,), taken_at="later"
    )


def gap(**fields: object) -> Gap:
    """A gap that hides policies of the namespace `default`, but for what is said."""
    whole = {
        "kind": "NetworkPolicy",
        "namespace": "default",
        "name": None,
        "reason": "forbidden",
        "effect": "policies are not known",
        "blind": Blind.POLICIES,
    }
    return msgspec.convert({**whole, **fields}, Gap)


@pytest.mark.parametrize(
    "hiding",
    [
        {},
        {"namespace": None},
        {"name": "only"},
        {"kind": None, "namespace": None, "blind": Blind.OBJECTS},
    ],
)
def test_a_policy_that_could_not_be_read_is_not_removed(hiding: dict[str, object]) -> None:
    """Nor is it added where the earlier snapshot could not read it."""
    whole = read(policy("ingress: [{}]"))
    part = without(whole, gap(**hiding))
    assert NOTHING == compare_policies(whole, part)
    assert NOTHING == compare_policies(part, whole)


@pytest.mark.parametrize(
    "hiding",
    [
        {"namespace": "shop"},
        {"name": "another"},
        {"kind": CILIUM},
        {"kind": None, "namespace": None},
        {"kind": "Pod", "blind": Blind.PODS},
        {"blind": None},
    ],
)
def test_a_policy_is_removed_that_would_have_been_read(hiding: dict[str, object]) -> None:
    """Near misses: a gap of another namespace, name or kind hides nothing of it."""
    whole = read(policy("ingress: [{}]"))
    assert (ONLY,) == compare_policies(whole, without(whole, gap(**hiding))).removed


@pytest.mark.parametrize("kind", [CILIUM, None])
def test_a_kind_that_could_not_be_listed_is_not_removed(kind: str | None) -> None:
    """Neither where the list was refused, nor where it is unknown which kinds there are."""
    before = unevaluated(("default", CILIUM, "a"))
    assert NOTHING == compare_policies(before, without(before, gap(kind=kind, namespace=None)))


def test_that_a_kind_is_not_evaluated_hides_none_of_it() -> None:
    """The gap that only counts them does not keep one that went from being told."""
    before = unevaluated(("shop", CILIUM, "a"), ("shop", CILIUM, "b"))
    assert (f"shop/{CILIUM}/b",) == compare_policies(
        before, unevaluated(("shop", CILIUM, "a"))
    ).removed


def of_cluster(cluster: str | None, **fields: object) -> Snapshot:
    """One policy that is not evaluated, of which a cluster showed these fields."""
    snapshot = unevaluated(("shop", CILIUM, "a"))
    (only,) = snapshot.unevaluated_policies
    return msgspec.structs.replace(
        snapshot,
        cluster=ClusterIdentity(uid=cluster),
        unevaluated_policies=(msgspec.structs.replace(only, **fields),),
    )


def said_of(previous: Snapshot, current: Snapshot) -> list[tuple[str, object, object]]:
    """What is said of the policies that changed."""
    drift = compare_policies(previous, current)
    assert ((), ()) == (drift.added, drift.removed)
    assert all((f"shop/{CILIUM}/a", None) == (one.key, one.manager) for one in drift.changed)
    return [
        (field.path, field.previous, field.current) for one in drift.changed for field in one.fields
    ]


WRITTEN = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop, labels: {team: %s}}
spec: {ingress: [%s]}
"""


def test_a_spec_that_is_not_evaluated_and_changes_is_a_change() -> None:
    """In manifests by its digest; the labels of the policy are no part of it."""
    old, new = read(WRITTEN % ("red", "")), read(WRITTEN % ("blue", "{}"))
    digests = [one.unevaluated_policies[0].digest or "" for one in (old, new)]
    before, now = (f"sha256 {one[:12]}…" for one in digests)
    assert [("spec", before, now)] == said_of(old, new)
    assert [] == said_of(old, read(WRITTEN % ("blue", "")))


def test_of_a_live_cluster_the_generation_tells_a_change() -> None:
    """The API server counts what is written to the spec."""
    old, new = (of_cluster("c", uid="u", generation=number) for number in (3, 5))
    assert [("spec", "generation 3", "generation 5")] == said_of(old, new)
    assert [] == said_of(old, old)
    whole = [of_cluster("c", uid="u", generation=3, digest=one * 64) for one in "ab"]
    assert [("spec", f"sha256 {'a' * 12}…", f"sha256 {'b' * 12}…")] == said_of(*whole)


def test_a_policy_that_was_made_anew_is_a_change() -> None:
    """Its generations begin anew, so that they tell nothing; in another cluster it is another."""
    old, new = (of_cluster("c", uid=one, generation=1) for one in ("u", "v"))
    assert [("spec", "generation 1", "generation 1 of a new object")] == said_of(old, new)
    for cluster in ("d", None):
        elsewhere = of_cluster(cluster, uid="v", generation=2)
        assert [] == said_of(old, elsewhere)
        assert [] == said_of(elsewhere, old)
    unknown = of_cluster(None, uid="u", generation=1)
    assert [] == said_of(unknown, of_cluster(None, uid="v", generation=2))


def test_no_change_is_claimed_where_one_side_does_not_know() -> None:
    """An older snapshot, a list of metadata and one of whole objects, manifests and a cluster."""
    old = of_cluster("c")
    assert old == unpack(pack(old), name="saved")
    known = of_cluster("c", uid="u", generation=3)
    whole = of_cluster("c", uid="u", digest="a" * 64)
    written = read(WRITTEN % ("red", ""))
    for one, other in ((old, known), (old, whole), (known, whole), (written, whole)):
        assert [] == said_of(one, other)
        assert [] == said_of(other, one)


def test_changes_are_sorted_by_key() -> None:
    """Whatever the order in which they were read."""
    text = "---\n".join(policy("%s").replace("only", name) for name in "ba")
    drift = compare_policies(
        read(text.replace("%s", "")), read(text.replace("%s", "ingress: [{}]"))
    )
    keys = ["default/NetworkPolicy/a", "default/NetworkPolicy/b"]
    assert keys == [one.key for one in drift.changed]
