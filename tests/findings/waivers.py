"""Waivers for tests, as files and as values."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from auditor.findings.waivers import Terms, Waiver, load_waivers, make_waiver
from auditor.rules import RULES

RULE_IDS = tuple(one.id for one in RULES)

ITEM = """\
  - rule: egress-is-unrestricted
    subject: shop/Deployment/web
    reason: a proxy filters what leaves
    owner: team-a
    approved_by: b.bright
    ticket: SEC-1
    created: 2025-10-01
    expires: 2026-06-30
"""
FILE = f"waivers:\n{ITEM}"


def load_text(folder: Path, *texts: str) -> tuple[Waiver, ...]:
    """Load waiver files of these texts: `a.yaml`, `b.yaml` and so on."""
    paths = []
    for name, text in zip("abc", texts, strict=False):
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(str(path))
    return load_waivers(paths, RULE_IDS)


def make(
    subject: str,
    *,
    rule: str = "egress-is-unrestricted",
    detail: str | None = None,
    created: str = "2025-10-01",
    expires: str = "2026-06-30",
) -> Waiver:
    """A waiver that is as good as one of a file."""
    terms = Terms(
        reason="a proxy filters what leaves",
        owner="team-a",
        approved_by="b.bright",
        ticket="SEC-1",
        created=date.fromisoformat(created),
        expires=date.fromisoformat(expires),
        detail=detail,
    )
    return make_waiver(terms, rule=rule, subject=subject, file="waivers.yaml", line=2)
