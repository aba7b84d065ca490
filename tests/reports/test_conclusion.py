"""What the audit says before everything else."""

import msgspec

from auditor.findings.run import ENFORCEMENT_RULE
from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import Audit, ClusterRecord, CniRecord, RuleRecord
from reports.conclusion import conclude, count_severities, describe_gap, warn
from reports.rows import Tone
from tests.reports.audits import GAPS, RULES, make_audit, make_finding, make_shop

FLANNEL = ClusterRecord("edge", None, None, CniRecord("Flannel", enforces=False, evidence=()))
UNKNOWN = ClusterRecord(None, None, None, CniRecord(None, enforces=None, evidence=()))


def with_status(status: RuleStatus, reason: str | None = None) -> list[RuleRecord]:
    """Return every rule with the same status."""
    return [RuleRecord(one, status, declared_only=False, reason=reason) for one, _, _ in RULES]


def titles_of(audit: Audit) -> list[str]:
    """Return the titles of an audit's notices."""
    return [one.title for one in warn(audit.report, {})]


def test_the_verdict_counts_findings_by_severity_first() -> None:
    """Counts, system namespaces, rules and gaps, in plain words."""
    verdict = conclude(make_shop().report)
    assert "10 open findings: 7 high, 1 medium and 2 low" == verdict.headline
    assert (
        "2 of the open findings are in system namespaces. Of 5 rules, 5 found problems. "
        "1 rule could not see everything it needs. "
        "2 gaps: not everything was seen, and what was not seen may hold further problems."
    ) == verdict.paragraph
    assert Tone.BAD is verdict.tone


def test_the_counts_are_those_of_the_json() -> None:
    """A reader who compares report.html with report.json finds the same numbers."""
    report = make_shop().report
    counts = {one.severity.value: one.total for one in count_severities(report.findings)}
    assert report.summary.by_severity == counts
    assert [2] == [one.system for one in count_severities(report.findings) if one.system]


def test_a_clean_audit_that_saw_everything_is_good() -> None:
    """Every rule passed, nothing missing."""
    verdict = conclude(make_audit().report)
    assert (Tone.GOOD, "No open findings") == (verdict.tone, verdict.headline)


def test_a_gap_keeps_a_clean_audit_from_being_good() -> None:
    """Missing data is never clean data."""
    audit = make_audit(gaps=GAPS)
    verdict = conclude(audit.report)
    assert (Tone.WARN, "No open findings in what was seen") == (verdict.tone, verdict.headline)
    assert ["2 gaps: not everything was seen"] == titles_of(audit)


def test_an_audit_without_an_evaluated_rule_has_no_verdict() -> None:
    """Not evaluated is not passed."""
    audit = make_audit(rules=with_status(RuleStatus.NOT_EVALUATED, "no pod was read"))
    verdict = conclude(audit.report)
    assert Tone.UNKNOWN is verdict.tone
    assert "No verdict: no rule could be evaluated" == verdict.headline
    assert "Of 5 rules, 5 could not be evaluated." in verdict.paragraph
    assert ["5 rules not evaluated"] == titles_of(audit)


def test_an_audit_without_rules_has_no_verdict() -> None:
    """Nothing asked, nothing known."""
    verdict = conclude(make_audit(rules=()).report)
    assert Tone.UNKNOWN is verdict.tone
    assert "No rule was run." in verdict.paragraph


def test_a_failed_rule_is_bad_and_named_with_its_reason() -> None:
    """A rule that raised is no silent pass."""
    audit = make_audit(rules=with_status(RuleStatus.ERROR, "KeyError: 'x'"))
    first = warn(audit.report, {})[0]
    assert Tone.BAD is conclude(audit.report).tone
    assert "5 rules failed to run" == first.title
    assert "egress-is-unrestricted: KeyError: 'x'; and 2 more" in first.text


def test_policies_that_are_not_enforced_are_the_first_thing_said() -> None:
    """With Flannel alone nothing holds, whatever the rules say."""
    audit = make_audit(cluster=FLANNEL)
    verdict = conclude(audit.report)
    assert Tone.BAD is verdict.tone
    assert verdict.paragraph.startswith(
        "The network plugin of this cluster does not enforce network policies"
    )
    (notice,) = warn(audit.report, {})
    assert (Tone.BAD, "Policies are declared, but not enforced") == (notice.tone, notice.title)
    assert "Flannel does not enforce network policies" in notice.text


def test_an_unknown_network_plugin_is_said() -> None:
    """Manifests name no plugin: what is declared may not be enforced."""
    (notice,) = warn(make_audit(cluster=UNKNOWN).report, {})
    assert Tone.UNKNOWN is notice.tone
    assert "No network plugin was recognised" in notice.text


def test_findings_in_system_namespaces_alone_are_no_alarm() -> None:
    """They are counted, and do not colour the verdict."""
    verdict = conclude(make_audit([make_finding(1, system=True, severity=Severity.LOW)]).report)
    assert Tone.GOOD is verdict.tone
    assert "1 open finding: 1 low" == verdict.headline
    assert verdict.paragraph.startswith("All open findings are in system namespaces.")


def test_findings_that_are_neither_critical_nor_high_are_a_warning() -> None:
    """Medium is no alarm, and no pass."""
    verdict = conclude(make_audit([make_finding(1, severity=Severity.MEDIUM)]).report)
    assert (Tone.WARN, "1 open finding: 1 medium") == (verdict.tone, verdict.headline)


def test_a_disabled_rule_leaves_the_audit_whole() -> None:
    """What was not asked for is not missing; it is counted."""
    passed, *others = with_status(RuleStatus.PASS)
    disabled = msgspec.structs.replace(others[0], status=RuleStatus.DISABLED, reason="settings")
    verdict = conclude(make_audit(rules=[passed, disabled]).report)
    assert Tone.GOOD is verdict.tone
    assert "Of 2 rules, 1 passed and 1 disabled." in verdict.paragraph


def test_a_plugin_of_which_nothing_is_known_is_named() -> None:
    """A name alone says nothing about enforcement."""
    cluster = ClusterRecord(None, None, None, CniRecord("Acme", enforces=None, evidence=()))
    (notice,) = warn(make_audit(cluster=cluster).report, {})
    assert notice.text.startswith("It is not known whether Acme enforces network policies.")


def test_waived_findings_are_not_open() -> None:
    """A waived finding counts neither as open nor as passed."""
    rules = with_status(RuleStatus.WAIVED)
    verdict = conclude(make_audit([make_finding(1, status="waived")], rules=rules).report)
    assert "No open findings" == verdict.headline
    assert "5 waived" in verdict.paragraph


def test_a_title_that_is_a_sentence_does_not_end_a_notice_twice() -> None:
    """Rules' titles are docstrings and end with a full stop."""
    titles = {one: f"{title}." for one, _, title in RULES}
    (_, notice) = warn(make_shop().report, titles)
    assert "A database is open to all pods." == notice.text


def test_a_gap_is_named_by_kind_and_place() -> None:
    """Where there is neither namespace nor name, by its file."""
    file_gap = msgspec.structs.replace(GAPS[1], namespace=None, name=None, kind=None)
    assert [
        "pods in payments: forbidden: the account may not list pods here",
        "NetworkPolicy shop-test/broken: endPort 80 is below port 443",
        "object in policies/test.yaml: endPort 80 is below port 443",
    ] == [describe_gap(one) for one in (*GAPS, file_gap)]


def test_policies_that_are_enforced_in_part_are_the_first_thing_said() -> None:
    """A feature, agents or nodes: what the rule on enforcement found is in the notice, too."""
    base = make_finding(1, severity=Severity.HIGH)
    found = msgspec.structs.replace(base, rule=ENFORCEMENT_RULE, message="Calico is half ready")
    audit = make_audit([found])
    verdict = conclude(audit.report)
    assert Tone.BAD is verdict.tone
    assert verdict.paragraph.startswith(
        "The network plugin of this cluster enforces its network policies only in part"
    )
    (notice,) = warn(audit.report, {})
    assert (Tone.BAD, "Policies are enforced only in part") == (notice.tone, notice.title)
    assert notice.text.startswith("Calico is half ready. The connections")


def test_a_waived_finding_on_enforcement_is_no_notice() -> None:
    """Somebody has answered for it."""
    base = make_finding(1, status="waived")
    audit = make_audit([msgspec.structs.replace(base, rule=ENFORCEMENT_RULE)])
    assert "only in part" not in conclude(audit.report).paragraph
    assert () == warn(audit.report, {})
