"""Variants: pods of one workload whose labels differ in a way that some policy can see (1.6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property

from auditor.model.selectors import Requirement
from auditor.reachability.vocabulary import Vocabulary

Labels = tuple[tuple[str, str], ...]
Canonical = tuple[Requirement, ...]
"""A selector as `LabelSelector.requirements` has it."""


class Variants:
    """Splits workloads by what the selectors of one vocabulary tell apart."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    @cached_property
    def _by_key(self) -> Mapping[str, frozenset[Canonical]]:
        """The selectors that mention a key: looked up for each workload with several label sets."""
        found: dict[str, set[Canonical]] = defaultdict(set)
        for selector in self._vocabulary.pod_selectors:
            requirements = selector.requirements()
            for one in requirements:
                found[one.key].add(requirements)
        return {key: frozenset(each) for key, each in found.items()}

    def split(
        self, pods: Mapping[Labels, list[int]]
    ) -> Iterator[tuple[tuple[str, ...], list[int]]]:
        """Split a workload's pods, given by their mentioned labels, into (differences, pods).

        Differences are sorted `key=value`, or `!key` where the label is missing; none where there
        is one variant. Label sets that every selector judges alike stay together.
        """
        if len(pods) == 1:
            yield (), next(iter(pods.values()))
            return
        differing = _differing_keys(list(pods))
        selectors = frozenset[Canonical]().union(
            *(self._by_key.get(key, frozenset()) for key in differing)
        )
        seen: dict[tuple[bool, ...], list[Labels]] = defaultdict(list)
        for labels in pods:
            judged = dict(labels)
            truth = tuple(all(one.matches(judged) for one in each) for each in selectors)
            seen[truth].append(labels)
        for alike in seen.values():
            members = [position for labels in alike for position in pods[labels]]
            yield _describe(alike, differing) if len(seen) > 1 else (), sorted(members)


def _differing_keys(label_sets: list[Labels]) -> set[str]:
    everywhere = set.intersection(*(set(one) for one in label_sets))
    return {key for one in label_sets for key, _ in set(one) - everywhere}


def _describe(alike: list[Labels], differing: set[str]) -> tuple[str, ...]:
    combinations = sorted(
        {
            tuple(
                f"{key}={labels[key]}" if key in labels else f"!{key}" for key in sorted(differing)
            )
            for labels in map(dict, alike)
        }
    )
    if len(combinations) == 1:
        return combinations[0]
    return (" | ".join(",".join(one) for one in combinations),)
