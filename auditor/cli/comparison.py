"""What `diff` and `preview` have in common: formats, output, and exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor.cli.flags import Command, add_flags, format_flag, output_file_flag
from auditor.cli.lines import print_line
from auditor.cli.session import Session

if TYPE_CHECKING:
    from auditor.drift.compare import Comparison
    from auditor.drift.compared import Compared

FORMATS = ("table", "json", "markdown", "html")

_FLAGS = (
    format_flag(*FORMATS, remark="json lists every connection"),
    output_file_flag,
    click.option(
        "--fail-on-opened",
        is_flag=True,
        help="Connections that opened, or could not be compared, make exit code 10.",
    ),
)


def comparison_flags(command: Command) -> Command:
    """Add -o, --output-file and --fail-on-opened."""
    return add_flags(command, _FLAGS)


def print_comparison(
    session: Session,
    comparison: Comparison,
    *,
    title: str,
    notes: tuple[str, ...],
    format_: str,
    output_file: str | None,
) -> None:
    """Print what changed, or write it to a file."""
    from reports.drift import WRITERS, DriftListing

    if format_ == "json":
        for note in notes:  # the contract has no room for them
            print_line(note, level="warning")
    changes = comparison.changes
    chunks = WRITERS[format_](
        DriftListing(comparison.drift, changes.opened, changes.closed, title, notes)
    )
    session.print_or_save(chunks, output_file)


def comparison_code(
    session: Session,
    comparison: Comparison,
    sides: tuple[Compared, Compared],
    *,
    fail_on_opened: bool,
    others: frozenset[int] = frozenset(),
) -> int:
    """The exit code of a comparison (previous, current)."""
    from auditor.cli.exit_codes import FAILED_RULE, FINDINGS, completion_code
    from auditor.model.findings import RuleStatus

    codes = set(others)
    previous, current = sides
    if any(one.status is RuleStatus.ERROR for side in sides for one in side.rules):
        codes.add(FAILED_RULE)
    if fail_on_opened and _may_have_opened(comparison, previous, current):
        codes.add(FINDINGS)
    gaps = any(one.scope.gaps for one in sides)
    return completion_code(gaps=gaps, strict=session.settings.strict, others=codes)


def _may_have_opened(comparison: Comparison, previous: Compared, current: Compared) -> bool:
    """Whether a connection opened; where that is not known, or nothing is enforced now: yes."""
    changes = comparison.changes
    lost = current.cluster.cni.enforces is False and previous.cluster.cni.enforces is not False
    return bool(changes.totals.opened or changes.not_compared or lost)
