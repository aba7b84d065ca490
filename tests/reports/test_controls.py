"""The control matrix: in part at most, in words, and with what it cannot say."""

from __future__ import annotations

import msgspec

from auditor.model.findings import RuleStatus
from auditor.model.frameworks import ControlStatus
from reports.controls import ControlNames, Controls, list_controls
from reports.layout import PAPER, SCREEN
from reports.rows import Fact, Tone
from reports.rule_rows import STATUS_LABELS
from reports.scoring import describe_score
from reports.view import arrange
from tests.reports.audits import make_finding
from tests.reports.governance import FRAMEWORKS, SOURCE, make_governed


def matrix() -> Controls:
    """Arrange the matrix of the governed audit."""
    return list_controls(make_governed().report)


def test_each_framework_counts_its_controls_by_status() -> None:
    """Fail, not evaluated, waived, pass, not covered: in this order."""
    found = matrix()
    assert ("Fail", "Not evaluated", "Waived", "Pass", "Not covered") == found.statuses
    assert [("Benchmark 1.0", (1, 0, 0, 1, 0)), ("Standard 2022", (0, 1, 1, 0, 2))] == [
        (one.name, one.counts) for one in found.frameworks
    ]


def test_an_id_that_is_no_place_in_a_document_gives_way_to_a_number() -> None:
    """A link leads to it all the same."""
    strange = msgspec.structs.replace(FRAMEWORKS[1], id='"> <img>')
    rows = list_controls(make_governed(frameworks=[FRAMEWORKS[0], strange]).report).frameworks
    assert ["framework-benchmark-1.0", "framework-2"] == [one.anchor for one in rows]


def test_a_status_is_a_word_and_a_tone() -> None:
    """A pass that is only declared does not look like a pass."""
    rows = [control for one in matrix().frameworks for control in one.controls]
    assert [
        ("fail", Tone.BAD, "evidenced in part"),
        ("pass", Tone.WARN, "evidenced in part"),
        ("waived", Tone.UNKNOWN, "evidenced in part"),
        ("not evaluated", Tone.WARN, "evidenced in part"),
        ("not covered", Tone.UNKNOWN, ""),
        ("not covered", Tone.UNKNOWN, "context only"),
    ] == [(one.status, one.tone, one.coverage) for one in rows]
    assert [False, True, False, False, False, False] == [one.declared_only for one in rows]
    assert [True, False, True, True, True, True] == [one.verified for one in rows]


def test_a_control_names_its_rules_by_what_became_of_them() -> None:
    """An auditor sees why it fails; a rule without a record was not run."""
    (first, *_), _ = (one.controls for one in matrix().frameworks)
    assert [
        ("fail", "namespace-lacks-default-deny"), ("disabled", "egress-is-unrestricted"),
    ] == [(one.label, one.value) for one in first.rules]  # fmt: skip
    assert set(RuleStatus) == set(STATUS_LABELS)


def test_both_readings_of_a_control_have_their_status() -> None:
    """The literal one may pass where the strict one fails."""
    first = matrix().frameworks[0].controls[0]
    assert [("literal", "pass"), ("strict", "fail")] == [
        (one.id, one.status) for one in first.readings
    ]


def test_the_source_stands_once_where_all_controls_share_it() -> None:
    """And at each control where they do not."""
    benchmark, standard = matrix().frameworks
    assert (SOURCE, [""] * 2) == (benchmark.source, [one.source for one in benchmark.controls])
    assert "" == standard.source
    assert [SOURCE, "https://other.example"] == [one.source for one in standard.controls[:2]]


def test_the_matrix_says_what_it_cannot_say() -> None:
    """Configuration is not operation, and a part is not the whole; nothing is called compliant."""
    text = " ".join(matrix().limits)
    assert "in part, never in full" in text
    assert "not evidence that a control operated effectively" in text
    words = [text, *(control.status for one in matrix().frameworks for control in one.controls)]
    assert not any("complian" in one for one in words)


def test_every_status_of_a_control_has_a_word() -> None:
    """None is shown as an empty cell."""
    assert len(ControlStatus) == len(matrix().statuses)


def test_the_controls_of_findings_are_grouped_by_framework() -> None:
    """One that belongs to no framework of the report stands by itself."""
    finding = make_finding(
        1, controls=("Standard 2022 8.20", "Benchmark 1.0 5.3.2", "Standard 2022 8.21", "Own 7")
    )
    assert (
        Fact("Standard 2022", "8.20, 8.21"),
        Fact("Benchmark 1.0", "5.3.2"),
        Fact("", "Own 7"),
    ) == ControlNames(FRAMEWORKS).group([finding, finding])


def test_the_paper_names_the_controls_of_a_rule_once() -> None:
    """The screen names them wherever findings of the rule stand."""
    shown = {
        layout.controls_once: [
            bool(group.controls)
            for section in arrange(make_governed(), layout).sections
            for group in section.groups
        ]
        for layout in (SCREEN, PAPER)
    }
    assert {False: [True, True], True: [True, False]} == shown


def test_a_rule_says_why_it_is_disabled_or_graded() -> None:
    """With the reason that the settings give."""
    graded, disabled = arrange(make_governed(), SCREEN).rules
    assert [Fact("Severity medium by the settings, high by default", "a mesh isolates pods")] == [
        *graded.notes
    ]
    assert [Fact("Disabled", "a proxy")] == [*disabled.notes]


def test_the_score_is_told_with_its_formula_and_what_it_leaves_out() -> None:
    """Its letters have numbers, and rules that may hide findings are counted."""
    score = describe_score(make_governed().report.summary.score)
    assert ("50.0 of 100", "S = 20, W = 20") == (score.value, score.numbers)
    assert score.formula.startswith("100 * S / (S + W)")
    assert "It leaves out what they would have found: 1 rule disabled." == score.omits
