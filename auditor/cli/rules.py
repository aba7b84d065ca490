"""`rules`: what is judged."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from auditor.cli.flags import format_flag, presentation_flags, source_flags
from auditor.cli.session import Session, utc_now, with_session, without_settings
from auditor.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from auditor.model.recognised import RecognisedAspect
    from auditor.model.report import RulePage


@click.group("rules")
def rules() -> None:
    """List the rules, or show a rule's page."""


@rules.command("list")
@format_flag("text", "json", "markdown", remark="markdown holds every page")
@presentation_flags
@without_settings
def list_(session: Session, *, format_: str) -> int:
    """List the rules with their severities."""
    from auditor.rules import RULES
    from reports.paint import choose_paint
    from reports.rule_pages import list_pages_json, list_pages_markdown, list_pages_text

    pages = tuple(one.page for one in RULES)
    if format_ == "json":
        session.write((list_pages_json(pages),))
    elif format_ == "markdown":
        session.write((list_pages_markdown(pages).encode(),))
    else:
        paint = choose_paint(colors=session.colors(sys.stdout))
        session.write((list_pages_text(pages, paint).encode(),))
    return 0


@rules.command("show")
@click.argument("rule")
@click.option(
    "--cluster",
    is_flag=True,
    help="Also say what the rule rests on in the cluster of the current context.",
)
@format_flag("text", "json")
@source_flags
def show(**flags: Any) -> int:
    """Show the page of RULE: what it means, why it matters, how to fix it, when to waive it.

    With a source (-f, --context, --kubeconfig, or --cluster), it also says what was recognised
    there that the rule rests on (databases, environments, cluster DNS, the CNI), and by which
    evidence. Without one, nothing is read.
    """
    if flags["cluster"] and flags["files"]:
        raise UsageError(
            "--cluster and -f contradict each other", hint="leave one of the two flags out"
        )
    named = any(flags[one] for one in ("cluster", "files", "context", "kubeconfig"))
    return (_show_recognised if named else _show_page)(**flags)


@without_settings
def _show_page(session: Session, *, rule: str, format_: str, cluster: bool) -> int:
    del cluster  # none was named
    _write_page(session, _find_page(rule), format_, None)
    return 0


@with_session
def _show_recognised(session: Session, *, rule: str, format_: str, cluster: bool) -> int:
    page = _find_page(rule)
    from auditor.cli.exit_codes import completion_code
    from auditor.cli.gaps import record_gaps, say_gaps
    from auditor.findings.recognised import list_recognised
    from auditor.job.steps import evaluate_snapshot, scope_of, take_snapshot

    settings = session.settings
    if cluster:
        settings = msgspec.structs.replace(settings, files=())
    snapshot = take_snapshot(settings, clock=utc_now, stdin=session.stdin, stage=session.stage)
    view = evaluate_snapshot(snapshot, settings, stage=session.stage)
    _write_page(session, page, format_, list_recognised(view, scope_of(settings), rule))
    gaps = record_gaps((*snapshot.gaps, *view.gaps))
    say_gaps(session, gaps)
    return completion_code(gaps=bool(gaps), strict=settings.strict)


def _find_page(rule: str) -> RulePage:
    from auditor.rules import RULES

    pages = {one.id: one.page for one in RULES}
    if rule not in pages:
        near = difflib.get_close_matches(rule, pages)
        hint = f"did you mean {' or '.join(near)}?" if near else "rules list names them all"
        raise UnknownNameError(f"rule {rule} is unknown", hint=hint)
    return pages[rule]


def _write_page(
    session: Session,
    page: RulePage,
    format_: str,
    recognised: tuple[RecognisedAspect, ...] | None,
) -> None:
    from reports.paint import choose_paint
    from reports.rule_pages import show_page_json, show_page_text

    if format_ == "json":
        session.write((show_page_json(page, recognised),))
    else:
        paint = choose_paint(colors=session.colors(sys.stdout))
        session.write((show_page_text(page, paint, recognised).encode(),))
