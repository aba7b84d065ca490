"""The score: one number beside the counts, and the formula that explains it.

It compares what is wrong with how much was judged: 100 * S / (S + W), where S counts the judged
workloads and the judged namespaces that hold pods, and W is the sum of the findings' weights. No
finding gives 100; the more and the worse the findings for each subject, the nearer to 0. A waived
finding weighs as an open one: a waiver accepts a risk, and removes none. For the same namespaces
and workloads, mending a finding or lowering its severity never lowers the score. Between others it
does not compare: to take a workload away takes it out of S, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditor.model.findings import RuleStatus, Severity
from auditor.model.report import RuleRecord, ScoreRecord

WEIGHTS: Mapping[Severity, int] = {
    Severity.CRITICAL: 40,
    Severity.HIGH: 10,
    Severity.MEDIUM: 3,
    Severity.LOW: 1,
    Severity.INFO: 0,
}
"""What a finding weighs by its severity."""

_SPELLED = ", ".join(f"{severity} {weight}" for severity, weight in WEIGHTS.items())

FORMULA = (
    "100 * S / (S + W), rounded down to one decimal; S: judged workloads, and judged namespaces "
    f"that hold pods; W: weights of all findings, open and waived ({_SPELLED}); for the same "
    "namespaces and workloads, mending a finding never lowers it"
)

_EVALUATED = frozenset({RuleStatus.FAIL, RuleStatus.WAIVED, RuleStatus.PASS})


def score(
    severities: Iterable[Severity], rules: Sequence[RuleRecord], *, subjects: int
) -> ScoreRecord:
    """Score the findings of these severities; ``subjects`` is S.

    There is no value where nothing was judged: neither where nothing in scope holds pods, nor
    where no rule was evaluated.
    """
    weight = sum(WEIGHTS[one] for one in severities)
    reason = None
    if not subjects:
        reason = "nothing in scope holds pods"
    elif not any(one.status in _EVALUATED for one in rules):
        reason = "no rule was evaluated"
    return ScoreRecord(
        value=None if reason else compute(subjects, weight),
        formula=FORMULA,
        subjects=subjects,
        weight=weight,
        rules_not_evaluated=sum(1 for one in rules if is_incomplete(one)),
        rules_disabled=sum(1 for one in rules if one.status is RuleStatus.DISABLED),
        reason=reason,
    )


def compute(subjects: int, weight: int) -> float:
    """100 * S / (S + W), rounded down to one decimal: only a weight of none gives 100."""
    return 1000 * subjects // (subjects + weight) / 10


def is_incomplete(rule: RuleRecord) -> bool:
    """Whether a rule was not evaluated, wholly or for some of its subjects."""
    match rule.status:
        case RuleStatus.ERROR | RuleStatus.NOT_EVALUATED:
            return True
        case RuleStatus.DISABLED:
            return False
        case _:
            return bool(rule.reason)
