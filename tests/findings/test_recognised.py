"""What was recognised of what a rule rests on."""

from auditor.findings.recognised import RESTS_ON, list_recognised
from auditor.findings.scope import Scope
from auditor.model.recognised import Aspect, RecognisedItem
from auditor.reachability.view import View
from auditor.rules import RULES
from tests.rules.auditing import Reading, audit_snapshot, read_text

MANIFESTS = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: shop-prod}}
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {env: qa-prod}}}
- {apiVersion: v1, kind: Namespace, metadata: {name: tools}}
- {apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop-prod}, spec: {containers: [{name: a, image: "mysql:8"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: kv, namespace: shop, labels: {netpol-auditor.io/database: redis}}, spec: {containers: [{name: a, image: "mysql:8"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}, spec: {containers: [{name: a, image: coredns}]}}
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: calico-node, namespace: kube-system, labels: {k8s-app: calico-node}}, spec: {selector: {matchLabels: {k8s-app: calico-node}}, template: {metadata: {labels: {k8s-app: calico-node}}, spec: {hostNetwork: true, containers: [{name: calico-node, image: "quay.io/calico/node:v3.31.2"}]}}}}
"""  # noqa: E501  (an object is a line)
NOTHING = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: b}, spec: {}}"


def view_of(text: str = MANIFESTS, reading: Reading = "auto") -> View:
    """The view of manifests."""
    return audit_snapshot(read_text(text), reading=reading).view


def items(view: View, rule: str, aspect: Aspect, scope: Scope = Scope()) -> list[RecognisedItem]:  # noqa: B008
    """What is listed of one aspect."""
    listed = {one.aspect: one.items for one in list_recognised(view, scope, rule)}
    return list(listed[aspect])


def test_every_rule_says_what_it_rests_on() -> None:
    """No rule is forgotten, and none is named that is not there."""
    assert {one.id for one in RULES} == RESTS_ON.keys()


def test_databases_are_listed_with_their_evidence() -> None:
    """Within the scope, each with its engine; an ambiguous one says so."""
    view = view_of()
    rule, aspect = "database-open-to-all-pods", Aspect.DATABASES
    ambiguous = RecognisedItem(
        "shop/Pod/kv",
        "Redis or MySQL (ambiguous)",
        ("label netpol-auditor.io/database=redis", "image mysql:8 (container a)"),
    )
    mysql = RecognisedItem("shop-prod/Pod/db", "MySQL", ("image mysql:8 (container a)",))
    assert [ambiguous, mysql] == items(view, rule, aspect)
    assert [mysql] == items(view, rule, aspect, Scope(namespaces=("shop-prod",)))


def test_every_namespace_has_its_environment_or_none() -> None:
    """A namespace of unknown environment is listed as well: it is what one looks for."""
    view = view_of()
    found = {
        one.subject: (one.taken_for, one.evidence)
        for one in items(view, "environments-can-talk", Aspect.ENVIRONMENTS)
    }
    assert {
        "kube-system": ("unknown", ()),
        "shop": ("ambiguous (counts as production)", ("label env=qa-prod",)),
        "shop-prod": ("prod", ("name shop-prod (prod)",)),
        "tools": ("unknown", ()),
    } == found


def test_dns_and_system_namespaces_are_listed() -> None:
    """Cluster DNS with the labels that select it, whatever the scope."""
    view = view_of()
    rule = "namespace-lacks-default-deny"
    dns = RecognisedItem(
        "kube-system/Pod/dns", "cluster DNS", ("pods are selected by k8s-app=kube-dns",)
    )
    assert [dns] == items(view, rule, Aspect.DNS, Scope(namespaces=("shop",)))
    assert ["kube-system"] == [one.subject for one in items(view, rule, Aspect.SYSTEM_NAMESPACES)]


def test_the_cni_is_listed_with_its_agents_and_features() -> None:
    """What enforces policies, on which nodes, and what of them."""
    view = view_of()
    found = items(view, "policies-are-not-enforced", Aspect.CNI)
    assert [
        ("Calico", "enforces policies"),
        ("DaemonSet kube-system/calico-node", "agent"),
        ("ingress", "enforced"),
        ("egress", "enforced"),
        ("end-port", "enforced"),
        ("sctp", "enforced"),
    ] == [(one.subject, one.taken_for) for one in found]
    assert all(one.evidence for one in found)


def test_nothing_recognised_is_an_empty_list() -> None:
    """A source without databases, DNS and CNI has none of them."""
    view = view_of(NOTHING)
    assert [] == items(view, "database-open-to-all-pods", Aspect.DATABASES)
    assert [] == items(view, "policies-are-not-enforced", Aspect.CNI)
    assert [] == items(view, "egress-is-unrestricted", Aspect.DNS)


def test_the_reading_of_ip_blocks_says_whose_it_is() -> None:
    """As the CNI reads them, or as the settings say, or not known."""
    rule = "egress-to-whole-internet"
    (by_cni,) = items(view_of(), rule, Aspect.IP_BLOCKS)
    (by_settings,) = items(view_of(reading="no"), rule, Aspect.IP_BLOCKS)
    (unknown,) = items(view_of(NOTHING), rule, Aspect.IP_BLOCKS)
    assert ("also match pods", ("as Calico reads them",)) == (by_cni.taken_for, by_cni.evidence)
    assert ("never match pods", ("setting ip_blocks_match_pods",)) == (
        by_settings.taken_for,
        by_settings.evidence,
    )
    assert ("not known to match pods", ("no CNI was recognised",)) == (
        unknown.taken_for,
        unknown.evidence,
    )
