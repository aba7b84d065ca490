"""Since when findings are seen, and the place of a run in its chain."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.report import Extract, FindingRecord
from reports.drift_words import explain_absence
from reports.evidence import list_evidence
from reports.sightings import Sightings
from reports.trend import arrange_trend
from reports.worst import pick_worst
from tests.reports.audits import make_audit, make_finding, make_shop
from tests.reports.drifts import CURRENT, EVIDENCE, make_drifted, with_history


def test_a_run_that_is_kept_is_told_with_its_place_in_the_chain() -> None:
    """Where, for which cluster, its number, both hashes; and how to check them."""
    evidence = list_evidence(make_drifted())
    assert {
        "History": "out/history.sqlite",
        "Cluster in the history": EVIDENCE.cluster,
        "Number in the chain": "3",
        "Hash (SHA-256)": EVIDENCE.hash,
        "Hash of the run before": EVIDENCE.previous_hash,
    } == {fact.label: fact.value for fact in evidence.facts}
    assert [
        "netpol-auditor verify report.json",
        "netpol-auditor verify report.sig --public-key FILE",
    ] == [one.command for one in evidence.checks]


def test_the_first_run_of_a_chain_says_so() -> None:
    """There is no hash before its own, and none is missing."""
    first = msgspec.structs.replace(EVIDENCE, sequence=1, previous_hash=None)
    facts = list_evidence(with_history(make_shop(), None, None, first)).facts
    assert "none: this is the first run of the chain" == facts[-1].value


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (None, "No history holds this run. It can be checked"),
        ("the database is locked\x1b", "this run: the database is locked\\x1b. It can be checked"),
    ],
)
def test_a_run_that_is_not_kept_says_why(history: str | None, expected: str) -> None:
    """And claims nothing that could be verified."""
    evidence = list_evidence(msgspec.structs.replace(make_shop(), history=history))
    assert expected in evidence.text
    assert ((), ()) == (evidence.facts, evidence.checks)


def seen(first: str | None) -> FindingRecord:
    """A finding that was seen first at this time."""
    return make_finding(3, first_seen=first)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (None, ""),
        ("2026-11-01T08:30:00Z", "since 2026-11-01 08:30 UTC"),
        (CURRENT.taken_at, "in this run for the first time"),
        ("2026-11-21T15:03:05+01:00", "in this run for the first time"),
        ("long ago\x1b", "since long ago\\x1b"),
    ],
)
def test_a_finding_tells_since_when_it_is_seen(first: str | None, expected: str) -> None:
    """In words; without a history it tells nothing."""
    assert expected == Sightings(make_drifted().report).describe(seen(first))


def test_new_is_only_what_was_looked_for_before() -> None:
    """A finding that nobody could have seen before is seen for the first time, and not new."""
    drifted, alone = make_drifted(), with_history(make_shop(), None, None, EVIDENCE)
    one = seen(CURRENT.taken_at)
    assert Sightings(drifted.report).is_new(one)
    assert not Sightings(alone.report).is_new(one)
    assert not Sightings(drifted.report).is_new(make_finding(99, first_seen=CURRENT.taken_at))


def test_new_findings_are_marked_among_the_worst() -> None:
    """The list that everybody reads."""
    worst = pick_worst(make_drifted(), {})
    assert ["0000000000000003", "0000000000000004"] == sorted(
        row.finding.id for row in worst.rows if row.finding.is_new
    )
    assert [] == [
        row for row in pick_worst(make_audit([make_finding(3)]), {}).rows if row.finding.is_new
    ]


def test_an_extract_names_the_whole_report_and_has_no_place_in_the_chain() -> None:
    """What the history holds is the whole report: its digest leads there, and nothing is missed."""
    audit = msgspec.structs.replace(make_shop(), extract=Extract("team\u202e shop", "ee" * 32))
    evidence = list_evidence(audit)
    facts = {fact.label: fact.value for fact in evidence.facts}
    assert {
        "Extract for": "team\\u202e shop",
        "Run": audit.report.run.id,
        "Digest of the whole report (SHA-256)": "ee" * 32,
    } == facts
    assert () == evidence.checks
    assert "no earlier report to team\\u202e shop" in explain_absence(audit)
    assert "No trend: an extract has none." == arrange_trend(audit, 12).text
