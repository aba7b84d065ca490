"""What is read of policies of kinds not evaluated, and the gaps they leave, for every source."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from auditor.model.canonical import encode_canonical
from auditor.model.objects import NetworkPolicy
from auditor.model.snapshot import Blind, Gap, UnevaluatedPolicy

EFFECT = "connections that these policies open or close are not known"

_CALICO_KIND = "NetworkPolicy.projectcalico.org"
_CALICO_PREFIX = "knp.default."

_NOT_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status"})


class _Identity(msgspec.Struct, gc=False):
    name: str
    namespace: str = ""
    uid: str = ""
    generation: int | None = None


class ListedPolicy(msgspec.Struct, gc=False):
    """A policy in a list of an API server: its metadata alone, or the whole object.

    What it says gives way to its digest as soon as it is read.
    """

    metadata: _Identity
    spec: Any = None
    specs: Any = None
    """Cilium's kinds may have several specs."""
    digest: str | None = None

    def __post_init__(self) -> None:
        """Keep the digest of what the policy says, and nothing of it."""
        content = {"spec": self.spec, "specs": self.specs}
        self.digest = digest_content(content) if any(content.values()) else None
        self.spec = self.specs = None


def digest_content(raw: Mapping[Any, Any]) -> str:
    """SHA-256 (hex) of the canonical JSON of all that an object says beside metadata and status.

    The version of its kind is not part of it: clusters serve an object in several.

    Raises:
        RecursionError: it is nested too deeply.
    """
    content = {key: value for key, value in raw.items() if key not in _NOT_CONTENT}
    try:
        encoded = encode_canonical(content)
    except TypeError:
        encoded = encode_canonical(_with_text_keys(content))
    return hashlib.sha256(encoded).hexdigest()


def _with_text_keys(value: Any) -> Any:
    """The value as JSON can hold it: YAML has keys that are numbers, truth values or null."""
    match value:
        case dict():
            return {str(key): _with_text_keys(one) for key, one in value.items()}
        case list():
            return [_with_text_keys(one) for one in value]
        case _:
            return value


def without_mirrors(
    policies: Iterable[UnevaluatedPolicy], network_policies: Iterable[NetworkPolicy]
) -> tuple[UnevaluatedPolicy, ...]:
    """The policies without those that are NetworkPolicies under another name.

    Calico's own API server lists every NetworkPolicy a second time, as `knp.default.NAME`, a prefix
    that it reserves. Only where the NetworkPolicy itself was read is its double left out.
    """
    doubles = {
        (_CALICO_KIND, one.namespace, f"{_CALICO_PREFIX}{one.metadata.name}")
        for one in network_policies
    }
    return tuple(one for one in policies if (one.kind, one.namespace, one.name) not in doubles)


def unevaluated_gaps(policies: Iterable[UnevaluatedPolicy]) -> tuple[Gap, ...]:
    """One gap per kind and namespace, sorted, with the count (semantics, section 5).

    A cluster-wide kind has one gap, with namespace None: every verdict may depend on it.
    """
    counts = Counter((one.kind, one.namespace) for one in policies)
    return tuple(
        Gap(
            kind=kind,
            namespace=namespace or None,
            name=None,
            reason=f"{count} {'policy' if count == 1 else 'policies'} of a kind not evaluated",
            effect=EFFECT,
            blind=Blind.POLICIES,
        )
        for (kind, namespace), count in sorted(counts.items())
    )
