"""Messages to look at: what most readers see first, and the extremes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from auditor.model.drift import Drift
from auditor.model.findings import SubjectRecord
from auditor.model.report import Audit, GapRecord
from reports.mail_view import Occasion, SentReport, Undelivered
from tests.reports.audits import GAPS, make_audit, make_finding, make_shop
from tests.reports.drifts import make_drift, make_drifted, make_unchanged
from tests.reports.governance import make_governed

WEEK = Occasion(
    period="2026-W47",
    audience="security",
    whole=True,
    previous=SentReport("2026-11-14T09-00-00Z-1a2b3c", "2026-11-14T09:00:00Z"),
    attached=("report.pdf", "findings.csv"),
    report_url="https://reports.example/netpol/2026-W47",
)

FIRST = Occasion(period="2026-W47", audience="team shop", whole=False, attached=("report.pdf",))


class Mail(NamedTuple):
    """What a message is made of."""

    audit: Audit
    drift: Drift | None
    occasion: Occasion


def make_gaps(total: int) -> Audit:
    """An audit with so many gaps."""
    gaps = [
        msgspec.structs.replace(GAPS[number % 2], namespace=f"shop-{number:03}")
        for number in range(total)
    ]
    return make_audit([make_finding(1)], gaps=gaps)


def make_long() -> Audit:
    """An audit of long names without a place to break."""
    name = "payment-gateway-reconciliation-worker-europe-west-" + "x" * 200
    return make_audit(
        [
            make_finding(
                number,
                subject=SubjectRecord(name, "Deployment", name),
                message=f"{name}/Deployment/{name} may send to every external address",
            )
            for number in range(3)
        ],
        gaps=[GapRecord("pods", name, name, None, name, name)],
    )


MAILS: Mapping[str, Mail] = {
    "drift": Mail(make_drifted(), make_drift(), WEEK),
    "nothing": Mail(make_audit([]), make_unchanged(), WEEK),
    "first": Mail(make_shop(), None, FIRST),
    "gaps": Mail(
        make_gaps(40),
        None,
        Occasion(
            period="2026-W47",
            audience="security",
            whole=True,
            previous=WEEK.previous,
            left_out=("report.pdf",),
            attached=("findings.csv",),
            undelivered=(
                Undelivered("2026-W46", "2026-11-14T09-00-00Z-1a2b3c", "the server refused it"),
            ),
        ),
    ),
    "waived": Mail(make_governed(), make_unchanged(), WEEK),
    "long": Mail(make_long(), None, FIRST),
}
