"""`explain`: one question, its answer and the reasons, in words and as a document."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.conftest import FindCluster

NODES = """
apiVersion: v1
kind: Node
metadata: {name: one}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: two}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: a-1
  namespace: app
  labels: {app: a}
  ownerReferences: [{kind: StatefulSet, name: a, controller: true}]
spec: {nodeName: one}
status: {podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: a-2
  namespace: app
  labels: {app: a}
  ownerReferences: [{kind: StatefulSet, name: a, controller: true}]
spec: {nodeName: two}
status: {podIP: 10.0.0.2, podIPs: [{ip: 10.0.0.2}, {ip: "fd00::2"}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: a-3
  namespace: app
  labels: {app: a, canary: "yes"}
  ownerReferences: [{kind: StatefulSet, name: a, controller: true}]
spec:
  nodeName: two
  containers: [{name: main, ports: [{name: web, containerPort: 8080}]}]
status: {podIP: 10.0.0.3}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: host}
spec: {nodeName: one, hostNetwork: true}
status: {podIP: 192.0.2.1}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: host}
spec: {nodeName: one}
status: {podIP: 10.0.0.9}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: app}
spec: {podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: canary, namespace: app}
spec:
  podSelector: {matchLabels: {canary: "yes"}}
  policyTypes: [Ingress]
  ingress:
  - {from: [{ipBlock: {cidr: 203.0.113.0/24}}]}
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: host}}}]
    ports: [{port: 8080}]
"""


@pytest.fixture
def nodes(tmp_path: Path) -> Path:
    """Two nodes, a workload whose pods differ, and a host-network pod."""
    path = tmp_path / "nodes.yaml"
    path.write_text(NODES, encoding="utf-8")
    return path


def verdicts(document: Any) -> list[tuple[str, str, str | None, bool]]:
    """Return (source, destination, nodes, allowed) of every answer."""
    return [
        (one["source"]["name"], one["destination"]["name"], one["nodes"], one["allowed"])
        for one in document["answers"]
    ]


def test_an_allowed_connection_names_the_rule_that_allows_it(
    run: Run, cluster: FindCluster
) -> None:
    """The verdict stands first; then each side: isolated or not, by which policies, which rule."""
    ran = run(
        "explain", "-q", "-f", cluster("shop"), "shop-prod/deploy/api", "shop-prod/sts/db", "3306"
    )
    first, *reasons = ran.out.decode().splitlines()
    assert (0, "allowed: shop-prod/api-1") == (
        ran.code,
        first.partition(" (")[0].partition(" →")[0],
    )
    assert first.endswith("on TCP 3306")
    assert [
        "  egress of shop-prod/api-1: isolated by",
        "    allowed by",
        "  ingress of shop-prod/db-0: isolated by",
        "    allowed by",
    ] == [line[: line.index(" by") + 3] for line in reasons if " by" in line][:4]
    assert any("shop-prod/NetworkPolicy/db-policy spec.ingress[0]" in line for line in reasons)


def test_a_denied_connection_says_that_no_rule_allows_it(run: Run, cluster: FindCluster) -> None:
    """A denial names the policies that isolate and that none of their rules allows."""
    ran = run(
        "explain", "-q", "-f", cluster("shop"), "shop-dev/deploy/web", "shop-prod/sts/db", "3306"
    )
    lines = ran.out.decode().splitlines()
    assert lines[0].startswith("denied: shop-dev/web-1")
    assert lines[1].endswith("not isolated: no policy selects it for egress, so all is allowed")
    assert "isolated by " in lines[2]
    assert "    no rule of these allows it: denied" == lines[3]


def test_the_document_has_the_same_facts(run: Run, cluster: FindCluster) -> None:
    """`-o json` holds verdict, sides, policies and rules with where they stand."""
    ran = run(
        "explain", "-f", cluster("shop"), "-o", "json",
        "shop-dev/deploy/api", "shop-prod/sts/db", "tcp/3306",
    )  # fmt: skip
    document = ran.json
    assert "netpol-auditor/explanation/v1" == document["schema"]
    assert {"given": "tcp/3306", "protocol": "TCP", "port": 3306} == document["port"]
    (answer,) = document["answers"]
    assert (True, None) == (answer["allowed"], answer["always"])
    assert [{"protocol": "TCP", "from": 3306, "to": 3306}] == answer["ports"]
    assert (False, "all") == (answer["egress"]["isolated"], answer["egress"]["ports"])
    assert [
        {
            "policy": "shop-prod/NetworkPolicy/api-everywhere",
            "direction": "ingress",
            "index": 0,
            "path": "spec.ingress[0]",
        }
    ] == answer["ingress"]["allowing"]
    assert "shop-prod/NetworkPolicy/default-deny" in answer["ingress"]["isolated_by"]


def test_without_a_port_the_allowed_ports_are_told(run: Run, cluster: FindCluster) -> None:
    """The question for any port is answered with all that are allowed."""
    question = ("shop-dev/deploy/api", "shop-prod/sts/db")
    ran = run("explain", "-q", "-f", cluster("shop"), *question)
    assert ran.out.decode().splitlines()[0].endswith("on TCP 3306")
    denied = run("explain", "-q", "-f", cluster("shop"), "shop-dev/deploy/web", "shop-prod/sts/db")
    assert denied.out.decode().splitlines()[0].startswith("denied: ")
    assert denied.out.decode().splitlines()[0].endswith("on every port")


def test_explain_agrees_with_connections(run: Run, cluster: FindCluster) -> None:
    """Between all workloads of a scenario, the two verbs tell the same ports."""
    folder = cluster("db-policy")
    listed = {
        tuple("/".join(row[end].values()) for end in ("source", "destination")): row["ports"]
        for row in run("connections", "-f", folder, "-o", "json").json["connections"]
        if all("kind" in row[end] for end in ("source", "destination"))
    }
    names = sorted({name for pair in listed for name in pair})
    assert names
    for source in names:
        for destination in names:
            if source != destination:
                document = run("explain", "-f", folder, "-o", "json", source, destination).json
                ports = {str(answer["ports"]) for answer in document["answers"]}
                assert {str(listed.get((source, destination), []))} == ports


def test_pods_that_differ_get_an_answer_each(run: Run, nodes: Path) -> None:
    """A workload's pods that policies tell apart are answered apart; the others once for all."""
    document = run("explain", "-f", nodes, "-o", "json", "host/client", "app/sts/a", "8080").json
    assert [
        ("host/client", "app/a-1", None, False),
        ("host/client", "app/a-3", None, True),
    ] == verdicts(document)
    assert [2, 1] == [one["destination"]["alike"] for one in document["answers"]]
    text = run("explain", "-q", "-f", nodes, "host/client", "app/sts/a", "8080").out.decode()
    assert text.startswith("2 answers: ")
    assert "app/a-1 (one of 2 pods alike)" in text


def test_a_workload_is_asked_about_two_of_its_pods(run: Run, nodes: Path) -> None:
    """From a workload to itself, the question is not whether a pod reaches itself."""
    document = run("explain", "-f", nodes, "-o", "json", "app/sts/a", "app/sts/a").json
    assert ("app/a-1", "app/a-2", None, False) == verdicts(document)[0]


def test_a_pod_reaches_itself(run: Run, nodes: Path) -> None:
    """A pod's connection to itself asks no policy."""
    text = run("explain", "-q", "-f", nodes, "app/a-1", "app/a-1", "80").out.decode()
    assert "allowed: app/a-1 → app/a-1 on TCP 80" == text.splitlines()[0]
    assert "  always: a pod can always reach itself; no policy is asked" == text.splitlines()[1]


def test_pairs_on_one_node_are_told_from_pairs_on_two(run: Run, nodes: Path) -> None:
    """A host-network pod always reaches pods of its own node, others as policies allow."""
    document = run("explain", "-f", nodes, "-o", "json", "host/agent", "app/sts/a", "80").json
    assert [
        ("host/agent", "app/a-1", "on the same node", True),
        ("host/agent", "app/a-2", "on different nodes", False),
        ("host/agent", "app/a-3", None, False),
    ] == verdicts(document)
    text = run("explain", "-q", "-f", nodes, "host/agent", "app/a-1", "80").out.decode()
    assert "allowed: host/agent (host network) → app/a-1 on TCP 80" == text.splitlines()[0]
    assert "no policy selects a pod of the host network" in text


def test_a_nodes_address_reaches_the_pods_of_that_node(run: Run, nodes: Path) -> None:
    """An address of a node is that node: pods on it are answered apart from the others."""
    document = run("explain", "-f", nodes, "-o", "json", "192.0.2.2", "app/sts/a", "80").json
    assert [
        ("192.0.2.2", "app/a-1", "on different nodes", False),
        ("192.0.2.2", "app/a-2", "on the same node", True),
        ("192.0.2.2", "app/a-3", None, True),
    ] == verdicts(document)


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "FD00:0::0:1"])
def test_a_pods_address_means_the_pod(run: Run, nodes: Path, address: str) -> None:
    """An address that a pod has stands for that pod, and the answer says so."""
    document = run("explain", "-f", nodes, "-o", "json", address, "8.8.8.8").json
    assert ("pod", "app/a-1") == (document["source"]["kind"], document["source"]["name"])
    text = run("explain", "-q", "-f", nodes, address, "8.8.8.8").out.decode()
    assert text.splitlines()[-1].endswith(" is the address of pod app/a-1")


def test_an_external_address_is_bound_by_no_policy(run: Run, nodes: Path) -> None:
    """From outside, only the destination's ingress is asked."""
    ran = run("explain", "-q", "-f", nodes, "203.0.113.7", "app/a-3", "8080")
    lines = ran.out.decode().splitlines()
    assert "allowed: 203.0.113.7 → app/a-3 on TCP 8080" == lines[0]
    assert "policies do not bind an external address" in lines[1]
    assert "    allowed by app/NetworkPolicy/canary spec.ingress[0]" == lines[3]


def test_a_ports_name_is_resolved_on_the_destination(run: Run, nodes: Path) -> None:
    """A name is asked for as the number that the destination's containers give it."""
    document = run("explain", "-f", nodes, "-o", "json", "host/client", "app/sts/a", "web").json
    assert {"given": "web", "protocol": None, "port": None} == document["port"]
    assert [("app/a-3", "TCP", 8080, True)] == [
        (one["destination"]["name"], one["protocol"], one["port"], one["allowed"])
        for one in document["answers"]
    ]


def test_what_an_answer_rests_on_and_was_not_seen_stands_with_it(run: Run, tmp_path: Path) -> None:
    """An answer in a namespace with policies that were not read is marked as not certain."""
    path = tmp_path / "vendor.yaml"
    path.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: app}\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: app}\n---\n"
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
        "metadata: {name: deny, namespace: app}\nspec: {}\n",
        encoding="utf-8",
    )
    ran = run("explain", "-f", path, "app/a", "app/b", "80", "--strict")
    assert 4 == ran.code
    assert "not certain: CiliumNetworkPolicy.cilium.io in app" in ran.out.decode()
    (answer,) = run("explain", "-f", path, "-o", "json", "app/a", "app/b", "80").json["answers"]
    assert ["CiliumNetworkPolicy.cilium.io"] == [one["kind"] for one in answer["gaps"]]


def test_a_cni_that_enforces_nothing_is_noted(run: Run, cluster: FindCluster) -> None:
    """The answer says that it is what policies declare, where nothing enforces them."""
    ran = run(
        "explain", "-f", cluster("shop", "flannel"), "shop-dev/deploy/web", "shop-prod/sts/db"
    )
    assert "note: Flannel does not enforce policies" in ran.out.decode()


@pytest.mark.parametrize(
    ("question", "message", "hint"),
    [
        (("1.2.3.4", "5.6.7.8"), "no pod stands at either end", "name a pod or a workload"),
        (("app", "app/a-1"), "'app' names no pod, workload or address", "write namespace/pod"),
        (("app/a-9", "app/a-1"), "pod app/a-9 is unknown", "app/a-1"),
        (("app/a", "app/a-1"), "pod app/a is unknown", "did you mean app/StatefulSet/a?"),
        (("ap/a-1", "app/a-1"), "namespace ap is unknown", "did you mean app?"),
        (("app/deploy/a", "app/a-1"), "workload app/deploy/a is unknown", "app/StatefulSet/a"),
        (("app/a-1", "app/a-3", "wbe"), "port wbe of app/a-3 is unknown", "did you mean web?"),
        (("app/a-1", "8.8.8.8", "web"), "port web of 8.8.8.8 has no number", "write a number"),
    ],
)
def test_unknown_names_are_answered_with_near_ones(
    run: Run, nodes: Path, question: tuple[str, ...], message: str, hint: str
) -> None:
    """A question about what is not there is exit code 2."""
    ran = run("explain", "-f", nodes, *question)
    assert (2, b"") == (ran.code, ran.out)
    first, second = ran.err.splitlines()
    assert message in first
    assert hint in second


def test_colour_is_used_where_it_is_asked_for(
    run: Run, nodes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal there is none; `--color always` brings it; the word stays the same."""
    question = ("explain", "-q", "-f", nodes, "app/a-1", "app/a-1", "80")
    assert b"\x1b" not in run(*question).out
    painted = run(*question, "--color", "always").out
    assert painted.startswith(b"\x1b[32m")
    assert b"allowed" in painted
    monkeypatch.setenv("NO_COLOR", "1")
    assert b"\x1b" not in run(*question).out
