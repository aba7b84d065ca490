"""`preview`: what a change would open and close, before anyone applies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from auditor.cli.comparison import comparison_code, comparison_flags, print_comparison
from auditor.cli.flags import source_flags
from auditor.cli.session import Session, utc_now, with_session
from auditor.errors import UsageError
from auditor.model.findings import Severity

if TYPE_CHECKING:
    from auditor.drift.compare import Comparison


@click.command("preview")
@click.argument("change", nargs=-1, type=click.Path(allow_dash=True))
@click.option(
    "--delete",
    "deletions",
    multiple=True,
    metavar="KIND/NS/NAME",
    help="An object that the change deletes, as netpol/shop/default-deny (repeatable).",
)
@click.option(
    "--fail-on",
    "fail_on",
    type=click.Choice([one.value for one in Severity]),
    help="New findings of this severity or a worse one make exit code 10.",
)
@comparison_flags
@source_flags
@with_session
def preview(
    session: Session,
    *,
    change: tuple[str, ...],
    deletions: tuple[str, ...],
    format_: str,
    output_file: str | None,
    fail_on_opened: bool,
) -> int:
    """Show what the manifests CHANGE would open and close if they were applied.

    The source is the cluster, or what -f names. An object that is there is replaced whole, as
    `kubectl replace` does; one that is not is created. Nothing is written to the cluster.
    """
    from auditor.cli.exit_codes import FINDINGS
    from auditor.job.compare import compare_sides, preview_change, read_side

    if not change and not deletions:
        raise UsageError("nothing is to be changed", hint="name manifests, or what to --delete")
    settings = session.settings
    if "-" in change and "-" in settings.files:
        raise UsageError(
            "CHANGE and -f both read standard input", hint="write one of them to a file"
        )
    now = utc_now()
    source = read_side(
        settings,
        name=", ".join(settings.files) or None,
        now=now,
        stdin=session.stdin,
        stage=session.stage,
    )
    changed, warnings = preview_change(
        source, settings, change, deletions, now=now, stdin=session.stdin, stage=session.stage
    )
    comparison = compare_sides(source, changed, settings, stage=session.stage)
    print_comparison(
        session,
        comparison,
        title="What the change would do",
        notes=warnings,
        format_=format_,
        output_file=output_file,
    )
    others = frozenset({FINDINGS}) if _appears(comparison, settings.fail_on) else frozenset()
    return comparison_code(
        session, comparison, (source, changed), fail_on_opened=fail_on_opened, others=others
    )


def _appears(comparison: Comparison, threshold: Severity | None) -> bool:
    """Whether a finding appears that is as severe as the threshold."""
    findings = comparison.drift.findings
    return threshold is not None and any(
        findings.details[one].severity.rank <= threshold.rank for one in findings.new
    )
