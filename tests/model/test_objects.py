"""Objects keep what the audit needs of them, and forget the rest."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.objects import (
    LONGEST_WAIVER,
    WAIVER_PREFIX,
    Metadata,
    Namespace,
    Node,
    Pod,
    Service,
    ServiceSpec,
)

WAIVER = f"{WAIVER_PREFIX}some-rule"
WIRE = b"""{"metadata": {"name": "web", "annotations": {"%s": "text", "secret": "hidden-value"}}}"""


def test_of_annotations_only_waivers_are_kept() -> None:
    """However an object is made, and whatever else it is annotated with."""
    wire = WIRE % WAIVER.encode()
    kinds: tuple[type[Pod | Namespace], ...] = (Pod, Namespace)
    for kind in kinds:
        decoded = msgspec.json.decode(wire, type=kind)
        assert {WAIVER: "text"} == decoded.metadata.annotations
        assert decoded == msgspec.convert(msgspec.json.decode(wire), kind)
        assert decoded == msgspec.json.decode(msgspec.json.encode(decoded), type=kind)


def test_an_object_without_waivers_has_no_annotations_in_a_snapshot() -> None:
    """Nothing is written where nothing is kept."""
    wire = WIRE.replace(b'"%s": "text", ', b"")
    decoded = msgspec.json.decode(wire, type=Pod)
    assert b"annotations" not in msgspec.json.encode(decoded)


def test_a_waiver_that_is_far_too_long_is_cut() -> None:
    """Enough of it is kept to refuse it, and no more: anyone may write a quarter of a megabyte."""
    text = "x" * (LONGEST_WAIVER * 9)
    decoded = msgspec.convert({"metadata": {"name": "web", "annotations": {WAIVER: text}}}, Pod)
    assert LONGEST_WAIVER + 1 == len(decoded.metadata.annotations[WAIVER])


def test_a_node_keeps_its_annotations() -> None:
    """The sources narrow them to what the detection data names."""
    node = msgspec.json.decode(WIRE % WAIVER.encode(), type=Node)
    assert {WAIVER: "text", "secret": "hidden-value"} == node.metadata.annotations


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
