"""The real path from manifests to findings: collect, recognise, evaluate, judge."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

from auditor.detection.recognize import recognize, retention
from auditor.findings.run import Judgement, judge
from auditor.findings.scope import Judged, Scope
from auditor.model.findings import Severity
from auditor.model.report import FindingRecord, RuleRecord
from auditor.model.snapshot import Snapshot
from auditor.reachability.view import View, evaluate
from auditor.settings import DetectionSettings
from auditor.sources.manifests import collect

NOW = "2026-01-01T00:00:00Z"

Reading = Literal["auto", "yes", "no"]

NO_ADDITIONS = DetectionSettings()


class Audited(NamedTuple):
    """One audit, with the settings that steered it, so that it can be repeated."""

    view: View
    judgement: Judgement
    reading: Reading
    detection: DetectionSettings

    @property
    def findings(self) -> tuple[FindingRecord, ...]:
        """The findings of all rules."""
        return self.judgement.findings

    @property
    def severities(self) -> dict[str, Severity]:
        """Severity by the id of a finding."""
        return {one.id: one.severity for one in self.findings}

    def findings_of(self, rule: str) -> tuple[FindingRecord, ...]:
        """The findings of one rule."""
        return tuple(one for one in self.findings if one.rule == rule)

    def rule(self, rule: str) -> RuleRecord:
        """What became of one rule."""
        (found,) = (one for one in self.judgement.rules if one.id == rule)
        return found


def read_text(text: str) -> Snapshot:
    """Read manifests given as text, as standard input would be."""
    return collect(["-"], retention=retention(), now=NOW, stdin=BytesIO(text.encode()))


def read_path(path: Path) -> Snapshot:
    """Read a file or a folder of manifests."""
    return collect([str(path)], retention=retention(), now=NOW)


def audit_snapshot(
    snapshot: Snapshot,
    *,
    reading: Reading = "auto",
    detection: DetectionSettings = NO_ADDITIONS,
    scope: Scope = Scope(),  # noqa: B008  a frozen value
) -> Audited:
    """Judge a snapshot by all rules."""
    recognition = recognize(snapshot, detection)
    readings = {"yes": True, "no": False}
    matching = readings.get(reading, recognition.cni.ip_blocks_match_pods)
    view = evaluate(snapshot, recognition, ip_blocks_match_pods=matching)
    return Audited(view, judge(view, Judged(view, scope)), reading, detection)


def name_subject(finding: FindingRecord) -> str:
    """The subject as `namespace/kind/name`, or `kind/name` where it has no namespace."""
    subject = finding.subject
    return "/".join(one for one in (subject.namespace, subject.kind, subject.name) if one)
