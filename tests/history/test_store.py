"""The store: what is kept is what is read."""

from __future__ import annotations

from pathlib import Path

from auditor.history.store import open_store
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot


def test_a_run_is_read_as_it_was_kept(tmp_path: Path) -> None:
    """Header, rule results, findings and snapshot come back equal."""
    new, snapshot = make_run(1), make_snapshot(1)
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        evidence = store.keep(new, snapshot)
        run = store.find("run-0001")
        assert evidence.hash == run.hash
        assert new.report.scope == run.header.scope
        assert new.report.summary == run.header.summary
        assert new.report.cluster == run.header.cluster
        assert new.settings == run.header.settings
        assert new.judged == run.header.judged
        assert new.report.digest == run.header.report
        assert set(new.report.rules) == set(run.rules)
        assert {one.id for one in new.report.findings} == {one.id for one in run.findings}
        assert snapshot == store.load_snapshot(run)


def test_runs_of_a_cluster_form_a_chain(tmp_path: Path) -> None:
    """Sequences count from 1, and each run names the hash of the one before."""
    with open_store(str(tmp_path / "history.db"), create=True) as store:
        links = keep_runs(store, 1, 2, 3)
        assert [1, 2, 3] == [one.sequence for one in links]
        assert [None, *(one.hash for one in links[:2])] == [one.previous_hash for one in links]
        assert [one.hash for one in links] == [one.hash for one in store.raw(CLUSTER)]
