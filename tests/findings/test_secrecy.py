"""What is hidden in texts: names and words of others, nothing of one's own or of everybody's."""

from __future__ import annotations

import time

import pytest

from auditor.detection.recognize import recognize
from auditor.findings.secrecy import Secrecy
from auditor.findings.vocabulary import collect_words
from auditor.model.ports import PortRange
from auditor.settings import DetectionSettings
from tests.rules.auditing import read_text

CLUSTER = """\
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: red}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop-eu}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ledger, labels: {team: zeal, tier: reached}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: web}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: default}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: teller, namespace: ledger, labels: {app: zealot, track: "42"}}
spec: {containers: [{name: main, image: "registry.zeal.example/teller:9"}]}
status: {podIP: 10.7.7.7, podIPs: [{ip: 10.7.7.7}, {ip: "fd00:7::7"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: shop}
spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: tills, namespace: ledger}
spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 198.51.100.7/32}}]}]}
"""


@pytest.fixture(scope="module")
def secrecy() -> Secrecy:
    """What team shop may be told."""
    snapshot = read_text(CLUSTER)
    words = collect_words(snapshot, recognize(snapshot, DetectionSettings()))
    return Secrecy(frozenset({"shop"}), [words], spoken=["prod-cluster"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shop/Pod/web-0 admits ledger/Pod/teller.", "shop/Pod/web-0 admits another namespace."),
        ("from namespace ledger", "from another namespace"),
        ("namespaces ledger, shop-eu and shop", "other namespaces and shop"),
        ("pods with app=zealot", "pods with app=(not shown)"),
        ("image registry.zeal.example/teller:9", "image (not shown)/another namespace:9"),
        ("teller.ledger.svc.cluster.local answers", "another namespace answers"),
        ("policy allow-from-ledger", "policy another namespace"),
        ("LEDGER and Ledger", "other namespaces"),
        ("ledger/Pod/teller[app=zealot] reaches shop/Pod/web-0[app=web]",
         "another namespace reaches shop/Pod/web-0[app=web]"),
        ("10.7.7.7 and 10.7.7.7/32, not 10.7.7.70", "(not shown) and (not shown), not 10.7.7.70"),
        ("fd00:7::7 or fd00:7:0:0::7", "(not shown) or (not shown)"),
        ("192.0.2.0-192.0.2.255", "192.0.2.0-192.0.2.255"),
        ("198.51.100.7-198.51.100.7", "external addresses"),
        ("0.0.0.0-198.51.100.6 on TCP 443", "external addresses on TCP 443"),
        ("0.0.0.0-255.255.255.255, ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "0.0.0.0-255.255.255.255, ::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("default/Pod/x and web/Deployment/y", "other namespaces"),
        ("ports 42 and 80 of prod-cluster", "ports 42 and 80 of prod-cluster"),
        ("shop-eu-shop", "another namespace"),
        ("seen at 14:03:07", "seen at 14:03:07"),
        ("a" + "-ledgerx" * 30, "(not shown)"),
    ],
)  # fmt: skip
def test_names_and_words_of_others_are_hidden(secrecy: Secrecy, text: str, shown: str) -> None:
    """Keys, bare names, names within words, labels, images, addresses: what is left is readable."""
    assert shown == secrecy.hide(text)
    assert shown == secrecy.hide(shown)


@pytest.mark.parametrize(
    "text",
    [
        "shop/Deployment/web may be reached by every pod on TCP 5432",
        "every default pod of web is allowed and denied by default-deny-ingress",
        "namespace shop has no default-deny for egress: a new pod may reach anyone",
        "prod reaches dev, and MySQL, PostgreSQL or Flannel are words",
        "image nginx (container main), team=red, web-0 and web-egress-inside",
        "169.254.169.254 and fd00:ec2::254 of 10.0.0.0/8, not 0.0.0.0/0",
    ],
)
def test_what_is_ones_own_or_everybodys_is_told(secrecy: Secrecy, text: str) -> None:
    """Own names, the product's words and Kubernetes' are kept, though others bear them too."""
    assert text == secrecy.hide(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("namespace web has app=web", "another namespace has app=web"),
        ("Namespaces default, shop and web.", "another namespace, shop and another namespace."),
        ("namespace shop, and web/Pod/x", "namespace shop, and another namespace"),
        ("metadata.name in (shop,web)", "metadata.name in (shop,another namespace)"),
        ("metadata.name=web of web", "metadata.name=another namespace of web"),
        ("metadata.name=shop; namespace web", "metadata.name=shop; another namespace"),
        ("namespace shop, namespace web", "namespace shop, another namespace"),
        ("metadata.name notin (web)", "metadata.name notin (another namespace)"),
        ("web/Deployment/api, Namespace/web", "other namespaces"),
        ("every namespace of web and default pods", "every namespace of web and default pods"),
    ],
)  # fmt: skip
def test_a_word_in_the_place_of_a_name_is_a_name(secrecy: Secrecy, text: str, shown: str) -> None:
    """`web` is one's own workload and `default` everybody's word, but not after `namespace`."""
    assert shown == secrecy.hide(text) == secrecy.hide(shown)


COMPOUND = """\
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop-prod}}
---
{apiVersion: v1, kind: Pod, metadata: {name: db, namespace: shop}}
---
{apiVersion: v1, kind: Pod, metadata: {name: shop-prod-till, namespace: shop}}
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shop-prod.db", "another namespace"),
        ("shop-prod_db", "another namespace"),
        ("http://db.shop-prod:80", "http://another namespace:80"),
        ("shop-prod-till-default", "shop-prod-till-default"),
        ("prod-shop and shop.prod-class", "prod-shop and another namespace"),
    ],
)
def test_a_namespace_of_sayable_segments_is_hidden_in_longer_words(text: str, shown: str) -> None:
    """`shop` is one's own and `prod` everybody's, `shop-prod` is neither; own names stay whole."""
    snapshot = read_text(COMPOUND)
    words = collect_words(snapshot, recognize(snapshot, DetectionSettings()))
    assert shown == Secrecy(frozenset({"shop"}), [words]).hide(text)


@pytest.mark.parametrize(
    ("manifest", "tells"),
    [
        ("{spec: {podSelector: {matchLabels: {app: web}}}}", False),
        ("{metadata: {name: web, namespace: shop}}", False),
        ("{metadata: {name: x, namespace: web}}", True),
        ("{kind: Namespace, metadata: {name: web}}", True),
        ("{namespaceSelector: {matchLabels: {a: default}}}", True),
        ("[{namespaceSelector: {matchExpressions: [{key: a, values: [shop, 'web']}]}}]", True),
        ("{namespaceSelector: {matchLabels: {a: shop}}}", False),
        ("a: [web", True),
        ("a: 1\n---\nnamespaceSelector:\n  values:\n  - default\n", True),
    ],
)
def test_a_manifest_tells_of_others_where_it_names_namespaces(
    secrecy: Secrecy, manifest: str, *, tells: bool
) -> None:
    """Elsewhere the same word is a label, or a name of one's own. What is no YAML is not told."""
    assert tells is secrecy.tells(manifest)


def test_what_stands_under_the_key_namespace_is_a_name(secrecy: Secrecy) -> None:
    """In evidence too, though the word may be said."""
    evidence = {"namespace": "web", "workload": "web", "deep": [{"namespace": "default"}]}
    assert {
        "namespace": "another namespace",
        "workload": "web",
        "deep": [{"namespace": "another namespace"}],
    } == secrecy.hide_value(evidence)


def test_ends_of_connections_are_named_by_namespace_alone(secrecy: Secrecy) -> None:
    """What lies in another namespace is hidden whatever its name: `web` and `default` as well."""
    assert "another namespace" == secrecy.hide_end("default/Pod/web")
    assert "another namespace" == secrecy.hide_end("never-read/Pod/x[app=web]")
    assert "shop/Pod/web-0" == secrecy.hide_end("shop/Pod/web-0")


def test_evidence_counts_what_it_hides(secrecy: Secrecy) -> None:
    """Lists say how many others there are; keys are hidden, and their numbers added."""
    evidence = {
        "namespaces": ["default", "ledger", "shop", "web"],
        "labels": ["app=zealot"],
        "pods_in": {"ledger": 2, "shop": 1, "shop-eu": 3},
        "ports": (PortRange(protocol="TCP", first=1, last=2),),
        "share": 0.5,
        "deep": {"a": [{"ledger": "teller"}]},
    }
    assert {
        "namespaces": ["shop", "3 in other namespaces"],
        "labels": ["app=(not shown)"],
        "pods_in": {"another namespace": 5, "shop": 1},
        "ports": [PortRange(protocol="TCP", first=1, last=2)],
        "share": 0.5,
        "deep": {"a": [{"another namespace": "another namespace"}]},
    } == secrecy.hide_value(evidence)


def test_hostile_texts_take_no_time(secrecy: Secrecy) -> None:
    """Long runs of separators, colons and segments are read once."""
    began = time.monotonic()
    for one in ("-", ":", ".", "a-", "1.", "/", "fd:", "[", "a/[", "1.1.1.1-"):
        secrecy.hide(one * 20_000)
    assert time.monotonic() - began < 10


def test_others_are_named_where_the_audience_may_know_them() -> None:
    """`names_others` leaves texts as they are, and still tells whose a namespace is."""
    snapshot = read_text(CLUSTER)
    words = collect_words(snapshot, recognize(snapshot, DetectionSettings()))
    secrecy = Secrecy(frozenset({"shop"}), [words], names_others=True)
    text = "ledger/Pod/teller at 10.7.7.7"
    assert text == secrecy.hide(text) == secrecy.hide_end(text)
    assert secrecy.hides("ledger")
    assert not secrecy.hides("shop")
