"""What objects say of themselves."""

from __future__ import annotations

import pytest

from auditor.model.objects import Metadata, Service, ServiceSpec


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (ServiceSpec(cluster_ip="10.96.0.7"), ("10.96.0.7",)),
        (
            ServiceSpec(cluster_ip="10.96.0.7", cluster_ips=("10.96.0.7", "fd00:96::7")),
            ("10.96.0.7", "fd00:96::7"),
        ),
        (ServiceSpec(cluster_ip="None", cluster_ips=("None",)), ()),
        (ServiceSpec(type="ExternalName"), ()),
    ],
    ids=["one", "dual-stack", "headless", "none yet"],
)
def test_a_service_has_the_cluster_ips_that_are_addresses(
    spec: ServiceSpec, expected: tuple[str, ...]
) -> None:
    """`None` says that a Service is headless, and is no address."""
    assert expected == Service(metadata=Metadata(name="web"), spec=spec).cluster_addresses
