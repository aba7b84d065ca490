"""Messages to audiences, as `deliver` and `audit --deliver` send them: one line for each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auditor.cli.lines import print_line
from auditor.cli.session import Session, print_error, utc_now
from auditor.errors import HistoryError
from auditor.settings import store_url

if TYPE_CHECKING:
    from auditor.delivery.dispatch import Outcome
    from auditor.history.store import Store
    from auditor.job.audit import Finished
    from auditor.job.deliver import Delivered
    from auditor.job.steps import Judged


def send(
    session: Session, judged: Judged, store: Store, files: tuple[tuple[str, bytes], ...]
) -> Delivered:
    """Send a run to its audiences, and say what became of each message.

    Raises:
        UsageError: the settings lack what sending needs: nothing was sent.
        HistoryError: it cannot be known, or recorded, who was sent what.
    """
    from auditor.job.deliver import deliver_run

    delivered = deliver_run(
        judged,
        files,
        store,
        clock=utc_now,
        environ=os.environ,
        stage=session.stage,
        say=say_outcome,
    )
    for one in delivered.undelivered:
        print_line(
            f"report of {one.period} was not delivered: {one.channel} to {one.recipient} of "
            f"audience {one.audience}: {one.reason}",
            level="warning",
        )
    return delivered


def send_finished(session: Session, finished: Finished) -> Delivered | None:
    """Send an audit that was written into its folder; None: nothing could be sent at all.

    Whatever goes wrong, the report is there: it is said, and not raised.
    """
    from auditor.history.store import open_store

    settings = session.settings
    if finished.audit.report.run.evidence is None:
        print_line(
            "nothing is sent: the run is not kept, and who was sent what could not be",
            level="error",
            hint="mend the history; `netpol-auditor deliver` sends a run that is kept",
        )
        return None
    try:
        url = store_url(settings) or ""
        with open_store(url, snapshots=settings.snapshots, create=True) as store:
            return send(session, finished.judged, store, finished.files)
    except HistoryError as error:
        print_error(error)
        return None


def say_outcome(outcome: Outcome) -> None:
    """One line for one message, whatever became of it."""
    print_line(
        outcome.line,
        level="error" if outcome.state == "failed" else "info",
        hint=outcome.hint,
        audience=outcome.audience,
        channel=outcome.channel,
        recipient=outcome.recipient,
        state=outcome.state,
        period=outcome.period,
        message_id=outcome.message_id,
        attempts=outcome.attempts,
        bytes=outcome.size,
    )
