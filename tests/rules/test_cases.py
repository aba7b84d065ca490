"""Every rule gives, for each of its cases, exactly the findings that the case states."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from auditor.model.findings import RuleStatus, Unevaluated
from auditor.model.objects import Metadata, Namespace, NetworkPolicy, PolicyMetadata, PolicySpec
from auditor.model.report import FindingRecord
from auditor.model.snapshot import Snapshot
from auditor.rules import RULES
from tests.reachability.test_coverage import pigeonholes
from tests.rules.auditing import NOW, Audited, audit_snapshot, name_subject
from tests.rules.casebook import Case, ExpectedFinding, read_cases
from tests.rules.witnesses import find_unproven, spell_witness

CASES = read_cases()
STATUS = {
    "flagged": RuleStatus.FAIL,
    "clean": RuleStatus.PASS,
    "near-miss": RuleStatus.PASS,
    "not-evaluated": RuleStatus.NOT_EVALUATED,
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """Every case, one after another: all tests of one before the next, so that it is made once."""
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the manifests of the case at hand are written."""
    return tmp_path_factory.mktemp("case")


@pytest.fixture(scope="module")
def audited(case: Case, folder: Path) -> Audited:
    """The case, judged by all rules: a value, which tests only read."""
    return case.audit(folder)


def state(finding: FindingRecord, wanted: ExpectedFinding | None) -> ExpectedFinding:
    """A finding in a case's own terms, as far as the case states them."""
    remediation = finding.remediation
    assert remediation is not None
    evidence = (
        finding.evidence
        if wanted is None
        else {key: finding.evidence.get(key) for key in wanted.evidence}
    )
    witness: str | msgspec.UnsetType | None = spell_witness(finding.witness)
    if wanted is not None and wanted.witness is msgspec.UNSET:
        witness = msgspec.UNSET
    return ExpectedFinding(
        subject=name_subject(finding),
        severity=finding.severity,
        detail=finding.detail,
        system=finding.system,
        policies=finding.policies,
        remediation="steps" if remediation.manifest is None else "manifest",
        witness=witness,
        evidence=evidence,
    )


def test_every_rule_has_each_kind_of_case() -> None:
    """A rule is shown to fire, to stay silent, and to stay silent where it almost fires."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for case in CASES:
        kinds[case.rule][case.written.kind] += 1
    assert {rule.id for rule in RULES} == set(kinds)
    wanted = {"flagged", "clean", "near-miss", "not-evaluated"}
    assert {} == {rule: wanted - set(each) for rule, each in kinds.items() if wanted - set(each)}


def test_no_two_cases_of_a_rule_bear_one_name() -> None:
    """A case is known by its rule and its name."""
    assert [] == [name for name, number in Counter(map(str, CASES)).items() if number > 1]


def test_the_kind_of_a_case_is_what_it_expects(case: Case) -> None:
    """Flagged cases expect findings, not-evaluated ones subjects, the others nothing."""
    written = case.written
    expected = {"flagged": (True, False), "not-evaluated": (False, True)}
    assert expected.get(written.kind, (False, False)) == (
        bool(written.findings),
        bool(written.not_evaluated),
    )


def test_findings_are_those_of_the_case(case: Case, audited: Audited) -> None:
    """The rule states what the case states, of the subjects it names, and nothing else."""
    wanted = {(one.subject, one.detail): one for one in case.written.findings}
    found = {
        (name_subject(one), one.detail): state(one, wanted.get((name_subject(one), one.detail)))
        for one in audited.findings_of(case.rule)
    }
    assert wanted == found
    assert len(found) == len(audited.findings_of(case.rule))


def test_what_could_not_be_judged_is_that_of_the_case(case: Case, audited: Audited) -> None:
    """The rule's status and the subjects that it could not judge are those of the case."""
    (rule,) = (one for one in RULES if one.id == case.rule)
    unevaluated = {
        str(one.subject) for one in rule.check(audited.view) if isinstance(one, Unevaluated)
    }
    record = audited.rule(case.rule)
    assert STATUS[case.written.kind] == record.status
    if case.written.kind != "flagged":
        assert set(case.written.not_evaluated) == unevaluated
    assert unevaluated == {one for one in unevaluated if one in (record.reason or "")}


def test_witnesses_are_connections_of_today(audited: Audited) -> None:
    """A witness is a row of the connections and the subject's own, whatever the rule."""
    assert [] == find_unproven(audited)


@pytest.mark.no_cover
def test_what_exceeds_the_budget_is_not_evaluated() -> None:
    """Selectors too entangled to decide leave the direction unjudged, and the other judged."""
    policies = [
        NetworkPolicy(
            metadata=PolicyMetadata(name=f"policy-{number}", namespace="app"),
            spec=PolicySpec(pod_selector=selector, policy_types=("Ingress",)),
        )
        for number, selector in enumerate(pigeonholes(7))
    ]
    audited = audit_snapshot(
        Snapshot(
            origin="manifests",
            taken_at=NOW,
            namespaces=(Namespace(metadata=Metadata(name="app")),),
            policies=tuple(policies),
        )
    )
    rule = "namespace-lacks-default-deny"
    assert ["egress"] == [one.detail for one in audited.findings_of(rule)]
    record = audited.rule(rule)
    assert RuleStatus.FAIL == record.status
    assert record.reason == (
        "app/Namespace/app: ingress: whether the policies' selectors cover every label set was "
        "not decided within 1,000,000 steps"
    )
