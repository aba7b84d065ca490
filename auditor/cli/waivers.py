"""`waivers`: whether files of waivers are well-formed, and what they are good for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from auditor.cli.exit_codes import completion_code
from auditor.cli.flags import format_flag, source_flags
from auditor.cli.gaps import say_gaps
from auditor.cli.session import Session, utc_now, with_session

if TYPE_CHECKING:
    from auditor.findings.assemble import Acceptance
    from auditor.model.report import Report


@click.group("waivers")
def waivers() -> None:
    """Check files of waivers."""


@waivers.command("check")
@click.argument("waivers", metavar="FILE...", nargs=-1, required=True)
@format_flag("text", "json")
@source_flags
@with_session
def check(session: Session, *, format_: str) -> int:
    """Check that every FILE of waivers is well-formed, and say which waivers have expired.

    With -f, also say which are used there: by how many findings, and which by none. A live cluster
    is not asked; take a snapshot of it first.
    """
    from auditor.job.steps import load_acceptance
    from reports.paint import choose_paint
    from reports.waivers import check_dates, check_uses, list_waivers_json, list_waivers_text

    settings = session.settings
    acceptance, now = load_acceptance(settings), utc_now()
    report = _judge(session, acceptance, now) if settings.files else None
    checked = (
        check_uses(report.waivers) if report is not None else check_dates(acceptance.waivers, now)
    )
    if format_ == "json":
        session.write((list_waivers_json(checked),))
    else:
        paint = choose_paint(colors=session.colors(sys.stdout))
        session.write((list_waivers_text(checked, paint).encode(),))
    if report is None:
        return 0
    say_gaps(session, report.scope.gaps)
    return completion_code(gaps=bool(report.scope.gaps), strict=settings.strict)


def _judge(session: Session, acceptance: Acceptance, now: str) -> Report:
    """Judge the source, as an audit would."""
    from auditor.job.steps import evaluate_snapshot, judge_view, take_snapshot

    snapshot = take_snapshot(
        session.settings, clock=lambda: now, stdin=session.stdin, stage=session.stage
    )
    view = evaluate_snapshot(snapshot, session.settings, stage=session.stage)
    with session.stage("judging"):
        return judge_view(
            view, session.settings, acceptance, run_id="", started_at=now, clock=lambda: now
        ).report
