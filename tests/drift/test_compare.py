"""The whole drift: policies, connections, findings and scope of one change agree."""

from __future__ import annotations

import msgspec
import pytest

from auditor.drift.compare import compare
from auditor.findings.scope import Scope
from auditor.model.drift import DRIFT_SCHEMA, Cause, CauseKind, ChangedRow, Drift, ScopeChangeKind
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind
from auditor.sources.archive import digest_snapshot
from tests.drift.changes import live, make
from tests.drift.runs import refused, run
from tests.rules.auditing import read_text

CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: prod}}
---
apiVersion: v1
kind: Namespace
metadata: {name: test, labels: {env: dev}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {matchLabels: {env: prod}}}], ports: [{port: 5432}]}]
"""
DEPLOYMENT = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s, namespace: %(space)s}
spec:
  selector: {matchLabels: {is: %(name)s}}
  template:
    metadata: {labels: {is: %(name)s, app: %(name)s}}
    spec: {containers: []}
"""
DB, WEB, TEST = (
    DEPLOYMENT % {"name": name, "space": space}
    for name, space in (("db", "shop"), ("web", "shop"), ("try", "test"))
)
ALL = CLUSTER + DB + WEB + TEST
POLICY = "shop/NetworkPolicy/db"


def drift_of(previous: str, current: str) -> Drift:
    """The drift between two folders of manifests."""
    return compare(run(previous), run(current)).drift


def row(one: ChangedRow) -> tuple[str, str]:
    """Source and destination, addresses as `*`."""
    source, destination = (
        "*" if end.addresses else f"{end.namespace}/{end.name}"
        for end in (one.source, one.destination)
    )
    return source, destination


def opened(drift: Drift) -> dict[tuple[str, str], set[Cause]]:
    """The rows that opened, with their causes."""
    found: dict[tuple[str, str], set[Cause]] = {}
    for one in drift.connections.opened:
        found.setdefault(row(one), set()).update(one.causes)
    return found


def closed(drift: Drift) -> set[tuple[str, str]]:
    """The rows that closed."""
    return {row(one) for one in drift.connections.closed}


def test_a_deleted_policy_is_removed_opens_and_breaks() -> None:
    """The parts of the drift tell of one event: each cause is a policy that is removed."""
    start = CLUSTER.index("---\napiVersion: networking")
    drift = drift_of(ALL, CLUSTER[:start] + DB + WEB + TEST)
    assert (POLICY,) == drift.policies.removed
    cause = Cause(cause=CauseKind.POLICY_REMOVED, object=POLICY)
    expected = {("shop/web", "shop/db"), ("test/try", "shop/db"), ("*", "shop/db")}
    assert {key: {cause} for key in expected} == opened(drift)
    assert set() == closed(drift)
    assert "workload-is-not-isolated" in {
        drift.findings.details[one].rule for one in drift.findings.new
    }
    assert () == drift.scope


def test_an_equivalent_policy_is_a_change_of_policies_alone() -> None:
    """Nothing opens or closes, and no finding comes or goes."""
    spelled = CLUSTER.replace("matchLabels: {env: prod}", "matchExpressions: [%s]")
    drift = drift_of(ALL, spelled % "{key: env, operator: In, values: [prod]}" + DB + WEB + TEST)
    (changed,) = drift.policies.changed
    assert POLICY == changed.key
    assert ({}, set()) == (opened(drift), closed(drift))
    assert ((), ()) == (drift.findings.new, drift.findings.resolved)


def test_a_label_taken_from_pods_opens_them() -> None:
    """The policy is the same object: what changed is the pods."""
    drift = drift_of(ALL, CLUSTER + DB.replace(", app: db", "") + WEB + TEST)
    assert ((), (), ()) == msgspec.structs.astuple(drift.policies)
    cause = Cause(cause=CauseKind.LABELS_CHANGED, object="shop/Deployment/db")
    assert {cause} == opened(drift)["test/try", "shop/db"]


def test_a_namespace_relabelled_opens_a_path_between_environments() -> None:
    """And the scope says which labels it has now."""
    drift = drift_of(ALL, ALL.replace("env: dev", "env: prod"))
    cause = Cause(cause=CauseKind.LABELS_CHANGED, object="Namespace/test")
    assert {("test/try", "shop/db"): {cause}} == opened(drift)
    labels = [one for one in drift.scope if one.change is ScopeChangeKind.NAMESPACE_LABELS_CHANGED]
    assert [("env=dev", "env=prod")] == [(one.previous, one.current) for one in labels]


def test_a_rollout_is_no_drift() -> None:
    """Other pods, names, nodes and addresses, and the same workloads."""
    before = live(read_text(ALL))
    after = msgspec.structs.replace(
        before,
        pods=tuple(
            msgspec.structs.replace(
                one, metadata=msgspec.structs.replace(one.metadata, name=f"{one.name}-anew")
            )
            for one in before.pods
        ),
    )
    drift = compare(run(before), run(after)).drift
    assert ({}, set(), ()) == (opened(drift), closed(drift), drift.scope)
    assert ((), (), ()) == (
        drift.findings.new,
        drift.findings.resolved,
        drift.findings.incomparable,
    )


def test_a_renamed_deployment_goes_and_comes() -> None:
    """With all its connections."""
    drift = drift_of(ALL, ALL.replace("name: web", "name: shop-web"))
    added = Cause(cause=CauseKind.WORKLOAD_ADDED, object="shop/Deployment/shop-web")
    assert {added} == opened(drift)["shop/shop-web", "shop/db"]
    assert ("shop/web", "shop/db") in closed(drift)


def test_a_403_in_the_second_run_resolves_nothing() -> None:
    """Policies that could not be read are not removed, and findings on them not mended."""
    before = run(ALL)
    blind = msgspec.structs.replace(
        before.snapshot,
        policies=(),
        gaps=(refused("NetworkPolicy", Blind.POLICIES),),
    )
    drift = compare(before, run(blind)).drift
    assert ((), (), ()) == msgspec.structs.astuple(drift.policies)
    assert () == drift.findings.resolved
    assert drift.findings.incomparable
    assert [ScopeChangeKind.GAP_ADDED] == [one.change for one in drift.scope]


def test_both_sides_are_named() -> None:
    """By run or path, time and the digest of the snapshot; null is what was read just now."""
    before, now = run(ALL)._replace(id="run-1"), run(CLUSTER)
    drift = compare(before, now).drift
    assert DRIFT_SCHEMA == drift.schema
    assert ("run-1", before.snapshot.taken_at, digest_snapshot(before.snapshot)) == (
        msgspec.structs.astuple(drift.previous)
    )
    assert drift.current.id is None
    assert drift.previous.digest != drift.current.digest


@pytest.mark.parametrize("rows", [0, 2, 1000])
def test_the_drift_lists_the_first_rows_and_counts_the_rest(rows: int) -> None:
    """All of them can still be read from the changes."""
    start = CLUSTER.index("---\napiVersion: networking")
    drift, changes = compare(run(ALL), run(CLUSTER[:start] + DB + WEB + TEST), rows=rows)
    all_opened = [*changes.opened()]
    assert 2 < len(all_opened) < 1000
    assert all_opened[:rows] == [*drift.connections.opened]
    assert len(all_opened[rows:]) == drift.connections.omitted.opened
    assert len(all_opened) == drift.connections.totals.opened


def test_rows_are_narrowed_to_workloads_that_are_shown() -> None:
    """At either end; policies, findings and scope have a scope of their own."""
    start = CLUSTER.index("---\napiVersion: networking")
    now = run(CLUSTER[:start] + DB + WEB + TEST)
    drift = compare(run(ALL), now, shown=lambda one: one.namespace == "test").drift
    assert {("test/try", "shop/db")} == set(opened(drift))
    assert (POLICY,) == drift.policies.removed
    nobody = compare(run(ALL), now, shown=lambda one: one == Reference("", "", "")).drift
    assert {} == opened(nobody)


def test_a_preview_compares_as_the_two_readings_do() -> None:
    """What opens, what closes and which findings go, before anyone applies it."""
    shut = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: test}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
    before = run(ALL)
    previewed = run(make(before.snapshot, shut).snapshot)
    drift, written = compare(before, previewed).drift, drift_of(ALL, f"{ALL}---\n{shut}")
    assert written == drift
    assert ("test/NetworkPolicy/deny",) == drift.policies.added
    assert ("shop/web", "test/try") in closed(drift)
    assert "namespace-lacks-default-deny" in {
        drift.findings.details[one].rule for one in drift.findings.resolved
    }


def test_narrowing_one_run_is_a_change_of_scope() -> None:
    """Its findings are incomparable; its connections are those of the whole cluster."""
    drift = compare(run(ALL), run(ALL, scope=Scope(exclude={"test": "not ours"}))).drift
    assert [ScopeChangeKind.NOT_JUDGED_ANY_MORE] == [one.change for one in drift.scope]
    assert () == drift.findings.resolved
    assert ({}, set()) == (opened(drift), closed(drift))
