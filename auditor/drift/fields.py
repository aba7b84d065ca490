"""The difference of two objects in plain form, field by field, with lists aligned.

Lists of the API mean sets (rules, peers, ports): what is put in front of a list leaves the items
behind it as they are. A path counts in the current list; only an item that is gone counts in the
previous one, and the lists around it are counted as they are now.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

from auditor.model.drift import FieldChange

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_MOST_COMPARED = 2500
"""Pairs of changed items of one list that are weighed against each other."""

_Pair = tuple[int, int]


def compare_fields(previous: Any, current: Any, path: str = "") -> Iterator[FieldChange]:
    """The fields that differ, in the order of their paths in the objects.

    The objects are of mappings, lists and scalars, without null: that stands for what is absent.
    """
    match previous, current:
        case dict(), dict():
            for key in dict.fromkeys((*previous, *current)):
                before, now = previous.get(key), current.get(key)
                yield from compare_fields(before, now, _join(path, key))
        case list(), list():
            yield from _compare_lists(previous, current, path)
        case _ if _canonical(previous) != _canonical(current):
            yield FieldChange(path=path, previous=previous, current=current)


def _join(path: str, key: str) -> str:
    """`matchLabels.app`, but `matchLabels[app.kubernetes.io/name]`, as the API server spells it."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _compare_lists(previous: list[Any], current: list[Any], path: str) -> Iterator[FieldChange]:
    ends = ((-1, -1), *_align_equal(previous, current), (len(previous), len(current)))
    for (before, now), (next_before, next_now) in pairwise(ends):
        gone, come = range(before + 1, next_before), range(now + 1, next_now)
        changed = dict(_align_alike(previous, current, gone, come))
        for index in gone:
            if index not in changed:
                yield FieldChange(f"{path}[{index}]", previous=previous[index], current=None)
        origins = {to: index for index, to in changed.items()}
        for index in come:
            before_it = previous[origins[index]] if index in origins else None
            yield from compare_fields(before_it, current[index], f"{path}[{index}]")


def _align_equal(previous: list[Any], current: list[Any]) -> list[_Pair]:
    """As many equal items, in the order of both lists, as can be had.

    The n-th of equal items is paired with the n-th: then each occurs once in a list, and the
    longest run of rising positions is the answer, in time n log n however the lists are made.
    """
    positions = {key: index for index, key in enumerate(_number(current))}
    pairs = [
        (index, positions[key]) for index, key in enumerate(_number(previous)) if key in positions
    ]
    tails: list[int] = []
    links: list[tuple[_Pair, int]] = []
    at: list[int] = []
    for pair in pairs:
        length = bisect_left(tails, pair[1])
        links.append((pair, at[length - 1] if length else -1))
        tails[length : length + 1] = [pair[1]]
        at[length : length + 1] = [len(links) - 1]
    found: list[_Pair] = []
    link = at[-1] if at else -1
    while link >= 0:
        pair, link = links[link]
        found.append(pair)
    return found[::-1]


def _number(items: list[Any]) -> Iterator[tuple[bytes, int]]:
    """Each item's canonical form, and how many equal ones stand before it."""
    seen: Counter[bytes] = Counter()
    for one in items:
        canonical = _canonical(one)
        yield canonical, seen[canonical]
        seen[canonical] += 1


def _align_alike(
    previous: list[Any], current: list[Any], gone: range, come: range
) -> Iterator[_Pair]:
    """Which items became which, in order: those pairs that have most in common.

    Items without a field in common are one that went and one that came, and so is everything
    where too much changed at once to be told as changes.
    """
    if not gone or not come or len(gone) * len(come) > _MOST_COMPARED:
        return
    before = [_leaves(previous[index]) for index in gone]
    now = [_leaves(current[index]) for index in come]
    alike = [[_likeness(one, other) for other in now] for one in before]
    # best[i][j]: what the items from i and from j on have in common at most
    best = [[0] * (len(now) + 1) for _ in range(len(before) + 1)]
    for i in reversed(range(len(before))):
        for j in reversed(range(len(now))):
            paired = best[i + 1][j + 1] + alike[i][j]
            best[i][j] = max(best[i + 1][j], best[i][j + 1], paired)
    i = j = 0
    while i < len(before) and j < len(now):
        if alike[i][j] and best[i][j] == best[i + 1][j + 1] + alike[i][j]:
            yield gone[i], come[j]
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1


def _likeness(one: Counter[tuple[str, Any]], other: Counter[tuple[str, Any]]) -> int:
    """How many fields two items have in common: twice where the values are equal, too."""
    fields = Counter[str](), Counter[str]()
    for counted, leaves in zip(fields, (one, other), strict=True):
        for (path, _), count in leaves.items():
            counted[path] += count
    return (one & other).total() + (fields[0] & fields[1]).total()


def _leaves(value: Any, path: str = "") -> Counter[tuple[str, Any]]:
    """The scalars of an item, and what is empty, by path without the positions in lists."""
    found: Counter[tuple[str, Any]] = Counter()
    pending = [(path, value)]
    while pending:
        here, one = pending.pop()
        match one:
            case dict() if one:
                pending += ((f"{here}.{key}", inner) for key, inner in one.items())
            case list() if one:
                pending += ((f"{here}[]", inner) for inner in one)
            case _:
                found[here, str(one)] += 1
    return found


def _canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
