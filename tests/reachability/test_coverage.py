"""Whether selectors cover every label set is decided exactly, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.model.selectors import LabelSelector, Operator, Requirement
from auditor.reachability.coverage import SearchExceededError, Steps, find_escape

KEYS = ("app", "tier", "zone")
VALUES = ("a", "b", "any-other-value")
UNMENTIONED = "mentioned-nowhere"
EMPTY = LabelSelector()


def require(key: str, operator: Operator, *values: str) -> LabelSelector:
    """A selector of one requirement."""
    return LabelSelector(
        match_expressions=(Requirement(key=key, operator=operator, values=values),)
    )


REQUIREMENTS = [
    *(
        Requirement(key=key, operator=operator, values=values)
        for key in KEYS
        for operator in ("In", "NotIn")
        for size in (1, 2)
        for values in combinations(VALUES, size)
    ),
    *(
        Requirement(key=key, operator=operator)
        for key in KEYS
        for operator in ("Exists", "DoesNotExist")
    ),
]


def selectors() -> st.SearchStrategy[list[LabelSelector]]:
    """Up to eight selectors over few keys and values: many of these sets cover everything."""
    labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=1)
    expressions = st.lists(st.sampled_from(REQUIREMENTS), min_size=1, max_size=3).map(tuple)
    one = st.builds(LabelSelector, match_labels=labels, match_expressions=expressions)
    return st.lists(one, max_size=8)


def label_sets() -> Iterator[dict[str, str]]:
    """Every label set that the selectors can tell apart: absent, a value, any other value."""
    for chosen in product((None, *VALUES, UNMENTIONED), repeat=len(KEYS)):
        yield {key: value for key, value in zip(KEYS, chosen, strict=True) if value is not None}


def escapes(labels: Mapping[str, str], chosen: Iterable[LabelSelector]) -> bool:
    """Whether no selector selects the labels."""
    return not any(one.matches(labels) for one in chosen)


@settings(max_examples=600)
@given(chosen=selectors())
def test_an_escape_is_found_where_there_is_one(chosen: list[LabelSelector]) -> None:
    """The answer is that of trying every label set, and the labels found do escape."""
    exists = any(escapes(labels, chosen) for labels in label_sets())
    found = find_escape(chosen)
    assert exists == (found is not None)
    assert found is None or escapes(found, chosen)


@pytest.mark.parametrize(
    "covering",
    [
        [EMPTY],
        [require("app", "Exists"), EMPTY],
        [require("app", "Exists"), require("app", "DoesNotExist")],
        [require("app", "In", "a", "b"), require("app", "NotIn", "a", "b")],
        [require("app", "In", "a"), require("app", "NotIn", "a", "b"), require("app", "In", "b")],
        [LabelSelector(match_labels={"app": "a"}), require("app", "NotIn", "a")],
        [require("app", "NotIn", "a"), require("app", "NotIn", "b")],
    ],
)
def test_selectors_that_cover_everything_leave_no_escape(covering: list[LabelSelector]) -> None:
    """`{}` covers everything, and so do selectors of which one takes what the other leaves."""
    assert None is find_escape(covering)


@pytest.mark.parametrize(
    ("leaky", "escape"),
    [
        ([], {}),
        ([require("app", "Exists")], {}),
        ([require("app", "DoesNotExist")], {"app": "any-other-value"}),
        ([require("app", "NotIn", "a")], {"app": "a"}),
        ([require("app", "DoesNotExist"), require("app", "In", "a")], {"app": "any-other-value"}),
        (
            [require("app", "DoesNotExist"), require("app", "In", "any-other-value")],
            {"app": "any-other-value-x"},
        ),
    ],
)
def test_the_escape_found_is_the_simplest(
    leaky: list[LabelSelector], escape: Mapping[str, str]
) -> None:
    """No labels where that is enough, else a value that no selector mentions, else a mentioned."""
    assert escape == find_escape(leaky)


def pigeonholes(pigeons: int) -> list[LabelSelector]:
    """Selectors that cover everything, as the pigeonhole principle does: hard to decide.

    The label `p-h` says that pigeon p sits in hole h. A label set escapes them all only if every
    pigeon sits somewhere and no hole holds two, with one hole too few.
    """
    holes = range(pigeons - 1)
    somewhere = [
        LabelSelector(
            match_expressions=tuple(
                Requirement(key=f"{pigeon}-{hole}", operator="DoesNotExist") for hole in holes
            )
        )
        for pigeon in range(pigeons)
    ]
    alone = [
        LabelSelector(
            match_expressions=tuple(
                Requirement(key=f"{pigeon}-{hole}", operator="Exists") for pigeon in pair
            )
        )
        for hole in holes
        for pair in combinations(range(pigeons), 2)
    ]
    return [*somewhere, *alone]


@pytest.mark.no_cover  # a million steps: tracing would triple their time
def test_what_takes_too_long_is_not_guessed() -> None:
    """Selectors too entangled for the budget are an error, neither covered nor not."""
    with pytest.raises(SearchExceededError):
        find_escape(pigeonholes(7))


def test_a_hard_question_within_the_budget_is_answered() -> None:
    """The same selectors are decided where they are few, and where one pigeon is missing."""
    assert None is find_escape(pigeonholes(4))
    one_missing = pigeonholes(10)[1:]
    found = find_escape(one_missing)
    assert found is not None
    assert escapes(found, one_missing)


def test_many_selectors_of_one_key_are_decided_within_the_budget() -> None:
    """Hundreds of policies, each for one workload, are no hard question."""
    many = [LabelSelector(match_labels={"app": f"app-{number}"}) for number in range(300)]
    assert {} == find_escape(many)
    rest = require("app", "NotIn", *(f"app-{number}" for number in range(300)))
    assert None is find_escape([*many, rest])


def test_selectors_of_a_thousand_keys_are_decided_within_the_budget() -> None:
    """How deep the search goes is bounded by its budget, not by Python's calls within calls."""
    many = [LabelSelector(match_labels={f"key-{number}": "yes"}) for number in range(1_200)]
    assert {} == find_escape(many)


def test_searches_that_belong_together_share_their_steps() -> None:
    """What one search has spent, the next one lacks."""
    question = pigeonholes(4)
    assert None is find_escape(question, Steps(2_000))
    shared = Steps(2_000)
    assert None is find_escape(question, shared)
    with pytest.raises(SearchExceededError):
        find_escape(question, shared)
