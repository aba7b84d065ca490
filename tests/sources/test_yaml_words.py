"""Words of YAML as kubectl reads them: each result is what go-yaml 2.4.3 makes of the word."""

import math

import pytest

from auditor.sources.yaml_words import (
    holds_other_word,
    keeps_other_word,
    load_as_kubectl,
    read_word,
    resolve_merges,
)

WORDS: dict[str, object] = {
    "y": True,
    "Yes": True,
    "ON": True,
    "yEs": "yEs",
    "n": False,
    "off": False,
    "true": True,
    "": None,
    "~": None,
    "Null": None,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "0": 0,
    "010": 8,
    "08": 8.0,
    "0o17": 15,
    "0x1F": 31,
    "-0b11": -3,
    "+12": 12,
    "1_000": 1000,
    "2024_01": 202401,
    "1__0": 10,
    "_1": "_1",
    "18446744073709551615": 18446744073709551615,
    "18446744073709551616": 18446744073709551616.0,
    "1.": 1.0,
    ".5": 0.5,
    "1e3": 1000.0,
    "1e400": "1e400",
    "1.2.3": "1.2.3",
    "12:30": "12:30",
    "2026-01-02": "2026-01-02",
    "1a": "1a",
    "+": "+",
    "9" * 500: "9" * 500,
}


@pytest.mark.parametrize(("word", "value"), WORDS.items(), ids=repr)
def test_a_word_is_what_kubectl_makes_of_it(word: str, value: object) -> None:
    """The value and its type are equal."""
    assert (type(value), value) == (type(read_word(word)), read_word(word))


def test_no_number_is_a_number_that_equals_none() -> None:
    """It is a float, as in go-yaml."""
    found = read_word(".NaN")
    assert isinstance(found, float)
    assert math.isnan(found)


def test_only_plain_words_are_read_otherwise() -> None:
    """Quoted ones, and those with the tag of text, stay text; numbers by tag become numbers."""
    text = "[yes, 'yes', \"010\", !!str 010, 010, !!int '5', !custom 010, on: off]"
    assert [True, "yes", "010", "010", 8, 5, "010", {True: False}] == load_as_kubectl(text)


def test_what_the_parser_does_not_accept_is_a_value_error() -> None:
    """PyYAML's own exceptions stay inside."""
    with pytest.raises(ValueError, match="unhashable"):
        load_as_kubectl("? [a]\n: b")


@pytest.mark.parametrize("word", ["yes", "Off", "n", "010", "0_1", "1_0", "1._5", "3E_1"])
def test_a_word_that_may_differ_is_found_where_it_is_plain(word: str) -> None:
    """In block and in flow style, as key and as value."""
    assert keeps_other_word(f'{{"a":"{word}"}}'.encode())
    for text in (f"a: {word}", f"- {word}\n", f"{word}: a", f"[{word}]", f"{{a: {word}}}"):
        assert holds_other_word(text.encode())
    assert not holds_other_word(f"a: '{word}'".encode())


@pytest.mark.parametrize(
    "word",
    ["yess", "true", "1.2.3", "10", "web-1", "a_b", "v1_0", "0b1f3c52-3a4e-4d1c-9b7a-5d3f0e6a2c81"],
)
def test_other_words_cost_nothing(word: str) -> None:
    """Labels of every day, and UIDs, do not make a document be read again."""
    assert not holds_other_word(f"a: {word}".encode())
    assert not keeps_other_word(f'{{"a":"{word}"}}'.encode())


def test_merges_are_resolved_at_every_depth() -> None:
    """Also in lists, and in what is merged."""
    inner = {"<<": {"a": 1}, "b": 2}
    assert [{"a": 1, "b": 2, "c": 3}] == resolve_merges([{"<<": inner, "c": 3}])
