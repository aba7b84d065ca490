"""`deliver`: a kept run to its audiences, by mail and webhook."""

from __future__ import annotations

import os

import click

from auditor.cli.flags import settings_flags, store_flags
from auditor.cli.messages import send
from auditor.cli.past_runs import find_run, open_past_runs
from auditor.cli.session import Session, with_session
from auditor.errors import DeliveryError


@click.command("deliver")
@click.argument("run", required=False, metavar="[RUN]")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Send nothing: write what would be sent to FOLDER/messages, as .eml and .json files.",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    help="The report's folder, with its history.  [default: out]",
)
@store_flags
@settings_flags
@with_session
def deliver(session: Session, *, run: str | None, dry_run: bool) -> int:
    """Send a kept run to the audiences of the settings: the last one, or RUN (`run:ID`).

    Who was sent a report of the same period is not sent another. `audit --deliver` does the same
    for its own run.
    """
    from auditor.job.deliver import check_delivery, write_messages
    from auditor.job.recall import recall_run

    check_delivery(session.settings, None if dry_run else os.environ)
    with open_past_runs(session) as store:
        wanted = find_run(store, session.settings.cluster_name, run)
        judged = recall_run(store, wanted, session.settings, stage=session.stage)
        session.note(f"run {wanted.id}, of {wanted.started_at}")
        if not dry_run:
            failed = send(session, judged, store, ()).failed
            return DeliveryError.exit_code if failed else 0
        for path in write_messages(judged, store, stage=session.stage):
            session.note(f"written: {path}")
        return 0
