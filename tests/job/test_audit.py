"""The pipeline: its stages, and what it hands from one to the next."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec
import pytest

from auditor.errors import ManifestsError, UnknownNameError
from auditor.job.audit import audit_source
from auditor.job.steps import deliver_files, evaluate_snapshot, take_snapshot
from auditor.model.progress import Progress
from auditor.settings import NO_STORE, DetectionSettings, Settings, digest_settings
from reports.json import digest
from tests.conftest import FindCluster


class Stages:
    """Remembers the stages that were begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    @contextmanager
    def __call__(self, name: str) -> Iterator[Progress]:
        """Begin a stage."""
        self.begun.append(name)
        yield lambda _what, _count: None


@pytest.fixture
def stages() -> Stages:
    """Stages that nobody watches."""
    return Stages()


def test_the_stages_follow_one_another(cluster: FindCluster, stages: Stages) -> None:
    """Collect, evaluate, judge, render: the report holds run, times and digests."""
    settings = Settings(files=(str(cluster("two-namespaces", "no-policy")),), store=NO_STORE)
    ticks = count(10)
    finished = audit_source(
        settings,
        run_id="the-run",
        clock=lambda: f"2026-01-01T00:00:{next(ticks)}Z",
        stdin=None,
        stage=stages,
    )
    assert ["collecting", "evaluating", "judging", "rendering"] == stages.begun
    report = finished.audit.report
    assert {
        "id": "the-run",
        "started_at": "2026-01-01T00:00:10Z",
        "finished_at": "2026-01-01T00:00:12Z",
        "settings_digest": digest_settings(settings),
        "evidence": None,
        "collection": None,
    } == msgspec.to_builtins(report.run)
    assert digest(report) == report.digest
    names = [name for name, _ in finished.files]
    assert ["findings.csv", "report.html", "report.json", "report.pdf"] == sorted(names)


def test_nothing_is_rendered_where_nothing_is_collected(tmp_path: Path, stages: Stages) -> None:
    """The first stage that fails is the last."""
    with pytest.raises(ManifestsError):
        audit_source(
            Settings(files=(str(tmp_path),)),
            run_id="",
            clock=lambda: "",
            stdin=None,
            stage=stages,
        )
    assert ["collecting"] == stages.begun


@pytest.mark.parametrize(
    ("variant", "reading", "expected"),
    [
        ("main", "auto", None),
        ("calico", "auto", True),
        ("calico", "no", False),
        ("main", "yes", True),
    ],
)
def test_the_reading_of_ip_blocks_is_the_settings_else_the_cnis(
    cluster: FindCluster, stages: Stages, *, variant: str, reading: str, expected: bool | None
) -> None:  # fmt: skip
    """What detection found is handed to the engine, where the settings leave it open."""
    settings = msgspec.convert(
        {"files": [str(cluster("shop", variant))], "ip_blocks_match_pods": reading}, Settings
    )
    snapshot = take_snapshot(
        settings, clock=lambda: "2026-01-01T00:00:00Z", stdin=None, stage=stages
    )
    view = evaluate_snapshot(snapshot, settings, stage=stages)
    assert expected is view.ip_blocks_match_pods


def test_detection_is_told_what_the_settings_declare(cluster: FindCluster, stages: Stages) -> None:
    """An environment of the settings is recognised."""
    settings = Settings(
        files=(str(cluster("two-namespaces", "no-policy")),),
        detection=DetectionSettings(environments={"dev": "playground"}),
    )
    snapshot = take_snapshot(
        settings, clock=lambda: "2026-01-01T00:00:00Z", stdin=None, stage=stages
    )
    view = evaluate_snapshot(snapshot, settings, stage=stages)
    assert "playground" == view.recognition.environments["dev"].name
    assert "2026-01-01T00:00:00Z" == snapshot.taken_at


def test_a_namespace_that_is_not_there_is_an_error(cluster: FindCluster, stages: Stages) -> None:
    """An audit of a misspelt namespace is not clean: it is none."""
    settings = Settings(files=(str(cluster("two-namespaces", "no-policy")),), namespaces=("prodd",))
    snapshot = take_snapshot(settings, clock=lambda: "", stdin=None, stage=stages)
    with pytest.raises(UnknownNameError) as caught:
        evaluate_snapshot(snapshot, settings, stage=stages)
    assert "did you mean prod?" == caught.value.hint


def test_files_are_delivered_to_the_output(tmp_path: Path) -> None:
    """The folder is the settings'."""
    folder = tmp_path / "reports"
    assert (folder / "a",) == deliver_files((("a", b"b"),), Settings(output=str(folder)))
    assert b"b" == (folder / "a").read_bytes()
