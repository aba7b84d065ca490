"""How a run ended, as its log and its metrics tell it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from auditor.cli.lines import print_line
from auditor.errors import AuditorError, DeliveryError
from auditor.model.findings import Severity
from auditor.settings import Settings

if TYPE_CHECKING:
    from auditor.model.report import Report

INTERNAL_FAILURE = 1


def check_outcome(settings: Settings) -> None:
    """See that metrics can be told as the settings want it.

    Raises:
        UsageError: they cannot.
    """
    if settings.pushgateway:
        from auditor.delivery.metrics import check_metrics

        check_metrics(settings)


def code_of(error: Exception) -> int:
    """The exit code of what ended a run."""
    return error.exit_code if isinstance(error, AuditorError) else INTERNAL_FAILURE


def tell_failure(settings: Settings, error: Exception, seconds: float) -> None:
    """Tell metrics that a run came to no report; where they cannot be told, that is printed."""
    tell_metrics(settings, None, code_of(error), seconds)


def tell_metrics(
    settings: Settings,
    report: Report | None,
    code: int,
    seconds: float,
    *,
    undelivered: int | None = None,
) -> bool:
    """Tell the metrics that the settings want; False, and an error printed: not all were told.

    The file is written last: the exit code in it says whether the push has failed.
    """
    if not settings.pushgateway and not settings.metrics_file:
        return True
    from pathlib import Path

    from auditor.cli.session import print_error
    from auditor.delivery.metrics import RunFigures, push_metrics, write_metrics

    figures = RunFigures(
        cluster=settings.cluster_name,
        finished_at=time.time(),
        duration_seconds=seconds,
        exit_code=code,
        report=report,
        undelivered=undelivered,
    )
    told = True
    try:
        if settings.pushgateway:
            push_metrics(figures, settings.pushgateway)
    except DeliveryError as error:
        print_error(error)
        told = False
        figures = figures._replace(exit_code=code or error.exit_code)
    try:
        if settings.metrics_file:
            write_metrics(figures, Path(settings.metrics_file))
    except DeliveryError as error:
        print_error(error)
        told = False
    return told


def say_outcome(report: Report, code: int, seconds: float) -> None:
    """Print the line that a run ends with: whose it is, what it found, and its exit code."""
    summary = report.summary
    found = {one.value: summary.by_severity.get(one, 0) for one in Severity}
    shown = ", ".join(f"{number} {severity}" for severity, number in found.items() if number)
    gaps, score = len(report.scope.gaps), summary.score.value
    print_line(
        f"audit finished: {shown or 'no'} findings, {gaps} gaps, "
        f"score {'unknown' if score is None else score}; exit code {code}",
        run=report.run.id,
        cluster=report.cluster.name,
        findings=found,
        gaps=gaps,
        score=score,
        seconds=round(seconds, 3),
        exit_code=code,
    )
