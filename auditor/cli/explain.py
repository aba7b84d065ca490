"""`explain`: whether a connection is allowed, and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from auditor.cli.flags import format_flag, source_flags
from auditor.cli.gaps import record_gaps, say_gaps
from auditor.cli.session import Session, utc_now, with_session

if TYPE_CHECKING:
    from auditor.model.explanation import Explanation
    from auditor.reachability.view import View


@click.command("explain")
@click.argument("source")
@click.argument("destination")
@click.argument("port", required=False)
@format_flag("text", "json")
@source_flags
@with_session
def explain(session: Session, source: str, destination: str, port: str | None, format_: str) -> int:
    """Say whether SOURCE may open a connection to DESTINATION on PORT, and why.

    SOURCE and DESTINATION are namespace/pod, namespace/kind/name or an address. PORT is a number
    of TCP (5432), a protocol and a number (udp/53) or a port's name; without it, any port at all.
    """
    from auditor.cli.exit_codes import completion_code
    from auditor.job.steps import evaluate_snapshot, take_snapshot
    from reports.explanation import render_json, render_text
    from reports.paint import choose_paint

    snapshot = take_snapshot(
        session.settings, clock=utc_now, stdin=session.stdin, stage=session.stage
    )
    view = evaluate_snapshot(snapshot, session.settings, stage=session.stage)
    found = _explain(view, source, destination, port)
    if format_ == "json":
        session.write((render_json(found),))
    else:
        paint = choose_paint(colors=session.colors(sys.stdout))
        session.write((render_text(found, paint).encode(),))
    gaps = record_gaps((*snapshot.gaps, *view.gaps))
    say_gaps(session, gaps)
    return completion_code(gaps=bool(gaps), strict=session.settings.strict)


def _explain(view: View, source: str, destination: str, port: str | None) -> Explanation:
    from auditor.cli.names import find_end, parse_port
    from auditor.cli.questions import answer_questions

    return answer_questions(
        view,
        (source, find_end(view, source)),
        (destination, find_end(view, destination)),
        None if port is None else (port, parse_port(port)),
    )
