"""Views to judge, of scenarios and of manifests as text."""

from __future__ import annotations

from pathlib import Path

from auditor.model.report import FindingRecord, RunRecord
from auditor.model.snapshot import Snapshot
from auditor.reachability.view import View
from tests.rules.auditing import audit_snapshot, name_subject, read_text

RUN = RunRecord(id="run-1", started_at="2026-01-01T00:00:00Z", finished_at="", settings_digest="")


def read_scenario(folder: Path) -> Snapshot:
    """The manifests of a scenario, without its expectation, which is no manifest."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "expected.yaml"
    ]
    return read_text("\n---\n".join(texts))


def evaluate_scenario(folder: Path) -> View:
    """A scenario, evaluated."""
    return audit_snapshot(read_scenario(folder)).view


def evaluate_text(text: str) -> View:
    """Manifests as text, evaluated."""
    return audit_snapshot(read_text(text)).view


def key_of(finding: FindingRecord) -> tuple[str, str, str]:
    """Rule, subject and detail: what a finding is about."""
    return finding.rule, name_subject(finding), finding.detail or ""
