"""The object nearest to a selector that matches nothing, and exactly what it misses.

Nearest is what meets the requirement that the fewest meet, then the next. A label that nearly
everything bears, as one that Kustomize's commonLabels puts everywhere, says little about what was
meant; a label that one workload alone bears says it all. Where nothing is met, a key that is there
with another value counts, and of the values the one that begins most alike.

The work is done on bitmaps over classes of pods that no selector tells apart, or over namespaces:
a few operations for each requirement, however many pods there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice, takewhile
from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.objects import Peer
from auditor.model.selector_syntax import spell_selector
from auditor.model.selectors import LabelSelector, Requirement
from auditor.reachability.view import View

_COMPARED_AT_MOST = 64
"""Objects that are equally near, of which values are compared."""

_ANYWHERE = LabelSelector()
_POSITIVE = {"In", "Exists"}
"""Operators that ask for a label: what meets one of them was perhaps meant."""

Meeting = Callable[[Requirement], FrozenBitMap]
"""Which of a population meet a requirement."""


class NearMatch(NamedTuple):
    """An object that a selector does not match, its labels, and what they meet and miss."""

    name: str
    labels: Mapping[str, str]
    met: tuple[Requirement, ...]
    missed: tuple[Requirement, ...]

    def __str__(self) -> str:
        """`app/Pod/web has app=web but lacks tier=front`."""
        borne = dict.fromkeys(one.key for one in self.met if one.operator in _POSITIVE)
        has = ", ".join(f"{key}={self.labels[key]}" for key in borne)
        misses = " and ".join(_spell_miss(one, self.labels) for one in self.missed)
        return f"{self.name} has {has} but {misses}" if has else f"{self.name} {misses}"


def spell_requirement(one: Requirement) -> str:
    """`app=web`, as kubectl writes it."""
    return spell_selector(LabelSelector(match_expressions=(one,)))


def nearest_pod(view: View, selector: LabelSelector, among: FrozenBitMap) -> NearMatch | None:
    """The workload whose pods, among these classes, come nearest; None where none bears a label."""
    found = _nearest(
        selector.requirements(),
        among,
        lambda one: matching_anywhere(view, _alone(one)),
        lambda bit: dict(view.endpoints.classes[bit].labels),
    )
    if found is None:
        return None
    return _compare(name_pod(view, found), dict(view.endpoints.classes[found].labels), selector)


def nearest_namespace(view: View, selector: LabelSelector) -> NearMatch | None:
    """The namespace that comes nearest; one whose name is asked for as a label's value, too."""
    namespaces = view.endpoints.namespaces
    everyone = FrozenBitMap(range(len(view.snapshot.namespaces)))
    requirements = selector.requirements()
    found = _nearest(
        requirements,
        everyone,
        lambda one: view.evaluation.index.namespaces(_alone(one)),
        lambda number: namespaces[number].labels,
    )
    if found is None or not _meets_some(requirements, namespaces[found].labels):
        asked = (value for one in requirements if one.operator == "In" for value in one.values)
        known = view.endpoints.namespace_index
        found = next((known[value] for value in asked if value in known), found)
    if found is None:
        return None
    one = namespaces[found]
    return _compare(f"namespace {one.name}", one.labels, selector)


def name_pod(view: View, bit: int) -> str:
    """The workload of a class of pods: its name outlives a rollout, which a pod's does not."""
    return str(view.workloads[view.endpoints.holders[bit][0]].endpoint.workload)


def matching_anywhere(view: View, selector: LabelSelector) -> FrozenBitMap:
    """The classes of today's pods that a podSelector would match in any namespace."""
    peer = Peer(pod_selector=selector, namespace_selector=_ANYWHERE)
    return view.evaluation.index.peers("", peer) & view.real_classes


def _alone(one: Requirement) -> LabelSelector:
    return LabelSelector(match_expressions=(one,))


def _nearest(
    requirements: tuple[Requirement, ...],
    among: FrozenBitMap,
    meeting: Meeting,
    labels_of: Callable[[int], Mapping[str, str]],
) -> int | None:
    """The nearest of a population by number; None where none has a label that is asked for."""
    counted = sorted(
        (len(met), number, met)
        for number, met in enumerate(meeting(one) & among for one in requirements)
    )
    left = among
    for _, _, met in counted:
        if left.intersect(met):
            left = left & met
    for one in requirements:
        bearing = meeting(Requirement(key=one.key, operator="Exists"))
        if left.intersect(bearing):
            left = left & bearing
    compared = list(islice(left, _COMPARED_AT_MOST))
    if not compared:
        return None
    found = min(compared, key=lambda one: -_alikeness(requirements, labels_of(one)))
    return found if any(one.key in labels_of(found) for one in requirements) else None


def _alikeness(requirements: Iterable[Requirement], labels: Mapping[str, str]) -> int:
    """How many letters the values have in common with those asked for, from the first on."""
    return sum(
        max(_shared_start(labels[one.key], value) for value in one.values)
        for one in requirements
        if one.operator == "In" and one.key in labels
    )


def _shared_start(one: str, other: str) -> int:
    pairs = zip(one.casefold(), other.casefold(), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _meets_some(requirements: Iterable[Requirement], labels: Mapping[str, str]) -> bool:
    return any(one.operator in _POSITIVE and one.matches(labels) for one in requirements)


def _compare(name: str, labels: Mapping[str, str], selector: LabelSelector) -> NearMatch:
    requirements = selector.requirements()
    return NearMatch(
        name,
        labels,
        tuple(one for one in requirements if one.matches(labels)),
        tuple(one for one in requirements if not one.matches(labels)),
    )


def _spell_miss(one: Requirement, labels: Mapping[str, str]) -> str:
    if one.key not in labels:
        return f"lacks {spell_requirement(one)}"
    has = f"has {one.key}={labels[one.key]}"
    if one.operator == "In":
        return f"{has}, not {spell_requirement(one)}"
    return f"{has}, which {spell_requirement(one)} rules out"
