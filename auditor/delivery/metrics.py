"""Metrics of the last run, for Prometheus: a file of the textfile collector, or a Pushgateway.

A run that fails says so, and leaves what the last success said: a gauge that vanished would end
the alert on it, and a time of success that vanished would hide that there was none since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from auditor import __version__
from auditor.delivery.directory import write_file
from auditor.errors import DeliveryError, OutputError, UsageError
from auditor.model.findings import RuleStatus, Severity
from auditor.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import Collector

    from auditor.model.report import Report

JOB = "netpol-auditor"
"""The label `job` in the Pushgateway."""

_PREFIX = "netpol_auditor_"
_LAST_SUCCESS = f"{_PREFIX}last_success_timestamp_seconds"
_SUCCESSES = frozenset({0, 4, 10})
"""Exit codes of runs whose report is complete and in its place."""

_TIMEOUT_SECONDS = 10.0
_MODE = 0o644
"""Another user's process collects the file."""

_LABEL_LENGTH = 200


class RunFigures(NamedTuple):
    """What is told of a run. ``report`` None: it came to none."""

    cluster: str
    """What the settings call the cluster; empty: nothing."""
    finished_at: float
    """Seconds since the epoch."""
    duration_seconds: float
    exit_code: int
    report: Report | None = None
    undelivered: int | None = None
    """Messages that could not be sent; None: none were to be."""

    @property
    def succeeded(self) -> bool:
        """Whether the report is complete and in its place, whatever it says."""
        return self.report is not None and self.exit_code in _SUCCESSES


def check_metrics(settings: Settings) -> None:
    """See that metrics can be told as the settings want it, before anything is read.

    Raises:
        UsageError: the URL is none of a Pushgateway, or its metrics would be nobody's.
    """
    if not settings.pushgateway:
        return
    try:
        parts = urlsplit(settings.pushgateway)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("Pushgateway has no usable URL", hint="write it as https://HOST:PORT")
    if not settings.cluster_name:
        raise UsageError(
            "Pushgateway is given, and the cluster has no name",
            hint="name it with --cluster-name: by it the Pushgateway keeps clusters apart",
        )


def write_metrics(figures: RunFigures, path: Path) -> None:
    """Write the file, which others see whole. Of a run that failed it keeps the last success.

    Raises:
        DeliveryError: it cannot be written, or a file is in its place that holds no metrics.
    """
    families = _describe(figures)
    if not figures.succeeded:
        families = (*_keep(_read(path), families, figures), *families)
    try:
        write_file(path, (_encode(families),), mode=_MODE)
    except OutputError as error:
        raise DeliveryError(f"metrics file {error.message}", hint=error.hint) from error


def push_metrics(figures: RunFigures, url: str) -> None:
    """Push to a Pushgateway, as the group of this job and cluster.

    A run that failed replaces no more than what it tells.

    Raises:
        DeliveryError: the Pushgateway is not reached, or refuses.
    """
    from http.client import HTTPException

    from prometheus_client import push_to_gateway, pushadd_to_gateway

    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    push = push_to_gateway if figures.succeeded else pushadd_to_gateway
    try:
        push(
            urlunsplit(parts._replace(netloc=host)),
            job=JOB,
            registry=_collector(_describe(figures)),
            grouping_key={"cluster": _bound(figures.cluster)},
            timeout=_TIMEOUT_SECONDS,
            handler=_send_as(unquote(parts.username or ""), unquote(parts.password or "")),
        )
    except (OSError, ValueError, HTTPException) as error:
        raise DeliveryError(
            f"metrics cannot be pushed to {host}: {_reason(error)}",
            hint="check --pushgateway, and that the Pushgateway runs",
        ) from error


def _describe(figures: RunFigures) -> tuple[Metric, ...]:
    """The metrics of a run, each with all its samples."""
    cluster = _bound(figures.cluster)
    report = figures.report
    gauges = [
        _gauge("build_info", "The version that ran last.", cluster, {(__version__,): 1}, "version"),
        _gauge(
            "last_run_timestamp_seconds", "When the last run ended.", cluster, figures.finished_at
        ),
        _gauge(
            "last_run_duration_seconds",
            "How long the last run took.",
            cluster,
            figures.duration_seconds,
        ),
        _gauge("last_run_exit_code", "The exit code of the last run.", cluster, figures.exit_code),
    ]
    if figures.succeeded:
        help_ = "When the last run ended that wrote a complete report."
        name = _LAST_SUCCESS.removeprefix(_PREFIX)
        gauges.append(_gauge(name, help_, cluster, figures.finished_at))
    if report is not None:
        gauges.extend(_describe_report(report, cluster))
    if figures.undelivered is not None:
        help_ = "Messages of the last run that could not be sent."
        gauges.append(_gauge("undelivered_messages", help_, cluster, figures.undelivered))
    return tuple(gauges)


def _describe_report(report: Report, cluster: str) -> Iterable[Metric]:
    """What the report says. What it does not know is absent, never 0."""
    summary, scope = report.summary, report.scope
    counts = (("open", summary.by_severity), ("waived", summary.waived_by_severity))
    findings: dict[tuple[str, ...], int] = {
        (severity.value, status): by_severity.get(severity, 0)
        for status, by_severity in counts
        for severity in Severity
    }
    yield _gauge("findings", "Findings.", cluster, findings, "severity", "status")
    rules: dict[tuple[str, ...], int] = {
        (one.value,): summary.by_status.get(one, 0) for one in RuleStatus
    }
    yield _gauge("rules", "Rules by what became of them.", cluster, rules, "status")
    yield _gauge("gaps", "What could not be read or judged.", cluster, len(scope.gaps))
    judged = scope.namespaces.in_scope
    yield _gauge("namespaces", "Namespaces that were judged.", cluster, judged)
    yield _gauge("pods", "Pods that were read.", cluster, scope.pods)
    if summary.score.value is not None:
        yield _gauge("score", "The score, 0 to 100.", cluster, summary.score.value)


def _gauge(
    name: str,
    help_: str,
    cluster: str,
    values: float | dict[tuple[str, ...], int],
    *labels: str,
) -> Metric:
    """A gauge: one value, or values by their labels."""
    from prometheus_client.core import GaugeMetricFamily

    ours, ours_values = (("cluster",), (cluster,)) if cluster else ((), ())
    family = GaugeMetricFamily(f"{_PREFIX}{name}", help_, labels=(*ours, *labels))
    samples = values if isinstance(values, dict) else {(): values}
    for key, value in samples.items():
        family.add_metric((*ours_values, *key), value)
    return family


def _keep(
    former: Sequence[Metric], families: Sequence[Metric], figures: RunFigures
) -> Iterable[Metric]:
    """What stays of the file where a run failed: with a report, the time of success alone."""
    replaced = {one.name for one in families}
    for one in former:
        if one.name == _LAST_SUCCESS or (figures.report is None and one.name not in replaced):
            yield one


def _read(path: Path) -> tuple[Metric, ...]:
    """The metrics of a file; none where there is no file.

    Raises:
        DeliveryError: it cannot be read, or holds something else.
    """
    from prometheus_client.parser import text_string_to_metric_families

    try:
        text = path.read_bytes().decode() if path.is_file() else ""
        former = tuple(text_string_to_metric_families(text))
    except (OSError, ValueError) as error:
        raise DeliveryError(
            f"metrics file {path} holds no metrics: {_reason(error)}",
            hint="name another file with --metrics-file, or remove this one",
        ) from error
    return tuple(one for one in former if one.name.startswith(_PREFIX))


def _encode(families: Iterable[Metric]) -> bytes:
    from prometheus_client import generate_latest

    return generate_latest(_collector(tuple(families)))


def _collector(families: Sequence[Metric]) -> Collector:
    """The families as the client takes them: nothing of them outlives the call."""
    from prometheus_client.registry import Collector

    class Fixed(Collector):
        def collect(self) -> Sequence[Metric]:
            return families

    return Fixed()


_Handler = Callable[[str, str, float | None, list[tuple[str, str]], bytes], Callable[[], None]]
"""How the client has a request sent: URL, method, timeout, headers and body."""


def _send_as(user: str, password: str) -> _Handler:
    """Send with basic authentication, where there is a user.

    The client's own handlers leave the answer open, and follow a redirect with a request that
    carries nothing: the push would seem to have succeeded.
    """
    from base64 import b64encode
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class NoRedirects(HTTPRedirectHandler):
        def redirect_request(self, *_request: object) -> None:
            """Leave the answer as it is: an error."""

    def prepare(
        url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
    ) -> Callable[[], None]:
        if user:
            token = b64encode(f"{user}:{password}".encode()).decode()
            headers = [*headers, ("Authorization", f"Basic {token}")]

        def send() -> None:
            request = Request(url, data=data, headers=dict(headers), method=method)  # noqa: S310  check_metrics: http alone
            with build_opener(NoRedirects).open(request, timeout=timeout):
                pass

        return send

    return prepare


def _reason(error: Exception) -> str:
    """A failure in words: without the URL, which may hold a password."""
    from urllib.error import HTTPError, URLError

    match error:
        case HTTPError():
            error.close()
            return f"it answers {error.code} {error.reason}"
        case URLError(reason=OSError() as inner):
            return inner.strerror or str(inner)
        case URLError():
            return str(error.reason)
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)


def _bound(label: str) -> str:
    """A label's value, of bounded length; the client escapes it."""
    return label.encode(errors="replace").decode()[:_LABEL_LENGTH]
