"""Pods that a selector selects, also one whose labels no policy mentions.

Pods of one class differ in the labels that no policy mentions. A policy that is yet to come may
tell them apart.
"""

from __future__ import annotations

from typing import NamedTuple

from pyroaring import FrozenBitMap

from auditor.model.selectors import LabelSelector, Requirement
from auditor.reachability.index import EMPTY
from auditor.reachability.view import View


class Selection(NamedTuple):
    """The pods that policies of a namespace select."""

    classes: FrozenBitMap
    """The classes of which every pod is selected."""
    pods: frozenset[int]
    """The pods selected of further classes, by position."""


def select(view: View, namespace: str, selector: LabelSelector) -> Selection:
    """The pods of the namespace that a selector selects, whatever labels it asks for."""
    requirements = selector.requirements()
    selected = view.remembered(_selected)
    key = namespace, requirements
    if key not in selected:
        selected[key] = _select(view, namespace, selector, requirements)
    return selected[key]


def _selected(_: View) -> dict[tuple[str, tuple[Requirement, ...]], Selection]:
    """What was selected: a remediation is asked of several ways, and of findings that share it."""
    return {}


def _select(
    view: View, namespace: str, selector: LabelSelector, requirements: tuple[Requirement, ...]
) -> Selection:
    known = view.evaluation.vocabulary.label_keys
    mentioned = tuple(one for one in requirements if one.key in known)
    classes = view.evaluation.index.subjects(namespace, LabelSelector(match_expressions=mentioned))
    if len(mentioned) == len(requirements):
        return Selection(classes, frozenset())
    whole: list[int] = []
    pods: set[int] = set()
    for bit in classes & view.real_classes:
        held = view.remembered(pods_by_class)[bit]
        chosen = [one for one in held if selector.matches(view.snapshot.pods[one].labels)]
        if len(chosen) == len(held):
            whole.append(bit)
        else:
            pods.update(chosen)
    return Selection(FrozenBitMap(whole) if whole else EMPTY, frozenset(pods))


def pods_by_class(view: View) -> tuple[tuple[int, ...], ...]:
    """The pods of each class, by position in the snapshot's pods."""
    found: list[list[int]] = [[] for _ in view.endpoints.classes]
    for position, bit in enumerate(view.endpoints.class_of_pod):
        if bit >= 0:
            found[bit].append(position)
    return tuple(map(tuple, found))


def workloads_by_pod(view: View) -> dict[int, int]:
    """The workload of each pod, by position in the view's workloads."""
    return {pod: number for number, one in enumerate(view.workloads) for pod in one.pods}
