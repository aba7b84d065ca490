"""Whatever is altered in a store, row by row and file by file, verifying names it."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.history.chain import digest_pairs, read_seal
from auditor.history.schema import METADATA
from auditor.history.store import open_store
from auditor.history.verify import verify_chain
from auditor.model.evidence import BrokenLink, ChainResult, Fault
from auditor.sources.archive import pack, unpack, unpack_json
from tests.history.runs import CLUSTER, keep_runs, make_snapshot
from tests.history.tampering import OTHER, PRUNED, RUNS, Kept, flip, keep_store, recompute

COVERED = {
    "runs": (
        "id",
        "cluster",
        "sequence",
        "started_at",
        "hash",
        "previous_hash",
        "snapshot",
        "header",
        "seal",
    ),
    "rule_results": ("run", "rule", "record"),
    "findings": ("run", "finding", "record"),
    "records": ("digest", "record"),
    "tombstones": (
        "id",
        "cluster",
        "sequence",
        "started_at",
        "hash",
        "previous_hash",
        "report",
        "seal",
    ),
}
"""The columns that a run's hash covers, by itself or by the digests in it."""

UNCOVERED = {
    # covered by public keys alone
    "runs": ("signature", "key_id"),
    "tombstones": ("signature", "key_id", "pruned_at"),
    # what later runs change; a snapshot's bytes are covered
    "clusters": ("key", "name", "uid"),
    "sightings": ("cluster", "finding", "first_seen", "last_seen"),
    "snapshots": ("digest", "stored_at", "content"),
}

Tamper = Callable[[], Kept]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The store that all tests copy."""
    return keep_store(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def tamper(template: Kept, tmp_path: Path) -> Tamper:
    """Make copies of the store to tamper with."""
    numbers = itertools.count()
    return lambda: template.copy(tmp_path / str(next(numbers)))


def test_an_intact_store_verifies(template: Kept) -> None:
    """It is said how much there is, and the hash of the newest run."""
    found = template.verify()
    assert (True, ()) == (found.is_intact, found.strays)
    newest = dict(template.rows("SELECT cluster, hash FROM runs WHERE sequence = 5"))
    assert (
        ChainResult(
            cluster=OTHER,
            runs=RUNS,
            tombstones=0,
            signed=0,
            signed_from=None,
            is_signature_checked=False,
            last_hash=newest[OTHER],
            broken=None,
        ),
        ChainResult(
            cluster=CLUSTER,
            runs=RUNS - 1,
            tombstones=1,
            signed=0,
            signed_from=None,
            is_signature_checked=False,
            last_hash=newest[CLUSTER],
            broken=None,
        ),
    ) == found.chains


def test_every_column_is_said_to_be_covered_or_not() -> None:
    """A column that is added must be decided about."""
    for table in METADATA.sorted_tables:
        said = COVERED.get(table.name, ()) + UNCOVERED.get(table.name, ())
        assert {one.name for one in table.columns} == set(said), table.name


@pytest.mark.parametrize(
    ("table", "column"), [(table, one) for table, columns in COVERED.items() for one in columns]
)
def test_one_character_altered_is_named(
    template: Kept, tamper: Tamper, table: str, column: str
) -> None:
    """In any row of any covered column; what is named is of the runs that the row belongs to."""
    keys = {"runs": "id", "tombstones": "id", "records": "digest"}.get(table)
    name = keys or ("rule" if table == "rule_results" else "finding")
    rows = template.rows(
        f"SELECT {name}, {'1' if keys else 'run'}, {column} FROM {table} ORDER BY 1, 2"  # noqa: S608
    )
    assert rows
    for key, run, value in rows:
        kept = tamper()
        where = f"{name} = ?" if keys else f"{name} = ? AND run = ?"
        values = (key,) if keys else (key, run)
        statement = f"UPDATE {table} SET {column} = ? WHERE {where}"  # noqa: S608
        assert 1 == kept.change(statement, flip(value), *values)
        found = kept.verify()
        assert not found.is_intact, (key, run)
        links = [one.broken for one in found.chains if one.broken]
        places = _sequences(template, table, key, run)
        assert any(one.run == key or one.sequence in places for one in links), (key, run, links)


def _sequences(template: Kept, table: str, key: str, run: object) -> set[int]:
    """The places in the chain at which a row stands."""
    runs = {
        "runs": [key],
        "tombstones": [key],
        "records": [
            one for (one,) in template.rows("SELECT run FROM findings WHERE record = ?", key)
        ],
    }.get(table, [run])
    marks = ",".join("?" * len(runs))
    return {
        sequence
        for kind in ("runs", "tombstones")
        for (sequence,) in template.rows(
            f"SELECT sequence FROM {kind} WHERE id IN ({marks})",  # noqa: S608
            *runs,
        )
    }


FAULTS = (
    ("UPDATE runs SET header = replace(header, 'v1.36.1', 'v1.36.2')", Fault.HEADER, None),
    ("UPDATE runs SET header = substr(header, 1, length(header) - 1)", Fault.HEADER, None),
    ("UPDATE runs SET header = x'00'", Fault.HEADER, None),
    ("UPDATE runs SET seal = '{}'", Fault.SEAL, None),
    ("UPDATE runs SET started_at = '2020-01-01T00:00:00Z'", Fault.COLUMN, "started_at"),
    ("UPDATE runs SET previous_hash = NULL", Fault.COLUMN, "previous_hash"),
    ("UPDATE runs SET sequence = 'three'", Fault.COLUMN, "sequence"),
    ("UPDATE runs SET key_id = 'k'", Fault.COLUMN, "signature"),
    ("UPDATE runs SET signature = 's'", Fault.COLUMN, "key_id"),
)


@pytest.mark.parametrize(("statement", "fault", "where"), FAULTS)
def test_a_run_that_was_altered_is_told_by_its_part(
    tamper: Tamper, statement: str, fault: Fault, where: str | None
) -> None:
    """The run, its place, and what of it."""
    kept = tamper()
    assert 1 == kept.change(f"{statement} WHERE id = 'run-0003'")
    broken = kept.broken()
    assert broken is not None
    sequence = 0 if where == "sequence" else 3  # what is no number is no place
    assert ("run-0003", sequence, fault, where) == (
        broken.run,
        broken.sequence,
        broken.fault,
        broken.where,
    )


def test_rows_that_are_missing_are_told(tamper: Tamper) -> None:
    """A row of a rule, of a finding, of a record, of a run: the first and any in between."""
    cases = (
        ("DELETE FROM rule_results WHERE run = 'run-0003' AND rule LIKE 'env%'", 3, Fault.RULES),
        ("DELETE FROM rule_results WHERE run = 'run-0003'", 3, Fault.RULES),
        ("DELETE FROM findings WHERE run = 'run-0003' AND finding LIKE '%1'", 3, Fault.FINDINGS),
        ("DELETE FROM findings WHERE run = 'run-0004'", 4, Fault.FINDINGS),
        ("DELETE FROM records WHERE record LIKE '%000000000e%'", 4, Fault.MISSING_RECORD),
        ("DELETE FROM records", 1, Fault.MISSING_RECORD),
        ("DELETE FROM runs WHERE id = 'run-0003'", 3, Fault.HOLE),
        ("DELETE FROM tombstones", 1, Fault.HOLE),
        ("DELETE FROM runs WHERE cluster = 'name:other'", 1, Fault.HOLE),
        ("DELETE FROM runs WHERE cluster LIKE 'uid:%'", 1, Fault.NEWEST_PRUNED),
    )
    for statement, sequence, fault in cases:
        kept = tamper()
        assert kept.change(statement), statement
        broken = kept.broken()
        assert broken is not None, statement
        assert (sequence, fault) == (broken.sequence, broken.fault), statement


def test_the_newest_run_leaves_its_records_behind(tamper: Tamper) -> None:
    """Its row alone taken away, the chain is shorter and whole; the records are told."""
    kept = tamper()
    kept.change("DELETE FROM runs WHERE id = 'run-0005'")
    found = kept.verify()
    assert (False, ("run-0005",)) == (found.is_intact, found.strays)


def test_rows_that_were_added_are_told(tamper: Tamper) -> None:
    """Another rule, a finding of another run, a run copied, a tombstone beside its run."""
    run = "FROM runs WHERE id = 'run-0003'"
    same = "started_at, hash, previous_hash"
    rule = (
        "INSERT INTO rule_results SELECT run, 'x', record FROM rule_results "
        "WHERE run = 'run-0003' LIMIT 1"
    )
    finding = (
        "INSERT INTO findings SELECT 'run-0003', finding, record FROM findings "
        "WHERE run = 'run-0004' AND finding NOT LIKE '%01'"
    )
    copied = (
        f"INSERT INTO runs SELECT 'copy', cluster, 9, {same}, snapshot, header, seal, "
        f"signature, key_id {run}"
    )
    tombstone = (
        f"INSERT INTO tombstones (id, cluster, sequence, {same}, report, seal, pruned_at) "
        f"SELECT id, cluster, sequence, {same}, json_extract(header, '$.report'), seal, '' {run}"
    )
    cases = (
        (rule, 3, Fault.RULES),
        (finding, 3, Fault.FINDINGS),
        (copied, 9, Fault.COLUMN),
        (tombstone, 3, Fault.TWICE),
    )
    for statement, sequence, fault in cases:
        kept = tamper()
        assert 1 == kept.change(statement), statement
        broken = kept.broken()
        assert broken is not None, statement
        assert (sequence, fault) == (broken.sequence, broken.fault), statement


def test_what_changes_places_is_told(tamper: Tamper) -> None:
    """Two runs, two headers, two records, two rules: each is well-formed where it stands."""
    swap = "UPDATE {0} SET {1} = (SELECT {1} FROM copy WHERE copy.{2} = {3}) WHERE {2} IN ({4})"
    cases = (
        ("runs", "header", "id", "'run-0003'", "'run-0004'", 3, Fault.HEADER),
        ("runs", "hash", "id", "'run-0003'", "'run-0004'", 3, Fault.SEAL),
        ("runs", "seal", "id", "'run-0003'", "'run-0004'", 3, Fault.SEAL),
        ("runs", "snapshot", "id", "'run-0003'", "'run-0004'", 3, Fault.COLUMN),
    )
    for table, column, key, one, other, sequence, fault in cases:
        kept = tamper()
        kept.change(f"CREATE TABLE copy AS SELECT * FROM {table}")  # noqa: S608
        opposite = f"CASE {table}.{key} WHEN {one} THEN {other} ELSE {one} END"
        assert 2 == kept.change(swap.format(table, column, key, opposite, f"{one}, {other}"))
        kept.change("DROP TABLE copy")
        broken = kept.broken()
        assert broken is not None
        assert (sequence, fault) == (broken.sequence, broken.fault), column


def test_runs_that_change_places_are_told(tamper: Tamper) -> None:
    """Two neighbours, or one that goes to the other cluster."""
    kept = tamper()
    for run, sequence in (("run-0003", 99), ("run-0004", 3), ("run-0003", 4)):
        kept.change("UPDATE runs SET sequence = ? WHERE id = ?", sequence, run)
    assert kept.broken() == BrokenLink("run-0004", 3, Fault.COLUMN, "sequence", "4", "3")
    kept = tamper()
    kept.change("UPDATE runs SET cluster = ?, sequence = 6 WHERE id = 'run-0005'", OTHER)
    assert kept.broken() == BrokenLink("run-0005", 6, Fault.COLUMN, "cluster", CLUSTER, OTHER)


def test_a_chain_that_is_cut_and_joined_is_told(tamper: Tamper) -> None:
    """A run taken out, and the later ones moved up: their hashes tell where they stood."""
    kept = tamper()
    kept.change("DELETE FROM runs WHERE id = 'run-0003'")
    kept.change("UPDATE runs SET sequence = 3 WHERE id = 'run-0004'")
    assert kept.broken() == BrokenLink("run-0004", 3, Fault.COLUMN, "sequence", "4", "3")


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
    """Sightings, names of clusters, when a snapshot was stored and a run was pruned."""
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
