"""Whether a set of selectors selects every pod, whatever its labels: decided exactly.

A pod escapes if its labels break at least one requirement of every selector. That is a search over
one choice a key (absent, one of the mentioned values, or any other value), with the budget stated,
for it is as hard as satisfiability.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from auditor.model.selectors import LabelSelector, Requirement

STEPS_AT_MOST = 1_000_000
"""Selectors held against a choice before the search gives up: a second or two."""

_COMPARED_AT_MOST = 100
"""Selectors that each one is compared with to drop what another implies."""

_ANY_OTHER = "any-other-value"


class SearchExceededError(Exception):
    """Too many things are too entangled to decide within the budget."""


class Steps:
    """What a search may still do; searches that belong together share one."""

    def __init__(self, left: int = STEPS_AT_MOST) -> None:
        self._left = left

    def spend(self, number: int) -> None:
        """Count steps.

        Raises:
            SearchExceededError: there are not so many left.

        """
        self._left -= number
        if self._left < 0:
            raise SearchExceededError


def find_escape(
    selectors: Iterable[LabelSelector], steps: Steps | None = None
) -> Mapping[str, str] | None:
    """Find labels that no selector selects; None where every label set is selected.

    Raises:
        SearchExceededError: not decided within the steps, by default `STEPS_AT_MOST`.

    """
    clauses = {one.requirements() for one in selectors}
    if () in clauses:
        return None
    return _Search(_without_implied(clauses), steps or Steps()).solve()


def _without_implied(clauses: set[tuple[Requirement, ...]]) -> list[tuple[Requirement, ...]]:
    """Drop selectors that select less than another: who escapes the other escapes them."""
    kept: list[tuple[Requirement, ...]] = []
    shortest: list[frozenset[Requirement]] = []
    for clause in sorted(clauses, key=lambda one: (len(one), str(one))):
        wanted = frozenset(clause)
        if not any(one <= wanted for one in shortest):
            kept.append(clause)
            if len(shortest) < _COMPARED_AT_MOST:
                shortest.append(wanted)
    return kept


class _Choice(NamedTuple):
    """Labels chosen so far, None for absent, and the selectors that they do not escape yet."""

    labels: dict[str, str | None]
    open_clauses: list[tuple[Requirement, ...]]


class _Search:
    def __init__(self, clauses: list[tuple[Requirement, ...]], steps: Steps) -> None:
        self._steps = steps
        self._clauses = clauses
        values: dict[str, set[str]] = {}
        for clause in clauses:
            for one in clause:
                values.setdefault(one.key, set()).update(one.values)
        self._domains: dict[str, tuple[str | None, ...]] = {
            key: (None, _fresh(found), *sorted(found)) for key, found in values.items()
        }

    def solve(self) -> Mapping[str, str] | None:
        # a stack of its own: there may be more keys than Python allows calls within calls
        ways = [iter([_Choice({}, self._clauses)])]
        while ways:
            choice = next(ways[-1], None)
            if choice is None:
                ways.pop()
            elif not choice.open_clauses:
                return {key: value for key, value in choice.labels.items() if value is not None}
            else:
                ways.append(self._extend(*choice))
        return None

    def _extend(
        self, chosen: dict[str, str | None], open_clauses: list[tuple[Requirement, ...]]
    ) -> Iterator[_Choice]:
        """The ways to escape one clause more, as far as they leave a way out of every other."""
        # the clause with the fewest ways out decides first
        clause = min(open_clauses, key=lambda each: sum(one.key not in chosen for one in each))
        tried: dict[str, set[str | None]] = {}
        for one in clause:
            if one.key in chosen:
                continue
            for value in self._domains[one.key]:
                if value in tried.setdefault(one.key, set()) or _meets(one, value):
                    continue
                tried[one.key].add(value)
                self._steps.spend(len(open_clauses))
                extended = {**chosen, one.key: value}
                left = [each for each in open_clauses if not _escapes(each, extended)]
                if all(_may_escape(each, extended) for each in left):
                    yield _Choice(extended, left)


def _fresh(values: set[str]) -> str:
    fresh = _ANY_OTHER
    while fresh in values:
        fresh += "-x"
    return fresh


def _meets(one: Requirement, value: str | None) -> bool:
    return one.matches({} if value is None else {one.key: value})


def _escapes(clause: tuple[Requirement, ...], chosen: Mapping[str, str | None]) -> bool:
    return any(one.key in chosen and not _meets(one, chosen[one.key]) for one in clause)


def _may_escape(clause: tuple[Requirement, ...], chosen: Mapping[str, str | None]) -> bool:
    return any(one.key not in chosen for one in clause)
