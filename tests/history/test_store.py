"""The store: what is kept is what is read, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from auditor.errors import HistoryError, UnknownNameError, UsageError
from auditor.history.store import Store, open_store
from auditor.history.stored import RawRun
from auditor.model.report import ClusterRecord, CniRecord
from auditor.model.snapshot import ClusterIdentity
from tests.history.conftest import OpenStore
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot, time_of
from tests.reports.audits import make_finding


def test_a_run_is_read_as_it_was_kept(store: Store) -> None:
    """Header, rule results, findings and snapshot come back equal."""
    new, snapshot = make_run(1), make_snapshot(1)
    evidence = store.keep(new, snapshot)
    run = store.find("run-0001")
    assert evidence.hash == run.hash
    assert evidence.cluster == run.cluster == CLUSTER
    assert new.report.run == run.header.run
    assert new.report.scope == run.header.scope
    assert new.report.summary == run.header.summary
    assert new.report.cluster == run.header.cluster
    assert new.settings == run.header.settings
    assert new.judged == run.header.judged
    assert new.report.digest == run.header.report
    assert sorted(new.report.rules, key=lambda one: one.id) == list(run.rules)
    assert {one.id: one for one in new.report.findings} == {
        one.id: msgspec.structs.replace(one, last_seen=None) for one in run.findings
    }
    assert snapshot == store.load_snapshot(run)


def test_a_run_is_kept_when_the_program_has_ended(place: OpenStore) -> None:
    """Another program that opens the store finds it, and goes on with its chain."""
    with place() as store:
        (first,) = keep_runs(store, 1)
    with place(create=False) as store:
        assert first.hash == store.find("latest").hash
        (second,) = keep_runs(store, 2)
        assert (2, first.hash) == (second.sequence, second.previous_hash)


def test_runs_of_a_cluster_form_a_chain(store: Store) -> None:
    """Sequences count from 1, and each run names the hash of the one before."""
    links = keep_runs(store, 1, 2, 3)
    assert [1, 2, 3] == [one.sequence for one in links]
    assert [None, *(one.hash for one in links[:2])] == [one.previous_hash for one in links]
    assert [one.hash for one in links] == [one.hash for one in store.raw(CLUSTER)]


def test_clusters_have_chains_of_their_own(store: Store) -> None:
    """Each counts from 1, and a run is linked to runs of its own cluster alone."""
    keep_runs(store, 1, 2)
    (other,) = keep_runs(store, 3, cluster="name:other")
    (third,) = keep_runs(store, 4)
    assert (1, None) == (other.sequence, other.previous_hash)
    assert 3 == third.sequence
    found = [(one.key, one.runs, one.newest_started_at) for one in store.clusters()]
    assert [("name:other", 1, time_of(3)), (CLUSTER, 3, time_of(4))] == found


def test_the_same_content_has_another_hash_in_another_place(store: Store) -> None:
    """Two runs that found the same differ: their headers say who and when."""
    first, second = keep_runs(store, 1, 2)
    assert first.hash != second.hash


def test_a_run_is_kept_once(store: Store) -> None:
    """The second time is refused, and changes nothing."""
    keep_runs(store, 1)
    with pytest.raises(HistoryError, match="run run-0001 is kept already"):
        keep_runs(store, 1)
    assert 1 == len(store.entries())


def test_a_run_without_findings_is_kept(store: Store) -> None:
    """An empty list is a result, too."""
    store.keep(make_run(1, findings=[]), make_snapshot(1))
    assert () == store.find("run-0001").findings


def test_findings_that_share_an_id_are_both_kept(store: Store) -> None:
    """Ids are short hashes, and who names workloads might make two of them meet."""
    twins = [make_finding(1), make_finding(1, message="another subject")]
    store.keep(make_run(1, findings=twins), make_snapshot(1))
    found = [one.message for one in store.find("run-0001").findings]
    assert sorted(one.message for one in twins) == sorted(found)


def test_a_finding_is_first_seen_in_the_first_run_that_had_it(store: Store) -> None:
    """Though later runs have it, too, and though a run in between did not."""
    one, two = make_finding(1), make_finding(2)
    for number, findings in enumerate([[one], [one, two], [two], [one, two]], start=1):
        store.keep(make_run(number, findings=findings), make_snapshot(number))
    assert {one.id: time_of(1), two.id: time_of(2)} == store.first_seen(CLUSTER)
    assert {} == store.first_seen("name:other")


def test_a_finding_is_last_seen_in_the_newest_run_that_had_it(store: Store) -> None:
    """An old run, too, is read with when its findings were seen last."""
    one, two = make_finding(1), make_finding(2)
    for number, findings in enumerate([[one, two], [one, two], [one]], start=1):
        store.keep(make_run(number, findings=findings), make_snapshot(number))
    found = {found.id: found.last_seen for found in store.find("run-0001").findings}
    assert {one.id: time_of(3), two.id: time_of(2)} == found


def test_a_run_that_is_kept_late_does_not_turn_back_time(store: Store) -> None:
    """Of two programs at once the one that was started first may be the second to keep its run."""
    keep_runs(store, 2, 1)
    (times,) = set(store.first_seen(CLUSTER).values())
    assert time_of(1) == times
    assert {time_of(2)} == {one.last_seen for one in store.find("run-0001").findings}


def test_records_that_did_not_change_are_stored_once(store: Store) -> None:
    """However many runs have them; a finding that changed is stored anew."""
    changed = make_finding(1, message="it says something else now")
    for number, findings in enumerate([None, None, [changed, make_finding(2)]], start=1):
        store.keep(make_run(number, findings=findings), make_snapshot(number))
    digests = [
        {digest for _, digest, _ in one.findings}
        for one in store.raw(CLUSTER)
        if isinstance(one, RawRun)
    ]
    assert digests[0] == digests[1]
    assert 1 == len(digests[2] & digests[0])


def test_the_newest_run_is_found_and_the_one_before_it(store: Store) -> None:
    """`latest` and `previous` follow the chain; before the first there is none."""
    assert store.latest(CLUSTER) is None
    keep_runs(store, 1, 2)
    newest = store.latest(CLUSTER)
    assert newest is not None
    before = store.previous(newest)
    assert before is not None
    assert ("run-0002", "run-0001") == (newest.id, before.id)
    assert store.previous(before) is None


def test_latest_is_the_run_that_was_started_last(store: Store) -> None:
    """Of whichever cluster."""
    keep_runs(store, 5)
    keep_runs(store, 7, cluster="name:other")
    keep_runs(store, 6)
    assert "run-0007" == store.find("latest").id


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    """Four characters at least, and of one run alone."""
    keep_runs(store, 1, 11, 12)
    assert "run-0001" == store.find("run-000").id
    with pytest.raises(UnknownNameError, match="run run-001 is the beginning of 2 ids") as caught:
        store.find("run-001")
    assert "run-0011 or run-0012" in caught.value.hint
    with pytest.raises(UnknownNameError, match="run run is unknown"):
        store.find("run")


@pytest.mark.parametrize("hostile", ["run-000%", "run-000_", "RUN-0001", "run-0001'", "\\", ""])
def test_an_id_is_no_pattern(store: Store, hostile: str) -> None:
    """What a database would read as one stands for itself."""
    keep_runs(store, 1)
    with pytest.raises(UnknownNameError, match="is unknown"):
        store.find(hostile)


def test_an_unknown_run_comes_with_near_matches(store: Store) -> None:
    """The hint names ids that look like it; an empty store has none."""
    with pytest.raises(UnknownNameError) as caught:
        store.find("latest")
    assert "no run is kept" == caught.value.hint
    keep_runs(store, 1)
    with pytest.raises(UnknownNameError, match="run run-0O01 is unknown") as caught:
        store.find("run-0O01")
    assert "did you mean run-0001?" == caught.value.hint


def test_entries_tell_what_a_line_of_the_list_shows(store: Store) -> None:
    """Oldest first, with the counts of the report."""
    links = keep_runs(store, 1, 2)
    report = make_run(2).report
    first, second = store.entries()
    assert (first.id, second.id) == ("run-0001", "run-0002")
    assert second.hash == links[1].hash
    assert second.cluster_name == report.cluster.name
    assert second.score == report.summary.score.value
    assert second.by_severity == report.summary.by_severity
    assert second.gaps == len(report.scope.gaps)
    assert second.namespaces == report.scope.namespaces.in_scope
    assert second.pods == report.scope.pods
    assert second.policies == sum(report.scope.policies.values())
    assert (second.is_signed, second.is_pruned) == (False, False)
    assert () == store.entries("name:other")


def test_a_signature_is_kept_with_its_run(store: Store) -> None:
    """The signer is handed a statement, and what it answers is stored as it is."""
    statements = []

    def sign(statement: bytes) -> tuple[str, str]:
        statements.append(msgspec.json.decode(statement))
        return "c2lnbmF0dXJl", "key-1"

    evidence = store.keep(make_run(1), make_snapshot(1), sign=sign)
    run = store.find("run-0001")
    assert ("c2lnbmF0dXJl", "key-1") == (run.signature, run.key_id)
    (statement,) = statements
    assert (evidence.hash, "run-0001", 1) == (
        statement["hash"],
        statement["run"],
        statement["sequence"],
    )
    assert store.entries()[0].is_signed


def test_a_signer_that_fails_keeps_the_run_from_being_kept(store: Store) -> None:
    """A run that was to be signed is not kept unsigned."""

    def sign(_: bytes) -> tuple[str, str]:
        raise HistoryError("key cannot be used")

    with pytest.raises(HistoryError, match="key cannot be used"):
        store.keep(make_run(1), make_snapshot(1), sign=sign)
    assert () == store.entries()


def test_the_key_of_a_cluster_is_its_uid(store: Store) -> None:
    """Else its name, else the files it was read from."""
    assert "uid:u1" == store.key_of(ClusterIdentity(name="shop", uid="u1"), ())
    assert "name:shop" == store.key_of(ClusterIdentity(name="shop"), ("a",))
    assert "files:a, b" == store.key_of(ClusterIdentity(), ("a", "b"))
    record = ClusterRecord(name="shop", uid=None, version=None, cni=CniRecord(None, None, ()))
    assert "name:shop" == store.key_of(record, ())


def test_a_cluster_whose_uid_cannot_be_read_is_known_by_its_name(store: Store) -> None:
    """Where one cluster alone has the name; where two have, nobody knows which is meant."""
    cni = CniRecord(None, None, ())
    for number, uid in ((1, "u1"), (2, "u2")):
        new = make_run(number, cluster=f"uid:{uid}")
        cluster = ClusterRecord(name="shop", uid=uid, version=None, cni=cni)
        report = msgspec.structs.replace(new.report, cluster=cluster)
        store.keep(msgspec.structs.replace(new, report=report), make_snapshot(number))
        expected = "uid:u1" if number == 1 else "name:shop"
        assert expected == store.key_of(ClusterIdentity(name="shop"), ())


HOSTILE = "a\0b\ud800\n'\"; DROP TABLE runs; --\u202e" + "x" * 100_000


def test_hostile_text_is_kept(store: Store) -> None:
    """What a cluster calls itself, and what its objects are called, may be anything."""
    key = store.key_of(ClusterIdentity(uid=HOSTILE), ())
    assert key.isprintable()
    finding = make_finding(1, message=HOSTILE, evidence={HOSTILE: [HOSTILE]})
    new = make_run(1, findings=[finding], cluster=key)
    cluster = msgspec.structs.replace(new.report.cluster, name=HOSTILE, uid=HOSTILE)
    report = msgspec.structs.replace(new.report, cluster=cluster)
    settings = {"files": [HOSTILE], HOSTILE: None}
    new = msgspec.structs.replace(new, report=report, settings=settings)
    store.keep(new, make_snapshot(1))
    run = store.latest(key)
    assert run is not None
    expected = HOSTILE.replace("\ud800", "\\ud800")
    assert [expected] == [one.message for one in run.findings]
    assert {"files": [expected], expected: None} == run.header.settings
    assert key == store.key_of(ClusterIdentity(name=HOSTILE), ())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg:/auditor:hunter2@127.0.0.1/audits",
        "postgresql:auditor:hunter2@127.0.0.1/audits",
        "sqlite:/hunter2",
    ],
)
def test_a_url_that_lacks_a_slash_is_no_path(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may hold a password is neither repeated nor made a folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught, open_store(url, create=True):
        pass
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"
    assert [] == list(tmp_path.iterdir())
