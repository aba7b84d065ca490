"""Since when a finding is seen, and whether it is new since the last run."""

from __future__ import annotations

from auditor.model.report import FindingRecord, Report
from reports.times import describe_minute, parse_time


class Sightings:
    """What the history knows of the findings of a report.

    New is what the drift calls new: it was looked for in the run before, and not found. A finding
    that is seen for the first time because nobody looked before is not.
    """

    def __init__(self, report: Report) -> None:
        self._new = frozenset(report.drift.findings.new) if report.drift else frozenset[str]()
        self._started_at = report.run.started_at

    def is_new(self, one: FindingRecord) -> bool:
        """Whether it was not there in the run before."""
        return one.id in self._new

    def describe(self, one: FindingRecord) -> str:
        """Return since when it is seen; empty where no history says so."""
        if one.first_seen is None:
            return ""
        if self._is_this_run(one.first_seen):
            return "in this run for the first time"
        return f"since {describe_minute(one.first_seen)}"

    def _is_this_run(self, moment: str) -> bool:
        parsed = parse_time(moment)
        return parsed is not None and parsed == parse_time(self._started_at)
