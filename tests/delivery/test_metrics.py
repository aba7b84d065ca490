"""Metrics of a run, read back as Prometheus reads them."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from stat import S_IMODE
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from auditor import __version__
from auditor.delivery.metrics import RunFigures, check_metrics, push_metrics, write_metrics
from auditor.errors import DeliveryError, UsageError
from auditor.job.steps import evaluate_snapshot, judge_view, load_acceptance, take_snapshot
from auditor.model.progress import unwatched
from auditor.model.report import Report
from auditor.settings import Settings
from tests.conftest import FindCluster

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
SUCCESS = "netpol_auditor_last_success_timestamp_seconds"
EXIT_CODE = "netpol_auditor_last_run_exit_code"
SCORE = "netpol_auditor_score"
NOW = "2026-06-01T06:00:00Z"


@pytest.fixture(scope="module")
def report(cluster: FindCluster) -> Report:
    """What an audit of the shop reports."""
    wanted = Settings(files=(str(cluster("shop")),))

    def stage(_name: str) -> Any:
        return nullcontext(unwatched)

    snapshot = take_snapshot(wanted, clock=lambda: NOW, stdin=None, stage=stage)
    view = evaluate_snapshot(snapshot, wanted, stage=stage)
    return judge_view(
        view, wanted, load_acceptance(wanted), run_id="1", started_at=NOW, clock=lambda: NOW
    ).report


def make_run(report: Report | None, *, at: float = 1000.5, exit_code: int = 0) -> RunFigures:
    """A run of the cluster shop."""
    return RunFigures("shop", at, 12.25, exit_code, report)


def parse(text: str) -> Samples:
    """Every sample, by its name and labels, of which none is there twice."""
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        assert "gauge" == family.type
        assert family.documentation
        for one in family.samples:
            key = (one.name, tuple(sorted(one.labels.items())))
            assert key not in samples
            samples[key] = one.value
    return samples


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """The value of a sample of the cluster shop; None where there is none."""
    return samples.get((name, tuple(sorted({"cluster": "shop", **labels}.items()))))


def read(path: Path) -> Samples:
    """The samples of a file."""
    return parse(path.read_text())


def test_a_success_tells_everything(tmp_path: Path, report: Report) -> None:
    """Times, duration, exit code and version, and what the report says."""
    path = tmp_path / "netpol.prom"
    write_metrics(make_run(report)._replace(undelivered=0), path)
    samples = read(path)
    assert 1 == value(samples, "netpol_auditor_build_info", version=__version__)
    assert 1000.5 == value(samples, SUCCESS)
    assert 1000.5 == value(samples, "netpol_auditor_last_run_timestamp_seconds")
    assert 12.25 == value(samples, "netpol_auditor_last_run_duration_seconds")
    assert 0 == value(samples, EXIT_CODE)
    assert len(report.scope.gaps) == value(samples, "netpol_auditor_gaps")
    assert report.summary.score.value == value(samples, SCORE)
    assert report.scope.pods == value(samples, "netpol_auditor_pods")
    assert report.scope.namespaces.in_scope == value(samples, "netpol_auditor_namespaces")
    assert 0 == value(samples, "netpol_auditor_undelivered_messages")
    for status, number in report.summary.by_status.items():
        assert number == value(samples, "netpol_auditor_rules", status=status)


def test_every_severity_is_told(tmp_path: Path, report: Report) -> None:
    """Also of what was not found: a series that appears with the first finding has no past."""
    path = tmp_path / "netpol.prom"
    summary = msgspec.structs.replace(
        report.summary, by_severity={"high": 2}, waived_by_severity={}
    )
    write_metrics(make_run(msgspec.structs.replace(report, summary=summary)), path)
    told = {
        key[1]: number for key, number in read(path).items() if key[0] == "netpol_auditor_findings"
    }
    assert 10 == len(told)
    high = (("cluster", "shop"), ("severity", "high"), ("status", "open"))
    assert {high} == {labels for labels, number in told.items() if number}


def test_a_score_that_is_not_known_is_absent(tmp_path: Path, report: Report) -> None:
    """No value is no 0."""
    path = tmp_path / "netpol.prom"
    score = msgspec.structs.replace(report.summary.score, value=None)
    summary = msgspec.structs.replace(report.summary, score=score)
    write_metrics(make_run(report), path)
    write_metrics(make_run(msgspec.structs.replace(report, summary=summary), exit_code=1), path)
    assert value(read(path), SCORE) is None


@pytest.mark.parametrize("exit_code", [1, 2, 3])
def test_a_run_without_a_report_keeps_what_was_told(
    tmp_path: Path, report: Report, exit_code: int
) -> None:
    """Findings that vanish would end the alert on them; the exit code says what happened."""
    path = tmp_path / "netpol.prom"
    write_metrics(make_run(report, at=1000), path)
    former = read(path)
    write_metrics(make_run(None, at=2000, exit_code=exit_code), path)
    samples = read(path)
    assert former.keys() == samples.keys()
    assert (1000, 2000, exit_code) == (
        value(samples, SUCCESS),
        value(samples, "netpol_auditor_last_run_timestamp_seconds"),
        value(samples, EXIT_CODE),
    )
    write_metrics(make_run(report, at=3000, exit_code=10), path)
    assert 3000 == value(read(path), SUCCESS)


@pytest.mark.parametrize("exit_code", [1, 5])
def test_a_report_that_is_incomplete_is_no_success(
    tmp_path: Path, report: Report, exit_code: int
) -> None:
    """A failed rule or delivery tells what was found, and leaves the time of the last success."""
    path = tmp_path / "netpol.prom"
    write_metrics(make_run(report, at=1000), path)
    scope = msgspec.structs.replace(report.scope, pods=7)
    newer = msgspec.structs.replace(report, scope=scope)
    write_metrics(make_run(newer, at=2000, exit_code=exit_code), path)
    assert 1000 == value(read(path), SUCCESS)
    assert 7 == value(read(path), "netpol_auditor_pods")


def test_a_first_run_that_fails_tells_of_no_success(tmp_path: Path) -> None:
    """Without a file there is nothing to keep."""
    path = tmp_path / "netpol.prom"
    write_metrics(make_run(None, exit_code=3), path)
    assert 3 == value(read(path), EXIT_CODE)
    assert value(read(path), SUCCESS) is None


def test_the_file_is_for_others_to_read(tmp_path: Path, report: Report) -> None:
    """Whoever writes it, another user collects it; nothing else is left in the folder."""
    path = tmp_path / "netpol.prom"
    path.touch(mode=0o600)
    write_metrics(make_run(report), path)
    assert 0o644 == S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_holds_something_else_is_left(tmp_path: Path) -> None:
    """A run that failed has nothing to keep of it, and does not destroy it either."""
    path = tmp_path / "notes"
    path.write_text("not { metrics")
    with pytest.raises(DeliveryError, match="holds no metrics"):
        write_metrics(make_run(None, exit_code=3), path)
    assert "not { metrics" == path.read_text()


def test_a_file_that_cannot_be_written_is_a_failure_of_delivery(
    tmp_path: Path, report: Report
) -> None:
    """Metrics that are lost are exit code 5."""
    with pytest.raises(DeliveryError, match="cannot be written") as caught:
        write_metrics(make_run(report), tmp_path / "none" / "netpol.prom")
    assert 5 == caught.value.exit_code


@settings(max_examples=25)
@given(name=st.text(min_size=1, max_size=300))
def test_any_name_of_a_cluster_is_one_label(name: str) -> None:
    """Quotes, line breaks and what is no Unicode neither end the label nor the line."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "netpol.prom"
        write_metrics(make_run(None, exit_code=3)._replace(cluster=name), path)
        text = path.read_bytes().decode()
        samples = parse(text)
        labels = {dict(key[1])["cluster"] for key in samples}
    assert 4 == len(samples)
    assert {name.encode(errors="replace").decode()[:200]} == labels


class Gateway(ThreadingHTTPServer):
    """As the Pushgateway does: PUT replaces a group, POST the metrics of the same names."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.groups: dict[str, dict[str, Samples]] = {}
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.location = ""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def samples(self, path: str = "/metrics/job/netpol-auditor/cluster/shop") -> Samples:
        """All samples of a group."""
        return {key: one for family in self.groups[path].values() for key, one in family.items()}


class _Requests(BaseHTTPRequestHandler):
    server: Gateway

    def _take(self, *, replace: bool) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.headers.append(dict(self.headers))
        if self.server.status == 200:
            families: dict[str, Samples] = {}
            for key, one in parse(body).items():
                families.setdefault(key[0], {})[key] = one
            former = {} if replace else self.server.groups.get(self.path, {})
            self.server.groups[self.path] = {**former, **families}
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"words")

    def do_PUT(self) -> None:
        """Replace the group."""
        self._take(replace=True)

    def do_POST(self) -> None:
        """Replace metrics of the same names."""
        self._take(replace=False)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A Pushgateway."""
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_success_replaces_the_group(gateway: Gateway, report: Report, tmp_path: Path) -> None:
    """What is pushed is what a file would hold, under the job and the cluster."""
    write_metrics(make_run(report), tmp_path / "netpol.prom")
    push_metrics(make_run(report), gateway.url)
    assert read(tmp_path / "netpol.prom") == gateway.samples()
    score = msgspec.structs.replace(report.summary.score, value=None)
    summary = msgspec.structs.replace(report.summary, score=score)
    push_metrics(make_run(msgspec.structs.replace(report, summary=summary)), f"{gateway.url}/")
    assert value(gateway.samples(), SCORE) is None


def test_a_failure_replaces_no_more_than_it_tells(gateway: Gateway, report: Report) -> None:
    """The time of the last success, and what was found then, stay."""
    push_metrics(make_run(report, at=1000), gateway.url)
    former = gateway.samples()
    push_metrics(make_run(None, at=2000, exit_code=3), gateway.url)
    assert former.keys() == gateway.samples().keys()
    assert 1000 == value(gateway.samples(), SUCCESS)
    assert 3 == value(gateway.samples(), EXIT_CODE)


def test_names_of_clusters_are_inert_in_the_path(gateway: Gateway) -> None:
    """A name with slashes is one element of the path."""
    name = "../../job/other cluster?#"
    push_metrics(make_run(None, exit_code=3)._replace(cluster=name), gateway.url)
    (path,) = gateway.groups
    element = path.removeprefix("/metrics/job/netpol-auditor/cluster@base64/")
    assert name == base64.urlsafe_b64decode(element).decode()


def test_the_password_of_the_url_is_sent_as_basic_authentication(gateway: Gateway) -> None:
    """User and password go into the header, unquoted, and not into the request's URL."""
    url = gateway.url.replace("//", "//ann:p%40ss@")
    push_metrics(make_run(None, exit_code=3), url)
    scheme, _, token = gateway.headers[-1]["Authorization"].partition(" ")
    assert ("Basic", "ann:p@ss") == (scheme, base64.b64decode(token).decode())
    push_metrics(make_run(None, exit_code=3), gateway.url)
    assert "Authorization" not in gateway.headers[-1]


@pytest.mark.parametrize("status", [400, 401, 500, 301, 302])
def test_a_refusal_is_a_failure_of_delivery(gateway: Gateway, status: int) -> None:
    """So is a redirect: what follows it carries no metrics, and would seem to succeed."""
    gateway.status, gateway.location = status, f"{gateway.url}/elsewhere"
    url = gateway.url.replace("//", "//ann:secret@")
    with pytest.raises(DeliveryError, match=f"answers {status}") as caught:
        push_metrics(make_run(None, exit_code=3), url)
    assert "secret" not in caught.value.message
    assert 1 == len(gateway.headers)


@contextmanager
def closed_port() -> Iterator[str]:
    """A URL on which nobody listens."""
    with Gateway() as server:
        url = server.url
    yield url


def test_a_gateway_that_is_not_there_is_a_failure_of_delivery() -> None:
    """The message names the host and the reason, not the password."""
    with closed_port() as url, pytest.raises(DeliveryError, match="Connection refused") as caught:
        push_metrics(make_run(None, exit_code=3), url.replace("//", "//ann:secret@"))
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "cluster", "message"),
    [
        ("gateway:9091", "shop", "no usable URL"),
        ("ftp://gateway", "shop", "no usable URL"),
        ("http://", "shop", "no usable URL"),
        ("http://gateway:port", "shop", "no usable URL"),
        ("http://[gateway", "shop", "no usable URL"),
        ("http://gateway:9091", "", "the cluster has no name"),
    ],
)
def test_a_gateway_is_checked_before_anything_is_read(url: str, cluster: str, message: str) -> None:
    """What can never be pushed is wrong usage."""
    with pytest.raises(UsageError, match=message):
        check_metrics(Settings(pushgateway=url, cluster_name=cluster))
    check_metrics(Settings(pushgateway="https://ann:p@gateway:9091/x", cluster_name="shop"))
