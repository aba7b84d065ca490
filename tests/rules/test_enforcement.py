"""What the rule on enforcement says of live clusters: what was not read of them, and many nodes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from auditor.model.findings import Hit, Unevaluated
from auditor.model.objects import AgentContainer, Node, NodeMetadata
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.reachability.view import View
from auditor.rules import ENFORCEMENT
from auditor.rules._remediation import by_steps
from tests.detection.objects import make_agent, make_snapshot
from tests.rules.auditing import audit_snapshot, read_text

CALICO = make_agent("calico-node", ready=(3, 3))
RANGE = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: range-%d, namespace: app}
spec:
  podSelector: {}
  ingress: [{ports: [{port: 8000, endPort: 8100}, {port: 9000, endPort: 9100}]}]
"""


def gap_of(kind: str | None, *, blind: Blind | None = None) -> Gap:
    """A list that was not read, or a file where there is no kind."""
    return Gap(
        kind=kind,
        namespace=None,
        name=None,
        reason="cannot be read: no",
        effect="not known",
        blind=blind,
    )


def view_of(snapshot: Snapshot) -> View:
    """A snapshot, recognised and evaluated."""
    return audit_snapshot(snapshot).view


def judge(snapshot: Snapshot) -> tuple[list[Hit], list[str]]:
    """What the rule states, and why it could not judge."""
    stated = list(ENFORCEMENT.check(view_of(snapshot)))
    assert {"Cluster/cluster"} >= {str(one.subject) for one in stated}
    hits = [one for one in stated if isinstance(one, Hit)]
    return hits, [one.reason for one in stated if isinstance(one, Unevaluated)]


def fargate(numbers: Iterable[int]) -> tuple[Node, ...]:
    """Fargate nodes."""
    labels = {"eks.amazonaws.com/compute-type": "fargate"}
    return tuple(
        Node(metadata=NodeMetadata(name=f"fargate-{one:03}", labels=labels)) for one in numbers
    )


def test_a_live_cluster_that_was_read_whole_passes() -> None:
    """The agent enforces everything and is ready everywhere."""
    assert ([], []) == judge(make_snapshot(agents=[CALICO]))


@pytest.mark.parametrize(
    ("kind", "blind"), [("DaemonSet", None), ("Node", None), (None, Blind.OBJECTS)]
)
def test_what_was_not_read_of_agents_and_nodes_never_passes(
    kind: str | None, blind: Blind | None
) -> None:
    """A node that nobody serves, or an agent, may be in it."""
    gap = gap_of(kind, blind=blind)
    hits, reasons = judge(make_snapshot(agents=[CALICO], gaps=[gap]))
    assert [] == hits
    assert [f"{kind or 'input'}: cannot be read: no"] == reasons


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Pod", "CiliumNetworkPolicy.cilium.io"])
def test_what_says_nothing_about_enforcement_may_be_missing(kind: str) -> None:
    """The rule needs agents and nodes, and policies where something is not enforced."""
    gap = gap_of(kind, blind=Blind.PODS)
    assert ([], []) == judge(make_snapshot(agents=[CALICO], gaps=[gap]))


def test_a_finding_on_agents_stands_beside_what_was_not_read() -> None:
    """It is true whatever else there is; what was not seen is named with it."""
    agent = make_agent("calico-node", ready=(1, 3))
    (hit,), reasons = judge(make_snapshot(agents=[agent], gaps=[gap_of("Node")]))
    assert ("agents", "Node: cannot be read: no") == (hit.detail, hit.evidence["gaps"])
    assert ["Node: cannot be read: no"] == reasons
    steps = "find out why pods of kube-system/DaemonSet/calico-node are not ready, and mend that"
    assert by_steps(steps) == hit.remediation


def test_unread_daemon_sets_beside_flannel_are_no_verdict() -> None:
    """Another agent may enforce: neither critical nor clean."""
    snapshot = make_snapshot(agents=[make_agent("kube-flannel-ds")], gaps=[gap_of("DaemonSet")])
    hits, (reason,) = judge(snapshot)
    assert [] == hits
    assert reason == (
        "whether Flannel enforces policies is not known: DaemonSet kube-system/kube-flannel-ds; "
        "container kube-network-policies is absent; cannot be read: no: another agent may enforce "
        "policies"
    )


def test_a_live_agent_without_a_status_is_not_known_to_be_ready() -> None:
    """Only a manifest may lack it."""
    hits, reasons = judge(make_snapshot(agents=[make_agent("calico-node")]))
    assert [] == hits
    text = "on how many nodes DaemonSet kube-system/calico-node is ready is not known"
    assert [text] == reasons


def test_nodes_are_named_up_to_a_limit() -> None:
    """Of many, the first twenty and the number of the rest."""
    container = AgentContainer(name="aws-eks-nodeagent", args=("--enable-network-policy=true",))
    agent = make_agent("aws-node", container, ready=(1, 1))
    (hit,), _ = judge(make_snapshot(agents=[agent], nodes=fargate(range(25))))
    named = hit.evidence["nodes"]["Fargate"]
    assert ["fargate-000", "fargate-019", "and 5 more"] == [named[0], *named[19:]]
    assert "AWS VPC CNI enforces no policy on some nodes: 25 of Fargate" == hit.message


@pytest.mark.parametrize(("number", "words"), [(1, "1 policy uses"), (12, "12 policies use")])
def test_policies_are_counted_and_their_places_are_named(number: int, words: str) -> None:
    """Each policy once, however often it uses the feature; places up to a limit."""
    text = "---\n".join(RANGE % one for one in range(number))
    agents = (make_agent("azure-npm"),)
    (hit,), _ = judge(msgspec.structs.replace(read_text(text), agents=agents))
    assert f"Azure NPM does not enforce port ranges (endPort), which {words}" == hit.message
    assert number == len(hit.policies)
    uses = hit.evidence["uses"]
    assert "app/NetworkPolicy/range-0: ingress[0].ports[0]" == uses[0]
    assert min(2 * number, 21) == len(uses)
