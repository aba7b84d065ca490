"""How far the snapshot's gaps let a rule judge: missing data is never clean data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from auditor.model.findings import Hit, Unevaluated
from auditor.model.objects import Reference
from auditor.model.snapshot import Blind, Gap
from auditor.reachability.view import View


class Certainty(NamedTuple):
    """What hides part of the picture of a subject."""

    unread: tuple[Gap, ...]
    """Whole lists that were not read: nothing can be said, neither good nor bad."""
    doubts: tuple[Gap, ...]
    """Single objects that were not evaluated: a finding carries them, and nothing is clean."""

    def judge(self, subject: Reference, hit: Hit | None) -> Iterator[Hit | Unevaluated]:
        """State the hit, with its doubts, or that the subject could not be judged."""
        if self.unread or (hit is None and self.doubts):
            yield Unevaluated(subject, describe_gaps(self.unread or self.doubts))
        elif hit is not None:
            evidence: dict[str, Any] = dict(hit.evidence)
            if self.doubts:
                evidence["gaps"] = describe_gaps(self.doubts)
            yield hit._replace(evidence=evidence)


def certainty(view: View, namespaces: Iterable[str], *kinds: Blind) -> Certainty:
    """What the gaps hide of the kinds in the namespaces; found out once for all who ask."""
    known = view.remembered(_known_certainties)
    key = (tuple(namespaces), kinds)
    if key not in known:
        known[key] = _find_certainty(view, *key)
    return known[key]


def _known_certainties(_: View) -> dict[tuple[tuple[str, ...], tuple[Blind, ...]], Certainty]:
    return {}


def _find_certainty(view: View, namespaces: tuple[str, ...], kinds: tuple[Blind, ...]) -> Certainty:
    gaps = dict.fromkeys(
        gap
        for namespace in namespaces
        for gap in view.blind_spots(namespace, *kinds)
        if not _is_of_another(gap, namespace)
    )
    unread = tuple(one for one in gaps if _is_whole_list(one))
    return Certainty(unread, tuple(one for one in gaps if one not in unread))


def unread_namespaces(view: View, *kinds: Blind) -> Iterator[Hit | Unevaluated]:
    """Every namespace of which the kinds were not read whole: its subjects are not all known."""
    for namespace in view.snapshot.namespaces:
        subject = Reference(namespace.name, "Namespace", namespace.name)
        yield from certainty(view, (namespace.name,), *kinds).judge(subject, None)


def unread_policies(view: View) -> Iterator[Unevaluated]:
    """Every NetworkPolicy that was not read, or the namespace or cluster whose list was not.

    Policies of kinds that are never evaluated are none of these.
    """
    found: dict[Reference, list[Gap]] = {}
    for one in view.snapshot.gaps:
        is_policy = one.blind is Blind.POLICIES and one.kind == "NetworkPolicy"
        if is_policy or one.blind is Blind.OBJECTS:
            found.setdefault(_policies_hidden_by(one), []).append(one)
    for subject, gaps in sorted(found.items()):
        yield Unevaluated(subject, describe_gaps(tuple(gaps)))


def _policies_hidden_by(gap: Gap) -> Reference:
    if gap.namespace is None:
        return Reference("", "Cluster", "cluster")
    if gap.name is None:
        return Reference(gap.namespace, "Namespace", gap.namespace)
    return Reference(gap.namespace, "NetworkPolicy", gap.name)


def describe_unread_pods(view: View) -> str | None:
    """The pods that no count can hold, because they were not read; None where all were."""
    hiding = {Blind.PODS, Blind.OBJECTS}
    gaps = tuple(dict.fromkeys(one for one in view.snapshot.gaps if one.blind in hiding))
    return describe_gaps(gaps) if gaps else None


def describe_gaps(gaps: tuple[Gap, ...]) -> str:
    """The gaps in one line: the first three, and how many more."""
    named = "; ".join(_describe(one) for one in gaps[:3])
    return named if len(gaps) <= 3 else f"{named}; and {len(gaps) - 3} more"


def _is_whole_list(gap: Gap) -> bool:
    return gap.name is None and gap.kind in {"NetworkPolicy", "Pod", "Namespace"}


def _is_of_another(gap: Gap, namespace: str) -> bool:
    """Whether a gap is the object of another namespace, which hides no labels but its own."""
    return gap.kind == "Namespace" and gap.name not in {None, namespace}


def _describe(gap: Gap) -> str:
    where = "/".join(one for one in (gap.namespace, gap.kind, gap.name) if one)
    source = gap.source.file if gap.source is not None and gap.source.file else ""
    return f"{where or source or 'input'}: {gap.reason}"
