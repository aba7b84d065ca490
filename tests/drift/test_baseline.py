"""The cluster as manifests in git want it: only what they speak of makes a difference."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from auditor.detection.recognize import recognize
from auditor.drift.baseline import Desired, desire
from auditor.drift.compare import compare
from auditor.model.drift import Cause, CauseKind, Drift, ScopeChangeKind
from auditor.model.snapshot import Blind, Snapshot
from tests.drift.changes import API, NARROW, NODE, POLICY, SERVICE, SHOP, WEB, live
from tests.drift.folders import Key, folders, read
from tests.drift.runs import refused, run
from tests.rules.auditing import read_text

GIT = SHOP + POLICY + WEB


def wanted(cluster: str | Snapshot, git: str) -> Desired:
    """A running cluster, as manifests want it."""
    snapshot = live(read_text(cluster)) if isinstance(cluster, str) else cluster
    system = recognize(snapshot).system_namespaces
    return desire(snapshot, read_text(git), system_namespaces=system)


def drift_of(cluster: str | Snapshot, git: str) -> Drift:
    """What the cluster has that git does not say, and the reverse."""
    snapshot = live(read_text(cluster)) if isinstance(cluster, str) else cluster
    return compare(run(wanted(snapshot, git).snapshot), run(snapshot)).drift


def pod_names(desired: Desired) -> list[str]:
    """The pods that there should be."""
    return [one.name for one in desired.snapshot.pods]


def test_a_cluster_that_is_as_written_has_no_drift() -> None:
    """Nodes, addresses, UIDs and the labels of controllers are not git's to say."""
    running = live(read_text(GIT))
    hashed = tuple(
        msgspec.structs.replace(
            one,
            metadata=msgspec.structs.replace(
                one.metadata, labels={**one.labels, "pod-template-hash": "5d8"}
            ),
        )
        for one in running.pods
    )
    cluster = msgspec.structs.replace(running, pods=hashed)
    assert hashed == wanted(cluster, GIT).snapshot.pods
    drift = drift_of(cluster, GIT)
    assert ((), (), ()) == msgspec.structs.astuple(drift.policies)
    assert ((), ()) == (drift.connections.opened, drift.connections.closed)
    assert ((), (), (), ()) == (
        drift.findings.new,
        drift.findings.resolved,
        drift.findings.incomparable,
        drift.scope,
    )


def test_what_git_does_not_say_is_added() -> None:
    """Somebody opened the cluster by hand: a policy that is not written, and what it opens."""
    closed = SHOP + NARROW.replace("{matchLabels: {app: db}}", "{}") + WEB + API
    by_hand = POLICY.replace("name: db", "name: by-hand")
    drift = drift_of(closed + by_hand, closed)
    assert ("shop/NetworkPolicy/by-hand",) == drift.policies.added
    cause = Cause(cause=CauseKind.POLICY_ADDED, object="shop/NetworkPolicy/by-hand")
    assert drift.connections.opened
    assert {(cause,)} == {one.causes for one in drift.connections.opened}


def test_what_the_cluster_lacks_is_removed() -> None:
    """A policy that is written and was never applied."""
    drift = drift_of(SHOP + WEB, GIT)
    assert ("shop/NetworkPolicy/db",) == drift.policies.removed


def test_a_policy_is_wanted_as_the_server_would_store_it() -> None:
    """That the types are left out in git is no difference; that others are written is."""
    bare = POLICY.replace("policyTypes: [Ingress, Egress], ", "")
    assert () == drift_of(GIT, SHOP + bare + WEB).policies.changed
    (changed,) = drift_of(GIT, GIT.replace("[Ingress, Egress]", "[Ingress]")).policies.changed
    assert ["spec.policyTypes[1]"] == [one.path for one in changed.fields]


def test_a_baseline_of_manifests_compares_with_manifests_as_written() -> None:
    """Where the other side is manifests, too, no server fills anything in."""
    bare = SHOP + POLICY.replace("policyTypes: [Ingress, Egress], ", "") + WEB
    source = read_text(bare)
    assert source.policies == desire(source, read_text(bare)).snapshot.policies


def test_a_namespace_that_is_declared_has_the_labels_of_git() -> None:
    """One that it only uses keeps its own; one that is missing is added."""
    other = SHOP.replace("shop", "bank")
    git = SHOP.replace("env: dev, team: red", "env: prod") + SHOP.replace("shop", "new")
    git += POLICY.replace("shop", "bank")
    desired = wanted(SHOP + other + WEB, git)
    labels = {one.name: one.labels.get("env") for one in desired.snapshot.namespaces}
    assert {"bank": "dev", "new": "dev", "shop": "prod"} == labels
    assert any("does not declare namespaces bank:" in one for one in desired.notes)


def test_a_namespace_that_git_only_uses_keeps_its_labels() -> None:
    """A near miss: an object in it is no declaration of it."""
    desired = wanted(SHOP + WEB, POLICY + WEB)
    assert "dev" == desired.snapshot.namespaces[0].labels["env"]


def test_pods_of_a_declared_workload_have_its_template() -> None:
    """Somebody relabelled them by hand: git says how they should be, the cluster where."""
    by_hand = WEB.replace("labels: {app: web}", "labels: {app: web, tier: x}")
    cluster = live(read_text(SHOP + by_hand.replace("80", "8080")))
    desired = desire(cluster, read_text(GIT)).snapshot
    assert [{"app": "web"}, {"app": "web"}] == [one.labels for one in desired.pods]
    assert [80, 80] == [port.container_port for one in desired.pods for port in one.listening]
    assert [one.addresses for one in cluster.pods] == [one.addresses for one in desired.pods]


def test_undeclared_workloads_are_left_out_where_git_declares_some() -> None:
    """In a namespace in which it declares none they stay as they are."""
    bank = SHOP.replace("shop", "bank")
    elsewhere = bank + API.replace("shop", "bank")
    desired = wanted(GIT + API + elsewhere, GIT + bank)
    spaces = [one.namespace for one in desired.snapshot.pods]
    assert ["bank", "bank", "shop", "shop"] == spaces
    assert "the baseline does not declare Deployment shop/api" in desired.notes
    assert any("declares no workloads in bank:" in one for one in desired.notes)


ROGUE = (SHOP + API).replace("shop", "zz-rogue")


def test_a_namespace_of_which_git_does_not_speak_was_added() -> None:
    """With its workloads, their connections and their findings, and what it publishes."""
    published = (SERVICE % ("", "")).replace("shop", "zz-rogue")
    drift = drift_of(GIT + ROGUE + published, GIT)
    assert [(ScopeChangeKind.NAMESPACE_ADDED, "Namespace/zz-rogue")] == [
        (one.change, one.object) for one in drift.scope
    ]
    cause = Cause(cause=CauseKind.WORKLOAD_ADDED, object="zz-rogue/Deployment/api")
    assert drift.connections.opened
    assert {(cause,)} == {one.causes for one in drift.connections.opened}
    subjects = {drift.findings.details[one].subject.namespace for one in drift.findings.new}
    assert "zz-rogue" in subjects
    assert () == drift.findings.incomparable
    desired = wanted(GIT + ROGUE + published, GIT)
    assert () == desired.snapshot.services
    assert any("speak of namespaces zz-rogue: it does not want" in one for one in desired.notes)


def test_a_namespace_that_the_cluster_lacks_was_removed() -> None:
    """The reverse, with its workloads and their connections."""
    drift = drift_of(GIT, GIT + ROGUE)
    assert [(ScopeChangeKind.NAMESPACE_REMOVED, "Namespace/zz-rogue")] == [
        (one.change, one.object) for one in drift.scope
    ]
    cause = Cause(cause=CauseKind.WORKLOAD_REMOVED, object="zz-rogue/Deployment/api")
    assert {(cause,)} == {one.causes for one in drift.connections.closed}


@pytest.mark.parametrize("git", [SHOP, WEB])
def test_one_namespace_or_workload_says_that_git_knows_which_there_shall_be(git: str) -> None:
    """Either will do; and a namespace into which it puts anything is one of them."""
    assert "zz-rogue" not in spaces_of(wanted(GIT + ROGUE, git))
    used = git + POLICY.replace("shop", "zz-rogue")
    assert "zz-rogue" in spaces_of(wanted(GIT + ROGUE, used))


def spaces_of(desired: Desired) -> list[str]:
    """The namespaces that there should be."""
    return [one.name for one in desired.snapshot.namespaces]


def test_policies_alone_do_not_say_which_namespaces_there_shall_be() -> None:
    """A folder of policies for a cluster: all else is taken as it is, and that is said."""
    desired = wanted(GIT + ROGUE, POLICY)
    assert ["shop", "zz-rogue"] == spaces_of(desired)
    assert ["web-1", "web-2", "api-1", "api-2"] == pod_names(desired)
    assert any("no workloads in shop, zz-rogue: they are taken" in one for one in desired.notes)
    drift = drift_of(GIT + ROGUE, POLICY)
    assert ((), ()) == (drift.scope, drift.connections.opened)


def test_system_namespaces_are_taken_as_they_are() -> None:
    """Who runs a cluster declares them elsewhere: that is said, and is no drift."""
    system = (SHOP + API).replace("shop", "kube-system")
    desired = wanted(GIT + system, GIT)
    assert ["kube-system", "shop"] == spaces_of(desired)
    assert any("no workloads in kube-system: they are taken" in one for one in desired.notes)
    assert () == drift_of(GIT + system, GIT).scope
    assert ["shop"] == spaces_of(desire(live(read_text(GIT + system)), read_text(GIT)))


def test_the_namespace_default_is_there_whatever_git_says() -> None:
    """Every cluster has it, and nobody declares it; what stands in it git would have to say."""
    empty = SHOP.replace("shop", "default")
    assert () == drift_of(GIT + empty, GIT).scope
    drift = drift_of(GIT + empty + API.replace("shop", "default"), GIT)
    cause = Cause(cause=CauseKind.WORKLOAD_ADDED, object="default/Deployment/api")
    assert {(cause,)} == {one.causes for one in drift.connections.opened}


def test_an_undeclared_workload_is_one_that_was_added() -> None:
    """With all its connections."""
    drift = drift_of(SHOP + WEB + API, SHOP + WEB)
    cause = Cause(cause=CauseKind.WORKLOAD_ADDED, object="shop/Deployment/api")
    assert {(cause,)} == {one.causes for one in drift.connections.opened}


def test_a_declared_workload_that_is_missing_is_added_as_it_would_be() -> None:
    """And compares as one that was removed."""
    assert ["api-1", "api-2", "web-1", "web-2"] == pod_names(wanted(GIT, GIT + API))
    drift = drift_of(GIT, GIT + API)
    cause = Cause(cause=CauseKind.WORKLOAD_REMOVED, object="shop/Deployment/api")
    assert {(cause,)} == {one.causes for one in drift.connections.closed}


CRON = """\
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: sweep, namespace: shop}
spec: {jobTemplate: {spec: {template: {metadata: {labels: {app: sweep}}}}}}
"""


def test_a_cron_job_that_does_not_run_is_not_missing() -> None:
    """A cluster shows its pods only while they run: that is said, and is no drift."""
    desired = wanted(GIT, GIT + CRON)
    assert ["web-1", "web-2"] == pod_names(desired)
    assert any("whether the cluster has CronJob shop/sweep" in one for one in desired.notes)


@pytest.mark.parametrize(("namespace", "missing"), [(None, 0), ("shop", 0), ("bank", 2)])
def test_a_workload_whose_pods_were_not_read_is_not_missing(
    namespace: str | None, missing: int
) -> None:
    """What was refused may be there."""
    cluster = live(read_text(SHOP + WEB))
    half_seen = msgspec.structs.replace(cluster, gaps=(refused("Pod", Blind.PODS, namespace),))
    assert 2 + missing == len(wanted(half_seen, GIT + API).snapshot.pods)


def test_gaps_are_those_of_what_is_taken() -> None:
    """Policies that the cluster refused hide none of git's; git's own gaps are told apart."""
    cluster = msgspec.structs.replace(
        live(read_text(GIT)),
        gaps=(refused("NetworkPolicy", Blind.POLICIES), refused("Pod", Blind.PODS)),
    )
    broken = NARROW.replace("[Ingress]", "[Inbound]").replace("name: db", "name: broken")
    gaps = wanted(cluster, GIT + broken).snapshot.gaps
    assert ["Pod cannot be listed", "in the baseline"] == [
        one.reason.partition(":")[0] for one in gaps
    ]


CILIUM = """\
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop}
"""


def test_policies_that_are_not_evaluated_are_git_s_too() -> None:
    """They are counted in git, and compared with those of the cluster."""
    desired = wanted(GIT, GIT + CILIUM).snapshot
    assert read_text(GIT + CILIUM).gaps == desired.gaps
    drift = drift_of(GIT, GIT + CILIUM)
    assert ("shop/CiliumNetworkPolicy.cilium.io/a",) == drift.policies.removed
    assert () == wanted(GIT + CILIUM, GIT).snapshot.gaps


def test_what_policies_that_are_not_evaluated_say_is_not_compared_with_git() -> None:
    """A server completes what is written: that is said. Manifests compare with manifests."""
    by_hand = CILIUM + "spec: {ingress: [{}]}\n"
    assert () == drift_of(GIT + by_hand, GIT + CILIUM).policies.changed
    known = live(read_text(GIT + by_hand))
    (only,) = known.unevaluated_policies
    whole = msgspec.structs.replace(
        known, unevaluated_policies=(msgspec.structs.replace(only, digest="a" * 64),)
    )
    assert () == drift_of(whole, GIT + CILIUM).policies.changed
    notes = wanted(whole, GIT + CILIUM).notes
    assert [True] == ["compared by name, not by what they say" in one for one in notes]
    files = read_text(GIT + by_hand)
    assert 1 == len(drift_of(files, GIT + CILIUM).policies.changed)
    assert () == wanted(files, GIT + CILIUM).notes


def test_nodes_services_agents_and_identity_are_the_clusters() -> None:
    """Manifests do not know them as they are."""
    cluster = live(read_text(GIT + SERVICE % ("", "") + NODE))
    desired = wanted(cluster, GIT + SERVICE.replace("app: web", "app: other") % ("", ""))
    for field in ("services", "nodes", "agents", "config_maps", "cluster", "origin"):
        assert getattr(cluster, field) == getattr(desired.snapshot, field)
    assert any(one.startswith("services and nodes are taken") for one in desired.notes)


def test_a_baseline_without_policies_says_what_that_means() -> None:
    """A folder of workloads alone is probably not what was meant."""
    assert any("declares no policy" in one for one in wanted(GIT, SHOP + WEB).notes)
    assert () == wanted(GIT, GIT).notes


def test_long_lists_are_cut_short_for_people() -> None:
    """Five names, and how many more."""
    spaces = "".join(SHOP.replace("shop", f"space-{number}") for number in range(8))
    (note,) = (one for one in wanted(GIT + spaces, GIT).notes if "namespaces" in one)
    assert "space-0, space-1, space-2, space-3, space-4 and 3 more" in note


@settings(max_examples=60)
@given(folders())
def test_a_cluster_that_runs_what_git_says_is_what_git_wants(folder: dict[Key, Any]) -> None:
    """To the last field: whatever kinds of objects there are."""
    cluster = live(read(folder))
    assert cluster == desire(cluster, read(folder)).snapshot
