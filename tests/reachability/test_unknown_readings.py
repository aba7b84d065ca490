"""What nobody knows is said: readings of ipBlocks and addresses that would open more (3.7)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from auditor.model.findings import Direction
from auditor.model.snapshot import Gap, Snapshot
from auditor.reachability.connections import list_connections
from auditor.reachability.view import View, evaluate
from tests.oracle.clusters import snapshots
from tests.rules.auditing import read_text

# Examples are big by nature.
_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)

PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: far}
spec: {containers: [{name: main, image: nginx}]}
status: {podIPs: [{ip: 10.1.0.7}]}
---
"""
HOST = """\
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: far}
spec: {hostNetwork: true, containers: [{name: main, image: agent}]}
---
"""


def admitting(cidr: str, *, besides: str = "") -> str:
    """A policy that admits a block, and perhaps another peer."""
    return f"""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: in, namespace: app}}
spec:
  podSelector: {{}}
  policyTypes: [Ingress]
  ingress: [{{from: [{{ipBlock: {{cidr: {cidr}}}}}{besides}]}}]
"""


def reasons(view: View) -> list[str]:
    """The reasons of the view's gaps, each of the one policy there is."""
    assert {("NetworkPolicy", "app", "in")} >= {
        (one.kind, one.namespace, one.name) for one in view.gaps
    }
    return [one.reason for one in view.gaps]


MATCHES_PODS = "ingress: an ipBlock may also match pods: how the CNI reads it is not known"
MATCHES_NODES = "ingress: an ipBlock may match nodes whose addresses are not known"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PODS + admitting("0.0.0.0/0"), [MATCHES_PODS]),
        (PODS + admitting("10.1.0.0/16"), [MATCHES_PODS]),
        (PODS + admitting("192.168.0.0/16"), []),
        (PODS + admitting("0.0.0.0/0", besides=", {namespaceSelector: {}}"), []),
        (PODS + HOST + admitting("192.168.0.0/16"), [MATCHES_NODES]),
        (PODS + HOST + admitting("10.1.0.0/16"), [MATCHES_PODS, MATCHES_NODES]),
    ],
    ids=["whole", "of-a-pod", "elsewhere", "open-anyway", "of-nobody-known", "both"],
)
def test_a_block_that_may_match_more_leaves_a_gap(text: str, expected: list[str]) -> None:
    """There is a gap where a pod or node may be matched that is not admitted anyway."""
    assert expected == reasons(evaluate(read_text(text)))


def test_a_known_reading_leaves_no_gap_about_the_cni() -> None:
    """Where the CNI is known, only addresses can be unknown."""
    snapshot = read_text(PODS + admitting("0.0.0.0/0"))
    for reading in (True, False):
        assert [] == reasons(evaluate(snapshot, ip_blocks_match_pods=reading))


@settings(max_examples=200, suppress_health_check=_slow_checks)
@given(snapshot=snapshots())
def test_what_the_other_reading_opens_is_a_gap(snapshot: Snapshot) -> None:
    """Where ipBlocks that match pods would open a row, some gap says so, and names a policy."""
    unknown = evaluate(snapshot)
    opened = set(list_connections(evaluate(snapshot, ip_blocks_match_pods=True)))
    known = set(list_connections(unknown))
    assert opened <= known or unknown.gaps
    assert all(names_a_policy(one, snapshot) for one in unknown.gaps)


def names_a_policy(gap: Gap, snapshot: Snapshot) -> bool:
    """Whether a gap is about a direction of a policy of the snapshot."""
    direction = gap.reason.partition(":")[0]
    return direction in set(Direction) and any(
        (gap.namespace, gap.name) == (one.namespace, one.metadata.name) for one in snapshot.policies
    )
