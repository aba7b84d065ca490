"""The score in words: its value, its formula with its numbers, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.model.report import ScoreRecord
from reports.text import count, group_digits, join_words, show_text


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """The score as every format shows it, beside the counts and smaller than they."""

    value: str
    """`66.6 of 100`, or `none, ` and why."""
    numbers: str
    """What the letters of the formula stand for in this run."""
    formula: str
    omits: str
    """What may be missing from it, as a sentence; empty where nothing is."""


def describe_score(score: ScoreRecord) -> ScoreRow:
    """Word the score. Rules that were not evaluated, or are disabled, may hide findings."""
    missing = [
        f"{count(score.rules_not_evaluated, 'rule')} not evaluated or only in part"
        if score.rules_not_evaluated
        else "",
        f"{count(score.rules_disabled, 'rule')} disabled" if score.rules_disabled else "",
    ]
    words = join_words(filter(None, missing))
    reason = show_text(score.reason or "no reason given")
    return ScoreRow(
        value=f"none, {reason}" if score.value is None else f"{score.value:.1f} of 100",
        numbers=f"S = {group_digits(score.subjects)}, W = {group_digits(score.weight)}",
        formula=show_text(score.formula),
        omits=f"It leaves out what they would have found: {words}." if words else "",
    )
