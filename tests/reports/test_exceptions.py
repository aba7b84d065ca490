"""Exceptions: every waiver is shown with who answers for it, the urgent ones first."""

from __future__ import annotations

from dataclasses import replace

from auditor.model.waivers import RefusedWaiverRecord, WaiverState
from reports.conclusion import conclude, warn
from reports.exceptions import Exceptions, list_exceptions
from reports.layout import PAPER, SCREEN
from reports.rows import FindingRow, Tone
from reports.view import arrange
from tests.reports.governance import REFUSED, USES, make_governed, use_waiver


def exceptions() -> Exceptions:
    """Arrange the waivers of the governed audit."""
    return list_exceptions(make_governed().report, SCREEN)


def waived_row(*, expired: bool) -> FindingRow:
    """Return the finding of the governed audit whose waiver holds, or has expired."""
    sections = arrange(make_governed(), SCREEN).sections
    rows = [row for one in sections for group in one.groups for row in group.rows]
    (row,) = (one for one in rows if one.waiver_expired is expired)
    return row


def test_waivers_are_shown_by_state_the_urgent_ones_first() -> None:
    """Expired, expiring soon, in use, unused; each in one group, and all are counted."""
    found = exceptions()
    assert [
        ("Expired", Tone.BAD, 1),
        ("Expiring within 30 days", Tone.WARN, 1),
        ("In use", Tone.UNKNOWN, 1),
        ("Unused", Tone.UNKNOWN, 1),
    ] == [(one.title, one.tone, one.total) for one in found.groups]
    assert len(USES) == found.total


def test_a_waiver_is_shown_with_who_answers_for_it_and_until_when() -> None:
    """Rule, subject, reason, owner, approver, ticket, dates, origin, compensating control."""
    row = exceptions().groups[1].rows[0]
    assert ("namespace-lacks-default-deny", "Namespace/shop-dev") == (row.rule, row.subject)
    assert "the namespace is torn down every night" == row.reason
    assert "a gateway filters what enters" == row.control
    assert {"Owner": "team-shop", "Approved by": "security board", "Ticket": "SEC-1234"} == {
        one.label: one.value for one in row.accountable
    }
    assert {"Created": "2026-01-10", "Expires": "2026-12-21 (in 30 days)"} == {
        one.label: one.value for one in row.dates
    }
    assert ("waivers.yaml, line 3", "2 waived") == (row.origin, row.findings)


def test_what_became_of_a_waiver_is_said_in_words() -> None:
    """How long ago it expired, what is open again, and why it may be unused."""
    expired, _, _, unused = (group.rows[0] for group in exceptions().groups)
    assert "2026-11-18 (3 days ago)" == expired.dates[1].value
    assert "1 open again" == expired.findings
    assert "none" == unused.findings
    assert "It may be unused for another reason: rule x is disabled." == unused.note


def test_a_waiver_is_shown_once() -> None:
    """An unused one that expires soon is among those that expire, and says that it is unused."""
    use = use_waiver(WaiverState.UNUSED, 0)
    (group,) = list_exceptions(make_governed(uses=[use]).report, SCREEN).groups
    assert "Expiring within 30 days" == group.title
    assert "It waives no finding of this run." == group.rows[0].note
    assert group.rows[0].dates[1].value.endswith("(today is its last day)")


def test_a_waiver_that_is_yet_to_begin_stands_apart() -> None:
    """Whoever counts on it sees that it waives nothing so far, and from when on it does."""
    use = use_waiver(WaiverState.NOT_YET_VALID, 99, reason="it begins on 2026-01-10")
    (group,) = list_exceptions(make_governed(uses=[use]).report, SCREEN).groups
    assert ("Not valid yet", 1) == (group.title, group.total)
    assert "2026-01-10" == group.rows[0].dates[0].value
    assert "" == group.rows[0].note


def test_an_annotation_is_the_origin_of_its_waiver() -> None:
    """It stands in no file."""
    use = use_waiver(
        WaiverState.USED, 99, findings=1, annotated="shop/Deployment/web", file=None, line=None
    )
    (group,) = list_exceptions(make_governed(uses=[use]).report, SCREEN).groups
    assert "annotation of shop/Deployment/web" == group.rows[0].origin


def test_annotations_that_are_not_honoured_are_listed_with_the_reason() -> None:
    """Somebody believes that they waive."""
    found = exceptions()
    assert [("shop-dev/Deployment/web", "netpol-auditor.io/waive.x", "x is no rule")] == [
        (one.where, one.annotation, one.reason) for one in found.refused
    ]


def test_many_waivers_are_cut_and_counted() -> None:
    """A format shows the first of each state, and says how many more there are."""
    uses = [use_waiver(WaiverState.USED, 99, findings=1, id=f"w-{one}") for one in range(5)]
    audit = make_governed(uses=uses, refused=REFUSED * 4)
    found = list_exceptions(audit.report, replace(PAPER, waiver_rows=3))
    (group,) = found.groups
    assert (5, 3) == (group.total, len(group.rows))
    assert "2 further waivers: report.json holds every one." == group.omitted
    assert (4, 3) == (found.refused_total, len(found.refused))
    assert "1 further annotation: report.json holds every one." == found.refused_omitted


def test_expired_and_expiring_waivers_are_said_before_the_results() -> None:
    """With their number, and named; and annotations that mean to waive and do not."""
    notices = [one for one in warn(make_governed().report, {}) if one.anchor == "exceptions"]
    assert [
        (Tone.BAD, "1 waiver expired: 1 finding is open again"),
        (Tone.WARN, "1 waiver expires within 30 days"),
        (Tone.WARN, "1 annotation means to waive and is not honoured"),
    ] == [(one.tone, one.title) for one in notices]
    assert "On shop-dev/Deployment/web." == notices[2].text


def test_a_notice_names_three_and_counts_the_rest() -> None:
    """However many annotations there are."""
    refused = [RefusedWaiverRecord(f"a/Pod/{one}", "x", "y") for one in range(5)]
    (notice,) = (
        one for one in warn(make_governed(uses=(), refused=refused).report, {})
        if one.anchor == "exceptions"
    )  # fmt: skip
    assert "On a/Pod/0, a/Pod/1, a/Pod/2 and 2 more." == notice.text


def test_a_finding_says_which_waiver_holds_for_it() -> None:
    """Until when, who answers for it, and why."""
    row = waived_row(expired=False)
    assert (
        "until 2026-12-31, owner team-shop, approved by security board, ticket SEC-1234"
        == row.waiver
    )
    assert "the namespace is torn down every night" == row.waiver_reason


def test_a_finding_says_that_its_waiver_expired() -> None:
    """It is open, and still bears the waiver."""
    row = waived_row(expired=True)
    assert "open" == row.status
    assert row.waiver.startswith("until 2026-11-18, ")


def test_the_conclusion_counts_what_is_waived_apart() -> None:
    """A waived finding is neither open nor mended."""
    assert "1 further finding is waived: accepted, not mended." in (
        conclude(make_governed().report).paragraph
    )
    assert "1 waived: 1 high" == arrange(make_governed(), SCREEN).waived
