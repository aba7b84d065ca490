"""Waivers, frameworks and rule settings to render."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from auditor.model.findings import RuleStatus, Severity
from auditor.model.frameworks import (
    ControlRecord,
    ControlStatus,
    Coverage,
    FrameworkRecord,
    ReadingRecord,
)
from auditor.model.report import Audit, RuleRecord, SeverityOverrideRecord
from auditor.model.waivers import RefusedWaiverRecord, WaiverRecord, WaiverState, WaiverUseRecord
from tests.reports.audits import make_audit, make_finding

SOURCE = "https://framework.example/edition"


def make_waiver(subject: str = "Namespace/shop-dev", **changes: object) -> WaiverRecord:
    """Make a waiver; ``changes`` replace its fields."""
    return msgspec.structs.replace(
        WaiverRecord(
            id="w-1",
            rule="namespace-lacks-default-deny",
            subject=subject,
            detail=None,
            reason="the namespace is torn down every night",
            compensating_control="a gateway filters what enters",
            owner="team-shop",
            approved_by="security board",
            ticket="SEC-1234",
            created="2026-01-10",
            expires="2026-12-31",
            file="waivers.yaml",
            line=3,
            annotated=None,
        ),
        **changes,
    )


def use_waiver(
    state: WaiverState, days: int, findings: int = 0, reason: str | None = None, **changes: object
) -> WaiverUseRecord:
    """Make a waiver and what became of it."""
    return WaiverUseRecord(
        waiver=make_waiver(**changes),  # type: ignore[arg-type]
        state=state,
        findings=findings,
        expires_in_days=days,
        expires_soon=0 <= days <= 30,
        reason=reason,
    )


def make_control(identifier: str, status: ControlStatus, **changes: object) -> ControlRecord:
    """Make a control; ``changes`` replace its fields."""
    return msgspec.structs.replace(
        ControlRecord(
            id=identifier,
            title=f"Title of {identifier}",
            rules=("namespace-lacks-default-deny", "egress-is-unrestricted"),
            coverage=Coverage.PARTIAL,
            source=SOURCE,
            verified=True,
            note=None,
            status=status,
            declared_only=False,
            readings=(),
        ),
        **changes,
    )


READINGS = (
    ReadingRecord("literal", "each namespace holds a policy", ControlStatus.PASS),
    ReadingRecord("strict", "each namespace is closed", ControlStatus.FAIL),
)

FRAMEWORKS = (
    FrameworkRecord(
        id="benchmark-1.0",
        framework="Benchmark",
        edition="1.0",
        note="for workers",
        controls=(
            make_control("5.3.2", ControlStatus.FAIL, readings=READINGS),
            make_control("5.3.3", ControlStatus.PASS, declared_only=True, verified=False),
        ),
    ),
    FrameworkRecord(
        id="standard-2022",
        framework="Standard",
        edition="2022",
        note=None,
        controls=(
            make_control("8.20", ControlStatus.WAIVED),
            make_control("8.21", ControlStatus.NOT_EVALUATED, source="https://other.example"),
            make_control("8.22", ControlStatus.NOT_COVERED, rules=()),
            make_control("8.31", ControlStatus.NOT_COVERED, coverage=Coverage.CONTEXT),
        ),
    ),
)

USES = (
    use_waiver(WaiverState.USED, 40, findings=1),
    use_waiver(WaiverState.EXPIRED, -3, findings=1, id="w-2", expires="2026-11-18"),
    use_waiver(WaiverState.USED, 30, findings=2, id="w-3", expires="2026-12-21"),
    use_waiver(WaiverState.UNUSED, 99, id="w-4", reason="rule x is disabled"),
)

REFUSED = (
    RefusedWaiverRecord("shop-dev/Deployment/web", "netpol-auditor.io/waive.x", "x is no rule"),
)


def make_governed(
    *,
    uses: Sequence[WaiverUseRecord] = USES,
    refused: Sequence[RefusedWaiverRecord] = REFUSED,
    frameworks: Sequence[FrameworkRecord] = FRAMEWORKS,
) -> Audit:
    """Make an audit with waived findings, an expired waiver, rule settings and frameworks."""
    controls = ("Benchmark 1.0 5.3.2", "Standard 2022 8.20", "Standard 2022 8.21")
    waived = make_finding(1, status="waived", waiver=make_waiver(), controls=controls)
    expired = make_finding(
        2,
        detail="egress",
        waiver=make_waiver(id="w-2", expires="2026-11-18"),
        controls=controls,
    )
    rules = (
        RuleRecord(
            "namespace-lacks-default-deny",
            RuleStatus.FAIL,
            declared_only=False,
            reason=None,
            severity_override=SeverityOverrideRecord(
                Severity.HIGH, Severity.MEDIUM, "a mesh isolates pods"
            ),
        ),
        RuleRecord(
            "egress-is-unrestricted", RuleStatus.DISABLED, declared_only=False, reason="a proxy"
        ),
    )
    audit = make_audit([waived, expired], rules=rules)
    report = msgspec.structs.replace(
        audit.report,
        waivers=tuple(uses),
        refused_waivers=tuple(refused),
        frameworks=tuple(frameworks),
    )
    return msgspec.structs.replace(audit, report=report)
