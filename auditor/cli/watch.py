"""`watch`: audits by a timetable, where there is no Kubernetes to start them."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import click

from auditor.cli.flags import refuse_format
from auditor.cli.lines import print_defect, print_line
from auditor.cli.outcome import code_of, tell_failure
from auditor.cli.run import audit_flags, run_audit
from auditor.cli.session import LOG_VERBOSITY, Session, print_error, with_sessions
from auditor.cli.termination import TERMINATION, Terminated
from auditor.cli.timetable import Timetable, in_utc, join_interval, read_timetable
from auditor.errors import AuditorError, UsageError

_LONGEST_WAIT_SECONDS = 30.0
"""A machine that slept, or a clock that was set, is noticed so soon."""

_LATE_SECONDS = 90.0
"""A run that begins so late was missed."""


class _Watch(click.Command):
    """Takes `--every 6 hours` without quotes, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, join_interval(args))


@click.command("watch", cls=_Watch)
@click.option(
    "--every",
    required=True,
    metavar="WHEN",
    help="When to audit: `6 hours`, `30m`, `day` or `monday`.",
)
@click.option("--at", metavar="HH:MM", help="The time of the day, with days.")
@click.option("--timezone", "zone", metavar="NAME", help="Of --at.  [default: UTC]")
@click.option("--now", is_flag=True, help="Audit at the start, too.")
@audit_flags
@with_sessions
def watch(
    open_session: Callable[[], Session],
    *,
    every: str,
    at: str | None,
    zone: str | None,
    now: bool,
    deliver: bool,
) -> int:
    """Audit again and again, until the process is ended.

    Settings and waivers are read anew for each audit. One that fails is logged, and the next
    comes as planned; audits never overlap. What was missed, because the machine slept or an
    audit took too long, is reported, and made up for once.
    """
    timetable = read_timetable(every, at, zone)
    session = open_session()
    refuse_format(session.settings.output, "watch", "it prints nothing but lines of its log")
    if "-" in session.settings.files:
        raise UsageError(
            "-f - can be read once, and watch reads again and again",
            hint="name a file or folder with -f",
        )
    if deliver:
        from auditor.job.deliver import check_delivery

        check_delivery(session.settings, os.environ)
    with in_utc():
        keep_watch(timetable, Audits(open_session, session, deliver=deliver), now=now)
    print_line("ended by SIGTERM, between two audits", exit_code=0)
    return 0


class Audits:
    """One audit after the other, each with the settings as they are then."""

    def __init__(
        self, open_session: Callable[[], Session], session: Session, *, deliver: bool
    ) -> None:
        self._open_session = open_session
        self._deliver = deliver
        self._session = session
        # the last whose settings could be read: they say where metrics go

    def announce(self, timetable: Timetable, next_run: datetime) -> None:
        """Say when the next audit is."""
        if not self._session.quiet:
            shown = timetable.show(next_run)
            print_line(f"next audit: {shown}", next_run=shown)

    def run(self) -> None:
        """Audit; nothing is raised but what ends the process."""
        try:
            try:
                self._session = self._open_session()
            except AuditorError as error:
                tell_failure(self._session.settings, error, 0.0)
                raise
            run_audit(self._session, print_=None, deliver=self._deliver)
        except AuditorError as error:
            print_error(error)
        except Exception as error:
            # The boundary of a run: a defect of one must not end those that come.
            traced = self._session.verbosity >= LOG_VERBOSITY
            print_defect(error, traced=traced, exit_code=code_of(error))
        finally:
            # Rendering leaves hundreds of thousands of objects in cycles. Nothing would free them
            # until the next audit, perhaps for a week, and what that needs would come on top.
            gc.collect()


def keep_watch(timetable: Timetable, audits: Audits, *, now: bool = False) -> None:
    """Audit by the timetable, until SIGTERM comes while nothing is being done.

    Local time must be UTC (`in_utc`). In an audit, SIGTERM does what it does elsewhere.
    """
    plan = Plan(timetable)
    if now:
        audits.run()
    audits.announce(timetable, plan.next_run)
    while not wait(plan.seconds_left(read_clock())):
        moment = read_clock()
        if plan.is_too_far(moment):
            print_line(
                f"clock was set back: the run of {timetable.show(plan.next_run)} is planned anew",
                level="warning",
            )
            plan = Plan(timetable)
            audits.announce(timetable, plan.next_run)
        elif due := plan.take():
            if (moment - due).total_seconds() > _LATE_SECONDS:
                number, since = timetable.count_due(due, moment), timetable.show(due)
                runs = "1 run was" if number == 1 else f"{number:,} runs were"
                print_line(
                    f"{runs} missed since {since}: one makes up now",
                    level="warning",
                    missed=number,
                    since=since,
                )
            audits.run()
            audits.announce(timetable, plan.next_run)


class Plan:
    """The next run of a timetable, worked out by the library from the time as it is then."""

    def __init__(self, timetable: Timetable) -> None:
        from schedule import Scheduler

        self._timetable = timetable
        self._due = False
        self._former: datetime | None = None
        self._scheduler = Scheduler()
        self._job = timetable.plan(self._scheduler, self._set_due)
        self.next_run = self._correct()
        """When the next run is due: naive, in UTC."""

    def seconds_left(self, now: datetime) -> float:
        """How long it is until then; 0 where that has passed."""
        return max(0.0, (self.next_run - now).total_seconds())

    def is_too_far(self, now: datetime) -> bool:
        """Whether the next run is farther off than it can be, unless the clock was set back."""
        return self._timetable.is_too_far(self.next_run, now)

    def take(self) -> datetime | None:
        """The run that is due, when it was planned for; None where there is none.

        What comes next is planned before it begins: what it misses, as it takes too long, is due
        when it ends, and is late then.
        """
        planned = self.next_run
        self._due = False
        self._scheduler.run_pending()
        self.next_run = self._correct()
        if not self._due or self._timetable.is_doubled(planned, self._former):
            return None
        self._former = planned
        return planned

    def _correct(self) -> datetime:
        planned = self._job.next_run
        if planned is None:
            raise RuntimeError("a job that is scheduled has a next run")
        self._job.next_run = self._timetable.correct(planned, read_clock())
        return self._job.next_run

    def _set_due(self) -> None:
        self._due = True


def read_clock() -> datetime:
    """The time: naive, in UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def wait(seconds: float) -> bool:
    """Wait, but not too long; True: SIGTERM came. Nothing is lost by it, so it is no error."""
    try:
        threading.Event().wait(min(seconds, _LONGEST_WAIT_SECONDS))
    except Terminated:
        TERMINATION.accept()
        return True
    return False
