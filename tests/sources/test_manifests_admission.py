"""Objects that API server 1.36 would refuse are left out, each named by its field."""

import pytest

from auditor.model.objects import (
    IngressRule,
    IPBlock,
    NetworkPolicy,
    Peer,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
)
from auditor.model.snapshot import Blind
from auditor.sources.admission import check_policy
from tests.sources.manifest_text import field_of, only_gap, pod, policy, read
from tests.sources.policy_cases import ACCEPTED, REFUSED


@pytest.mark.parametrize(("spec", "field"), REFUSED.values(), ids=REFUSED)
def test_a_policy_that_the_server_refuses_is_left_out(spec: str, field: str) -> None:
    """It is in no snapshot, and its gap names the field and says that policies are missing."""
    snapshot = read(policy(spec))
    (gap,) = snapshot.gaps
    assert () == snapshot.policies
    assert ("NetworkPolicy", "default", "only") == (gap.kind, gap.namespace, gap.name)
    assert ("left out", Blind.POLICIES, field) == (gap.effect, gap.blind, field_of(gap))
    assert gap.reason.startswith(field)


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED)
def test_a_policy_that_the_server_accepts_is_kept(spec: str) -> None:
    """It is in the snapshot, without any gap."""
    snapshot = read(policy(spec))
    assert (1, ()) == (len(snapshot.policies), snapshot.gaps)


def test_an_octal_port_is_read_as_kubectl_does() -> None:
    """A plain 0644 is the number 420."""
    (only,) = read(policy("ingress: [{ports: [{port: 0644}]}]")).policies
    assert 420 == only.spec.ingress[0].ports[0].port


def test_a_null_rule_allows_everything() -> None:
    """A null in a list is an empty object to the API server."""
    (only,) = read(policy("ingress: [null]")).policies
    assert ((),) == tuple(rule.peers for rule in only.spec.ingress)


def test_a_label_of_null_is_dropped() -> None:
    """The labels are stored without it, as by kubectl apply."""
    (only,) = read(policy("podSelector: {matchLabels: {a: null, b: c}}")).policies
    assert {"b": "c"} == only.spec.pod_selector.match_labels


@pytest.mark.parametrize("cidr", ["10.1.2.3/8", "010.0.0.0/8", "10.0.0.0/08"])
def test_what_a_server_accepted_once_is_kept(cidr: str) -> None:
    """An object with a UID comes from an API server, which was less strict once."""
    spec = f"ingress: [{{from: [{{ipBlock: {{cidr: {cidr}, except: [10.1.2.3/16]}}}}]}}]"
    snapshot = read(policy(spec, "uid: 1-2-3"))
    assert (1, ()) == (len(snapshot.policies), snapshot.gaps)


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ("cidr: 10.0.0.0/8, except: [11.0.0.0/16]", "except[0]"),
        ("cidr: 10.0.0.0/8, except: [10.0.0.0/x]", "except[0]"),
        ("cidr: 10.0.0.0", "cidr"),
        ("cidr: 10.0.0.0/08000", "cidr"),
        ("cidr: 010.0.0.256/8", "cidr"),
        ("cidr: 'fe80::%1/64'", "cidr"),
    ],
)
def test_what_no_server_accepted_is_refused_whatever_its_uid(block: str, field: str) -> None:
    """A UID excuses host bits and leading zeros, and nothing else."""
    gap = only_gap(policy(f"ingress: [{{from: [{{ipBlock: {{{block}}}}}]}}]", "uid: 1-2-3"))
    assert f"spec.ingress[0].from[0].ipBlock.{field}" == field_of(gap)


def test_every_fault_of_a_policy_is_found() -> None:
    """In the order of its fields; a cidr that is none says nothing of its excepts."""
    peer = Peer(ip_block=IPBlock(cidr="everything", excepts=("10.0.0.0/8",)))
    port = PolicyPort(protocol="ICMP", port=0, end_port=70_000)
    spec = PolicySpec(ingress=(IngressRule(peers=(peer,), ports=(port,)),), policy_types=("All",))
    found = check_policy(NetworkPolicy(metadata=PolicyMetadata(name="only"), spec=spec))
    assert [
        "spec.ingress[0].ports[0].protocol",
        "spec.ingress[0].ports[0].port",
        "spec.ingress[0].ports[0].endPort",
        "spec.ingress[0].from[0].ipBlock.cidr",
        "spec.policyTypes[0]",
    ] == [fault.field for fault in found]


def test_unknown_fields_of_a_policy_are_gaps_and_change_nothing() -> None:
    """They are named, evaluated as absent, and make no verdict uncertain."""
    spec = (
        "podselector: {}, policyTypes: [Ingress], "
        "ingress: [{podSelector: {}, from: [{podSelector: {matchlabels: {}}}]}]"
    )
    snapshot = read(policy(spec) + "extra: 1\nstatus: {}\n")
    assert 1 == len(snapshot.policies)
    assert [
        ("extra", None),
        ("spec.podselector", None),
        ("spec.ingress[0].podSelector", None),
        ("spec.ingress[0].from[0].podSelector.matchlabels", None),
    ] == [(field_of(gap), gap.blind) for gap in snapshot.gaps]


POD_FAULTS = {
    "a label value": (pod(metadata="labels: {a: 'b c'}"), "metadata.labels[a]"),
    "a label key": (pod(metadata="labels: {'a b': c}"), "metadata.labels[a b]"),
    "a plain no": (pod(metadata="labels: {a: no}"), "metadata.labels[a]"),
    "a name in capitals": (pod("Web"), "metadata.name"),
    "a number for a name": (pod("1"), "metadata.name"),
    "a namespace with a dot": (pod(metadata="namespace: a.b"), "metadata.namespace"),
    "a port of 0": (
        pod(spec="containers: [{}, {ports: [{containerPort: 0}]}]"),
        "spec.containers[1].ports[0].containerPort",
    ),
    "a protocol": (
        pod(spec="containers: [{ports: [{containerPort: 1, protocol: tcp}]}]"),
        "spec.containers[0].ports[0].protocol",
    ),
    "a port's name": (
        pod(spec="initContainers: [{ports: [{containerPort: 1, name: '1'}]}]"),
        "spec.initContainers[0].ports[0].name",
    ),
    "a name twice": (
        pod(
            spec="containers: [{ports: [{containerPort: 1, name: a}, {containerPort: 2, name: a}]}]"
        ),
        "spec.containers[0].ports[1].name",
    ),
    "no name": ("{apiVersion: v1, kind: Pod, metadata: {generateName: web-}}", "metadata.name"),
    "no metadata": ("{apiVersion: v1, kind: Pod}", "metadata"),
}


@pytest.mark.parametrize(("text", "field"), POD_FAULTS.values(), ids=POD_FAULTS)
def test_a_pod_that_the_server_refuses_is_left_out(text: str, field: str) -> None:
    """Its gap names the field and says that pods are missing."""
    snapshot = read(text)
    (gap,) = snapshot.gaps
    assert () == snapshot.pods
    assert (Blind.PODS, field) == (gap.blind, field_of(gap))


SERVICE_FAULTS = {
    "a selector": ("selector: {a: 'b c'}", "spec.selector[a]"),
    "a port": ("ports: [{port: 0}]", "spec.ports[0].port"),
    "a protocol": ("ports: [{port: 1}, {port: 2, protocol: ICMP}]", "spec.ports[1].protocol"),
    "a target port": ("ports: [{port: 1, targetPort: 65536}]", "spec.ports[0].targetPort"),
    "a target's name": ("ports: [{port: 1, targetPort: '80'}]", "spec.ports[0].targetPort"),
    "a node port of no node": ("ports: [{port: 1, nodePort: 30000}]", "spec.ports[0].nodePort"),
    "a type": ("type: Public", "spec.type"),
    "an address": ("externalIPs: [10.0.0.1, example.com]", "spec.externalIPs[1]"),
    "ranges without a load balancer": (
        "type: NodePort, loadBalancerSourceRanges: [10.0.0.0/8]",
        "spec.loadBalancerSourceRanges",
    ),
    "a range": (
        "type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/33]",
        "spec.loadBalancerSourceRanges[0]",
    ),
    "a traffic policy": (
        "type: NodePort, externalTrafficPolicy: local",
        "spec.externalTrafficPolicy",
    ),
    "a traffic policy without a use": (
        "externalTrafficPolicy: Local",
        "spec.externalTrafficPolicy",
    ),
}


@pytest.mark.parametrize(("spec", "field"), SERVICE_FAULTS.values(), ids=SERVICE_FAULTS)
def test_a_service_that_the_server_refuses_is_left_out(spec: str, field: str) -> None:
    """Its gap names the field and says that Services are missing; no pod and no policy is."""
    text = f"{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{{spec}}}}}"
    gap = only_gap(text)
    assert ("Service", Blind.SERVICES, field) == (gap.kind, gap.blind, field_of(gap))


SERVICES = {
    "by default": "ports: [{port: 1, targetPort: 0}, {port: 2, targetPort: ''}]",
    "for a load balancer": (
        "type: LoadBalancer, externalTrafficPolicy: Local, "
        "loadBalancerSourceRanges: [' 10.0.0.1/8', '2001:db8::/32']"
    ),
    "for node ports": "type: NodePort, externalTrafficPolicy: Cluster, ports: [{port: 1}]",
    "for addresses": "externalIPs: [10.0.0.1, '2001:db8::1'], externalTrafficPolicy: Local",
    "for a name": "type: ExternalName, ports: [{port: 1, targetPort: sql}]",
}


@pytest.mark.parametrize("spec", SERVICES.values(), ids=SERVICES)
def test_a_service_that_the_server_takes_is_kept(spec: str) -> None:
    """What stands for a default, and the padding of ranges, is no fault."""
    snapshot = read(f"{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{{spec}}}}}")
    assert ((), ["a"]) == (snapshot.gaps, [one.metadata.name for one in snapshot.services])


def test_host_network_may_be_a_plain_yes() -> None:
    """A boolean is what kubectl makes of it."""
    (only,) = read(pod(spec="hostNetwork: yes")).pods
    assert only.spec.host_network


def test_a_quoted_yes_is_a_label_like_any_other() -> None:
    """Quotes make text of it, also where other words are plain."""
    snapshot = read(pod(metadata="labels: {a: 'yes', b: \"010\"}", spec="hostNetwork: off"))
    assert ({"a": "yes", "b": "010"}, ()) == (snapshot.pods[0].labels, snapshot.gaps)


def test_a_refused_namespace_exists_with_labels_unknown() -> None:
    """Objects use it; what its labels are is a gap."""
    text = "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {b: 1}}}\n---\n"
    snapshot = read(text + pod(metadata="namespace: a"))
    assert [("a", False)] == [(one.name, one.declared) for one in snapshot.namespaces]
    assert [Blind.NAMESPACE_LABELS] == [gap.blind for gap in snapshot.gaps]


@pytest.mark.parametrize(
    ("api_version", "kind", "blind"),
    [
        ("extensions/v1beta1", "NetworkPolicy", Blind.POLICIES),
        ("networking.k8s.io/v1beta1", "NetworkPolicy", Blind.POLICIES),
        ("apps/v1beta2", "Deployment", Blind.PODS),
        ("batch/v1beta1", "CronJob", Blind.PODS),
    ],
)
def test_versions_that_are_gone_are_gaps(api_version: str, kind: str, blind: Blind) -> None:
    """An object of a version that is not served would be missing from a cluster."""
    gap = only_gap(f"{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: a}}}}")
    assert (kind, blind, "apiVersion") == (gap.kind, gap.blind, field_of(gap))


def test_a_misspelt_kind_is_a_gap() -> None:
    """A group that is known in full has no such kind."""
    gap = only_gap(pod() + "---\n" + policy("").replace("NetworkPolicy", "NetworkPolcy"))
    assert (Blind.OBJECTS, "kind") == (gap.blind, field_of(gap))


@pytest.mark.parametrize("field", ["apiVersion", "kind"])
def test_half_an_object_is_a_gap(field: str) -> None:
    """A policy without its kind or version would be missing from a cluster."""
    lines = policy("").splitlines()
    text = "\n".join(line for line in lines if not line.startswith(field))
    gap = only_gap(f"{pod()}---\n{text}\n")
    assert (Blind.OBJECTS, field) == (gap.blind, field_of(gap))
