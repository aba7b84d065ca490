"""A preview puts objects as kubectl replace and kubectl create do."""

from __future__ import annotations

import pytest

from auditor.drift.policies import compare_policies
from auditor.model.objects import PodStatus
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import Blind
from tests.drift.changes import NARROW, NODE, POLICY, SERVICE, SHOP, WEB, live, make
from tests.rules.auditing import read_text


def test_a_policy_that_exists_is_replaced_whole() -> None:
    """Nothing of the old spec stays, and nothing else changes."""
    before = read_text(SHOP + POLICY + WEB)
    after, _ = make(before, NARROW)
    assert read_text(SHOP + NARROW + WEB) == after


def test_a_policy_that_does_not_exist_is_created() -> None:
    """The one of another name stays as it is."""
    other = NARROW.replace("name: db", "name: other")
    after, warnings = make(read_text(SHOP + POLICY), other)
    assert read_text(SHOP + POLICY + other) == after
    assert () == warnings


def test_policy_types_are_those_that_a_cluster_would_store() -> None:
    """Manifests stay as they are written, a cluster's objects get the server's defaults."""
    bare = NARROW.replace("policyTypes: [Ingress], ", "")
    leaving = bare.replace("ingress: []", "egress: [{}]")
    before = read_text(SHOP)
    for text, types in ((bare, ("Ingress",)), (leaving, ("Ingress", "Egress"))):
        assert () == make(before, text).snapshot.policies[0].spec.policy_types
        assert types == make(live(before), text).snapshot.policies[0].spec.policy_types


def test_fields_that_an_apply_may_keep_are_told() -> None:
    """What the live object has and the file does not mention; what it mentions is replaced."""
    change = NARROW.replace("ingress: []", "egress: null")
    _, warnings = make(read_text(SHOP + POLICY), change)
    expected = (
        "kubectl apply may keep spec.ingress of NetworkPolicy shop/db, which the file does not "
        "mention; here the object is replaced whole"
    )
    assert (expected,) == warnings


@pytest.mark.parametrize(
    "change",
    [
        NARROW.replace("ingress: []", "ingress: [], egress: []"),
        POLICY.replace("policyTypes: [Ingress, Egress], ", ""),
        NARROW.replace("name: db", "name: other"),
    ],
)
def test_what_an_apply_keeps_alike_is_not_told(change: str) -> None:
    """Near misses: everything is mentioned, what is kept is the default, the object is new."""
    assert () == make(read_text(SHOP + POLICY), change).warnings


def test_labels_of_a_namespace_are_replaced_but_for_its_name() -> None:
    """An apply may keep those that the file does not mention."""
    change = SHOP.replace("env: dev, team: red", "env: prod")
    after, warnings = make(read_text(SHOP), change)
    assert {"env": "prod", NAMESPACE_NAME_LABEL: "shop"} == after.namespaces[0].labels
    assert ["metadata.labels[team] of Namespace shop"] == [
        one.removeprefix("kubectl apply may keep ").partition(",")[0] for one in warnings
    ]


def test_a_namespace_is_created() -> None:
    """With the label of its name."""
    after, warnings = make(read_text(WEB), SHOP.replace("shop", "bank"))
    assert read_text(SHOP.replace("shop", "bank") + WEB) == after
    assert () == warnings


def test_an_object_in_no_namespace_is_put_into_the_default_one() -> None:
    """Where it goes is said: kubectl would take the context's."""
    change = NARROW.replace(", namespace: shop", "")
    after, warnings = make(read_text(SHOP), change)
    assert read_text(SHOP + change) == after
    assert ("NetworkPolicy default/db names no namespace: it is put into default",) == warnings


def test_an_object_in_a_namespace_that_does_not_exist_is_told() -> None:
    """The API server would refuse it; manifests need declare no namespace."""
    change = NARROW.replace("shop", "shpo")
    before = read_text(SHOP)
    assert () == make(before, change).warnings
    after, warnings = make(live(before), change)
    assert ["shop", "shpo"] == [one.name for one in after.namespaces]
    assert ["namespace shpo does not exist: the API server would refuse NetworkPolicy shpo/db"] == [
        *warnings
    ]


def test_kinds_without_effect_are_told() -> None:
    """They may be in the same folder; a ConfigMap that is no evidence is one of them."""
    change = """\
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: shop}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: shop}, data: {a: b}}
"""
    before = read_text(SHOP)
    after, warnings = make(before, change)
    assert before == after
    assert (
        "Ingress shop/web bears on no connection: it is passed over",
        "ConfigMap shop/web bears on no connection: it is passed over",
    ) == warnings


def test_gaps_of_the_change_are_told_apart() -> None:
    """An object that the server would refuse changes nothing, and the result says so."""
    broken = NARROW.replace("[Ingress]", "[Inbound]")
    before = read_text(SHOP + POLICY)
    after, _ = make(before, broken)
    (gap,) = after.gaps
    assert before.policies == after.policies
    assert gap.reason.startswith("in the change: spec.policyTypes[0]")
    assert Blind.POLICIES is gap.blind


def test_a_gap_of_an_object_that_is_put_anew_is_closed() -> None:
    """What was wrong with it is mended; gaps of others stay."""
    broken = NARROW.replace("[Ingress]", "[Inbound]")
    other = broken.replace("name: db", "name: other")
    after, _ = make(read_text(SHOP + broken + other), NARROW)
    assert ["other"] == [one.name for one in after.gaps]


BARE = """\
---
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop, labels: {app: bare}}
spec: {containers: [{name: main, ports: [{containerPort: 80}]}]}
"""


def test_a_pod_that_exists_stays_where_it_is() -> None:
    """Its node, addresses and owner stay; a status is taken from no file."""
    (old,) = live(read_text(BARE)).pods
    change = BARE.replace("app: bare", "app: bear") + "status: {podIP: 10.9.9.9}\n"
    after, warnings = make(live(read_text(BARE)), change)
    (new,) = after.pods
    assert {"app": "bear"} == new.labels
    assert (old.status, old.spec, old.metadata.uid) == (new.status, new.spec, new.metadata.uid)
    assert () == warnings
    (created,) = make(live(read_text(SHOP)), change).snapshot.pods
    assert PodStatus() == created.status


def test_a_service_keeps_what_the_server_gave_it() -> None:
    """Its addresses and ports on the nodes; a type that needs none of them keeps none."""
    before = read_text(SERVICE % (", nodePort: 30080", ", clusterIP: 10.96.0.1"))
    after, _ = make(before, SERVICE.replace("app: web", "app: api") % ("", ""))
    spec = after.services[0].spec
    assert ({"app": "api"}, "10.96.0.1", 30080) == (
        spec.selector,
        spec.cluster_ip,
        spec.ports[0].node_port,
    )
    closed, warnings = make(before, SERVICE.replace("type: NodePort, ", "") % ("", ""))
    assert not closed.services[0].spec.is_published
    assert any("may keep spec.type of Service shop/web" in one for one in warnings)
    named = SERVICE.replace("NodePort", "ExternalName, externalName: example.com") % ("", "")
    assert () == make(before, named).snapshot.services[0].cluster_addresses


def test_a_default_that_is_spelled_in_the_cluster_is_nothing_to_keep() -> None:
    """A server stores the type and the protocol; that a file leaves them out changes nothing."""
    stored = SERVICE.replace("NodePort", "ClusterIP") % (", protocol: TCP, targetPort: 80", "")
    before = live(read_text(stored))
    after, warnings = make(before, SERVICE.replace("type: NodePort, ", "") % ("", ""))
    assert (before, ()) == (after, warnings)


@pytest.mark.parametrize(
    ("spec", "policy"),
    [
        ("type: NodePort", "Cluster"),
        ("externalIPs: [192.0.2.1]", "Cluster"),
        ("type: ClusterIP", ""),
    ],
)
def test_a_cluster_stores_the_defaults_of_a_service(spec: str, policy: str) -> None:
    """Target ports, and how traffic from outside is spread; manifests stay as they are written."""
    text = SERVICE.replace("type: NodePort", spec) % ("", "")
    (stored,) = make(live(read_text(SHOP)), text).snapshot.services
    assert (80, policy) == (stored.spec.ports[0].target_port, stored.spec.external_traffic_policy)
    (written,) = make(read_text(SHOP), text).snapshot.services
    assert (0, "") == (written.spec.ports[0].target_port, written.spec.external_traffic_policy)


def test_a_node_keeps_its_addresses() -> None:
    """A cluster takes no status from a file."""
    before = live(read_text(NODE))
    after, _ = make(before, NODE.replace("10.1.1.1", "10.2.2.2"))
    assert before == after


AGENT = """\
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: kube-system}
spec:
  selector: {matchLabels: {app: calico}}
  template:
    metadata: {labels: {app: calico}}
    spec: {hostNetwork: true, containers: [{name: calico-node, image: "calico/node:v3.30"}]}
status: {desiredNumberScheduled: 3, numberReady: 2}
"""


def test_an_agent_keeps_the_count_of_its_nodes() -> None:
    """Its image is the file's: by that the CNI is recognised."""
    change = AGENT[: AGENT.index("status")].replace("v3.30", "v3.31")
    (agent,) = make(live(read_text(AGENT)), change).snapshot.agents
    assert (3, 2, "calico/node:v3.31") == (agent.desired, agent.ready, agent.containers[0].image)


CILIUM = """\
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: %s, namespace: shop}
"""


def test_policies_that_are_not_evaluated_are_counted_anew() -> None:
    """One more of them is another gap."""
    first, second = CILIUM % "a", CILIUM % "b"
    after, _ = make(read_text(SHOP + first), second)
    assert read_text(SHOP + first + second) == after
    back, _ = make(
        after, "", "ciliumnetworkpolicy/shop/b", "ciliumnetworkpolicies.cilium.io/shop/a"
    )
    assert read_text(SHOP) == back


def test_what_a_policy_that_is_not_evaluated_says_anew_is_a_change_of_manifests() -> None:
    """Of a cluster nobody knows, since a server completes what is written: that is said."""
    first, second = (f"{CILIUM % 'a'}spec: {{ingress: [{one}]}}\n" for one in ("", "{}"))
    before = read_text(SHOP + first)
    after, warnings = make(before, second)
    assert (read_text(SHOP + second), ()) == (after, warnings)
    assert ["shop/CiliumNetworkPolicy.cilium.io/a"] == [
        one.key for one in compare_policies(before, after).changed
    ]
    running = live(before)
    after, (warning,) = make(running, second)
    assert running == after
    assert warning == (
        "CiliumNetworkPolicy.cilium.io shop/a is not evaluated: whether it changes, and what it "
        "opens or closes, is not known"
    )


def test_policies_that_are_not_evaluated_are_deleted_by_their_short_names() -> None:
    """As kubectl has them."""
    after, _ = make(read_text(SHOP + CILIUM % "a"), "", "cnp/shop/a")
    assert read_text(SHOP) == after
