"""A drift as Markdown, as a parser reads it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from auditor.model.drift import ChangedRow
from reports.drift import WRITERS, DriftListing
from reports.drift_markdown import LARGEST, cell, code
from reports.text import show_name
from tests.reports.drifts import (
    make_large,
    make_listing,
    make_rows,
    make_unchanged,
    workload,
)
from tests.reports.hostile import STRINGS, make_hostile_drift, make_hostile_listing

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

SHORT = [one for one in STRINGS if len(one) < 1000]
"""The others are cut, and may not leave room for all rows: `test_a_comment_fits`."""

ROWS = tuple(make_rows(5000))

TRICKS = (
    "@everyone", "#1 !2 ~bug %3 &4 $5 GH-6", "owner/repo#7", ":boom:", "![x](https://evil.example)",
    "[x](javascript:alert(1))", "https://evil.example", "www.evil.example", "me@evil.example",
    "| a | b |", "a|b", "a\\|b", "a\\", "`", "``", "` `", "`a` | b", "~~~", "```", "*a* _b_ **c**",
    "</details>", "</summary><img src=x onerror=alert(1)>", "<!-- ", "- a", "1. a", "# a", "> a",
    "/close", "---", "===", "&amp; &lt;", "\\`", " a ", "$`a`$", "[^1]", "0123abcdef" * 4,
)  # fmt: skip
"""What a forge, or a parser, may take for more than text."""


def write(listing: DriftListing) -> str:
    """The comment."""
    return b"".join(WRITERS["markdown"](listing)).decode()


def flatten(text: str) -> list[Token]:
    """All tokens, those within lines among the others."""
    return [
        token
        for block in PARSER.parse(text)
        for token in (block, *(block.children or ()))
        if token.type != "inline"
    ]


def literal(tokens: list[Token]) -> list[str]:
    """What stands in code spans and code blocks: no forge reads anything into it."""
    return [one.content for one in tokens if one.type in ("code_inline", "fence")]


@pytest.mark.parametrize("hostile", [*SHORT, *TRICKS], ids=ascii)
def test_a_hostile_string_is_code_and_nothing_else(hostile: str) -> None:
    """The structure is that of a harmless comment, and so is all text outside of code."""
    tokens, harmless = (
        flatten(write(make_hostile_listing(one))) for one in (hostile, "harmless.1")
    )
    assert [(one.type, one.tag) for one in harmless] == [(one.type, one.tag) for one in tokens]

    def prose(found: list[Token]) -> list[str]:
        # Where a name is cut, or repeated as a part of a key, is no matter of structure.
        return [one.content for one in found if one.type in ("text", "html_block", "html_inline")]

    assert prose(harmless) == prose(tokens)
    assert show_name(hostile) in literal(tokens)


@given(text=st.text(alphabet="`|\\ a*_<>[]()@#&;~$!-/\u00e9", min_size=1, max_size=30))
def test_code_shows_exactly_its_text(text: str) -> None:
    """In a paragraph and in a cell of a table: backticks, pipes, backslashes and spaces too."""
    (shown,) = literal(flatten(f"x {code(text)} x"))
    assert text == shown
    table = flatten(f"| a | b | c |\n| --- | --- | --- |\n| x | {cell(text)} | y |\n")
    assert [text] == literal(table)
    assert ["a", "b", "c", "x", "y"] == [
        one.content for one in table if one.type == "text" and one.content.strip()
    ]


def test_what_opened_stands_before_what_closed() -> None:
    """Warnings, the line, new namespaces, groups, rows, and then what caused them."""
    text = write(make_listing(notes=("an apply would keep spec.ingress",)))
    order = [
        "### Changes in shop-cluster",
        "> **Warning:** `an apply would keep spec.ingress`",
        "**3 connections opened, 1 closed**; findings: 2 new",
        "#### New namespaces: 2",
        "#### By namespace: 4",
        "#### Opened connections: 3",
        "| `shop-dev/Deployment/api` | `shop-prod/StatefulSet/db` | `TCP 5432` |",
        "#### Closed connections: 1",
        "#### Policies added: 1",
        "`shop-prod/NetworkPolicy/db-in` (last written by `kubectl-client-side`)",
        '- spec.ingress[0].ports[0].port: 5432\n+ spec.ingress[0].ports[0].port: "postgres"',
        "#### New findings: 2",
        "- **high** `database-open-to-all-pods`, `shop-dev/StatefulSet/db`",
        "#### Findings that cannot be compared: 1",
        "#### Scope: 3",
        "8 findings are as before.",
    ]  # fmt: skip
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions


def test_no_change_is_said() -> None:
    """A comment without lists."""
    text = write(make_listing(make_unchanged(), (), ()))
    assert "**Nothing changed: " in text
    assert "####" not in text


def test_long_lists_are_folded() -> None:
    """The head of the list stays visible, with its number; what is folded is closed again."""
    text = write(make_listing(None, tuple(make_rows(80)), tuple(make_rows(3))))
    assert "<details><summary><b>Opened connections: 80</b></summary>\n\n| From |" in text
    assert "#### Closed connections: 3" in text
    assert text.count("<details>") == text.count("</details>")
    kinds = [one.type for one in flatten(text)]
    assert 3 == kinds.count("table_open")


def _wide() -> DriftListing:
    hostile = "\N{PILE OF POO}" * 1000
    row = ChangedRow(workload(f"a/b/{hostile}"), workload(f"a/b/{hostile}"), "all", ())
    drift = make_hostile_drift(hostile)
    return DriftListing(drift, lambda: [row] * 300, lambda: [row] * 300, hostile, (hostile,) * 50)


@pytest.mark.parametrize(
    "listing",
    [make_listing(make_large(), ROWS, ROWS), _wide()],
    ids=["large", "wide"],
)
def test_a_comment_fits(listing: DriftListing) -> None:
    """Below the limit, still whole Markdown, and what was left out is counted."""
    text = write(listing)
    assert len(text.encode()) <= LARGEST
    assert text.count("<details>") == text.count("</details>")
    assert text.endswith("before.\n")
    for part in re.findall(r"(?m)^([\d,]+) more: `-o json` lists all\.$", text):
        assert int(part.replace(",", "")) > 0
    assert "more: `-o json` lists all." in text or "There are more warnings" in text


def test_shown_and_left_out_make_the_total() -> None:
    """No row is lost between the list and its rest."""
    text = write(make_listing(make_large(), ROWS, ROWS))
    part = text[text.index("Opened connections: 100,000") : text.index("Closed connections")]
    shown = part.count("\n| `team-")
    (rest,) = re.findall(r"([\d,]+) more", part)
    assert 100_000 == shown + int(rest.replace(",", ""))
    assert shown > 20
