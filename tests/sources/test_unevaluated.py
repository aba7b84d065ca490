"""What is kept of policies of kinds that are not evaluated: what tells a change, and no more."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from auditor.sources.archive import pack, unpack
from auditor.sources.faults import MalformedError
from auditor.sources.objects import build_unevaluated
from tests.sources.manifest_text import read

POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop, labels: {team: red}, generation: 3}
spec: {endpointSelector: {}, ingress: [{fromEntities: [world]}]}
status: {conditions: []}
"""


def digest_of(text: str) -> str | None:
    """The digest of the one policy."""
    (only,) = read(text).unevaluated_policies
    return only.digest


def test_the_digest_is_that_of_the_canonical_json() -> None:
    """Of all beside metadata and status, keys sorted."""
    plain = b'{"spec":{"endpointSelector":{},"ingress":[{"fromEntities":["world"]}]}}'
    assert hashlib.sha256(plain).hexdigest() == digest_of(POLICY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("team: red", "team: blue"),
        ("generation: 3", "generation: 4"),
        ("conditions: []", "conditions: [{type: Valid}]"),
        ("cilium.io/v2", "cilium.io/v2alpha1"),
        (
            "endpointSelector: {}, ingress: [{fromEntities: [world]}]",
            "ingress: [{fromEntities: [world]}], endpointSelector: {}",
        ),
    ],
)
def test_what_is_not_said_does_not_change_the_digest(old: str, new: str) -> None:
    """Metadata, status, the version of the kind and the order of keys."""
    assert digest_of(POLICY) == digest_of(POLICY.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [("[world]", "[all]"), ("[world]", "[world, host]"), ("spec:", "specs:"), ("{}", "{a: b}")],
)
def test_whatever_is_said_changes_the_digest(old: str, new: str) -> None:
    """Also what stands beside a spec: Cilium's policies may have several."""
    assert digest_of(POLICY) != digest_of(POLICY.replace(old, new))


def test_nothing_of_the_spec_is_kept() -> None:
    """Neither its words nor its keys are in the snapshot."""
    saved = pack(read(POLICY.replace("world", "a-secret-host.example")))
    snapshot = unpack(saved, name="saved")
    assert "a-secret-host" not in repr(snapshot)
    assert "endpointSelector" not in repr(snapshot)
    assert read(POLICY.replace("world", "a-secret-host.example")) == snapshot


@pytest.mark.parametrize("key", ["1", "true", "null", "1.5"])
def test_keys_that_json_does_not_have_are_text(key: str) -> None:
    """YAML has them; they count, too."""
    texts = (POLICY.replace("{}", f"{{{key}: {value}, a: b}}") for value in "xy")
    assert 2 == len({*map(digest_of, texts)} - {None, digest_of(POLICY)})


def test_one_that_is_nested_too_deeply_is_refused() -> None:
    """It becomes a gap: it is not counted as a policy of which a change would be told."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    raw = {"metadata": {"name": "a"}, "spec": deep}
    with pytest.raises(MalformedError, match="is nested too deeply"):
        build_unevaluated(raw, "CiliumNetworkPolicy.cilium.io", namespaced=True)
    del raw
    while deep:  # taken down level by level: at once it would be too deep for that, too
        deep = deep[0]
