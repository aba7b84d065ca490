"""The policies of a generated namespace: what a careful team writes, and what others leave out.

A namespace closes both directions, then opens DNS, web → api → stores on both sides, the ingress
controller, monitoring, one way to the internet, and the worker traffic of its team's namespaces.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from tests.benchmarks.pods import Object, count_address

_BY_NAME = "kubernetes.io/metadata.name"
_PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
_PARTNERS_NETWORK = "198.18.0.0"
"""The network of benchmarks (RFC 2544) stands for partners' addresses."""
_PARTNERS = 256


def make_policies(
    namespace: str, team: str, workloads: Sequence[str], *, count: int, chance: random.Random
) -> list[Object]:
    """The first ``count`` policies of a namespace; beyond the usual ones, one for a workload."""
    policies: list[Object] = []
    for name, spec in _specs(team, workloads, chance):
        if len(policies) == count:
            break
        policies.append(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": name, "namespace": namespace},
                "spec": spec,
            }
        )
    return policies


def make_careless(policies: Sequence[Object]) -> list[Object]:
    """What is left where nobody closed the namespace, nor guards its stores."""
    left_out = {"default-deny", "allow-dns", "stores", "monitoring", "api-internet"}
    return [one for one in policies if one["metadata"]["name"] not in left_out]


def _specs(
    team: str, workloads: Sequence[str], chance: random.Random
) -> Iterator[tuple[str, Object]]:
    api_port = chance.choice((3000, 8000, 8080))
    yield "default-deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    yield "allow-dns", _egress({}, [_dns()], [_port(53, "UDP"), _port(53)])
    yield (
        "web",
        {
            "podSelector": _tiers(chance, "web"),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [_controller()], "ports": [_port("http")]}],
            "egress": [
                {"to": [{"podSelector": _tiers(chance, "api")}], "ports": [_port(api_port)]}
            ],
        },
    )
    yield (
        "api",
        {
            "podSelector": _tiers(chance, "api"),
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [{"podSelector": _tiers(chance, "web", "worker")}],
                    "ports": [_port(api_port)],
                }
            ],
            "egress": [
                {
                    "to": [{"podSelector": _tiers(chance, "db", "cache")}],
                    "ports": [_port(5432), _port(6379)],
                }
            ],
        },
    )
    yield (
        "stores",
        {
            "podSelector": _tiers(chance, "db", "cache"),
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"podSelector": _tiers(chance, "api", "worker")}],
                    "ports": [_port(5432), _port(6379)],
                }
            ],
        },
    )
    yield (
        "monitoring",
        {
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": {_BY_NAME: "monitoring"}}}],
                    "ports": [_port("metrics")],
                }
            ],
        },
    )
    internet = {"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE}}
    yield "api-internet", _egress(_tiers(chance, "api"), [internet], [_port(443)])
    yield "team-workers", _team_workers(team)
    for number, workload in enumerate(workloads):
        partner = f"{count_address(_PARTNERS_NETWORK, chance.randrange(_PARTNERS) << 4)}/28"
        everyone_else = [{"key": "app", "operator": "NotIn", "values": [workload]}]
        yield (
            f"partner-of-{workload}",
            {
                "podSelector": {"matchLabels": {"app": workload}},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [
                    {
                        "from": [{"podSelector": {"matchExpressions": everyone_else}}],
                        "ports": [_port(7000 + number % 50)],
                    }
                ],
                "egress": [{"to": [{"ipBlock": {"cidr": partner}}], "ports": [_port(8443)]}],
            },
        )


def _team_workers(team: str) -> Object:
    same_team = {"matchLabels": {"team": team}}
    ports = [_port(9000) | {"endPort": 9010}]

    def of_team(tier: str) -> Object:
        return {"namespaceSelector": same_team, "podSelector": {"matchLabels": {"tier": tier}}}

    return {
        "podSelector": {
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["api", "worker"]}]
        },
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [of_team("worker")], "ports": ports}],
        "egress": [{"to": [of_team("api")], "ports": ports}],
    }


def _egress(subjects: Object, peers: list[Object], ports: list[Object]) -> Object:
    return {
        "podSelector": subjects,
        "policyTypes": ["Egress"],
        "egress": [{"to": peers, "ports": ports}],
    }


def _tiers(chance: random.Random, *tiers: str) -> Object:
    """A selector of tiers; one alone is written now this way, now that."""
    if len(tiers) == 1 and chance.random() < 0.7:
        return {"matchLabels": {"tier": tiers[0]}}
    return {"matchExpressions": [{"key": "tier", "operator": "In", "values": list(tiers)}]}


def _port(port: int | str, protocol: str = "TCP") -> dict[str, Any]:
    return {"protocol": protocol, "port": port}


def _dns() -> Object:
    return {
        "namespaceSelector": {"matchLabels": {_BY_NAME: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }


def _controller() -> Object:
    return {
        "namespaceSelector": {"matchLabels": {_BY_NAME: "ingress-nginx"}},
        "podSelector": {"matchLabels": {"app": "ingress-nginx"}},
    }
