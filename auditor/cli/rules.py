"""`rules`: what is judged."""

from __future__ import annotations

import difflib
import sys

import click

from auditor.cli.flags import presentation_flags
from auditor.cli.session import Session, without_settings
from auditor.errors import UnknownNameError

_FORMAT = click.option(
    "-o",
    "--output",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The format.",
)


@click.group("rules")
def rules() -> None:
    """List the rules, or show a rule's page."""


@rules.command("list")
@click.option(
    "-o",
    "--output",
    "format_",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="The format; markdown holds every page.",
)
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
@_FORMAT
@presentation_flags
@without_settings
def show(session: Session, *, rule: str, format_: str) -> int:
    """Show the page of RULE: what it means, why it matters, how to fix it, when to waive it."""
    from auditor.rules import RULES
    from reports.paint import choose_paint
    from reports.rule_pages import show_page_json, show_page_text

    pages = {one.id: one.page for one in RULES}
    if rule not in pages:
        near = difflib.get_close_matches(rule, pages)
        hint = f"did you mean {' or '.join(near)}?" if near else "rules list names them all"
        raise UnknownNameError(f"rule {rule} is unknown", hint=hint)
    if format_ == "json":
        session.write((show_page_json(pages[rule]),))
    else:
        paint = choose_paint(colors=session.colors(sys.stdout))
        session.write((show_page_text(pages[rule], paint).encode(),))
    return 0
