"""One audit, as `audit` and `watch` do it: from a source to a report in its folder."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

import click

from auditor.cli.flags import Command, add_flags, source_flags, store_flags
from auditor.cli.lines import is_structured, print_line
from auditor.cli.session import Session, print_error, utc_now
from auditor.cli.termination import TERMINATION
from auditor.errors import DeliveryError
from auditor.model.findings import RuleStatus, Severity

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.job.audit import Finished
    from auditor.model.report import Report

_OWN = (
    click.option("-o", "--output", metavar="FOLDER", help="The report's folder.  [default: out]"),
    click.option(
        "--fail-on",
        type=click.Choice([one.value for one in Severity]),
        help="Findings of this severity or a worse one make exit code 10.",
    ),
    click.option(
        "--waivers",
        multiple=True,
        metavar="FILE",
        help="A file of waivers: findings that are accepted, by whom and until when (repeatable).",
    ),
    click.option(
        "--no-store",
        is_flag=True,
        help="Keep no history: the run is not compared with the last one.",
    ),
    click.option(
        "--deliver",
        is_flag=True,
        help="Send the report to the audiences of the settings, unless they were sent one in this "
        "period.",
    ),
    click.option(
        "--sign-key",
        "signing_key",
        metavar="FILE",
        help="The private key (Ed25519, PEM) that signs the run: report.sig is written beside it.",
    ),
    click.option(
        "--metrics-file",
        metavar="FILE",
        help="Write Prometheus metrics of the run for the textfile collector, as DIR/NAME.prom.",
    ),
    click.option(
        "--pushgateway",
        metavar="URL",
        help="Push Prometheus metrics of the run to a Pushgateway; --cluster-name is needed. "
        "A password comes from NETPOL_AUDITOR_PUSHGATEWAY.",
    ),
)


class _Ended(NamedTuple):
    """How an audit came to its end."""

    report: Report
    codes: set[int]
    """What makes an exit code."""
    undelivered: int | None
    """Messages of this run, and of earlier ones, that were not sent; None: none were to be."""


def audit_flags(command: Command) -> Command:
    """Add what steers an audit."""
    return add_flags(store_flags(source_flags(command)), _OWN)


def run_audit(session: Session, *, print_: str | None, deliver: bool) -> int:
    """Audit, write the report, print what is asked for, deliver, and tell metrics.

    The exit code is returned. ``print_`` is `summary`, `json`, `table`, or None for nothing but a
    line in the log.

    Raises:
        AuditorError: there is no report. Metrics say so.
    """
    from auditor.cli.exit_codes import completion_code
    from auditor.cli.outcome import check_outcome, say_outcome, tell_failure, tell_metrics

    started = time.monotonic()
    check_outcome(session.settings)
    if deliver:
        from auditor.job.deliver import check_delivery

        check_delivery(session.settings, os.environ)
    try:
        report, codes, undelivered = _audit(session, print_, deliver=deliver)
    except Exception as error:
        tell_failure(session.settings, error, time.monotonic() - started)
        raise
    gaps, strict = bool(report.scope.gaps), session.settings.strict
    seconds = time.monotonic() - started
    code = completion_code(gaps=gaps, strict=strict, others=codes)
    if not tell_metrics(session.settings, report, code, seconds, undelivered=undelivered):
        codes.add(DeliveryError.exit_code)
        code = completion_code(gaps=gaps, strict=strict, others=codes)
    if print_ is None or is_structured():
        say_outcome(report, code, seconds)
    return code


def _audit(session: Session, print_: str | None, *, deliver: bool) -> _Ended:
    """Audit, write, print and deliver.

    Raises:
        AuditorError: there is no report.
    """
    from auditor.cli.exit_codes import FAILED_RULE, FINDINGS
    from auditor.job.audit import audit_source
    from auditor.job.steps import deliver_files

    finished = audit_source(
        session.settings,
        run_id=str(uuid.uuid4()),
        clock=utc_now,
        stdin=session.stdin,
        stage=session.stage,
    )
    report = finished.audit.report
    for pattern in _idle_exclusions(report, session.settings.exclude_namespaces):
        print_line(f"excluded namespace {pattern} is none that was found", level="warning")
    codes: set[int] = set()
    if finished.unkept is not None:
        # The report says so, too: it must not be lost with the history.
        print_error(finished.unkept)
        is_kept = report.run.evidence is not None
        codes.add(finished.unkept.exit_code if is_kept else DeliveryError.exit_code)
    paths: tuple[Path, ...] = ()
    try:
        with TERMINATION.completing("the report is written"):
            paths = deliver_files(finished.files, session.settings)
    except DeliveryError as error:
        # The result is printed all the same: it must not be lost with the files.
        print_error(error)
        codes.add(error.exit_code)
    _print(session, finished, paths, print_)
    undelivered: int | None = None
    if deliver:
        from auditor.cli.messages import send_finished

        delivered = send_finished(session, finished)
        if delivered is None or delivered.failed:
            codes.add(DeliveryError.exit_code)
        if delivered is not None:
            undelivered = delivered.failed + len(delivered.undelivered)
    if any(one.status is RuleStatus.ERROR for one in report.rules):
        codes.add(FAILED_RULE)
    if _fails_on(report, session.settings.fail_on):
        codes.add(FINDINGS)
    return _Ended(report, codes, undelivered)


def _print(
    session: Session, finished: Finished, paths: tuple[Path, ...], print_: str | None
) -> None:
    """Print what is asked for, and nothing else, on stdout; the summary not with -q.

    It is for people: where the log is for programs, its last line says the same.
    """
    from reports.paint import choose_paint
    from reports.summary import render_findings, render_summary

    paint = choose_paint(colors=session.colors(sys.stdout))
    if print_ == "json":
        session.write((dict(finished.files)["report.json"],))
    elif print_ == "table":
        session.write((render_findings(finished.audit, paint).encode(),))
    elif print_ == "summary" and not session.quiet and not is_structured():
        session.write((render_summary(finished.audit, tuple(map(str, paths)), paint).encode(),))
    if print_ in ("json", "table"):
        for path in paths:
            session.note(f"written: {path}")


def _idle_exclusions(report: Report, excluded: Iterable[str]) -> Iterable[str]:
    """The exclusions that exclude nothing: whatever matches one is among what is not judged."""
    left_out = [one.name for one in report.scope.namespaces.excluded]
    return (one for one in excluded if not any(fnmatchcase(name, one) for name in left_out))


def _fails_on(report: Report, threshold: Severity | None) -> bool:
    return threshold is not None and any(
        one.status == "open" and one.severity.rank <= threshold.rank for one in report.findings
    )
