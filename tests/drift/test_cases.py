"""Every pair of clusters gives exactly the drift of its expected.yaml."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from auditor.drift.compare import compare
from auditor.drift.compared import Compared
from auditor.findings.assemble import audit
from auditor.findings.scope import Scope
from auditor.model.report import RunRecord
from auditor.model.snapshot import Blind, Gap, Snapshot
from tests.drift.expectation import (
    Expectation,
    differences,
    findings_of,
    load,
    policies_of,
    scope_of,
)
from tests.rules.auditing import audit_snapshot, read_path

CASES = Path(__file__).parent / "cases"
FOLDERS = sorted(path.parent for path in CASES.glob("*/expected.yaml"))

every_case = pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: one.name)

RUN = RunRecord(id="run", started_at="2026-01-01T00:00:00Z", finished_at="", settings_digest="")


def read(folder: Path, expected: Expectation) -> tuple[Snapshot, Snapshot]:
    """Both snapshots; what cannot be listed the second time is a gap, as from a 403."""
    after = read_path(folder / "after")
    unread = expected.unread
    gaps = tuple(
        Gap(
            kind="Pod",
            namespace=one,
            name=None,
            reason="forbidden (403)",
            effect="the pods of the namespace are not known",
            blind=Blind.PODS,
        )
        for one in unread
    )
    kept = tuple(one for one in after.pods if one.namespace not in unread)
    after = msgspec.structs.replace(after, pods=kept, gaps=(*after.gaps, *gaps))
    return read_path(folder / "before"), after


def side_of(snapshot: Snapshot) -> Compared:
    """A snapshot, judged by all rules."""
    view = audit_snapshot(snapshot).view
    judged = audit(view, Scope(), RUN)
    report = judged.report
    return Compared(
        id=None,
        snapshot=snapshot,
        recognition=view.recognition,
        ip_blocks_match_pods=view.ip_blocks_match_pods,
        findings=report.findings,
        rules=report.rules,
        scope=report.scope,
        cluster=report.cluster,
        judged=judged.judged,
        rules_digest="",
        settings_digest="",
        tool_version="1",
    )


def test_every_folder_states_what_it_expects() -> None:
    """No pair drops out of these tests for want of an expected.yaml, or of a side."""
    assert FOLDERS == sorted(path for path in CASES.iterdir() if path.is_dir())
    assert [] == [one for one in FOLDERS if not all((one / side).is_dir() for side in SIDES)]


SIDES = ("before", "after")


@every_case
def test_a_pair_changes_as_expected(folder: Path) -> None:
    """Each row with its ports, for its causes, and no other; policies, findings, scope."""
    expected = load(folder / "expected.yaml")
    drift = compare(*map(side_of, read(folder, expected))).drift
    assert [] == differences(expected.opened, drift.connections.opened)
    assert [] == differences(expected.closed, drift.connections.closed)
    assert (0, 0) == (drift.connections.omitted.opened, drift.connections.omitted.closed)
    assert expected.unread == tuple(one.namespace for one in drift.connections.not_compared)
    assert expected.policies == policies_of(drift)
    assert expected.findings == findings_of(drift)
    assert expected.scope == scope_of(drift)
