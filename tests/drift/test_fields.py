"""A field diff is exact: applied to the previous object it makes the current one."""

from __future__ import annotations

import copy
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.fields import compare_fields
from auditor.model.drift import FieldChange

STEP = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_-]*)|\[(?P<index>[^\]]*)\]")

SCALARS = st.sampled_from(["a", "b", 80, 443, True])
KEYS = st.sampled_from(["app", "tier", "app.kubernetes.io/name", "80"])


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """Small objects in which everything collides: rules of peers and ports, in lists of lists."""
    labels = st.dictionaries(KEYS, SCALARS, min_size=1, max_size=2)
    leaf = st.one_of(SCALARS, labels, st.builds(dict))
    peer = st.dictionaries(st.sampled_from(["pod", "space"]), leaf, max_size=2)
    rule = st.dictionaries(
        st.sampled_from(["from", "ports"]),
        st.lists(st.one_of(peer, SCALARS), min_size=1, max_size=4),
        max_size=2,
    )
    rules = st.lists(rule, min_size=1, max_size=4)
    keys = st.sampled_from(["ingress", "egress"])
    return draw(st.dictionaries(keys, rules, max_size=2))


def steps(path: str) -> list[str | int]:
    """A path as its keys and positions; what stands in brackets after a list is a position."""
    return [one["key"] if one["index"] is None else one["index"] for one in STEP.finditer(path)]


def find(whole: Any, path: list[str | int]) -> Any:
    """What stands at a path."""
    for step in path:
        whole = whole[int(step) if isinstance(whole, list) else step]
    return whole


def apply(previous: Any, changes: list[FieldChange]) -> Any:
    """Make the current object, from the outside in: positions count in lists as they will be."""
    whole = copy.deepcopy(previous)
    by_depth: dict[int, list[tuple[list[str | int], FieldChange]]] = {}
    for one in changes:
        path = steps(one.path)
        by_depth.setdefault(len(path), []).append((path, one))
    for _, level in sorted(by_depth.items()):
        places = [(find(whole, path[:-1]), path[-1], change) for path, change in level]
        # what went first, from behind; then what came, from the front
        for holder, last, change in reversed(places):
            if change.current is None:
                del holder[int(last) if isinstance(holder, list) else last]
        for holder, last, change in places:
            if change.current is None:
                continue
            if isinstance(holder, list) and change.previous is None:
                holder.insert(int(last), change.current)
            else:
                holder[int(last) if isinstance(holder, list) else last] = change.current
    return whole


@given(objects(), objects())
def test_the_difference_applied_to_the_previous_gives_the_current(
    previous: dict[str, Any], current: dict[str, Any]
) -> None:
    """No change is missing, and none is too much to repeat by hand."""
    changes = list(compare_fields(previous, current))
    assert current == apply(previous, changes)


@given(objects())
def test_equal_objects_have_no_difference(whole: dict[str, Any]) -> None:
    """Nor does the order of keys make one."""
    turned = dict(reversed([*copy.deepcopy(whole).items()]))
    assert [] == [*compare_fields(whole, turned)]


@given(st.lists(SCALARS, max_size=5), st.lists(SCALARS, max_size=5))
def test_every_change_is_one(previous: list[Any], current: list[Any]) -> None:
    """What is said to have changed differs before and after."""
    for one in compare_fields({"spec": previous}, {"spec": current}):
        assert (type(one.previous), one.previous) != (type(one.current), one.current)


def changes_of(previous: Any, current: Any) -> list[tuple[str, Any, Any]]:
    """The changes as plain tuples."""
    return [(one.path, one.previous, one.current) for one in compare_fields(previous, current)]


RULES = [{"from": [{"pod": {"app": name}}], "ports": [{"port": 80}]} for name in "abcd"]


def test_a_rule_put_in_front_leaves_the_others_alone() -> None:
    """An inserted first rule is one change, not a change of every rule behind it."""
    new: dict[str, Any] = {"from": [{"space": {}}]}
    changes = changes_of({"ingress": RULES}, {"ingress": [new, *RULES]})
    assert [("ingress[0]", None, new)] == changes


def test_a_rule_that_goes_is_named_by_its_place_before() -> None:
    """Those behind it move up, and are not mentioned."""
    changes = changes_of({"ingress": RULES}, {"ingress": [RULES[0], *RULES[2:]]})
    assert [("ingress[1]", RULES[1], None)] == changes


def test_a_rule_put_in_front_of_one_that_changed_is_told_from_it() -> None:
    """Of what came between equal items, the likest is the one that changed."""
    new = {"from": [{"block": {"cidr": "10.0.0.0/8"}}]}
    changed = {**RULES[0], "ports": [{"port": 443}]}
    changes = changes_of({"ingress": RULES}, {"ingress": [new, changed, *RULES[1:]]})
    assert [("ingress[0]", None, new), ("ingress[1].ports[0].port", 80, 443)] == changes


def test_items_with_nothing_in_common_are_not_one_that_changed() -> None:
    """A peer by labels did not become one by address: one went and one came."""
    before, now = {"pod": {"app": "a"}}, {"block": {"cidr": "10.0.0.0/8"}}
    changes = changes_of([before], [now])
    assert [("[0]", before, None), ("[0]", None, now)] == changes


def test_a_list_that_went_is_told_whole() -> None:
    """That the last peer went means the opposite of what a shorter list means: it is shown so."""
    peers: list[Any] = [{"pod": {}}]
    assert [("from", peers, None)] == changes_of({"from": peers}, {})


def test_a_number_is_no_text() -> None:
    """Port 80 and a port of the name "80" are two."""
    assert [("port", 80, "80")] == changes_of({"port": 80}, {"port": "80"})


@pytest.mark.parametrize("key", ["app.kubernetes.io/name", "80", "a b"])
def test_a_key_that_is_no_word_stands_in_brackets(key: str) -> None:
    """As the API server spells it: a dot in a key is no step."""
    assert [f"matchLabels[{key}]"] == [
        path for path, *_ in changes_of({"matchLabels": {}}, {"matchLabels": {key: "x"}})
    ]


def test_long_lists_are_aligned_in_no_time() -> None:
    """Ten thousand peers of which every second changed, and ten thousand equal ones, less one."""
    before = [{"cidr": str(number)} for number in range(10_000)]
    now = [one if number % 2 else {"cidr": f"{number}x"} for number, one in enumerate(before)]
    began = time.monotonic()
    assert 5_000 == len(changes_of(before, now))
    assert 1 == len(changes_of([{}] * 10_000, [{}] * 9_999))
    assert time.monotonic() - began < 10


def test_too_much_at_once_is_told_as_what_went_and_what_came() -> None:
    """A list that changed throughout is not searched for likeness without end."""
    before = [{"port": number} for number in range(300)]
    now = [{"port": number} for number in range(1000, 1300)]
    changes = changes_of(before, now)
    assert (300, 300) == (
        sum(1 for _, _, current in changes if current is None),
        sum(1 for _, previous, _ in changes if previous is None),
    )
