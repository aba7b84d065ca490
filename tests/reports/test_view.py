"""Display rows: sorted, sectioned, cut and counted."""

from dataclasses import replace

import msgspec

from auditor.model.findings import (
    ChangedConnections,
    Remediation,
    RuleStatus,
    Severity,
    SubjectRecord,
    Witness,
)
from auditor.model.report import Extract, RuleRecord
from reports.finding_rows import describe_evidence, describe_witness
from reports.layout import PAPER, SCREEN
from reports.rows import ChangedRows, FindingRow, FindingSection, Tone
from reports.view import arrange
from tests.reports.audits import GAPS, make_audit, make_finding, make_many, make_page, make_shop


def rows_of(section: FindingSection) -> list[FindingRow]:
    """Return the findings that a section shows in full."""
    return [row for group in section.groups for row in group.rows]


def test_findings_are_sorted_worst_first() -> None:
    """By severity, then by rule in the order of the report's rules, then by subject."""
    (section, _) = arrange(make_shop(), SCREEN).sections
    assert [
        ("high", "namespace-lacks-default-deny", "Namespace/shop-dev"),
        ("high", "namespace-lacks-default-deny", "Namespace/shop-dev"),
        ("high", "database-open-to-all-pods", "shop-dev/StatefulSet/db"),
        ("high", "egress-is-unrestricted", "shop-dev/Deployment/api"),
        ("high", "egress-is-unrestricted", "shop-dev/Deployment/web"),
        ("high", "egress-is-unrestricted", "shop-dev/StatefulSet/db"),
        ("high", "environments-can-talk", "Environments/dev→prod"),
        ("medium", "egress-to-whole-internet", "shop-prod/Deployment/web"),
    ] == [(one.severity, one.rule, one.subject) for one in rows_of(section)]


def test_the_order_of_the_input_does_not_matter() -> None:
    """The same findings in another order give the same rows."""
    findings = make_shop().report.findings
    there, back = make_audit(findings), make_audit(reversed(findings))
    assert arrange(there, SCREEN).sections == arrange(back, SCREEN).sections


def test_system_and_waived_findings_stand_apart() -> None:
    """Each in a section of its own; a section without findings is left out."""
    findings = [
        make_finding(1),
        make_finding(2, system=True, severity=Severity.LOW),
        make_finding(3, status="waived"),
    ]
    sections = arrange(make_audit(findings), SCREEN).sections
    assert [("findings", 1), ("system-findings", 1), ("waived-findings", 1)] == [
        (one.anchor, one.total) for one in sections
    ]
    (empty,) = arrange(make_audit(), SCREEN).sections
    assert (0, "No open finding outside of system namespaces.") == (empty.total, empty.introduction)


def test_minor_and_long_groups_are_folded() -> None:
    """What is low or info, and what would push the next problem out of sight."""
    minor = [make_finding(1, severity=Severity.LOW), make_finding(2, severity=Severity.INFO)]
    long = [make_finding(number, rule="long") for number in range(3, 14)]
    short = [make_finding(number, rule="short") for number in range(14, 24)]
    (section,) = arrange(make_audit([*minor, *long, *short]), SCREEN).sections
    assert [("long", True), ("short", False)] == [
        (one.rule, one.folded) for one in section.groups[:2]
    ]
    assert [Severity.LOW, Severity.INFO] == [one.severity for one in section.groups[2:]]
    assert all(one.folded for one in section.groups[2:])


def test_a_group_says_how_far_it_extends() -> None:
    """In findings, and in namespaces where there are several."""
    places = [("a", "x"), ("a", "y"), ("b", "x")]
    findings = [
        make_finding(number, subject=SubjectRecord(namespace, "Deployment", name))
        for number, (namespace, name) in enumerate(places)
    ]
    (section,) = arrange(make_audit(findings), SCREEN).sections
    assert ["3 findings in 2 namespaces"] == [one.extent for one in section.groups]
    (section,) = arrange(make_audit(findings[:2]), SCREEN).sections
    assert ["2 findings"] == [one.extent for one in section.groups]


def test_other_findings_about_a_subject_are_named_at_a_finding() -> None:
    """Worst first, five of them, and the rest is counted; waived ones are not open."""
    findings = [make_finding(number, rule=f"rule-{number}") for number in range(8)]
    waived = make_finding(9, rule="rule-9", status="waived")
    (section, _) = arrange(make_audit([*findings, waived]), SCREEN).sections
    first = rows_of(section)[0]
    named = [f"rule-{number}, ingress (high)" for number in range(1, 6)]
    assert [*named, "and 2 more"] == [one.text for one in first.related]
    assert [f"{number:016x}" for number in range(1, 6)] == [one.id for one in first.related[:-1]]


def test_the_screen_shows_5000_findings_in_full() -> None:
    """Up to 5,000 nothing is left out."""
    sections = arrange(make_many(5000), SCREEN).sections
    assert 5000 == sum(len(rows_of(one)) for one in sections)
    assert {""} == {group.namespace for one in sections for group in one.groups}
    assert ["", ""] == [one.omitted for one in sections]


def test_the_screen_groups_more_than_5000_findings() -> None:
    """By rule, severity and namespace, and every finding is counted."""
    sections = arrange(make_many(6000), SCREEN).sections
    groups = [group for one in sections for group in one.groups]
    keys = {(one.system, one.rule, one.severity, one.namespace) for one in groups}
    assert len(groups) == len(keys)
    assert 6000 == sum(one.total for one in groups)
    assert 6000 == sum(len(one.listed) + one.omitted for one in groups)
    assert all("report.json and findings.csv hold every finding" in one.omitted for one in sections)


def test_a_large_group_lists_its_first_and_counts_the_rest() -> None:
    """6,000 findings of one kind are one group that lists 200."""
    findings = [make_finding(number) for number in range(6000)]
    (section,) = arrange(make_audit(findings), SCREEN).sections
    (group,) = section.groups
    assert (6000, 200, 5800) == (group.total, len(group.listed), group.omitted)


def test_the_paper_shows_the_first_of_each_rule_and_lists_the_rest_by_rule() -> None:
    """Three in full and 100 in a line each of a rule and severity, the rest by severity."""
    display = arrange(make_many(6000), PAPER)
    groups = [group for one in display.sections for group in one.groups]
    assert len({(one.system, one.severity, one.rule) for one in groups}) == len(groups)
    assert {
        (Severity.HIGH, 3), (Severity.MEDIUM, 3), (Severity.LOW, 0), (Severity.INFO, 0),
    } >= {(one.severity, len(one.rows)) for one in groups if not one.omitted}  # fmt: skip
    assert 25 == sum(len(one.rows) for one in groups)
    assert 1000 == sum(len(one.rows) + len(one.listed) for one in groups)
    assert 100 == max(len(one.listed) for one in groups)
    assert 6000 == sum(len(one.rows) + len(one.listed) + one.omitted for one in groups)
    assert "are not listed here: report.html, report.json and findings.csv hold every finding." in (
        display.sections[0].omitted
    )
    assert display.listed.startswith("25 findings are shown with evidence and remediation: ")
    assert display.listed.endswith("report.html and report.json hold all 6,000 in full.")


def test_an_extract_names_no_file_that_its_readers_do_not_get() -> None:
    """They get the PDF and findings.csv: what is cut stands there."""
    manifest = "\n".join(f"- line {number}" for number in range(200))
    many = make_many(6000)
    findings = (make_finding(1, remediation=Remediation(manifest=manifest)), *many.report.findings)
    extract = msgspec.structs.replace(
        many,
        report=msgspec.structs.replace(many.report, findings=findings),
        extract=Extract("team one", "0" * 64),
    )
    display = arrange(extract, PAPER)
    assert display.listed.endswith("findings.csv holds all 6,001 in full.")
    assert display.sections[0].omitted.endswith("here: findings.csv holds every finding.")
    assert "findings.csv holds" == display.every_in
    for layout in (PAPER, SCREEN):
        content = repr(arrange(extract, layout))
        assert "report.html" not in content
        assert "report.json" not in content


def test_the_paper_lists_minor_findings_by_rule() -> None:
    """Low ones are lines of a table; the first of each rule above are in full."""
    display = arrange(make_shop(), PAPER)
    assert [
        [
            (Severity.HIGH, "namespace-lacks-default-deny", 2, 0),
            (Severity.HIGH, "database-open-to-all-pods", 1, 0),
            (Severity.HIGH, "egress-is-unrestricted", 3, 0),
            (Severity.HIGH, "environments-can-talk", 1, 0),
            (Severity.MEDIUM, "egress-to-whole-internet", 1, 0),
        ],
        [(Severity.LOW, "namespace-lacks-default-deny", 0, 2)],
    ] == [
        [(one.severity, one.rule, len(one.rows), len(one.listed)) for one in section.groups]
        for section in display.sections
    ]
    assert ["", ""] == [one.omitted for one in display.sections]
    assert display.listed.startswith("8 findings are shown with evidence and remediation: ")


def test_waived_findings_are_brief_on_paper() -> None:
    """They are accepted; the room is for those that are not."""
    display = arrange(make_audit([make_finding(1, status="waived")]), PAPER)
    (group,) = display.sections[1].groups
    assert (0, 1) == (len(group.rows), len(group.listed))


def test_a_long_manifest_is_cut_on_paper_only() -> None:
    """The cut says how many lines there are, and where they stand."""
    manifest = "\n".join(f"- line {number}" for number in range(200))
    audit = make_audit([make_finding(1, remediation=Remediation(manifest=manifest))])
    shown = {}
    for layout in (SCREEN, PAPER):
        (row,) = rows_of(arrange(audit, layout).sections[0])
        assert row.remediation is not None
        shown[layout.manifest_lines] = row.remediation.manifest
    assert manifest == shown[SCREEN.manifest_lines]
    *kept, last = shown[PAPER.manifest_lines].split("\n")
    assert manifest.split("\n")[:120] == kept
    assert "# 80 further lines: report.html and report.json hold them" == last


def test_many_gaps_are_cut_and_counted() -> None:
    """The paper lists 200 gaps and says how many more there are."""
    gaps = arrange(make_audit(gaps=GAPS * 150), PAPER).gaps
    assert (300, 200) == (gaps.total, len(gaps.rows))
    assert "100 further gaps: report.json holds every gap." == gaps.rest


def test_a_gap_says_file_document_and_field() -> None:
    """Whoever reads it can go and mend it."""
    first, second = arrange(make_shop(), SCREEN).gaps.rows
    assert ("pods in payments", "") == (first.what, first.where)
    assert (
        "policies/test.yaml, document 2, line 31, spec.ingress[0].ports[0].endPort"
    ) == second.where


def test_what_a_remediation_closes_is_said_with_its_number() -> None:
    """None, all listed, some listed."""
    assert [
        "Closes no connection of today.",
        "Closes 2 connections of today:",
        "Closes 42 connections of today, of which 2 are listed:",
    ] == [arrange_changed(closes=make_changed(total))[0].text for total in (0, 2, 42)]


def test_what_a_remediation_opens_is_said_before_what_it_closes() -> None:
    """None, one, some listed; and nothing is said where it cannot open anything."""
    assert [
        "Opens no connection that is closed today.",
        "Opens 1 connection that is closed today:",
        "Opens 42 connections that are closed today, of which 2 are listed:",
    ] == [arrange_changed(opens=make_changed(total))[0].text for total in (0, 1, 42)]
    opened, closed = arrange_changed(opens=make_changed(1), closes=make_changed(2))
    assert [
        ("Connections that the remediation opens", 1),
        ("Connections that the remediation closes", 2),
    ] == [(one.caption, len(one.rows)) for one in (opened, closed)]


def make_changed(total: int) -> ChangedConnections:
    """Make what a remediation closes or opens: so many connections, at most two of them listed."""
    shop = make_finding(1).remediation
    assert shop is not None
    assert shop.closes is not None
    listed = shop.closes.connections[:total]
    return ChangedConnections(total=total, connections=listed, omitted=total - len(listed))


def arrange_changed(
    *, opens: ChangedConnections | None = None, closes: ChangedConnections | None = None
) -> tuple[ChangedRows, ...]:
    """Return how a report shows what a remediation closes and opens."""
    finding = make_finding(
        1, remediation=Remediation(manifest="kind: X", opens=opens, closes=closes)
    )
    (row,) = rows_of(arrange(make_audit([finding]), SCREEN).sections[0])
    assert row.remediation is not None
    return row.remediation.changed


def test_rules_are_listed_worst_first_with_status_and_reason() -> None:
    """Failed to run, then fail, then not evaluated, then pass; declared only is no plain pass."""
    statuses = [RuleStatus.PASS, RuleStatus.NOT_EVALUATED, RuleStatus.FAIL, RuleStatus.ERROR]
    rules = [
        RuleRecord(f"rule-{one}", one, declared_only=one is RuleStatus.PASS, reason=f"why {one}")
        for one in statuses
    ]
    rows = arrange(make_audit([make_finding(1, rule="rule-fail")], rules=rules), SCREEN).rules
    assert [
        ("failed to run", Tone.BAD, [("Failed to run", "why error")], 0),
        ("fail", Tone.BAD, [("Not evaluated", "why fail")], 1),
        ("not evaluated", Tone.WARN, [("Not evaluated", "why not-evaluated")], 0),
        ("pass", Tone.WARN, [("Not evaluated", "why pass")], 0),
    ] == [
        (one.status, one.tone, [(note.label, note.value) for note in one.notes], one.total)
        for one in rows
    ]
    assert [False, False, False, True] == [one.declared_only for one in rows]


def test_titles_carry_no_full_stop() -> None:
    """They stand in headings and before counts; docstrings end with one."""
    page = make_page("namespace-lacks-default-deny", Severity.HIGH, "A namespace is open.")
    display = arrange(make_audit([make_finding(1)], pages=[page]), SCREEN)
    shown = {
        display.pages[0].title,
        display.sections[0].groups[0].title,
        display.worst.rows[0].finding.title,
    }
    assert {"A namespace is open"} == shown
    assert "A namespace is open" in {rule.title for rule in display.rules}


def test_witnesses_are_told_in_one_line() -> None:
    """Source, destination and port; without a port, which ports."""
    assert [
        "a → b on TCP 80",
        "a → b on every UDP port",
        "a → b on every port",
    ] == [
        describe_witness(Witness("a", "b", protocol, port))
        for protocol, port in (("TCP", 80), ("UDP", None), (None, None))
    ]


def test_evidence_is_told_in_words() -> None:
    """Lists are cut and counted, mappings flattened, nothing is Python's notation."""
    evidence = {
        "pod_names": [f"pod-{number}" for number in range(14)],
        "share": {"reaching": 1700, "of": 2100},
        "declared": True,
        "unknown": None,
        "none": [],
        "peers": [{"namespace": "a", "pods": 2}],
    }
    assert {
        "Pod names": "; ".join(f"pod-{n}" for n in range(12)) + "; and 2 more",
        "Share: of": "2,100",
        "Share: reaching": "1,700",
        "Declared": "yes",
        "Unknown": "not known",
        "None": "none",
        "Peers": "namespace a, pods 2",
    } == {fact.label: fact.value for fact in describe_evidence(evidence)}


def test_a_subject_is_its_object_key() -> None:
    """Hostile parts are visible and bounded."""
    subject = SubjectRecord("ns\u202e", "Deployment", "x" * 10_000)
    row = rows_of(arrange(make_audit([make_finding(1, subject=subject)]), SCREEN).sections[0])[0]
    assert f"ns\\u202e/Deployment/{'x' * 300}… (10,000 characters)" == row.subject


def test_the_layout_decides_alone_what_is_cut() -> None:
    """A smaller layout cuts more, and still counts everything."""
    display = arrange(make_shop(), replace(PAPER, full_rows=1, finding_rows=2))
    assert "6 further findings" in display.sections[0].omitted
    assert "2 further findings (2 low) are not listed here" in display.sections[1].omitted
