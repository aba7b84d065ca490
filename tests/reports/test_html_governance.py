"""Waivers, controls, rule settings and the score in report.html."""

from __future__ import annotations

import pytest

from reports.html import render_html
from tests.reports.audits import make_audit
from tests.reports.document import Element, attributes_of, by_id, find_all, parse, text_of
from tests.reports.governance import make_governed


@pytest.fixture(scope="module")
def governed() -> Element:
    """A report with waivers, frameworks and rule settings."""
    return parse(render_html(make_governed()))


def facts_of(element: Element) -> dict[str, str]:
    """Return the labelled values of a finding."""
    return {
        text_of(label): text_of(value)
        for label, value in zip(find_all(element, "dt"), find_all(element, "dd"), strict=True)
    }


def test_exceptions_are_shown_by_state(governed: Element) -> None:
    """With all that a waiver says, and what became of it."""
    text = text_of(by_id(governed, "exceptions"))
    order = ["Expired: 1", "Expiring within 30 days: 1", "In use: 1", "Unused: 1", "Not honoured"]
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions
    for part in (
        "Owner team-shop",
        "Approved by security board",
        "Ticket SEC-1234",
        "Created 2026-01-10",
        "Compensating control: a gateway filters what enters",
        "1 open again",
        "x is no rule",
    ):
        assert part in text, part


def test_a_waived_finding_stands_apart_with_its_waiver(governed: Element) -> None:
    """Marked by a word, in a section of its own."""
    text = text_of(by_id(governed, "waived-findings"))
    assert "a waived finding never counts as pass" in text
    waived = text_of(by_id(governed, "finding-0000000000000001"))
    assert waived.startswith("Namespace/shop-dev (ingress) waived")
    facts = facts_of(by_id(governed, "finding-0000000000000001"))
    assert facts["Waived"].startswith("until 2026-12-31, owner team-shop")
    assert "the namespace is torn down every night" == facts["Reason of the waiver"]


def test_a_finding_whose_waiver_expired_says_so(governed: Element) -> None:
    """In its line and in the list of the worst."""
    expired = by_id(governed, "finding-0000000000000002")
    assert ["waiver expired"] == [text_of(one) for one in find_all(expired, "span", class_="mark")]
    assert facts_of(expired)["Waiver expired"].endswith("and the finding is open again")
    assert "waiver expired" in text_of(by_id(governed, "summary"))


def test_the_matrix_is_a_table_for_each_framework(governed: Element) -> None:
    """Control, title, status in words, coverage, rules, readings; the limits stand above."""
    section = by_id(governed, "controls")
    assert text_of(section).startswith("Controls A rule evidences a control in part, never in full")
    benchmark = by_id(governed, "framework-benchmark-1.0")
    first, second = find_all(find_all(benchmark, "tbody")[0], "tr")
    assert (
        "5.3.2Title of 5.3.2Read as “literal”: each namespace holds a policy: pass"
        "Read as “strict”: each namespace is closed: failfailevidenced in part"
        "fail: namespace-lacks-default-denydisabled: egress-is-unrestricted"
    ) == text_of(first)
    assert "Id and title not verified in the source" in text_of(second)
    assert "pass declared only" in text_of(second)


def test_rules_say_why_they_are_disabled_or_graded(governed: Element) -> None:
    """The settings' reasons stand in the report."""
    text = text_of(by_id(governed, "rules"))
    assert "Disabled: a proxy" in text
    assert "Severity medium by the settings, high by default: a mesh isolates pods" in text


def test_the_score_stands_below_the_worst_findings(governed: Element) -> None:
    """It is secondary to the counts, and never without its formula."""
    text = text_of(by_id(governed, "summary"))
    order = ["1 High", "1 waived: 1 high", "Worst first", "50.0 of 100 (S = 20, W = 20)", "100 * S"]
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions
    assert "It leaves out what they would have found: 1 rule disabled." in text


def test_a_problem_names_the_controls_that_it_touches(governed: Element) -> None:
    """By framework, folded."""
    (touched,) = find_all(by_id(governed, "findings"), "details", class_="touched")
    assert (
        "Controls that these findings touch, in 2 frameworks"
        "Benchmark 1.0: 5.3.2; Standard 2022: 8.20, 8.21"
    ) == text_of(touched)


def test_tables_have_heads_and_links_lead_somewhere(governed: Element) -> None:
    """Captions and scopes, unique ids, and no link into nothing."""
    for table in find_all(governed, "table"):
        if table.get("aria-hidden") != "true":
            assert find_all(table, "caption"), text_of(table)
            assert all(one.get("scope") in ("col", "row") for one in find_all(table, "th"))
    ids = [one.get("id") for one in governed.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    links = {value[1:] for _, name, value in attributes_of(governed) if name == "href"}
    assert {"framework-benchmark-1.0", "exceptions", "waived-findings"} < links
    assert {"rule-namespace-lacks-default-deny"} < links
    assert set() == links - {"ata:,"} - set(ids)


def test_a_report_without_waivers_and_frameworks_says_so() -> None:
    """No empty table."""
    document = parse(render_html(make_audit()))
    assert "No waiver: no finding is accepted." in text_of(by_id(document, "exceptions"))
    assert "No framework was asked for." in text_of(by_id(document, "controls"))
