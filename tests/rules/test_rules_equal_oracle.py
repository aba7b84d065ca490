"""Rules about paths find, on random small clusters, exactly what the slow oracle finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.findings import Unevaluated
from auditor.model.objects import (
    EgressRule,
    IngressRule,
    Metadata,
    Namespace,
    NetworkPolicy,
    Peer,
    Pod,
    PodSpec,
    PodStatus,
    PolicySpec,
)
from auditor.model.selectors import LabelSelector, Requirement
from auditor.model.snapshot import Snapshot
from auditor.reachability.vocabulary import Rule
from auditor.rules import RULES
from tests.oracle.clusters import LABELS, NODES
from tests.oracle.oracle import Oracle, PortSample, is_finished, selector_matches
from tests.oracle.rows import sample_ports, workload_name
from tests.rules.auditing import Audited, Reading, audit_snapshot, name_subject
from tests.rules.populated import DETECTION, populated_snapshots

METADATA = ("169.254.169.254", "fd00:ec2::254")
SYSTEM = "kube-system"
NAME = "kubernetes.io/metadata.name"
LOOSE = (
    Requirement(key="environment", operator="Exists"),
    Requirement(key="app", operator="NotIn", values=("a",)),
    Requirement(key="tier", operator="In", values=("a", "b")),
    Requirement(key=NAME, operator="NotIn", values=("one",)),
)

often = settings(
    max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def audit(snapshot: Snapshot, reading: Reading) -> tuple[Audited, Oracle]:
    """The findings, and the oracle to hold them against."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    return audited, Oracle(snapshot, ip_blocks_match_pods=reading == "yes")


def compare(audited: Audited, rule: str, wanted: Iterable[tuple[str, str | None]]) -> None:
    """Hold a rule's findings, subject and detail, against those wanted, the unjudged left out."""
    (check,) = (one.check for one in RULES if one.id == rule)
    unjudged = {str(one.subject) for one in check(audited.view) if isinstance(one, Unevaluated)}
    found = {(name_subject(one), one.detail) for one in audited.findings_of(rule)}
    assert {one for one in wanted if one[0] not in unjudged} == {
        one for one in found if one[0] not in unjudged
    }
    assert found <= set(wanted)


def selectable_pods(snapshot: Snapshot) -> Iterator[tuple[str, Pod]]:
    """The pods that policies can select, with their workloads."""
    for pod in snapshot.pods:
        if not is_finished(pod) and not pod.spec.host_network:
            yield str(workload_name(pod, snapshot)), pod


def lacking(
    audited: Audited, oracle: Oracle, *, has: PortSample | None, lacks: PortSample
) -> set[tuple[str, str | None]]:
    """The workloads with a pod that reaches cluster DNS on one port, and on another not."""
    snapshot = audited.view.snapshot
    dns = {str(one) for one in audited.view.recognition.dns}
    resolvers = [
        one
        for one in snapshot.pods
        if not is_finished(one) and str(workload_name(one, snapshot)) in dns
    ]

    def asks(pod: Pod, port: PortSample) -> bool:
        return any(oracle.allowed(pod, one, *port) for one in resolvers)

    return {
        (workload, None)
        for workload, pod in selectable_pods(snapshot)
        if resolvers
        and workload not in dns
        and (has is None or asks(pod, has))
        and not asks(pod, lacks)
    }


@st.composite
def resolving_snapshots(draw: st.DrawFn) -> Snapshot:
    """Random clusters with cluster DNS, which a policy isolates in some."""
    snapshot = draw(populated_snapshots(max_pods=5, max_policies=4))
    labels = {**draw(st.sampled_from(LABELS)), NAME: SYSTEM}
    resolvers = tuple(
        Pod(
            metadata=Metadata(
                name=f"dns-{index}",
                namespace=SYSTEM,
                labels={**draw(st.sampled_from(LABELS)), "k8s-app": "kube-dns"},
            ),
            spec=PodSpec(
                node_name=draw(st.sampled_from(["", *NODES])),
                host_network=draw(st.sampled_from([False, False, True])),
            ),
            status=PodStatus(phase="Running", pod_ip=f"10.0.0.{index + 100}"),
        )
        for index in range(draw(st.integers(min_value=1, max_value=2)))
    )
    policies = tuple(
        msgspec.structs.replace(
            one, metadata=msgspec.structs.replace(one.metadata, namespace=SYSTEM)
        )
        if draw(st.sampled_from([False, False, True]))
        else one
        for one in snapshot.policies
    )
    home = Namespace(metadata=Metadata(name=SYSTEM, labels=labels))
    return msgspec.structs.replace(
        snapshot,
        namespaces=tuple(sorted((*snapshot.namespaces, home), key=lambda one: one.name)),
        pods=tuple(sorted((*snapshot.pods, *resolvers), key=lambda one: (one.namespace, one.name))),
        policies=tuple(sorted(policies, key=lambda one: (one.namespace, one.metadata.name))),
    )


clusters_with_dns = given(snapshot=resolving_snapshots(), reading=st.sampled_from(["yes", "no"]))


@often
@clusters_with_dns
def test_dns_is_blocked_where_no_resolver_is_reached(snapshot: Snapshot, reading: Reading) -> None:
    """A workload is found where a pod of it reaches no pod of cluster DNS on UDP 53."""
    audited, oracle = audit(snapshot, reading)
    wanted = lacking(audited, oracle, has=None, lacks=("UDP", 53))
    compare(audited, "dns-is-blocked", wanted)


@often
@clusters_with_dns
def test_dns_lacks_tcp_where_udp_alone_is_let_through(snapshot: Snapshot, reading: Reading) -> None:
    """A workload is found where a pod of it reaches cluster DNS on UDP 53, and not on TCP 53."""
    audited, oracle = audit(snapshot, reading)
    wanted = lacking(audited, oracle, has=("UDP", 53), lacks=("TCP", 53))
    compare(audited, "dns-lacks-tcp", wanted)


@often
@given(
    snapshot=populated_snapshots(max_pods=7, max_policies=4),
    reading=st.sampled_from(["yes", "no"]),
)
def test_metadata_is_reached_where_its_address_is(snapshot: Snapshot, reading: Reading) -> None:
    """A workload is found where the policies of a pod of it allow TCP 80 to an address."""
    audited, oracle = audit(snapshot, reading)
    wanted = {
        (workload, None)
        for workload, pod in selectable_pods(snapshot)
        for address in METADATA
        if oracle.policies_allow(pod, address, [("TCP", 80)])
    }
    compare(audited, "metadata-service-is-reachable", wanted)


@st.composite
def trusting_snapshots(draw: st.DrawFn) -> Snapshot:
    """Random clusters whose policies have one more rule, by a label that others may bear, too."""
    snapshot = draw(populated_snapshots(max_pods=7, max_policies=4))
    policies: list[NetworkPolicy] = []
    for policy in snapshot.policies:
        selector = LabelSelector(match_expressions=(draw(st.sampled_from(LOOSE)),))
        peers = (Peer(namespace_selector=selector),)
        spec = msgspec.structs.replace(
            policy.spec,
            ingress=(*policy.spec.ingress, IngressRule(peers=peers)),
            egress=(*policy.spec.egress, EgressRule(peers=peers)),
        )
        policies.append(msgspec.structs.replace(policy, spec=spec))
    return msgspec.structs.replace(snapshot, policies=tuple(policies))


class PeerAlone(NamedTuple):
    """A peer that relies on labels of namespaces, and a cluster with a policy of it alone."""

    policy: NetworkPolicy
    direction: str
    place: str
    namespaces: LabelSelector
    pods: LabelSelector
    snapshot: Snapshot


def peers_alone(snapshot: Snapshot) -> Iterator[PeerAlone]:
    """Every such peer of a direction that its policy isolates."""
    for policy in snapshot.policies:
        spec = policy.spec
        types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
        places: list[tuple[str, str, int, Rule]] = [
            *(("Ingress", "from", index, one) for index, one in enumerate(spec.ingress)),
            *(("Egress", "to", index, one) for index, one in enumerate(spec.egress)),
        ]
        for direction, field, index, rule in places:
            for number, peer in enumerate(rule.peers if direction in types else ()):
                if peer.namespace_selector is not None and relies(peer.namespace_selector):
                    kept = (msgspec.structs.replace(rule, peers=(peer,)),)
                    one = PolicySpec(
                        pod_selector=spec.pod_selector,
                        policy_types=(direction,),
                        ingress=tuple(rule for rule in kept if isinstance(rule, IngressRule)),
                        egress=tuple(rule for rule in kept if isinstance(rule, EgressRule)),
                    )
                    alone = (msgspec.structs.replace(policy, spec=one),)
                    yield PeerAlone(
                        policy,
                        direction,
                        f"{direction.lower()}[{index}].{field}[{number}]",
                        peer.namespace_selector,
                        peer.pod_selector or LabelSelector(),
                        msgspec.structs.replace(snapshot, policies=alone),
                    )


def relies(selector: LabelSelector) -> bool:
    """Whether it asks for another label than the name, and pins no name."""
    asked = selector.requirements()
    return any(one.key != NAME for one in asked) and not any(
        one.key == NAME and one.operator == "In" for one in asked
    )


def trusted(audited: Audited, oracle: Oracle) -> Iterator[tuple[str, str]]:
    """The policies and places of peers that let another environment through by a label."""
    snapshot = audited.view.snapshot
    labels = {one.name: {**one.labels, NAME: one.name} for one in snapshot.namespaces}
    environments = audited.view.recognition.environments
    known = {name: one.name for name, one in environments.items() if one.name is not None}
    pods = [pod for _, pod in selectable_pods(snapshot) if pod.namespace in known]
    ports = sample_ports(snapshot)
    for one in peers_alone(snapshot):
        near = Oracle(one.snapshot, ip_blocks_match_pods=False)
        for subject, far in product(pods, pods):
            if (
                subject.namespace == one.policy.namespace
                and known[subject.namespace] != known[far.namespace]
                and selector_matches(one.policy.spec.pod_selector, subject.labels)
                and selector_matches(one.namespaces, labels[far.namespace])
                and selector_matches(one.pods, far.labels)
            ):
                ends = (subject, far) if one.direction == "Egress" else (far, subject)
                if near.allowed_ports(*ends, ports) & oracle.allowed_ports(*ends, ports):
                    yield str(one.policy.reference), one.place


@often
@given(snapshot=trusting_snapshots(), reading=st.sampled_from(["yes", "no"]))
def test_a_label_is_trusted_where_another_environment_connects(
    snapshot: Snapshot, reading: Reading
) -> None:
    """A peer is found where a pod of another environment connects through it alone."""
    audited, oracle = audit(snapshot, reading)
    compare(audited, "selector-trusts-a-tenant-label", set(trusted(audited, oracle)))
