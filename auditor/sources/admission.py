"""What API server 1.36 refuses in an object, as far as it bears on who can reach whom.

After the validation of `networking.k8s.io/v1`, of labels, selectors, names and container ports in
Kubernetes 1.36.3; wrong types were found by decoding already. Each function yields every fault of
its subject, in the order of the fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from auditor.model.addresses import parse_cidr
from auditor.model.objects import (
    Container,
    EgressRule,
    IngressRule,
    IPBlock,
    Metadata,
    NetworkPolicy,
    Peer,
    PodSpec,
    PolicyPort,
    Service,
    ServiceSpec,
)
from auditor.model.ports import PROTOCOLS
from auditor.model.selectors import LabelSelector
from auditor.sources.faults import Fault
from auditor.sources.naming import (
    find_cidr_fault,
    is_dns_label,
    is_dns_subdomain,
    is_label_key,
    is_label_value,
    is_legacy_cidr,
    is_port,
    is_port_name,
)

_POLICY_TYPES = ("Ingress", "Egress")
_SERVICE_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
_TRAFFIC_POLICIES = ("Cluster", "Local")
_NOT_A_PORT = "must be between 1 and 65535"
_NOT_A_PORT_NAME = "is not a port's name: up to 15 of a-z, 0-9 and -, at least one a letter"
_NOT_A_PROTOCOL = "must be TCP, UDP or SCTP"


def check_metadata(
    metadata: Metadata, *, cluster_wide: bool, is_namespace: bool
) -> Iterator[Fault]:
    """Name, namespace and labels."""
    if not (is_dns_label if is_namespace else is_dns_subdomain)(metadata.name):
        yield Fault("metadata.name", "is not a name: a-z, 0-9 and -, in parts divided by dots")
    if not cluster_wide and not is_dns_label(metadata.namespace):
        yield Fault("metadata.namespace", "is not the name of a namespace: a-z, 0-9 and -")
    yield from check_labels(metadata.labels, "metadata.labels")


def check_labels(labels: Mapping[str, str], path: str) -> Iterator[Fault]:
    """The spelling of keys and values."""
    for key, value in labels.items():
        if not is_label_key(key):
            yield Fault(f"{path}[{key}]", "has a key that no label can have")
        if not is_label_value(value):
            yield Fault(f"{path}[{key}]", f"has a value that no label can have: {value}")


def check_selector(
    selector: LabelSelector, path: str, *, accepted_once: bool = False
) -> Iterator[Fault]:
    """Keys, values and operators. What was accepted once may hold any value in an expression."""
    yield from check_labels(selector.match_labels, f"{path}.matchLabels")
    for index, one in enumerate(selector.match_expressions):
        here = f"{path}.matchExpressions[{index}]"
        if one.operator in {"In", "NotIn"} and not one.values:
            yield Fault(f"{here}.values", f"must not be empty where the operator is {one.operator}")
        if one.operator in {"Exists", "DoesNotExist"} and one.values:
            yield Fault(f"{here}.values", f"must be empty where the operator is {one.operator}")
        if not is_label_key(one.key):
            yield Fault(f"{here}.key", "is not the key of a label")
        for position, value in enumerate(one.values):
            if not accepted_once and not is_label_value(value):
                yield Fault(f"{here}.values[{position}]", "is not the value of a label")


def check_pod(spec: PodSpec, path: str) -> Iterator[Fault]:
    """The ports that containers declare: policies name them."""
    for field, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.init_containers),
    ):
        for index, container in enumerate(containers):
            yield from _check_container(container, f"{path}.{field}[{index}]")


def check_service(service: Service) -> Iterator[Fault]:
    """Selector, ports, and what decides who is let in from outside."""
    spec = service.spec
    yield from check_labels(spec.selector, "spec.selector")
    for index, one in enumerate(spec.ports):
        path = f"spec.ports[{index}]"
        if not is_port(one.port):
            yield Fault(f"{path}.port", _NOT_A_PORT)
        if one.protocol not in PROTOCOLS:
            yield Fault(f"{path}.protocol", _NOT_A_PROTOCOL)
        yield from _check_target(one.target_port, f"{path}.targetPort")
        if one.node_port and spec.type in {"", "ClusterIP"}:
            yield Fault(f"{path}.nodePort", "needs the type NodePort or LoadBalancer")
    yield from _check_publishing(spec)


def _check_target(port: int | str, path: str) -> Iterator[Fault]:
    """0 and the empty name are no fault: the server puts the Service's own port there."""
    if isinstance(port, int) and port and not is_port(port):
        yield Fault(path, _NOT_A_PORT)
    if isinstance(port, str) and port and not is_port_name(port):
        yield Fault(path, _NOT_A_PORT_NAME)


def _check_publishing(spec: ServiceSpec) -> Iterator[Fault]:
    """After `ValidateService` and `validateServiceExternalTrafficPolicy`."""
    if spec.type and spec.type not in _SERVICE_TYPES:
        yield Fault("spec.type", f"must be one of {', '.join(_SERVICE_TYPES)}")
    for index, text in enumerate(spec.external_ips):
        if not is_legacy_cidr(f"{text}/{128 if ':' in text else 32}"):
            yield Fault(f"spec.externalIPs[{index}]", f"is not an IP address: {text}")
    if spec.load_balancer_source_ranges and spec.type != "LoadBalancer":
        yield Fault("spec.loadBalancerSourceRanges", "needs the type LoadBalancer")
    for index, text in enumerate(spec.load_balancer_source_ranges):
        # the server itself allows the padding, for the sake of an older annotation
        if not is_legacy_cidr(text.strip()):
            yield Fault(f"spec.loadBalancerSourceRanges[{index}]", f"is not a CIDR: {text}")
    policy, path = spec.external_traffic_policy, "spec.externalTrafficPolicy"
    if policy and policy not in _TRAFFIC_POLICIES:
        yield Fault(path, f"must be one of {', '.join(_TRAFFIC_POLICIES)}")
    elif policy and not spec.is_published:
        yield Fault(path, "needs the type LoadBalancer or NodePort, or externalIPs")


def check_policy(policy: NetworkPolicy) -> Iterator[Fault]:
    """Everything that is validated in the spec of a NetworkPolicy.

    One that carries a UID comes from an API server, which accepted it once, perhaps by older rules.
    """
    accepted_once = bool(policy.metadata.uid)
    spec = policy.spec
    yield from check_selector(spec.pod_selector, "spec.podSelector", accepted_once=accepted_once)
    yield from _check_rules(spec.ingress, "spec.ingress", "from", accepted_once=accepted_once)
    yield from _check_rules(spec.egress, "spec.egress", "to", accepted_once=accepted_once)
    if len(spec.policy_types) > len(_POLICY_TYPES):
        yield Fault("spec.policyTypes", "must not list more than two")
    for index, one in enumerate(spec.policy_types):
        if one not in _POLICY_TYPES:
            yield Fault(f"spec.policyTypes[{index}]", "must be Ingress or Egress")


def _check_rules(
    rules: Iterable[IngressRule | EgressRule], path: str, peers: str, *, accepted_once: bool
) -> Iterator[Fault]:
    for index, rule in enumerate(rules):
        for position, port in enumerate(rule.ports):
            yield from _check_port(port, f"{path}[{index}].ports[{position}]")
        for position, peer in enumerate(rule.peers):
            here = f"{path}[{index}].{peers}[{position}]"
            yield from _check_peer(peer, here, accepted_once=accepted_once)


def _check_port(port: PolicyPort, path: str) -> Iterator[Fault]:
    if port.protocol not in PROTOCOLS:
        yield Fault(f"{path}.protocol", _NOT_A_PROTOCOL)
    if isinstance(port.port, str) and not is_port_name(port.port):
        yield Fault(f"{path}.port", _NOT_A_PORT_NAME)
    if isinstance(port.port, int) and not is_port(port.port):
        yield Fault(f"{path}.port", _NOT_A_PORT)
    if port.end_port is None:
        return
    if not isinstance(port.port, int):
        yield Fault(f"{path}.endPort", "needs a port that is a number")
    elif port.end_port < port.port:
        yield Fault(f"{path}.endPort", f"is {port.end_port}, below the port {port.port}")
    elif not is_port(port.end_port):
        yield Fault(f"{path}.endPort", _NOT_A_PORT)


def _check_peer(peer: Peer, path: str, *, accepted_once: bool) -> Iterator[Fault]:
    selectors = (
        ("podSelector", peer.pod_selector),
        ("namespaceSelector", peer.namespace_selector),
    )
    given = [(field, one) for field, one in selectors if one is not None]
    for field, selector in given:
        yield from check_selector(selector, f"{path}.{field}", accepted_once=accepted_once)
    if peer.ip_block is not None:
        yield from _check_block(peer.ip_block, f"{path}.ipBlock", accepted_once=accepted_once)
        if given:
            yield Fault(path, "must not hold both ipBlock and a selector")
    elif not given:
        yield Fault(path, "must hold a podSelector, a namespaceSelector or an ipBlock")


def _check_block(block: IPBlock, path: str, *, accepted_once: bool) -> Iterator[Fault]:
    texts = [
        (f"{path}.cidr", block.cidr),
        *((f"{path}.except[{index}]", one) for index, one in enumerate(block.excepts)),
    ]
    for field, text in texts:
        reason = find_cidr_fault(text)
        if reason is not None and not (accepted_once and is_legacy_cidr(text)):
            yield Fault(field, f"{reason}: {text}")
    if not is_legacy_cidr(block.cidr):
        return
    whole = parse_cidr(block.cidr)
    for field, text in texts[1:]:
        if is_legacy_cidr(text):
            part = parse_cidr(text)
            if not whole.contains(part) or whole == part:
                yield Fault(field, f"must be a part of the cidr and smaller: {text}")


def _check_container(container: Container, path: str) -> Iterator[Fault]:
    names: set[str] = set()
    for index, port in enumerate(container.ports):
        here = f"{path}.ports[{index}]"
        if not is_port(port.container_port):
            yield Fault(f"{here}.containerPort", _NOT_A_PORT)
        if port.protocol not in PROTOCOLS:
            yield Fault(f"{here}.protocol", _NOT_A_PROTOCOL)
        if port.name and not is_port_name(port.name):
            yield Fault(f"{here}.name", _NOT_A_PORT_NAME)
        if port.name and port.name in names:
            yield Fault(f"{here}.name", f"stands twice in one container: {port.name}")
        names.add(port.name)
