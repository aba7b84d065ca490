"""The gaps that policies of kinds not evaluated leave, alike for every source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from auditor.model.objects import NetworkPolicy
from auditor.model.snapshot import Blind, Gap, UnevaluatedPolicy

EFFECT = "connections that these policies open or close are not known"

_CALICO_KIND = "NetworkPolicy.projectcalico.org"
_CALICO_PREFIX = "knp.default."


def without_mirrors(
    policies: Iterable[UnevaluatedPolicy], network_policies: Iterable[NetworkPolicy]
) -> tuple[UnevaluatedPolicy, ...]:
    """The policies without those that are NetworkPolicies under another name.

    Calico's own API server lists every NetworkPolicy a second time, as `knp.default.NAME`, a prefix
    that it reserves. Only where the NetworkPolicy itself was read is its double left out.
    """
    doubles = {
        UnevaluatedPolicy(
            kind=_CALICO_KIND,
            namespace=one.namespace,
            name=f"{_CALICO_PREFIX}{one.metadata.name}",
        )
        for one in network_policies
    }
    return tuple(one for one in policies if one not in doubles)


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
