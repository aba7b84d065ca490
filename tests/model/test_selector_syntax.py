"""Label selectors as people write them."""

from collections.abc import Mapping

import pytest

from auditor.model.selector_syntax import parse_selector, spell_selector
from auditor.model.selectors import LabelSelector, Requirement


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("app=web", [("app", "In", ("web",))]),
        ("app == web", [("app", "In", ("web",))]),
        ("app!=web", [("app", "NotIn", ("web",))]),
        ("env in (dev, test)", [("env", "In", ("dev", "test"))]),
        ("env notin (dev)", [("env", "NotIn", ("dev",))]),
        ("app", [("app", "Exists", ())]),
        ("!app", [("app", "DoesNotExist", ())]),
        ("app=", [("app", "In", ("",))]),
        ("example.com/tier=a.b_c-d", [("example.com/tier", "In", ("a.b_c-d",))]),
        (
            "app=web, env in (a,b),!x",
            [("app", "In", ("web",)), ("env", "In", ("a", "b")), ("x", "DoesNotExist", ())],
        ),
    ],
)
def test_kubectls_syntax_is_read(
    text: str, requirements: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    """Equality, sets and existence, ANDed by commas."""
    (*found,) = parse_selector(text).match_expressions
    assert requirements == [(one.key, one.operator, one.values) for one in found]


def test_an_empty_text_selects_everything() -> None:
    """As an empty selector does."""
    assert LabelSelector() == parse_selector("  ")


@pytest.mark.parametrize(
    "text", ["a b", "a==b=c", "=a", ",", "a,", "a in b", "a in (b", "a>1", "-a", "a=b c", "a=-"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=r"is no (requirement|label value)"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("labels", "expected"), [({"app": "web"}, True), ({"app": "db"}, False), ({}, False)]
)
def test_a_parsed_selector_selects(labels: Mapping[str, str], expected: bool) -> None:  # noqa: FBT001
    """It is a selector like any other."""
    assert expected == parse_selector("app=web").matches(labels)
    assert (Requirement(key="app", operator="In", values=("web",)),) == parse_selector(
        "app=web"
    ).requirements()


@pytest.mark.parametrize(
    "text", ["app=db", "app in (a,b)", "app notin (a,b)", "app", "!app", "a=1,!b"]
)
def test_a_selector_is_spelled_as_it_is_read(text: str) -> None:
    """What a report says of `-l` can be typed again."""
    assert text == spell_selector(parse_selector(text))
