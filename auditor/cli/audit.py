"""`audit`: the main job, from a source to a report."""

from __future__ import annotations

import click

from auditor.cli.flags import refuse_format
from auditor.cli.run import audit_flags, run_audit
from auditor.cli.session import Session, with_session


@click.command("audit")
@click.option(
    "--print",
    "print_",
    type=click.Choice(["json", "table"]),
    help="Print the report, or its findings, instead of the summary.",
)
@audit_flags
@with_session
def audit(session: Session, *, print_: str | None, deliver: bool) -> int:
    """Audit a cluster, manifests or a saved snapshot, and write a report.

    The folder gets report.html, report.pdf, report.json and findings.csv: all of them, or none.
    The run is kept in the store, which by default is history.sqlite in that folder, and compared
    with the last one of the cluster.
    """
    refuse_format(session.settings.output, "audit", "use --print json|table")
    return run_audit(session, print_=print_ or "summary", deliver=deliver)
