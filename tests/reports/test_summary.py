"""The summary names the waivers that somebody must look after, and counts the rest."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import Audit, RuleRecord
from auditor.model.waivers import RefusedWaiverRecord, WaiverState, WaiverUseRecord
from reports.paint import choose_paint
from reports.summary import describe_waivers, render_summary
from tests.findings.waivers import make
from tests.reports.audits import make_audit, make_finding


def use(
    subject: str, state: WaiverState, days: int, findings: int = 0, reason: str | None = None
) -> WaiverUseRecord:
    """What became of a waiver."""
    return WaiverUseRecord(
        waiver=make(subject).record,
        state=state,
        findings=findings,
        expires_in_days=days,
        expires_soon=0 <= days <= 30,
        reason=reason,
    )


def summarise(audit: Audit) -> list[str]:
    """The lines of a summary."""
    return render_summary(audit, (), choose_paint(colors=False)).splitlines()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (use("a/*", WaiverState.USED, 31, 2), None),
        (
            use("a/*", WaiverState.USED, 30, 2),
            "egress-is-unrestricted for a/* expires on 2026-06-30, in 30 days",
        ),
        (
            use("a/*", WaiverState.EXPIRED, -1, 1),
            "egress-is-unrestricted for a/* expired on 2026-06-30: 1 finding is open again",
        ),
        (
            use("a/*", WaiverState.EXPIRED, -1),
            "egress-is-unrestricted for a/* expired on 2026-06-30: 0 findings are open again",
        ),
        (
            use("a/*", WaiverState.NOT_YET_VALID, 9, reason="it begins"),
            "egress-is-unrestricted for a/* is not valid yet: it begins on 2025-10-01",
        ),
        (use("a/*", WaiverState.UNUSED, 99), "egress-is-unrestricted for a/* is unused"),
        (
            use("a/*", WaiverState.UNUSED, 1, reason="unread"),
            "egress-is-unrestricted for a/* is unused (unread); it expires on 2026-06-30, in 1 day",
        ),
    ],
)
def test_a_waiver_is_named_where_somebody_must_act(
    record: WaiverUseRecord, expected: str | None
) -> None:
    """Expired, not valid yet, unused, or about to expire; one in use for long is not."""
    assert ([] if expected is None else [expected]) == list(describe_waivers([record]))


def test_the_most_urgent_waivers_are_named_and_the_rest_is_counted() -> None:
    """Those that expired first lead."""
    uses = [use(f"n{days}/*", WaiverState.UNUSED, days) for days in (9, 3, 8, -2, 7, 5, 6)]
    lines = list(describe_waivers(uses))
    assert ["n-2", "n3", "n5", "n6", "n7"] == [line.split()[2].rstrip("/*") for line in lines[:5]]
    assert "2 more are expired, not valid yet, unused or about to expire" == lines[5]


def test_what_names_a_waiver_is_shown_inert() -> None:
    """A subject may hold control characters."""
    (line,) = describe_waivers([use("a/\x1b[31m", WaiverState.UNUSED, 99)])
    assert "\x1b" not in line


def test_waived_findings_and_refused_annotations_are_counted() -> None:
    """Apart from the open ones, by severity."""
    waived = [
        make_finding(one, status="waived", severity=severity)
        for one, severity in enumerate((Severity.HIGH, Severity.HIGH, Severity.LOW))
    ]
    audit = make_audit([*waived, make_finding(9)])
    refused = (RefusedWaiverRecord("a/Pod/b", "netpol-auditor.io/waive.x", "x is no rule"),)
    report = msgspec.structs.replace(audit.report, refused_waivers=refused)
    lines = summarise(msgspec.structs.replace(audit, report=report))
    assert "  waived        3  (2 high and 1 low; not among those above)" in lines
    assert (
        "  waivers: 1 annotation means to waive and is not honoured: report.json says why" in lines
    )


def test_a_summary_without_waivers_says_nothing_of_them() -> None:
    """Nothing is accepted where nobody accepted anything."""
    lines = summarise(make_audit([make_finding(1)]))
    assert [] == [line for line in lines if line.startswith("  waive")]


def test_the_score_says_what_may_be_missing_from_it() -> None:
    """Rules that were not evaluated or are disabled may hide findings."""
    rules = [
        RuleRecord("a", RuleStatus.PASS, declared_only=False, reason=None),
        RuleRecord("b", RuleStatus.NOT_EVALUATED, declared_only=False, reason="unread"),
        RuleRecord("c", RuleStatus.DISABLED, declared_only=False, reason="for now"),
    ]
    lines = summarise(make_audit([make_finding(1)], rules=rules))
    assert "score: 66.6 of 100 (S = 20, W = 10)" in lines
    assert (
        "  It leaves out what they would have found: 1 rule not evaluated or only in part and "
        "1 rule disabled." in lines
    )
    lines = summarise(make_audit([], rules=rules[1:]))
    assert any(line.startswith("score: none, no rule was evaluated (S = 20, ") for line in lines)
