"""A run that was kept, recalled: the very report that was written then."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.errors import UsageError
from auditor.history.store import Store, open_store
from auditor.job.audit import Finished, audit_source
from auditor.job.recall import recall_run
from auditor.model.progress import Progress
from auditor.model.report import Audit
from auditor.settings import Settings, store_url
from reports.html import render_html
from tests.conftest import FindCluster

WAIVER = """waivers:
  - {rule: egress-is-unrestricted, subject: "*/*/*", reason: known, owner: team-shop,
     approved_by: board, ticket: T-1, created: 2026-01-01, expires: 2027-01-01}
"""


@contextmanager
def unwatched(_name: str) -> Iterator[Progress]:
    """A stage that nobody watches."""
    yield lambda _what, _count: None


@pytest.fixture
def kept(
    cluster: FindCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Settings, tuple[Finished, Finished]]:
    """Two runs of the shop, between which its policies go."""
    monkeypatch.setattr("reports.pdf.render_pdf", lambda _audit: b"")
    shutil.copytree(cluster("shop"), tmp_path / "shop")
    (tmp_path / "waivers.yaml").write_text(WAIVER)
    settings = Settings(
        files=(str(tmp_path / "shop"),),
        output=str(tmp_path / "out"),
        waivers=(str(tmp_path / "waivers.yaml"),),
        exclude_namespaces={"monitoring": "another team's"},
    )

    def audit(day: int) -> Finished:
        return audit_source(
            settings,
            run_id=f"run-{day}",
            clock=lambda: f"2026-02-0{day}T00:00:00Z",
            stdin=None,
            stage=unwatched,
        )

    first = audit(1)
    for file in (tmp_path / "shop").rglob("*"):
        if file.is_file() and "NetworkPolicy" in file.read_text():
            file.write_text(file.read_text().replace("Egress", "Ingress"))
    return settings, (first, audit(2))


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The store of the settings."""
    with open_store(str(store_url(settings)), create=False) as store:
        yield store


def recalled(settings: Settings, run: str) -> Audit:
    """Recall a run, told of nothing but where the runs are."""
    today = Settings(output=settings.output)
    with opened(settings) as store:
        return recall_run(store, store.find(run), today, stage=unwatched).audit


def plain(audit: Audit) -> Any:
    """An audit to be compared: how it was written, too."""
    return msgspec.json.decode(msgspec.json.encode(audit, order="sorted"))


@pytest.mark.parametrize("position", [0, 1])
def test_a_kept_run_is_recalled_as_it_was(
    kept: tuple[Settings, tuple[Finished, Finished]], position: int
) -> None:
    """Everything that the renderers were given then is there again, drift and chain included."""
    settings, runs = kept
    then = runs[position].audit
    again = recalled(settings, then.report.run.id)
    assert plain(then) == plain(again)
    assert render_html(then) == render_html(again)
    assert (again.report.drift is not None) == (position == 1)


def test_a_report_that_cannot_be_made_again_has_no_place_in_the_chain(
    kept: tuple[Settings, tuple[Finished, Finished]],
) -> None:
    """A waiver file that was edited since makes another report, and that is said."""
    settings, (_, last) = kept
    Path(settings.waivers[0]).write_text(WAIVER.replace("T-1", "T-2"))
    again = recalled(settings, "run-2")
    assert again.report.run.evidence is None
    assert last.audit.report.digest in str(again.history)
    assert last.audit.report.summary == again.report.summary


def test_a_waiver_file_that_is_gone_is_an_error(
    kept: tuple[Settings, tuple[Finished, Finished]],
) -> None:
    """What was accepted then is not known any more: nothing is made up."""
    settings, _ = kept
    Path(settings.waivers[0]).unlink()
    with pytest.raises(UsageError, match="waiver"):
        recalled(settings, "run-2")
