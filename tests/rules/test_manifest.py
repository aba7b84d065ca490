"""Manifests as text: every reader of YAML reads the policy that was meant, to the last string."""

from __future__ import annotations

from typing import Any

import pytest
import ryaml
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.objects import (
    EgressRule,
    IngressRule,
    IPBlock,
    NetworkPolicy,
    Peer,
    PolicyMetadata,
    PolicyPort,
    PolicySpec,
)
from auditor.model.selectors import LabelSelector, Requirement
from auditor.rules._manifest import write_manifest

WHOLE = NetworkPolicy(
    metadata=PolicyMetadata(name="whole", namespace="app", labels={"team": "a", "cost": "1e3"}),
    spec=PolicySpec(
        pod_selector=LabelSelector(match_labels={"app": "web"}),
        policy_types=("Ingress", "Egress"),
        ingress=(
            IngressRule(),
            IngressRule(
                peers=(
                    Peer(pod_selector=LabelSelector(), namespace_selector=LabelSelector()),
                    Peer(ip_block=IPBlock(cidr="10.0.0.3/8", excepts=("10.1.0.0/16",))),
                ),
                ports=(
                    PolicyPort(port=80, end_port=90),
                    PolicyPort(protocol="UDP", port="dns"),
                    PolicyPort(),
                ),
            ),
        ),
        egress=(
            EgressRule(
                peers=(
                    Peer(
                        pod_selector=LabelSelector(
                            match_expressions=(
                                Requirement(key="tier", operator="In", values=("a", "b")),
                                Requirement(key="tier", operator="Exists"),
                            )
                        )
                    ),
                    Peer(ip_block=IPBlock(cidr="fd00::/8")),
                )
            ),
        ),
    ),
)

WRITTEN = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: whole
  namespace: app
  labels:
    cost: '1e3'
    team: a
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes:
  - Ingress
  - Egress
  ingress:
  - from: []
    ports: []
  - from:
    - namespaceSelector: {}
      podSelector: {}
    - ipBlock:
        cidr: 10.0.0.0/8
        except:
        - 10.1.0.0/16
    ports:
    - protocol: TCP
      port: 80
      endPort: 90
    - protocol: UDP
      port: dns
    - protocol: TCP
  egress:
  - to:
    - podSelector:
        matchExpressions:
        - key: tier
          operator: In
          values:
          - a
          - b
        - key: tier
          operator: Exists
    - ipBlock:
        cidr: fd00::/8
    ports: []
"""


def labelled(key: str, value: str) -> NetworkPolicy:
    """A policy that names two strings at every kind of place: as a key, as a value, in a list."""
    selector = LabelSelector(
        match_labels={key: value},
        match_expressions=(Requirement(key=key, operator="In", values=(value, key)),),
    )
    return NetworkPolicy(
        metadata=PolicyMetadata(name=value, namespace=key, labels={value: key}),
        spec=PolicySpec(pod_selector=selector, policy_types=("Ingress",)),
    )


def expected(key: str, value: str) -> dict[str, Any]:
    """What a reader must read of `labelled`."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": value, "namespace": key, "labels": {value: key}},
        "spec": {
            "podSelector": {
                "matchLabels": {key: value},
                "matchExpressions": [{"key": key, "operator": "In", "values": [value, key]}],
            },
            "policyTypes": ["Ingress"],
            "ingress": [],
        },
    }


def test_every_field_is_written() -> None:
    """In the order of the API's documentation; empty lists and selectors, too; CIDRs masked."""
    assert WRITTEN == write_manifest([WHOLE])


def test_policies_are_documents_of_one_file() -> None:
    """Parted as YAML parts them."""
    assert f"{WRITTEN}---\n{WRITTEN}" == write_manifest([WHOLE, WHOLE])


@pytest.mark.parametrize(
    "text",
    [
        *("y", "N", "yes", "Off", "TRUE", "null", "~", "=", "<<", "", " ", "-", "?"),
        *("1", "1e3", "12e45", "0o17", "0x1f", "0b1", "1_000", "+1", "-1", ".5", "1.", "0.1.2"),
        *("12:30", "2026-01-01", "2026-01-01T00:00:00Z", ".inf", "-.Inf", ".nan", "NaN"),
        *("a: b", "a #b", "#", "- a", "{}", "[]", "*a", "&a", "!a", "|", ">", "@a", "`", "%a"),
        *("'", '"', "\\", "two\nlines", "\ttab", " led", "trailed ", "a\n", "\x00", "\x85"),
        *("\u202e", "\u2028", "\ufeff", "\U0001f600", "k" * 2000, "a " * 200, "---", "..."),
    ],
)
def test_no_string_is_taken_for_anything_else(text: str) -> None:
    """Neither by YAML 1.1, which kubectl reads, nor by YAML 1.2."""
    written = write_manifest([labelled(text, text)])
    assert expected(text, text) == yaml.safe_load(written)
    assert expected(text, text) == ryaml.loads(written)


@given(
    key=st.text(st.characters(exclude_categories=["Cs"])),
    value=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_string_is_read_as_it_was_written(key: str, value: str) -> None:
    """Labels come from the cluster: they can break out of no line."""
    assert expected(key, value) == yaml.safe_load(write_manifest([labelled(key, value)]))
