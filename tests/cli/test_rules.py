"""`rules`: the list, and a rule's page."""

import pytest

from auditor.rules import RULES
from auditor.rules._rule import HEADINGS
from tests.cli.conftest import Run


def test_every_rule_is_listed(run: Run) -> None:
    """A line per rule, in the order of reports, with its severity."""
    lines = run("rules", "list").out.decode().splitlines()
    expected = [[one.severity.value, one.id] for one in RULES]
    assert expected == [line.split()[:2] for line in lines[1:]]


def test_the_list_is_a_document_too(run: Run) -> None:
    """`-o json` lists id, severity and title."""
    expected = [
        {"id": one.id, "severity": one.severity.value, "title": one.page.title} for one in RULES
    ]
    assert expected == run("rules", "list", "-o", "json").json


def test_the_list_is_a_book_too(run: Run) -> None:
    """`-o markdown` holds every page: a heading by the rule's id, and all its sections."""
    lines = run("rules", "list", "-o", "markdown").out.decode().splitlines()
    assert [f"## {one.id}" for one in RULES] == [one for one in lines if one.startswith("## ")]
    for heading in HEADINGS:
        assert len(RULES) == lines.count(f"**{heading}**")


@pytest.mark.parametrize("rule", [one.id for one in RULES])
def test_every_rule_has_a_page(run: Run, rule: str) -> None:
    """The page has its sections in order, in text and as a document."""
    lines = run("rules", "show", rule).out.decode().splitlines()
    assert lines[0].startswith(f"{rule} (")
    assert [f"{one}:" for one in HEADINGS] == [line for line in lines if line[:-1] in HEADINGS]
    assert all(len(line) <= 100 for line in lines)
    document = run("rules", "show", rule, "-o", "json").json
    assert list(HEADINGS) == [one["heading"] for one in document["sections"]]
    assert rule == document["id"]


def test_rules_need_no_source(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list asks neither a cluster nor the environment."""
    monkeypatch.setenv("NETPOL_AUDITOR_NONSENSE", "1")
    assert 0 == run("rules", "list").code
