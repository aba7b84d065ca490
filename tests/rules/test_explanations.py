"""What matches nothing explains itself: the messages, and what was not read of a live cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from auditor.model.objects import Metadata, Service, ServiceSpec
from auditor.model.snapshot import Blind, Gap, Snapshot
from tests.rules.auditing import audit_snapshot, read_text

PEER = "peer-selects-nothing"
SUBJECT = "policy-selects-no-pods"
BLOCK = "ip-block-covers-cluster-addresses"
KINDS = "policy-kinds-not-evaluated"


Object = dict[str, Any]


def make(kind: str, name: str, namespace: str | None = "app", **fields: Any) -> Object:
    """An object; ``labels`` among the fields go into its metadata."""
    metadata = {"name": name, "namespace": namespace, "labels": fields.pop("labels", {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


def pod(name: str, namespace: str = "app", *, host: bool = False, **status: str) -> Object:
    """A pod labelled `app: NAME`."""
    spec = {"hostNetwork": host, "containers": [{"name": "main", "image": "nginx"}]}
    return make("Pod", name, namespace, labels={"app": name}, spec=spec, status=status)


def policy(pod_selector: Object, *rules: Object) -> Object:
    """A policy of the namespace `app` for ingress."""
    spec = {"podSelector": pod_selector, "policyTypes": ["Ingress"], "ingress": list(rules)}
    return make("NetworkPolicy", "it", spec=spec) | {"apiVersion": "networking.k8s.io/v1"}


def admitting(**peer: Object) -> Object:
    """A policy on every pod with one peer."""
    return policy({}, {"from": [peer]})


def namespace(name: str, **labels: str) -> Object:
    """A namespace."""
    return make("Namespace", name, None, labels=labels)


def labelled(**labels: str) -> Object:
    """A selector."""
    return {"matchLabels": labels}


def read(*objects: Object) -> Snapshot:
    """The objects as a snapshot."""
    return read_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def message_of(rule: str, *objects: Object) -> str:
    """The message of the one finding of a rule."""
    (found,) = audit_snapshot(read(*objects)).findings_of(rule)
    return found.message


def reason_of(rule: str, snapshot: Snapshot, gaps: Iterable[Gap]) -> str | None:
    """Why a rule could not judge, where the snapshot has these gaps besides."""
    whole = msgspec.structs.replace(snapshot, gaps=(*snapshot.gaps, *gaps))
    return audit_snapshot(whole).rule(rule).reason


def unlisted(kind: str, blind: Blind | None, namespace: str | None = None) -> Gap:
    """The gap of a list that a live cluster refused."""
    return Gap(
        kind=kind,
        namespace=namespace,
        name=None,
        reason="cannot be listed: forbidden",
        effect="unknown",
        blind=blind,
    )


WEB = pod("web")
PROD_API = pod("api", "prod")
LOST = "app/NetworkPolicy/it matches no pod at ingress[0].from[0]: "
IDLE = "app/NetworkPolicy/it selects no pod: "


@pytest.mark.parametrize(
    ("peer", "others", "why"),
    [
        (
            {"namespaceSelector": labelled(name="prod")},
            (PROD_API, namespace("prod", team="shop")),
            "no namespace matches name=prod; namespace prod lacks name=prod",
        ),
        (
            {"namespaceSelector": labelled(team="shops")},
            (PROD_API, namespace("prod", team="shop")),
            "no namespace matches team=shops; namespace prod has team=shop, not team=shops",
        ),
        (
            {"namespaceSelector": labelled(zone="a", rack="b")},
            (PROD_API,),
            "no namespace matches rack=b,zone=a; none bears a label rack or zone",
        ),
        (
            {"namespaceSelector": labelled(team="shop"), "podSelector": labelled(app="x")},
            (PROD_API, namespace("prod", team="shop")),
            "prod/Pod/api has app=api, not app=x",
        ),
        (
            {"namespaceSelector": labelled(team="shop")},
            (namespace("prod", team="shop"), namespace("live", team="shop")),
            "the 2 namespaces matched hold no pods",
        ),
        (
            {"podSelector": labelled(app="api")},
            (PROD_API,),
            "podSelector alone looks only in the policy's own namespace; prod/Pod/api would match",
        ),
        (
            {"podSelector": labelled(role="web")},
            (),
            "no pod of namespace app bears a label role",
        ),
        (
            {"podSelector": labelled(app="agent")},
            (pod("agent", host=True),),
            "only pods on the host's network match, such as those of app/Pod/agent",
        ),
        (
            {"podSelector": labelled(app="night")},
            (pod("night", phase="Succeeded"),),
            "only finished pods match, such as those of app/Pod/night",
        ),
    ],
    ids=[
        "namespace lacks a label",
        "namespace has another value",
        "no namespace is near",
        "pod has another value",
        "namespaces are empty",
        "elsewhere",
        "no pod is near",
        "host network",
        "finished",
    ],
)
def test_a_peer_that_matches_nothing_says_why(
    peer: Object, others: tuple[Object, ...], why: str
) -> None:
    """The message names the object that comes nearest, and what it misses."""
    assert LOST + why == message_of(PEER, WEB, admitting(**peer), *others)


def test_a_policy_without_pods_says_where_they_are() -> None:
    """A podSelector looks in no other namespace, whatever stands there."""
    cache = policy(labelled(app="api"))
    why = "app/Pod/web has app=web, not app=api; prod/Pod/api in another namespace would match"
    assert IDLE + why == message_of(SUBJECT, WEB, PROD_API, cache)


def test_a_pod_is_named_by_its_workload() -> None:
    """Its own name does not outlive a rollout."""
    template = {"metadata": {"labels": {"app": "api"}}, "spec": WEB["spec"]}
    spec = {"replicas": 2, "selector": labelled(app="api"), "template": template}
    deployment = make("Deployment", "api", spec=spec) | {"apiVersion": "apps/v1"}
    cache = policy(labelled(app="apo"))
    assert f"{IDLE}app/Deployment/api has app=api, not app=apo" == message_of(
        SUBJECT, deployment, cache
    )


def test_the_rarest_label_met_makes_the_nearest() -> None:
    """Of those that miss the same it is the one that has what the fewest have."""
    shop = [
        make("Pod", f"p{number}", labels={"app": "p", "part-of": "shop"}, spec=WEB["spec"])
        for number in range(5)
    ]
    wanted = {"podSelector": {"matchLabels": {"app": "web", "part-of": "shop", "by": "helm"}}}
    why = "app/Pod/web has app=web but lacks by=helm and lacks part-of=shop"
    assert LOST + why == message_of(PEER, WEB, *shop, admitting(**wanted))


@pytest.mark.parametrize(
    ("gaps", "reason"),
    [
        ([unlisted("Pod", Blind.PODS)], "Pod: cannot be listed: forbidden"),
        ([unlisted("Pod", Blind.PODS, "prod")], None),
        ([unlisted("Namespace", Blind.NAMESPACE_LABELS)], None),
    ],
    ids=["pods", "pods of a namespace not meant", "namespaces"],
)
def test_what_is_not_listed_leaves_a_peer_open_where_it_could_be_meant(
    gaps: list[Gap], reason: str | None
) -> None:
    """A podSelector alone asks for the pods of its own namespace, and for no namespace's labels."""
    snapshot = read(WEB, PROD_API, admitting(podSelector=labelled(app="x")))
    expected = reason and f"app/NetworkPolicy/it: {reason}"
    assert expected == reason_of(PEER, snapshot, gaps)


NAMED = {"matchLabels": {"kubernetes.io/metadata.name": "gone"}}
LABELLED = labelled(team="shop")


@pytest.mark.parametrize(
    ("selector", "gaps", "is_judged"),
    [
        (NAMED, [unlisted("Namespace", Blind.NAMESPACE_LABELS)], True),
        (NAMED, [unlisted("Pod", Blind.PODS)], True),
        (
            NAMED,
            [unlisted("Namespace", Blind.NAMESPACE_LABELS), unlisted("Pod", Blind.PODS)],
            False,
        ),
        (LABELLED, [unlisted("Namespace", Blind.NAMESPACE_LABELS)], False),
        (LABELLED, [unlisted("Pod", Blind.PODS)], True),
        (LABELLED, [unlisted("Namespace", Blind.NAMESPACE_LABELS, "prod")], False),
    ],
    ids=[
        "a name and no namespaces",
        "a name and no pods",
        "a name and neither",
        "a label and no namespaces",
        "a label and no pods",
        "a label and one namespace",
    ],
)
def test_what_is_not_listed_leaves_a_namespace_selector_open_where_it_asks_for_it(
    selector: Object, gaps: list[Gap], *, is_judged: bool
) -> None:
    """A name is known without labels, unless pods of unlisted namespaces are missing, too."""
    snapshot = read(WEB, PROD_API, admitting(namespaceSelector=selector))
    whole = msgspec.structs.replace(snapshot, gaps=tuple(gaps))
    audited = audit_snapshot(whole)
    assert is_judged == bool(audited.findings_of(PEER))
    assert is_judged == (audited.rule(PEER).reason is None)


def test_unlisted_policies_are_not_evaluated_once() -> None:
    """The cluster is named, or the namespace, and not each of its policies that nobody knows."""
    gaps = [unlisted("NetworkPolicy", Blind.POLICIES), unlisted("Pod", Blind.PODS, "prod")]
    assert reason_of(SUBJECT, read(WEB), gaps) == (
        "Cluster/cluster: NetworkPolicy: cannot be listed: forbidden"
    )
    here = [unlisted("NetworkPolicy", Blind.POLICIES, "app")]
    assert reason_of(SUBJECT, read(WEB), here) == (
        "app/Namespace/app: app/NetworkPolicy: cannot be listed: forbidden"
    )


PODS_LIVE = pod("web", phase="Running", podIP="10.0.0.1")


def test_unlisted_services_leave_a_block_open() -> None:
    """Their cluster IPs may be in it."""
    snapshot = read(PODS_LIVE, admitting(ipBlock={"cidr": "192.0.2.0/24"}))
    assert reason_of(BLOCK, snapshot, []) is None
    assert reason_of(BLOCK, snapshot, [unlisted("Service", None)]) == (
        "app/NetworkPolicy/it: Service: cannot be listed: forbidden"
    )


@pytest.mark.parametrize(
    ("cidr", "covered"),
    [
        ("::/0", "every IPv6 address, those of pods included"),
        ("10.0.0.0/8", "addresses of 1 pod and 1 Service"),
        ("10.0.0.0/24", "addresses of 1 pod"),
    ],
)
def test_a_block_says_what_it_holds(cidr: str, covered: str) -> None:
    """Pods and Services are counted."""
    service = make("Service", "web", spec={"clusterIP": "10.96.0.7", "ports": [{"port": 80}]})
    message = message_of(BLOCK, PODS_LIVE, service, admitting(ipBlock={"cidr": cidr}))
    assert f"app/NetworkPolicy/it names {cidr} at ingress[0].from[0]: {covered}" == message


def test_what_is_no_address_is_as_good_as_none() -> None:
    """A pod and a Service that say nonsense of themselves leave the block not evaluated."""
    snapshot = read(
        pod("web", phase="Running", podIP="nonsense"),
        admitting(ipBlock={"cidr": "192.0.2.0/24"}),
    )
    service = Service(
        metadata=Metadata(name="odd", namespace="app"), spec=ServiceSpec(cluster_ip="nonsense")
    )
    snapshot = msgspec.structs.replace(snapshot, services=(service,))
    assert reason_of(BLOCK, snapshot, []) == (
        "app/NetworkPolicy/it: the address of 1 pod is not known"
    )


def cilium(namespace: str) -> Object:
    """A policy of a kind that is not evaluated."""
    return make("CiliumNetworkPolicy", "web", namespace) | {"apiVersion": "cilium.io/v2"}


def test_kinds_that_are_not_evaluated_are_counted() -> None:
    """One of a kind in one namespace, or several in several."""
    assert message_of(KINDS, cilium("app")) == (
        "1 policy of kind CiliumNetworkPolicy.cilium.io in namespace app is not evaluated, "
        "and may change what is stated"
    )
    assert message_of(KINDS, cilium("app"), cilium("prod")) == (
        "2 policies of kind CiliumNetworkPolicy.cilium.io in 2 namespaces are not evaluated, "
        "and may change what is stated"
    )


@pytest.mark.parametrize("kind", ["CiliumNetworkPolicy.cilium.io", None])
def test_an_unread_list_of_such_a_kind_is_not_evaluated(kind: str | None) -> None:
    """Also where it broke off after some of it was read, and where no kind could be asked for."""
    snapshot = read(cilium("app"))
    gap = msgspec.structs.replace(unlisted("", Blind.POLICIES), kind=kind)
    reason = reason_of(KINDS, snapshot, [gap])
    assert reason is not None
    assert reason.startswith("Cluster/cluster: ")
    assert reason.endswith("cannot be listed: forbidden")
    assert reason_of(KINDS, snapshot, []) is None
