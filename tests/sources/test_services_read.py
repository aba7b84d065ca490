"""Services as they are read: what they publish is kept, and what is unread is not absent."""

from pathlib import Path
from typing import Any

import pytest

from auditor.model.objects import Service, ServiceSpec
from auditor.model.retention import Retention
from auditor.model.snapshot import Blind, Snapshot
from auditor.settings import ClusterAccess
from auditor.sources.cluster import collect
from tests.sources.manifest_text import read
from tests.sources.scripted_server import Answer, Asked, answer_list, answer_status, serve

PUBLISHED: dict[str, Any] = {
    "type": "LoadBalancer",
    "selector": {"app": "db"},
    "ports": [{"port": 3306, "targetPort": "sql", "nodePort": 30306}],
    "externalTrafficPolicy": "Local",
    "loadBalancerSourceRanges": ["10.0.0.0/8"],
    "externalIPs": ["192.0.2.1"],
}
TEXT = """\
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec:
  type: LoadBalancer
  selector: {app: db}
  ports: [{port: 3306, targetPort: sql, nodePort: 30306}]
  externalTrafficPolicy: Local
  loadBalancerSourceRanges: [10.0.0.0/8]
  externalIPs: [192.0.2.1]
"""


def read_live(services: Answer, folder: Path) -> Snapshot:
    """Collect from a server that holds one namespace, and answers so for Services."""

    def answer(asked: Asked) -> Answer:
        match asked.path:
            case "/api/v1/namespaces":
                return answer_list([{"metadata": {"name": "shop"}}])
            case path if path.endswith("/services"):
                return services
            case _:
                return answer_list([])

    with serve(answer) as server:
        path = server.kubeconfig(folder / "kubeconfig")
        return collect(
            ClusterAccess(kubeconfig=str(path)), retention=Retention(), clock=lambda: "now"
        )


def check_published(service: Service) -> None:
    """Every field of the Service above stands in the model."""
    spec = service.spec
    assert ("LoadBalancer", "Local", True) == (
        spec.type,
        spec.external_traffic_policy,
        spec.is_published,
    )
    assert (("10.0.0.0/8",), ("192.0.2.1",)) == (
        spec.load_balancer_source_ranges,
        spec.external_ips,
    )
    assert [(3306, "sql", 30306)] == [(p.port, p.target_port, p.node_port) for p in spec.ports]


def test_a_live_service_is_kept_with_what_it_publishes(tmp_path: Path) -> None:
    """Type, ports, traffic policy, ranges and external addresses are read."""
    service = {"metadata": {"name": "db", "namespace": "shop"}, "spec": PUBLISHED}
    (found,) = read_live(answer_list([service]), tmp_path).services
    check_published(found)


def test_a_service_of_a_manifest_is_kept_with_what_it_publishes() -> None:
    """The same fields are read from files."""
    (found,) = read(TEXT).services
    check_published(found)


def test_services_that_may_not_be_listed_are_not_known(tmp_path: Path) -> None:
    """The gap says that what is published is not known, and that of pods nothing is missing."""
    snapshot = read_live(answer_status(403, "no services for you"), tmp_path)
    assert [("Service", None, Blind.SERVICES)] == [
        (gap.kind, gap.namespace, gap.blind) for gap in snapshot.gaps if gap.blind is not None
    ]


@pytest.mark.parametrize(
    "spec", [{"type": "NodePort"}, {"type": "LoadBalancer"}, {"external_ips": ("192.0.2.1",)}]
)
def test_a_service_is_published_by_its_type_or_its_addresses(spec: dict[str, Any]) -> None:
    """A load balancer, node ports, or addresses that routers send to the nodes."""
    assert ServiceSpec(**spec).is_published


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"type": ""},
        {"type": "ExternalName", "external_ips": ("192.0.2.1",)},
        {"cluster_ip": "None", "external_ips": ("192.0.2.1",)},
    ],
)
def test_a_service_of_the_cluster_alone_is_not_published(spec: dict[str, Any]) -> None:
    """Nor is a name for somebody else's host, or a headless one, whatever addresses it lists."""
    assert not ServiceSpec(**spec).is_published
