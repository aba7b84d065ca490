"""Runs to compare: snapshots, recognised, evaluated and judged by the real pipeline."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from auditor.detection.recognize import recognize
from auditor.drift.compared import Compared
from auditor.findings.assemble import Acceptance, audit
from auditor.findings.scope import Scope
from auditor.model.report import RunRecord
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.reachability.view import evaluate
from auditor.settings import RuleSettings, Settings, digest_settings
from tests.rules.auditing import read_text

RUN = RunRecord(id="a-run", started_at="2026-01-01T00:00:00Z", finished_at="", settings_digest="")


def run(
    what: str | Snapshot,
    *,
    scope: Scope = Scope(),  # noqa: B008  a frozen value
    rules: Mapping[str, RuleSettings] = {},
    gaps: tuple[Gap, ...] = (),
) -> Compared:
    """Judge manifests as text, or a snapshot, to which gaps are added."""
    snapshot = read_text(what) if isinstance(what, str) else what
    snapshot = msgspec.structs.replace(snapshot, gaps=(*snapshot.gaps, *gaps))
    recognition = recognize(snapshot)
    reading = recognition.cni.ip_blocks_match_pods
    view = evaluate(snapshot, recognition, ip_blocks_match_pods=reading)
    judged = audit(view, scope, RUN, Acceptance(rules=rules))
    return Compared(
        id=None,
        snapshot=snapshot,
        recognition=recognition,
        ip_blocks_match_pods=reading,
        findings=judged.report.findings,
        rules=judged.report.rules,
        scope=judged.report.scope,
        cluster=judged.report.cluster,
        judged=judged.judged,
        rules_digest=hashlib.sha256(msgspec.json.encode(rules)).hexdigest(),
        settings_digest=digest_settings(Settings(rules=rules)),
        tool_version=judged.report.tool.version,
    )


def refused(kind: str, blind: Blind | None, namespace: str | None = None) -> Gap:
    """The gap that a 403 leaves."""
    return Gap(
        kind=kind,
        namespace=namespace,
        name=None,
        reason=f"{kind} cannot be listed: forbidden",
        effect="nothing is known of them",
        blind=blind,
    )
