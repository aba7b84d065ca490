"""The worst findings: a line for each rule and severity, about what matters most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby

from auditor.model.findings import Severity, SubjectRecord
from auditor.model.report import Audit, FindingRecord
from reports.finding_rows import OPEN, build_row, find_place, sort_findings
from reports.rows import Worst, WorstRow
from reports.sightings import Sightings
from reports.text import count

WORST = 6
"""Lines in the list of the worst findings, where a format does not say otherwise."""


def pick_worst(audit: Audit, titles: Mapping[str, str], limit: int = WORST) -> Worst:
    """Pick the worst open finding of each rule and severity, outside of system namespaces.

    The lines keep the order of the rules. Of the findings of one rule and severity the line shows
    one in a production namespace, then one about a subject that no line before it is about, then
    one about the subject with most open findings of that severity or worse.
    """
    ordered = [one for one in sort_findings(audit.report) if one.status == OPEN and not one.system]
    sightings = Sightings(audit.report)
    burden: Counter[SubjectRecord] = Counter()
    named: set[SubjectRecord] = set()

    def order(one: FindingRecord) -> tuple[bool, bool, int]:
        subject = one.subject
        return find_place(subject) not in audit.production, subject in named, -burden[subject]

    worst: list[WorstRow] = []
    problems = 0
    for _, alike in groupby(ordered, key=_severity):
        findings = list(alike)
        burden.update(one.subject for one in findings)
        for _, same_rule in groupby(findings, key=_rule):
            members = list(same_rule)
            problems += 1
            if len(worst) < limit:
                first = min(members, key=order)
                named.add(first.subject)
                row = build_row(first, titles, None, sightings=sightings)
                worst.append(WorstRow(row, len(members) - 1))
    rest = problems - len(worst)
    listed = "is" if rest == 1 else "are"
    text = f"{count(rest, 'further problem')} {listed} among the findings." if rest else ""
    return Worst(tuple(worst), text)


def _severity(one: FindingRecord) -> Severity:
    return one.severity


def _rule(one: FindingRecord) -> str:
    return one.rule
