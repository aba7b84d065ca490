"""report.html, as a browser's parser reads it."""

import base64
import hashlib
import re

import pytest

from auditor.model.findings import RuleStatus
from auditor.model.report import Audit, RuleRecord
from reports.html import render_html
from tests.reports.audits import RULES, make_audit, make_finding, make_many, make_shop
from tests.reports.document import Element, attributes_of, by_id, find_all, parse, text_of
from tests.reports.hostile import STRINGS, make_hostile


@pytest.fixture(scope="module")
def shop() -> Element:
    """The small realistic report."""
    return parse(render_html(make_shop()))


def policy_of(document: Element) -> dict[str, str]:
    """Return the content security policy as directive → value."""
    (meta,) = find_all(document, "meta", **{"http-equiv": "Content-Security-Policy"})
    parts = (directive.partition(" ") for directive in meta.get("content").split("; "))
    return {name: value for name, _, value in parts}


def sha256(text: str) -> str:
    """Return a hash as content security policies spell it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@pytest.mark.parametrize("audit", [make_shop(), make_hostile("</script>")], ids=["shop", "hostile"])
def test_the_policy_admits_exactly_the_style_and_script_of_the_file(audit: Audit) -> None:
    """Their hashes, and nothing from anywhere else."""
    document = parse(render_html(audit))
    (style,) = find_all(document, "style")
    (script,) = find_all(document, "script")
    assert {
        "default-src": "'none'",
        "style-src": sha256(style.text),
        "script-src": sha256(script.text),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    } == policy_of(document)


def test_the_policy_stands_before_what_it_governs(shop: Element) -> None:
    """A policy in a meta element does not govern what comes before it."""
    names = [one.tag for one in shop.iter() if one.tag in ("meta", "style", "script", "link")]
    assert names.index("meta") < names.index("link") < names.index("style") < names.index("script")
    first, second = find_all(shop, "meta")[:2]
    assert "utf-8" == first.get("charset")
    assert "Content-Security-Policy" == second.get("http-equiv")


@pytest.mark.parametrize("hostile", STRINGS, ids=ascii)
def test_a_hostile_string_is_text_and_nothing_else(hostile: str) -> None:
    """The elements, and the names of their attributes, are those of a harmless report."""
    document, harmless = (parse(render_html(make_hostile(one))) for one in (hostile, "harmless"))

    def shape(root: Element) -> list[tuple[str, tuple[str, ...]]]:
        # A long list of words or a line break in a manifest is no structure; elements are.
        return [(str(one.tag), tuple(one.attrib)) for one in root.iter()]

    assert shape(harmless) == shape(document)


@pytest.mark.parametrize("hostile", STRINGS, ids=ascii)
def test_nothing_leads_out_of_the_file(hostile: str) -> None:
    """Links stay in the page, no element loads anything, no attribute is a handler or a style."""
    for tag, name, value in attributes_of(parse(render_html(make_hostile(hostile)))):
        assert name not in ("src", "srcset", "style", "action", "background", "poster"), (tag, name)
        assert not name.startswith("on"), (tag, name)
        if name == "href":
            assert value.startswith("#") or value == "data:,", (tag, value)


def test_style_and_script_name_no_address(shop: Element) -> None:
    """Neither loads anything."""
    (style,), (script,) = find_all(shop, "style"), find_all(shop, "script")
    assert None is re.search(r"url\(|@import|//[a-z]", style.text)
    assert None is re.search(r"https?:|fetch\(|XMLHttp|import\(|innerHTML|eval\(", script.text)


@pytest.mark.parametrize("hostile", ["a\u202eb", "a\u2066b", "a\u200bb", "a\u00adb", "a\x1bb"])
def test_no_invisible_character_is_in_the_file(hostile: str) -> None:
    """Direction overrides are spelled out, in text and in attributes alike."""
    document = render_html(make_hostile(hostile)).decode()
    assert hostile[1] not in document
    assert f"\\x{ord(hostile[1]):02x}" in document or f"\\u{ord(hostile[1]):04x}" in document


def test_names_are_isolated_from_the_text_around_them() -> None:
    """A name of right-to-left letters does not reorder its neighbours."""
    document = parse(render_html(make_hostile("אבג")))
    parents = {child: parent for parent in document.iter() for child in parent}
    # A text of an SVG is laid out on its own, and its description is not laid out at all.
    isolating = {"bdi", "title", "pre", "option", "text", "desc"}
    for element in document.iter():
        if isinstance(element.tag, str) and "אבג" in (element.text or ""):
            chain = [element]
            while chain[-1] in parents:
                chain.append(parents[chain[-1]])
            tags = {one.tag.rpartition("}")[2] for one in chain}
            assert isolating & tags or element.tag in (
                "a", "summary", "span", "th", "h4",
            ), element.tag  # fmt: skip


def test_ids_are_unique_and_links_lead_somewhere(shop: Element) -> None:
    """Every fragment that the page links to is there, once."""
    ids = [one.get("id") for one in shop.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    links = {value[1:] for _, name, value in attributes_of(shop) if name == "href"} - {"ata:,"}
    assert {f"finding-{number:016x}" for number in (3, 4)} < links
    assert set() == links - set(ids)


def test_findings_have_stable_ids(shop: Element) -> None:
    """`#finding-<id>` can be linked from a ticket."""
    finding = by_id(shop, "finding-0000000000000003")
    assert ("high", "database-open-to-all-pods", "shop-dev") == (
        finding.get("data-severity"),
        finding.get("data-rule"),
        finding.get("data-namespace"),
    )
    text = text_of(finding)
    for part in (
        "mysql database shop-dev/StatefulSet/db accepts connections from every pod",
        "monitoring/Deployment/prometheus → shop-dev/StatefulSet/db on TCP 3306",
        "allow only the workloads that need the database",
        "review before applying",
        "Closes 42 connections of today, of which 2 are listed:",
    ):
        assert part in text


def test_the_summary_comes_first(shop: Element) -> None:
    """Verdict, gaps, counts by severity, the worst findings (the problem, its subject), notices."""
    text = text_of(by_id(shop, "summary"))
    order = [
        "10 open findings: 7 high, 1 medium and 2 low",
        "2 gaps: not everything was seen",
        "0 Critical 7 High 1 Medium 2 Low 2 in system namespaces 0 Info",
        "Worst first",
        "shop-dev lacks a default deny for egress",
        "Namespace/shop-dev and 1 more",
        "1 rule evaluated in part",
    ]
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions


def test_the_page_has_landmarks_and_its_tables_have_heads(shop: Element) -> None:
    """One main, one nav with a name, one h1; every data table has a caption and scopes."""
    assert [1, 1, 1] == [len(find_all(shop, tag)) for tag in ("main", "nav", "h1")]
    assert "Sections" == find_all(shop, "nav")[0].get("aria-label")
    assert "en" == find_all(shop, "html")[0].get("lang")
    tables = [one for one in find_all(shop, "table") if one.get("aria-hidden") != "true"]
    assert len(tables) > 5
    for table in tables:
        assert find_all(table, "caption"), text_of(table)
        assert all(one.get("scope") in ("col", "row") for one in find_all(table, "th"))


def test_every_section_has_a_name(shop: Element) -> None:
    """Screen readers list sections by it."""
    for section in find_all(shop, "section"):
        label = section.get("aria-label") or text_of(by_id(shop, section.get("aria-labelledby")))
        assert label


def test_gaps_rules_and_pages_are_in_the_file(shop: Element) -> None:
    """Scope and method too: an auditor reads the limits before the findings."""
    assert "forbidden: the account may not list pods here" in text_of(by_id(shop, "gaps"))
    assert "not complete: 2 gaps" in text_of(by_id(shop, "scope"))
    assert "Not evaluated: payments: its pods were not read" in text_of(by_id(shop, "rules"))
    page = by_id(shop, "rule-egress-is-unrestricted")
    assert ["podSelector"] == [text_of(one) for one in find_all(page, "code")]
    assert "kind: NetworkPolicy\nspec: {}" == find_all(page, "pre")[0].text


def test_the_filter_is_hidden_until_the_script_runs(shop: Element) -> None:
    """Without a script there is no dead control."""
    assert "" == by_id(shop, "filter").get("hidden")


def test_the_picture_has_numbers_and_words_for_its_colours(shop: Element) -> None:
    """Every cell has its number and a title; every row and column its head."""
    picture = next(
        one for one in find_all(by_id(shop, "reachability"), "table", class_="picture")
        if one.get("aria-hidden") is None
    )  # fmt: skip
    cells = [one for one in find_all(picture, "td") if one.get("title")]
    assert 49 == len(cells)
    assert all(text_of(one) and "→" in one.get("title") for one in cells)
    assert 14 == len([one for one in find_all(picture, "th") if one.get("scope")])


def test_an_audit_without_findings_says_so() -> None:
    """An empty report is no empty page."""
    document = parse(render_html(make_audit()))
    assert "No open findings" in text_of(by_id(document, "summary"))
    assert "Everything that was asked for was read" in text_of(by_id(document, "gaps"))


def test_a_report_on_which_nothing_was_evaluated_is_no_pass() -> None:
    """The summary says that there is no verdict, the rules say why, no status says pass."""
    rules = [
        RuleRecord(one, RuleStatus.NOT_EVALUATED, declared_only=False, reason="pods are unread")
        for one, _, _ in RULES
    ]
    document = parse(render_html(make_audit(rules=rules)))
    assert "No verdict: no rule could be evaluated" in text_of(by_id(document, "summary"))
    assert 5 == text_of(by_id(document, "rules")).count("Not evaluated: pods are unread")
    statuses = [text_of(one) for one in find_all(document, "span", class_="status")]
    assert ["not evaluated"] * 5 == statuses


def test_a_pass_that_is_only_declared_is_marked() -> None:
    """Without a plugin that enforces, pass means declared."""
    rules = [RuleRecord("x", RuleStatus.PASS, declared_only=True, reason=None)]
    document = parse(render_html(make_audit(rules=rules)))
    assert "pass declared only" in text_of(by_id(document, "rules"))


def test_6000_findings_are_grouped_and_every_one_is_listed() -> None:
    """By rule, severity and namespace; each finding still has its anchor."""
    document = parse(render_html(make_many(6000)))
    groups = find_all(document, "details", class_="group")
    rows = [one for one in find_all(document, "tr") if (one.get("id") or "").startswith("finding-")]
    assert 0 < len(groups) < 1000
    assert 6000 == len({one.get("id") for one in rows})
    assert "too many findings to show each in full" in text_of(by_id(document, "findings"))


def test_a_group_that_is_too_large_counts_what_it_does_not_list() -> None:
    """200 rows and a number with the place of the rest: nothing is dropped silently."""
    document = parse(render_html(make_audit(make_finding(number) for number in range(6000))))
    (group,) = find_all(document, "details", class_="group")
    rows = [one for one in find_all(group, "tr") if one.get("id")]
    assert 200 == len(rows)
    assert "5,800 more: report.json and findings.csv hold them." in text_of(group)


def test_the_same_audit_gives_the_same_bytes() -> None:
    """No clock, no chance."""
    assert render_html(make_shop()) == render_html(make_shop())


def test_a_manifest_keeps_its_lines() -> None:
    """What is copied from the page can be applied."""
    remediation = make_finding(1).remediation
    assert remediation is not None
    assert remediation.manifest is not None
    document = parse(render_html(make_audit([make_finding(1)])))
    (manifest,) = find_all(by_id(document, "finding-0000000000000001"), "pre")
    assert remediation.manifest.strip("\n") == manifest.text
