"""Drift, trend and evidence in report.pdf."""

from __future__ import annotations

import logging
import time

import pytest
from pypdf import PdfReader

from auditor.model.report import Audit
from reports.pdf import render_pdf
from tests.reports.audits import make_shop
from tests.reports.drifts import (
    EVIDENCE,
    make_drifted,
    make_large,
    make_trend,
    make_unchanged,
    with_history,
)
from tests.reports.test_pdf import read, text_of

# As in test_pdf.
pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module")
def drifted() -> PdfReader:
    """The small realistic report with a history."""
    return read(render_pdf(make_drifted()))


def test_what_changed_follows_the_conclusion(drifted: PdfReader) -> None:
    """New namespaces, the numbers, groups, what opened, what closed, and why."""
    text = text_of(drifted)
    text = text[text.index("Appendix: rule pages") :]
    order = [
        "Changes since the last run",
        "7 days later",
        "2 new namespaces",
        "connections opened",
        "By namespace",
        "+3 opened",
        "shop-test/Deployment/ web[tier=canary,version=2]",
        "\N{MINUS SIGN}1 closed",
        "last written by kubectl-client-side",
        "Findings new, resolved, not comparable",
        "Not comparable: payments: its pods were not read in this run",
        "environment=test → environment=prod",
        "Trend",
        "This run against the run before",
        "Method and limits",
    ]
    positions = [text.index(part) for part in order]
    assert sorted(positions) == positions


def test_the_conclusion_tells_the_changes_and_marks_what_is_new(drifted: PdfReader) -> None:
    """In a line before the worst findings."""
    text = " ".join(drifted.pages[1].extract_text().split())
    assert text.index("Since 2026-11-14 09:00 UTC: 3 connections") < text.index("Worst first")
    assert 2 == text.count(" new ") - text.count("2 new ")


def test_hashes_are_whole_and_stand_on_one_line(drifted: PdfReader) -> None:
    """They can be copied, or read out."""
    text = text_of(drifted)
    for part in (EVIDENCE.hash, EVIDENCE.previous_hash, "netpol-auditor verify report.json"):
        assert part is not None
        assert part in text


def test_the_chart_and_its_figures_are_in_the_document(drifted: PdfReader) -> None:
    """The lanes have their names and values; the figures stand below."""
    text = text_of(drifted)
    for part in ("0 to 100", "90.2", "Four weeks ago", "2026-09-05 14:03 UTC"):
        assert part in text, part


@pytest.mark.parametrize(
    "audit",
    [
        make_drifted(),
        with_history(make_shop(), make_unchanged(), make_trend(2), EVIDENCE),
        with_history(make_shop(), None, make_trend(1), EVIDENCE),
    ],
    ids=["drifted", "same", "alone"],
)
def test_the_renderer_has_nothing_to_complain_about(
    audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    """Every style is understood and every link leads somewhere: no warning reaches a user."""
    with caplog.at_level(logging.WARNING, logger="weasyprint"):
        render_pdf(audit)
    assert [] == caplog.messages


def test_no_change_and_no_trend_are_lines() -> None:
    """No empty table, no page of their own."""
    audit = with_history(make_shop(), make_unchanged(), make_trend(1), EVIDENCE)
    text = text_of(read(render_pdf(audit)))
    assert "Nothing changed: policies, connections and findings are the same" in text
    assert "No trend yet: this is the only run of the cluster that is kept." in text


def test_hundreds_of_thousands_of_changes_stay_a_document() -> None:
    """The first rows of each kind in seconds; the rest is counted, and its place told."""
    audit = with_history(make_shop(), make_large(), make_trend(52, 120), EVIDENCE)
    before = time.process_time()
    reader = read(render_pdf(audit))
    assert time.process_time() - before < 30
    text = text_of(reader)
    for part in (
        "99,960 more: report.json holds the first 1,000, netpol-auditor diff -o json lists all.",
        "99,980 more: ",
        "39,970 more: report.json holds all.",
        "99,970 more: report.json holds all. (changed)",
        "108 older: netpol-auditor history lists all.",
    ):
        assert part in text, part
    assert len(reader.pages) < len(read(render_pdf(make_shop())).pages) + 25


def test_the_same_drift_gives_the_same_document() -> None:
    """The chart holds no chance either."""
    assert render_pdf(make_drifted()) == render_pdf(make_drifted())
