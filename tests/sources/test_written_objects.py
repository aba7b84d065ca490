"""Manifests one by one: what counts, how it is written, and what is passed over."""

from __future__ import annotations

from io import BytesIO

import pytest

from auditor.errors import ManifestsError
from auditor.model.objects import Reference
from auditor.sources.manifests import Written, read_objects
from auditor.sources.reading import Mentioned
from auditor.sources.workloads import Workload
from tests.sources.manifest_text import RETENTION, policy


def read(text: str) -> Written:
    """Read manifests from standard input, one by one."""
    return read_objects(["-"], retention=RETENTION, stdin=BytesIO(text.encode()))


def test_an_object_knows_what_its_document_mentions() -> None:
    """The namespace, the fields at the top of the spec, and the keys of the labels."""
    text = policy("podSelector: {}, ingress: null", "namespace: shop, labels: {a: b}")
    (one,) = read(text).objects
    assert Reference("shop", "NetworkPolicy", "only") == one.reference
    expected = Mentioned(namespace=True, spec=("podSelector", "ingress"), labels=("a",))
    assert expected == one.mentioned
    (bare,) = read("{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: null}").objects
    assert ("default", Mentioned(namespace=False, spec=(), labels=())) == (
        bare.namespace,
        bare.mentioned,
    )


def test_workloads_are_not_expanded() -> None:
    """They are what is written, with the number that is asked for."""
    text = """\
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web},
 spec: {replicas: 0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}}
"""
    (one,) = read(text).objects
    (workload,) = one.values
    assert isinstance(workload, Workload)
    assert (1, 0) == (workload.pods, workload.wanted)


def test_of_duplicates_the_last_counts() -> None:
    """With a gap for the first."""
    written = read(policy("ingress: [{}]") + "---\n" + policy("egress: [{}]"))
    assert [("egress",)] == [one.mentioned.spec for one in written.objects]
    assert ["last declaration counts"] == [one.effect.removeprefix("the ") for one in written.gaps]


def test_what_bears_on_no_connection_is_listed() -> None:
    """Kinds that are not read, and ConfigMaps that are no evidence; text is made safe to print."""
    written = read(
        '{apiVersion: v1, kind: Secret, metadata: {name: "a\\u001b[31m", namespace: shop}}\n---\n'
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n---\n"
        "{apiVersion: example.com/v1, kind: Thing, metadata: {}}\n"
    )
    assert () == written.objects
    assert [
        Reference("shop", "Secret", "a [31m"),
        Reference("", "ConfigMap", "b"),
        Reference("", "Thing", ""),
    ] == [*written.passed_over]


def test_nothing_to_write_is_an_error() -> None:
    """As it is where a cluster is read from manifests."""
    with pytest.raises(ManifestsError):
        read("just: text")
