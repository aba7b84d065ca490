"""Strings of the cluster, made inert and visible."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text import clip, count, join_words, paragraphs, show_name, visible, visible_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop-dev", "shop-dev"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x00", "\\x00"),
        ("\u2028", "\\u2028"),
        ("a\u00a0b", "a\\xa0b"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc80", "\\udc80"),
        ("dev→prod, größe, 数据", "dev→prod, größe, 数据"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, expected: str) -> None:
    """Controls, direction overrides, zero-width characters and odd spaces become escapes."""
    assert expected == visible(text)


@given(st.text(st.characters(codec=None)))
def test_no_shown_string_holds_an_invisible_character(text: str) -> None:
    """Whatever the input, what is shown has no control, format or surrogate character."""
    categories = {unicodedata.category(one) for one in visible(text)}
    assert set() == categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_manifests_keep_their_lines() -> None:
    """Line breaks of a manifest stay, other control characters do not."""
    assert "a: 1\nb: \\u202e" == visible_lines("a: 1\nb: \u202e")


def test_a_long_name_is_cut_and_its_length_stated() -> None:
    """A name of 10,000 characters is shown to 300, with its length."""
    assert "x" * 300 + "… (10,000 characters)" == show_name("x" * 10_000)
    assert "short" == clip("short", 5)


def test_numbers_agree_with_their_nouns() -> None:
    """One finding, two findings; digits in groups."""
    assert ["1 finding", "0 findings", "12,345 findings", "2 entries"] == [
        count(1, "finding"),
        count(0, "finding"),
        count(12_345, "finding"),
        count(2, "entry", "entries"),
    ]


def test_words_are_joined_as_in_a_sentence() -> None:
    """Commas, and an `and` before the last."""
    assert ["", "a", "a and b", "a, b and c"] == [
        join_words(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])
    ]


def test_a_page_is_split_into_paragraphs_items_and_code() -> None:
    """Empty lines part blocks, indentation makes code, dashes make items."""
    text = "One\nline.\n\n    kind: X\n      a: 1\n\n- first\n- second\n  goes on\n\n\nLast."
    assert [
        ("paragraph", "One line."),
        ("code", "kind: X\n  a: 1"),
        ("item", "first"),
        ("item", "second goes on"),
        ("paragraph", "Last."),
    ] == list(paragraphs(text))
