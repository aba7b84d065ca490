"""What an audit keeps of its run, and what it says of the runs before."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec
import pytest

from auditor.errors import UsageError
from auditor.history.store import open_store
from auditor.job.keep import Kept, check_store, keep_run, load_key
from auditor.job.steps import evaluate_snapshot, judge_view, load_acceptance, take_snapshot
from auditor.model.drift import CauseKind
from auditor.model.progress import Progress
from auditor.model.report import Report
from auditor.settings import NO_STORE, Settings, store_url
from reports.json import digest
from tests.conftest import FindCluster

DENY_DEV = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop-dev}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""

Audit = Callable[..., Kept]


@contextmanager
def unwatched(_name: str) -> Iterator[Progress]:
    """A stage that nobody watches."""
    yield lambda _what, _count: None


@pytest.fixture
def settings(cluster: FindCluster, tmp_path: Path) -> Settings:
    """The shop, in a folder that a test may change."""
    shutil.copytree(cluster("shop"), tmp_path / "shop")
    return Settings(files=(str(tmp_path / "shop"),), output=str(tmp_path / "out"))


@pytest.fixture
def audit() -> Audit:
    """Audit and keep; runs are a day apart."""
    days = count(1)

    def run(settings: Settings) -> Kept:
        now = f"2026-01-{next(days):02}T00:00:00Z"
        snapshot = take_snapshot(settings, clock=lambda: now, stdin=None, stage=unwatched)
        view = evaluate_snapshot(snapshot, settings, stage=unwatched)
        judged = judge_view(
            view,
            settings,
            load_acceptance(settings),
            run_id=f"run-{now}",
            started_at=now,
            clock=lambda: now,
        )
        return keep_run(judged, view, settings, None, stage=unwatched)

    return run


def seen(report: Report) -> set[tuple[str | None, str | None]]:
    """The times at which findings are seen."""
    return {(one.first_seen, one.last_seen) for one in report.findings}


def test_without_a_store_nothing_is_known_of_other_runs(settings: Settings, audit: Audit) -> None:
    """No drift, no evidence, no times; and no file."""
    kept = audit(msgspec.structs.replace(settings, store=NO_STORE))
    report = kept.audit.report
    assert (None, None, None) == (report.drift, report.run.evidence, kept.error)
    assert {(None, None)} == seen(report)
    assert digest(report) == report.digest
    assert not Path(settings.output).exists()


def test_the_first_run_of_a_chain_has_no_drift(settings: Settings, audit: Audit) -> None:
    """It has evidence; what it finds is seen since now."""
    report = audit(settings).audit.report
    assert report.drift is None
    assert report.run.evidence is not None
    assert (1, None) == (report.run.evidence.sequence, report.run.evidence.previous_hash)
    assert {("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")} == seen(report)


def test_a_run_is_compared_with_the_one_before(settings: Settings, audit: Audit) -> None:
    """What a policy closed and why, the findings that it resolved, and since when others stand."""
    first = audit(settings).audit.report
    (Path(settings.files[0]) / "deny.yaml").write_text(DENY_DEV, encoding="utf-8")
    kept = audit(settings)
    report, drift = kept.audit.report, kept.audit.report.drift
    assert drift is not None
    assert (first.run.id, report.run.id) == (drift.previous.id, drift.current.id)
    assert ("shop-dev/NetworkPolicy/default-deny",) == drift.policies.added
    assert 0 == drift.connections.totals.opened < drift.connections.totals.closed
    causes = {cause for row in drift.connections.closed for cause in row.causes}
    assert {(CauseKind.POLICY_ADDED, "shop-dev/NetworkPolicy/default-deny")} == {
        (one.cause, one.object) for one in causes
    }
    ids = {one.id for one in report.findings}
    assert ids - {one.id for one in first.findings} == set(drift.findings.new)
    assert {one.id for one in first.findings} - ids == set(drift.findings.resolved)
    for one in report.findings:
        day = 2 if one.id in drift.findings.new else 1
        assert f"2026-01-0{day}T00:00:00Z" == one.first_seen
    assert report.run.evidence is not None
    assert first.run.evidence is not None
    assert first.run.evidence.hash == report.run.evidence.previous_hash
    assert kept.audit.trend is not None
    assert 2 == kept.audit.trend.runs
    assert digest(report) == report.digest


def test_a_run_whose_predecessor_is_damaged_is_kept_and_says_so(
    settings: Settings, audit: Audit
) -> None:
    """It is not compared, which is an error; it is the next link all the same."""
    audit(settings)
    for path in (Path(settings.output) / "history-snapshots").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    (Path(settings.files[0]) / "deny.yaml").write_text(DENY_DEV, encoding="utf-8")
    kept = audit(settings)
    assert kept.error is not None
    assert kept.audit.report.drift is None
    assert kept.audit.history is not None
    assert kept.audit.history.startswith("earlier runs could not be read whole: ")
    assert kept.audit.report.run.evidence is not None
    assert 2 == kept.audit.report.run.evidence.sequence


def test_a_store_that_cannot_be_opened_costs_the_history_alone(
    settings: Settings, audit: Audit
) -> None:
    """The report is sealed without evidence, and says why."""
    Path(settings.output).mkdir()
    (Path(settings.output) / "history.sqlite").write_text("not a database, but a text of mine")
    kept = audit(settings)
    assert kept.error is not None
    assert kept.audit.history == f"not kept: {kept.error.message}"
    assert kept.audit.report.run.evidence is None
    assert digest(kept.audit.report) == kept.audit.report.digest


def test_a_run_is_compared_by_the_settings_that_it_was_made_with(
    settings: Settings, audit: Audit
) -> None:
    """Another reading of ipBlocks is a change of scope, and the cause of what it opens."""
    audit(settings)
    drift = audit(msgspec.structs.replace(settings, ip_blocks_match_pods="yes")).audit.report.drift
    assert drift is not None
    causes = {cause.cause for row in drift.connections.opened for cause in row.causes}
    assert {CauseKind.IP_BLOCK_READING_CHANGED} == causes
    kinds = {one.change.value for one in drift.scope}
    assert {"ip-block-reading-changed", "settings-changed"} <= kinds


def test_clusters_of_one_store_have_chains_of_their_own(settings: Settings, audit: Audit) -> None:
    """By the name that the settings give to a cluster of manifests."""
    for name in ("one", "two", "one"):
        audit(msgspec.structs.replace(settings, cluster_name=name))
    url = store_url(settings)
    assert url is not None
    with open_store(url, create=False) as store:
        assert [("name:one", 2), ("name:two", 1)] == [
            (one.key, one.runs) for one in store.clusters()
        ]


def test_a_damaged_history_costs_what_it_held_and_the_run_is_kept(
    settings: Settings, audit: Audit
) -> None:
    """Where the time of an earlier run was altered there is no trend; the chain goes on."""
    audit(settings)
    with sqlite3.connect(Path(settings.output) / "history.sqlite") as database:
        database.execute("UPDATE runs SET started_at = 'yesterday'")
    database.close()
    kept = audit(settings)
    assert kept.error is not None
    assert kept.audit.trend is None
    assert kept.audit.report.drift is not None
    assert kept.audit.report.run.evidence is not None
    assert 2 == kept.audit.report.run.evidence.sequence


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"store": "mysql://host/name"}, "store of kind mysql is not supported"),
        ({"store": "sqlite://"}, "store names no SQLite file"),
        ({"snapshots": "nonsense://place"}, "nonsense"),
        ({"snapshots": "memory://place"}, "snapshots in memory end with this run"),
    ],
)
def test_a_store_that_cannot_be_is_refused_before_anything_is_read(
    settings: Settings, given: dict[str, str], message: str
) -> None:
    """A run of hours must not end with it."""
    with pytest.raises(UsageError, match=message):
        check_store(msgspec.structs.replace(settings, **given))


def test_a_key_without_a_history_is_refused(settings: Settings) -> None:
    """Nobody may believe that the report is signed."""
    with pytest.raises(UsageError, match="no history is kept"):
        load_key(msgspec.structs.replace(settings, store=NO_STORE, signing_key="key.pem"))
