"""Snapshots that were altered are named; what may change, and what later versions add, is not."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from pathlib import Path

import pytest

from auditor.history.chain import digest_pairs, read_seal
from auditor.history.engine import open_database, writing
from auditor.history.store import open_store
from auditor.history.verify import verify_chain
from auditor.model.evidence import BrokenLink, Fault
from auditor.sources.archive import pack, unpack, unpack_json
from tests.history.conftest import OpenStore
from tests.history.runs import CLUSTER, keep_runs, make_run, make_snapshot, time_of
from tests.history.tampering import (
    OTHER,
    PRUNED,
    RUN,
    Kept,
    Tamper,
    recompute,
)
from tests.reports.audits import make_finding


def test_a_snapshot_that_was_altered_is_told(tamper: Tamper, template: Kept) -> None:
    """Any bit of the file, wherever it lies; what the file holds is not asked of the database."""
    size = template.snapshots[0].stat().st_size
    for number in range(len(template.snapshots)):
        for position in (0, 30, 90, 200, size // 2, size - 1) if number == 3 else (size // 2,):
            kept = tamper()
            data = bytearray(kept.snapshots[number].read_bytes())
            data[position] ^= 1
            kept.snapshots[number].write_bytes(data)
            broken = kept.broken()
            assert broken is not None
            assert Fault.SNAPSHOT_DAMAGED is broken.fault
            assert kept.snapshots[number].stem == broken.where


def test_a_snapshot_that_is_missing_cut_or_another_is_told(tamper: Tamper) -> None:
    """Each in its words."""

    def remove(path: Path) -> None:
        path.unlink()

    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:-1])

    def empty(path: Path) -> None:
        path.write_bytes(b"")

    def replace(path: Path) -> None:
        path.write_bytes(pack(make_snapshot(77)))

    cases = {
        remove: Fault.SNAPSHOT_MISSING,
        cut: Fault.SNAPSHOT_DAMAGED,
        empty: Fault.SNAPSHOT_DAMAGED,
        replace: Fault.SNAPSHOT_OTHER,
    }
    for change, fault in cases.items():
        kept = tamper()
        (digest,) = kept.rows("SELECT snapshot FROM runs WHERE id = 'run-0003'")[0]
        change(kept.folder / "history-snapshots" / f"{digest}.snapshot")
        broken = kept.broken()
        assert broken is not None
        assert ("run-0003", 3, fault, digest) == (
            broken.run,
            broken.sequence,
            broken.fault,
            broken.where,
        )


def test_what_later_runs_change_may_change(tamper: Tamper) -> None:
    """Sightings that no run recorded, names of clusters, times of storing and pruning."""
    kept = tamper()
    for statement in (
        "UPDATE sightings SET first_seen = 'x', last_seen = 'x'",
        "DELETE FROM sightings",
        "UPDATE clusters SET name = 'renamed', uid = NULL",
        "UPDATE snapshots SET stored_at = 'x'",
        "UPDATE tombstones SET pruned_at = 'x'",
    ):
        assert kept.change(statement)
        assert kept.verify().is_intact, statement


def test_a_snapshot_may_be_packed_anew(tamper: Tamper) -> None:
    """Its content is covered, not how a library compresses it."""
    kept = tamper()
    path = kept.snapshots[0]
    plain = unpack_json(path.read_bytes(), name="")
    packed = zlib.compressobj(1, wbits=31)
    body = packed.compress(plain) + packed.flush()
    head = (
        f"netpol-auditor/snapshot/v1 sha256={hashlib.sha256(body).hexdigest()} length={len(body)}"
    )
    path.write_bytes(f"{head}\n".encode() + body)
    assert kept.verify().is_intact
    assert unpack(path.read_bytes(), name="") == unpack(
        pack(unpack(path.read_bytes(), name="")), name=""
    )


def test_runs_of_later_versions_verify(tamper: Tamper) -> None:
    """Fields that this version does not know are hashed as they stand."""
    kept = tamper()
    kept.change("UPDATE runs SET header = replace(header, '{\"cluster', '{\"added\":1,\"cluster')")
    kept.change("UPDATE rule_results SET record = replace(record, '}', ',\"added\":[1.50]}')")
    assert not kept.verify().is_intact
    for cluster in (CLUSTER, OTHER):
        recompute(kept, cluster)
    # the tombstone's link to the first run that is kept is the same
    assert kept.verify().is_intact


def test_a_store_that_goes_on_stays_intact(tamper: Tamper) -> None:
    """Runs are added, others pruned, all but the newest of each cluster."""
    kept = tamper()
    with open_store(str(kept.database), create=True) as store:
        keep_runs(store, 6, 7)
        store.prune(keep_days=None, keep_runs=1, now="2026-06-01T00:00:00Z")
        chains = [verify_chain(store, one) for one in (CLUSTER, OTHER)]
    assert [(1, 6, None), (1, 4, None)] == [
        (one.runs, one.tombstones, one.broken) for one in chains
    ]


def test_a_store_without_runs_is_intact(tmp_path: Path) -> None:
    """There is nothing to alter."""
    with open_store(str(tmp_path / "history.sqlite"), create=True):
        pass
    found = Kept(tmp_path, {}).verify()
    assert (True, ()) == (found.is_intact, found.chains)


def test_a_chain_of_an_unknown_cluster_is_broken(template: Kept) -> None:
    """Who asks for it expects runs."""
    (chain,) = template.verify(clusters=["name:none"]).chains
    assert BrokenLink(None, 1, Fault.HOLE) == chain.broken


def test_pairs_have_one_digest_in_any_order() -> None:
    """And another where one of them differs, or stands twice."""
    pairs = [("a", "1"), ("b", "2"), ("b", "3")]
    assert 1 == len({digest_pairs(one) for one in itertools.permutations(pairs)})
    others = [pairs[:2], [*pairs, pairs[0]], [("a", "1"), ("b", "2"), ("c", "3")], []]
    assert 5 == len({digest_pairs(one) for one in [pairs, *others]})


@pytest.mark.parametrize("text", ["", "null", "{}", "[" * 100_000, "\udcff", '{"schema": 1}'])
def test_what_is_no_seal_is_read_as_none(text: str) -> None:
    """It is somebody's answer to be told, and no failure."""
    assert read_seal(text) is None


def test_the_pruned_run_is_covered_still(template: Kept) -> None:
    """Its tombstone keeps the seal, whose hash the next run names."""
    ((seal, hash_),) = template.rows("SELECT seal, hash FROM tombstones WHERE id = ?", PRUNED)
    ((previous,),) = template.rows("SELECT previous_hash FROM runs WHERE id = 'run-0002'")
    assert hashlib.sha256(seal.encode()).hexdigest() == hash_ == previous


def test_chains_verify_on_every_database(place: OpenStore) -> None:
    """On SQLite and on PostgreSQL; the first link that was altered is named on both."""
    with place() as store:
        for number in range(1, 5):
            findings = [make_finding(number), make_finding(16 - number)]
            store.keep(make_run(number, findings), make_snapshot(number))
        store.prune(keep_days=None, keep_runs=3, now=time_of(9))
        found = verify_chain(store, CLUSTER)
        assert (3, 1, None) == (found.runs, found.tombstones, found.broken)
        assert () == store.strays()
    engine = open_database(place.url, create=False).engine
    with writing(engine.connect()) as connection, connection.begin():
        connection.exec_driver_sql(
            "UPDATE rule_results SET record = replace(record, 'pass', 'fail') "
            "WHERE run = 'run-0003'"
        )
    engine.dispose()
    with place() as store:
        broken = verify_chain(store, CLUSTER).broken
        assert broken is not None
        assert ("run-0003", 3, Fault.RULES) == (broken.run, broken.sequence, broken.fault)


def test_a_tombstone_behind_a_run_that_is_kept_is_none_of_ours(tamper: Tamper) -> None:
    """Whoever puts it there hides what the run found, and needs to work out no hash for it."""
    kept = tamper()
    kept.change(
        "INSERT INTO tombstones SELECT id, cluster, sequence, started_at, hash, previous_hash, "
        "json_extract(seal, '$.report'), seal, signature, key_id, '2026-03-01T00:00:00Z' "
        "FROM runs WHERE id = ?",
        RUN,
    )
    for table, column in (("findings", "run"), ("rule_results", "run"), ("runs", "id")):
        kept.change(f"DELETE FROM {table} WHERE {column} = ?", RUN)  # noqa: S608  our own words
    assert BrokenLink(RUN, 3, Fault.PRUNED_BETWEEN) == kept.broken()
