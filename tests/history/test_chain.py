"""Whatever is altered in a store, row by row and file by file, verifying names it."""

from __future__ import annotations

import pytest

from auditor.history.schema import METADATA
from auditor.model.evidence import BrokenLink, ChainResult, Fault
from tests.history.runs import CLUSTER
from tests.history.tampering import (
    OTHER,
    RUNS,
    Kept,
    Tamper,
    flip,
)

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
    # what was sent is no evidence of the cluster
    "deliveries": tuple(one.name for one in METADATA.tables["deliveries"].columns),
}


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


@pytest.mark.no_cover  # every row of a store: tests of each fault lead to the same lines
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
    ("UPDATE runs SET header = CAST(x'7bff7d' AS TEXT)", Fault.HEADER, None),
    ("UPDATE runs SET seal = CAST(x'7bff7d' AS TEXT)", Fault.SEAL, None),
    ("UPDATE runs SET hash = CAST(x'ff' AS TEXT)", Fault.SEAL, None),
    ("UPDATE runs SET started_at = x'ff'", Fault.COLUMN, "started_at"),
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
