"""All that a format lays out, in one value."""

from __future__ import annotations

from dataclasses import dataclass

from reports.controls import Controls
from reports.drift_rows import Changes
from reports.evidence import Evidence
from reports.exceptions import Exceptions
from reports.rows import (
    Excluded,
    Fact,
    FindingSection,
    Gaps,
    Notice,
    PageRow,
    Picture,
    RuleRow,
    SeverityCount,
    Verdict,
    Worst,
)
from reports.scoring import ScoreRow
from reports.trend import TrendDisplay


@dataclass(frozen=True, slots=True)
class Display:
    """Everything that a format lays out."""

    title: str
    cluster: str
    date: str
    verdict: Verdict
    notices: tuple[Notice, ...]
    severities: tuple[SeverityCount, ...]
    waived: str
    """How many findings are waived, by severity; empty where none is."""
    score: ScoreRow
    worst: Worst
    changes: Changes
    """Since the last run of the cluster that is kept."""
    trend: TrendDisplay
    sections: tuple[FindingSection, ...]
    listed: str
    """How this format lists the findings, where it does not show each in full."""
    every_in: str
    """What holds every finding, and the verb."""
    scope: tuple[Fact, ...]
    policies: tuple[Fact, ...]
    excluded: Excluded
    gaps: Gaps
    limits: tuple[str, ...]
    picture: Picture
    exceptions: Exceptions
    controls: Controls
    rules: tuple[RuleRow, ...]
    pages: tuple[PageRow, ...]
    identity: tuple[Fact, ...]
    evidence: Evidence
    run: str
    digest: str
    tool: str
    created: str
    """The run's end as W3C date, UTC; empty where it is no date."""
