"""Drift, trend and evidence in report.html, and a drift as a page of its own."""

from __future__ import annotations

import re

import msgspec
import pytest

from auditor.model.report import Audit
from reports.drift import WRITERS, DriftListing
from reports.html import render_html
from tests.reports.audits import make_shop
from tests.reports.document import Element, attributes_of, by_id, find_all, parse
from tests.reports.drifts import (
    EVIDENCE,
    make_drifted,
    make_large,
    make_listing,
    make_rows,
    make_trend,
    make_unchanged,
    with_history,
)
from tests.reports.hostile import STRINGS, make_hostile_listing
from tests.reports.test_html import policy_of, sha256


@pytest.fixture(scope="module")
def drifted() -> Element:
    """The small realistic report with a history."""
    return parse(render_html(make_drifted()))


def words_of(element: Element) -> str:
    """An element's text, a space between the texts of neighbours."""
    return " ".join(" ".join(element.itertext()).split())


def render_page(listing: DriftListing) -> Element:
    """The page of a drift."""
    return parse(b"".join(WRITERS["html"](listing)))


def section(audit: Audit, name: str) -> str:
    """The text of a section of a report."""
    return words_of(by_id(parse(render_html(audit)), name))


def test_new_namespaces_come_first_and_what_opened_before_what_closed(drifted: Element) -> None:
    """The sentence, new namespaces, the numbers, groups, rows, then policies, findings, scope."""
    text = words_of(by_id(drifted, "changes"))
    order = [
        "From 2026-11-14T09-00-00Z-1a2b3c, taken 2026-11-14 09:00:00 UTC, to 2026-11-21T14-03-07Z",
        "7 days later",
        "2 new namespaces payments : no NetworkPolicy checkout",
        "+3 connections opened",
        "external addresses payments +1",
        "+3 opened",
        "shop-test/Deployment/web[tier=canary,version=2]",
        "1 closed",
        "last written by kubectl-client-side",
        "new High shop-dev/StatefulSet/db",
        "resolved High Namespace/monitoring",
        "Not comparable: payments: its pods were not read in this run",
        "environment=test → environment=prod",
    ]
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions


def test_what_opened_is_open_and_what_closed_is_folded(drifted: Element) -> None:
    """And told apart by a sign and a word, not by colour alone."""
    opened, closed = find_all(by_id(drifted, "changes"), "details", class_="drift")
    assert ["+3 opened"] == [words_of(one) for one in opened.iter("summary")]
    assert opened.get("open") is not None
    assert ["\N{MINUS SIGN}1 closed"] == [words_of(one) for one in closed.iter("summary")]
    assert closed.get("open") is None


def test_the_summary_tells_the_changes_in_a_line(drifted: Element) -> None:
    """Before the worst findings, with a link to the section."""
    text = words_of(by_id(drifted, "summary"))
    line = (
        "Since 2026-11-14 09:00 UTC : 3 connections opened, 1 closed; findings: 2 new, 1 resolved"
    )
    assert text.index(line) < text.index("Worst first")


def test_new_findings_are_marked_wherever_they_are_listed(drifted: Element) -> None:
    """In the list of the worst, in their groups, and at the finding with since when."""
    marks = find_all(drifted, "span", class_="new")
    assert {"new"} == {words_of(one) for one in marks}
    assert 4 == len(marks)
    assert "1 finding, 1 new" in words_of(by_id(drifted, "findings"))
    new = words_of(by_id(drifted, "finding-0000000000000003"))
    old = words_of(by_id(drifted, "finding-0000000000000001"))
    assert "Seen in this run for the first time : it was looked for in the run before" in new
    assert "Seen since 2026-11-01 08:30 UTC" in old


def test_links_of_the_changes_lead_to_findings_that_are_listed(drifted: Element) -> None:
    """What was resolved is in no list."""
    links = {
        value
        for tag, name, value in attributes_of(by_id(drifted, "changes"))
        if (tag, name) == ("a", "href")
    }
    assert {"#finding-0000000000000003", "#finding-0000000000000004"} == links
    assert all(by_id(drifted, one[1:]) is not None for one in links)


def test_the_page_with_a_history_is_as_accessible_as_without(drifted: Element) -> None:
    """Ids once, captions and scopes on every table, headings without a gap."""
    ids = [one.get("id") for one in drifted.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    for table in find_all(drifted, "table"):
        if table.get("aria-hidden") != "true":
            assert find_all(table, "caption"), words_of(table)
            assert all(one.get("scope") in ("col", "row") for one in find_all(table, "th"))
    for name in ("changes", "trend", "about"):
        tags = (str(one.tag) for one in by_id(drifted, name).iter())
        levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
        assert [2, *[3] * (len(levels) - 1)] == levels, name


def test_no_earlier_run_no_history_and_no_change_are_told_apart() -> None:
    """Each in a line; where nothing is known, nothing is claimed."""
    first = msgspec.structs.replace(EVIDENCE, sequence=1, previous_hash=None)
    assert "this one has no history" in section(make_shop(), "changes")
    assert "first run of the cluster that is kept" in section(
        with_history(make_shop(), None, make_trend(1), first), "changes"
    )
    same = section(with_history(make_shop(), make_unchanged(), None, EVIDENCE), "changes")
    assert "Nothing changed: " in same
    assert "10 findings are as before." in same


def test_the_chart_has_a_name_a_text_and_no_style(drifted: Element) -> None:
    """A drawing for who sees it, a description for who does not; the policy admits both."""
    (chart,) = (one for one in drifted.iter() if str(one.tag).endswith("}svg"))
    assert "img" == chart.get("role")
    title, text = (by_id(drifted, one) for one in chart.get("aria-labelledby").split())
    assert "Score and open findings over 12 runs" == words_of(title)
    assert "Lanes: score, critical, high, medium, low." in words_of(text)
    assert [] == [one for one in chart.iter() if one.get("style")]
    bars = [one for one in chart.iter() if "bar" in (one.get("class") or "").split()]
    assert 12 * 5 - 1 == len(bars), "a run without a score has no bar"
    assert all(words_of(one) for one in bars)


def test_evidence_says_how_to_verify_the_run(drifted: Element) -> None:
    """Where it is kept, its number, both hashes, the commands."""
    text = words_of(by_id(drifted, "about"))
    for part in (
        "History out/history.sqlite",
        "Number in the chain 3",
        f"Hash (SHA-256) {EVIDENCE.hash}",
        f"Hash of the run before {EVIDENCE.previous_hash}",
        "netpol-auditor verify report.json",
        "netpol-auditor verify report.sig --public-key FILE",
    ):
        assert part in text, part


def test_the_rows_of_report_json_are_listed_and_the_rest_is_counted() -> None:
    """A thousand of them, folded; lists of all kinds stay bounded."""
    page = parse(render_html(with_history(make_shop(), make_large(), None, EVIDENCE)))
    changes = by_id(page, "changes")
    opened, closed = find_all(changes, "details", class_="drift")
    assert (None, None) == (opened.get("open"), closed.get("open"))
    assert 1001 == len(find_all(opened, "tr"))
    assert "99,000 more: netpol-auditor diff -o json lists all." in words_of(opened)
    assert len(find_all(changes, "tr")) < 6000
    assert "99,500 more: report.json holds all. (removed)" in words_of(changes)


def test_the_page_of_a_drift_admits_its_style_and_no_script() -> None:
    """The policy stands before what it governs, and names nothing else."""
    page = render_page(make_listing())
    (style,) = find_all(page, "style")
    assert [] == find_all(page, "script")
    assert {
        "default-src": "'none'",
        "style-src": sha256(style.text),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    } == policy_of(page)


def test_the_page_of_a_drift_begins_with_the_warnings() -> None:
    """What an apply would keep is read before what it changes."""
    page = render_page(make_listing(notes=("an apply would keep spec.ingress",)))
    text = words_of(find_all(page, "main")[0])
    assert text.startswith(
        "3 connections opened, 1 closed. Warning an apply would keep spec.ingress"
    )
    (title,) = find_all(page, "title")
    assert title.text.startswith("Changes in shop-cluster: 3 connections opened, 1 closed; ")


def test_the_page_lists_rows_as_they_come_up_to_a_thousand() -> None:
    """A page is for reading; the JSON holds all."""
    page = render_page(make_listing(None, tuple(make_rows(1200)), ()))
    (opened,) = find_all(page, "details", class_="drift")
    assert 1001 == len(find_all(opened, "tr"))
    assert "200 more: -o json lists all." in words_of(opened)


@pytest.mark.parametrize("hostile", STRINGS, ids=ascii)
def test_a_hostile_string_is_text_on_the_page_of_a_drift(hostile: str) -> None:
    """The elements and attributes of a harmless page; nothing leads out of it."""
    page, harmless = (render_page(make_hostile_listing(one)) for one in (hostile, "harmless"))

    def shape(root: Element) -> list[tuple[str, tuple[str, ...]]]:
        return [(str(one.tag), tuple(one.attrib)) for one in root.iter()]

    assert shape(harmless) == shape(page)
    for tag, name, value in attributes_of(page):
        assert name not in ("src", "style"), (tag, name)
        assert not name.startswith("on"), (tag, name)
        if name == "href":
            assert value.startswith("#") or value == "data:,", (tag, value)


def test_the_same_drift_gives_the_same_bytes() -> None:
    """No clock, no chance, in any format."""
    for writer in WRITERS.values():
        assert list(writer(make_listing())) == list(writer(make_listing()))
