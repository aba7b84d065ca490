"""The list of the worst findings: which problems it names, and by which finding."""

from collections.abc import Collection

import msgspec

from auditor.model.findings import Severity, SubjectRecord
from auditor.model.report import FindingRecord
from reports.layout import SCREEN
from reports.view import arrange
from tests.reports.audits import make_audit, make_finding, make_shop


def make_findings(*about: tuple[str, str, Severity]) -> list[FindingRecord]:
    """Make a finding for each rule, subject (`namespace/name`) and severity."""
    return [
        make_finding(
            number,
            rule=rule,
            severity=severity,
            subject=SubjectRecord(subject.split("/")[0], "Deployment", subject.split("/")[1]),
        )
        for number, (rule, subject, severity) in enumerate(about)
    ]


def pick(
    findings: list[FindingRecord], *, production: Collection[str] = ()
) -> list[tuple[str, str]]:
    """Return the rule and the subject of each line."""
    audit = msgspec.structs.replace(make_audit(findings), production=frozenset(production))
    rows = arrange(audit, SCREEN).worst.rows
    return [(one.finding.rule, f"{one.finding.namespace}/{one.finding.name}") for one in rows]


def test_the_worst_list_has_a_line_per_rule_and_severity() -> None:
    """Many findings of one rule do not hide the next rule."""
    worst = arrange(make_shop(), SCREEN).worst
    assert [
        ("namespace-lacks-default-deny", 1),
        ("database-open-to-all-pods", 0),
        ("egress-is-unrestricted", 2),
        ("environments-can-talk", 0),
        ("egress-to-whole-internet", 0),
    ] == [(one.finding.rule, one.more) for one in worst.rows]
    assert "" == worst.rest


def test_a_subject_already_named_gives_way_within_its_rule() -> None:
    """Another finding of the same rule is shown; no rule loses its place in the order."""
    high = Severity.HIGH
    findings = make_findings(
        ("a", "shop/db", high),
        ("b", "shop/db", high),
        ("b", "shop/web", high),
        ("c", "shop/db", high),
        ("d", "shop/api", high),
        ("e", "shop/db", Severity.CRITICAL),
    )
    assert [
        ("e", "shop/db"),
        ("a", "shop/db"),
        ("b", "shop/web"),
        ("c", "shop/db"),
        ("d", "shop/api"),
    ] == pick(findings)


def test_the_subject_with_most_findings_stands_for_its_rule() -> None:
    """Those of the severity of the line or worse count; a lesser one does not."""
    high, low = Severity.HIGH, Severity.LOW
    findings = make_findings(
        ("a", "shop/api", high),
        ("a", "shop/db", high),
        ("b", "shop/db", high),
        ("c", "shop/api", low),
        ("d", "shop/api", low),
    )
    assert ("a", "shop/db") == pick(findings)[0]


def test_a_finding_in_production_stands_for_its_rule() -> None:
    """Before all others of its rule and severity, whatever else there is about their subjects."""
    high = Severity.HIGH
    findings = make_findings(
        ("a", "dev/db", high), ("a", "live/db", high), ("b", "dev/db", high), ("b", "live/db", high)
    )
    heavy = make_findings(("c", "dev/db", high))
    both = [*findings, *heavy]
    assert [("a", "live/db"), ("b", "live/db")] == pick(both, production={"live"})[:2]
    assert [("a", "dev/db"), ("b", "live/db")] == pick(both)[:2]


def test_the_worst_list_counts_the_problems_that_it_leaves_out() -> None:
    """Six lines, and the number of the other rules and severities."""
    findings = [make_finding(number, rule=f"rule-{number}") for number in range(8)]
    worst = arrange(make_audit(findings), SCREEN).worst
    assert (6, "2 further problems are among the findings.") == (len(worst.rows), worst.rest)
