"""What was handed out catches what a chain by itself cannot: one that was recomputed, or cut."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.history.chain import Seal, digest_text, state_run
from auditor.history.handed_out import verify_report
from auditor.history.signature import (
    PublicKey,
    Signature,
    encode_signature,
    load_public_key,
    load_signing_key,
)
from auditor.history.store import open_store
from auditor.history.verify import verify_chain
from auditor.model.canonical import encode_canonical
from auditor.model.evidence import BrokenLink, Fault, FileResult, FileState
from reports.json import encode
from tests.history.keys import write_keys
from tests.history.runs import CLUSTER, make_run, make_snapshot
from tests.history.tampering import OTHER, PRUNED, Kept, hand_out, keep_store, recompute

RUN = "run-0003"

Tamper = Callable[[], Kept]


class Signed(NamedTuple):
    """A store whose runs are all signed, and the keys."""

    kept: Kept
    private: str
    key: PublicKey
    stranger: PublicKey
    """Of somebody else."""

    def sign(self, run: str) -> bytes:
        """The report.sig of a run."""
        ((seal, hash_),) = self.kept.rows(
            "SELECT seal, hash FROM runs WHERE id = ?1 "
            "UNION SELECT seal, hash FROM tombstones WHERE id = ?1",
            run,
        )
        statement = state_run(msgspec.json.decode(seal, type=Seal), hash_)
        return encode_signature(load_signing_key(self.private).sign_statement(statement))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The store that all tests copy; nothing is signed."""
    return keep_store(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """The same store, signed."""
    keys = tmp_path_factory.mktemp("keys")
    private, public = write_keys(keys)
    _, stranger = write_keys(keys, "stranger")
    kept = keep_store(tmp_path_factory.mktemp("signed"), load_signing_key(private).sign)
    return Signed(kept, private, load_public_key(public), load_public_key(stranger))


@pytest.fixture
def tamper(template: Kept, tmp_path: Path) -> Tamper:
    """Make copies of the store to tamper with."""
    numbers = itertools.count()
    return lambda: template.copy(tmp_path / str(next(numbers)))


def seal_anew(report: dict[str, Any]) -> bytes:
    """The report with the digest that it has now, as someone makes it who knows how."""
    sealed = {key: part for key, part in report.items() if key not in {"run", "digest"}}
    digest = hashlib.sha256(encode_canonical(sealed)).hexdigest()
    return msgspec.json.encode({**report, "digest": digest})


def leaves(value: object, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """The path of every value within a document."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    if not items:
        yield path
    for key, one in items:
        yield from leaves(one, *path, key)


# Reports


def test_reports_that_were_handed_out_are_intact(template: Kept) -> None:
    """Of every run that is kept, and of the pruned one by its tombstone."""
    for run, data in template.reports.items():
        found = template.check(data)
        state = FileState.CONTENT_PRUNED if run == PRUNED else FileState.INTACT
        assert (state, run, True) == (found.state, found.run, found.state.is_intact)
        indented = msgspec.json.format(data, indent=4)
        assert state is template.check(indented).state
    assert (CLUSTER, 3) == (template.check(template.reports[RUN]).cluster, 3)


def test_any_value_edited_is_caught(template: Kept) -> None:
    """In the report it is not what it was, or the store says otherwise; of the run, too."""
    report = msgspec.json.decode(template.reports[RUN])
    paths = list(leaves(report))
    assert 100 < len(paths)
    states = set()
    with open_store(str(template.database), create=False) as store:
        for path in paths:
            edited = msgspec.json.decode(template.reports[RUN])
            *parents, last = path
            inner = edited
            for key in parents:
                inner = inner[key]
            inner[last] = not inner[last] if isinstance(inner[last], bool) else f"{inner[last]}x"
            found = verify_report(store, "", msgspec.json.encode(edited))
            assert not found.state.is_intact, path
            states.add(found.state)
    assert {
        FileState.EDITED,
        FileState.CONTRADICTED,
        FileState.UNKNOWN_RUN,
        FileState.FOREIGN,
    } == states


def test_an_edited_report_says_both_digests(template: Kept) -> None:
    """The one that it bears, and the one that it has."""
    report = msgspec.json.decode(template.reports[RUN])
    was = report["digest"]
    report["findings"] = report["findings"][1:]
    found = template.check(msgspec.json.encode(report))
    assert (FileState.EDITED, RUN, was) == (found.state, found.run, found.expected)
    assert msgspec.json.decode(seal_anew(report))["digest"] == found.found


def test_a_report_sealed_anew_is_contradicted_by_the_store(template: Kept) -> None:
    """Of a run that is kept, and of one that was pruned: its tombstone knows the digest."""
    for run in (RUN, PRUNED):
        report = msgspec.json.decode(template.reports[run])
        was = report["digest"]
        report["findings"] = []
        found = template.check(seal_anew(report))
        assert (FileState.CONTRADICTED, "digest", was) == (found.state, found.where, found.expected)


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("id", FileState.UNKNOWN_RUN),
        ("started_at", FileState.CONTRADICTED),
        ("finished_at", FileState.CONTRADICTED),
        ("settings_digest", FileState.CONTRADICTED),
    ],
)
def test_the_run_of_a_report_is_compared(template: Kept, field: str, state: FileState) -> None:
    """The report's digest leaves it out; the store does not. Of a pruned run less is known."""
    for run in (RUN, PRUNED):
        report = msgspec.json.decode(template.reports[run])
        report["run"][field] += "0"
        found = template.check(msgspec.json.encode(report))
        unknown = run == PRUNED and field in {"finished_at", "settings_digest"}
        assert found.state is (FileState.CONTENT_PRUNED if unknown else state)
        assert found.where == (f"run.{field}" if found.state is FileState.CONTRADICTED else None)


@pytest.mark.parametrize("field", ["cluster", "sequence", "hash", "previous_hash"])
def test_the_evidence_of_a_report_is_compared(template: Kept, field: str) -> None:
    """Each field of it, also where the run was pruned, and where the field was taken out."""
    for run in (RUN, PRUNED):
        report = msgspec.json.decode(template.reports[run])
        report["run"]["evidence"][field] = "0"
        found = template.check(msgspec.json.encode(report))
        assert (FileState.CONTRADICTED, f"run.evidence.{field}") == (found.state, found.where)
    report = msgspec.json.decode(template.reports[RUN])
    del report["run"]["evidence"][field]
    assert FileState.CONTRADICTED is template.check(msgspec.json.encode(report)).state


def test_a_report_without_evidence_cannot_be_checked(template: Kept) -> None:
    """It was made with --no-store, or somebody took the evidence out."""
    data = encode(make_run(3).report)
    assert FileResult("file", FileState.WITHOUT_EVIDENCE, run=RUN) == template.check(data)
    report = msgspec.json.decode(template.reports[RUN])
    del report["run"]["evidence"]
    data = msgspec.json.encode(report)
    assert FileState.WITHOUT_EVIDENCE is template.check(data).state


def test_a_report_of_another_store_is_of_an_unknown_run(tmp_path: Path, template: Kept) -> None:
    """A shortened chain looks the same."""
    with open_store(str(tmp_path / "other.sqlite"), create=True) as store:
        new = make_run(50)
        data = hand_out(new.report, store.keep(new, make_snapshot(50)))
    assert FileResult("file", FileState.UNKNOWN_RUN, run="run-0050") == template.check(data)


def test_reports_of_later_versions_verify(tmp_path: Path) -> None:
    """Fields that this version does not know are part of their digest."""
    new = make_run(1)
    later = {**msgspec.json.decode(encode(new.report)), "added": {"b": [1.5, 1e-7], "a": None}}
    later["findings"][0]["added"] = "ü"
    digest = msgspec.json.decode(seal_anew(later))["digest"]
    report = msgspec.structs.replace(new.report, digest=digest)
    with open_store(str(tmp_path / "history.sqlite"), create=True) as store:
        evidence = store.keep(msgspec.structs.replace(new, report=report), make_snapshot(1))
    later["run"]["evidence"] = msgspec.to_builtins(evidence)
    assert FileState.INTACT is Kept(tmp_path, {}).check(seal_anew(later)).state


HOSTILE = (
    b"",
    b"\xff\xfe\x00",
    b"PK\x03\x04",
    b"null",
    b"[]",
    b'{"schema": "netpol-auditor/report/v1"}',
    b'{"schema": "netpol-auditor/report/v1", "run": [], "digest": ""}',
    b'{"schema": "netpol-auditor/report/v1", "run": {"id": 1}, "digest": ""}',
    b'{"schema": "netpol-auditor/report/v2", "run": {"id": "a"}, "digest": ""}',
    b'{"schema": "netpol-auditor/report/v1", "run": {"id": "a"}}',
    b'{"schema": "netpol-auditor/report/v1", "run": {"id": "a"}, "digest": "", "a": NaN}',
    b'{"schema": "netpol-auditor/report/v1", "run": {"id": "a"}, "digest": "", "a": "\\ud800"}',
    b'{"schema": "netpol-auditor/report/v1", "run": {"id": "a"}, "digest": "", "a": 1'
    + b"0" * 5000
    + b"}",
    b'{"a":' * 100_000,
    b"[" * 1_000_000,
)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_what_is_no_report_is_told(template: Kept, number: int) -> None:
    """Whatever it is, it is an answer, and no failure."""
    assert FileResult("file", FileState.FOREIGN) == template.check(HOSTILE[number])


def test_a_key_that_stands_twice_is_refused(template: Kept) -> None:
    """Another program might show the other value."""
    data = template.reports[RUN]
    doubled = data.replace(b'"digest":', b'"digest":"0","digest":', 1)
    assert msgspec.json.decode(data) == msgspec.json.decode(doubled)
    assert FileState.FOREIGN is template.check(doubled).state


# Attackers who recompute


def attack(kept: Kept) -> None:
    """Take a finding out of the third run, and make the chain whole again."""
    kept.change("DELETE FROM findings WHERE run = ? AND finding NOT LIKE '%01'", RUN)
    recompute(kept, CLUSTER)


def test_a_recomputed_chain_is_caught_by_a_report_handed_out(tamper: Tamper) -> None:
    """By that of the run, and by that of any later one; those of earlier ones are as they were."""
    kept = tamper()
    attack(kept)
    assert kept.verify().is_intact
    states = {run: kept.check(data) for run, data in kept.reports.items()}
    assert {"run-0003", "run-0004", "run-0005"} == {
        run for run, one in states.items() if not one.state.is_intact
    }
    assert (FileState.CONTRADICTED, "run.evidence.hash") == (states[RUN].state, states[RUN].where)


def test_a_shortened_chain_is_caught_by_a_report_handed_out(tamper: Tamper) -> None:
    """Its newest runs are taken away without a trace."""
    kept = tamper()
    for table, column in (("runs", "id"), ("rule_results", "run"), ("findings", "run")):
        kept.change(f"DELETE FROM {table} WHERE {column} IN ('run-0004', 'run-0005')")  # noqa: S608
    assert kept.verify().is_intact
    assert FileState.UNKNOWN_RUN is kept.check(kept.reports["run-0004"]).state
    assert FileState.INTACT is kept.check(kept.reports[RUN]).state


def test_a_replaced_run_is_caught_by_a_report_handed_out(tamper: Tamper) -> None:
    """Another run stands in the place, under the same id."""
    kept = tamper()
    for table, column in (("runs", "id"), ("rule_results", "run"), ("findings", "run")):
        kept.change(f"DELETE FROM {table} WHERE {column} = 'run-0005'")  # noqa: S608
    with open_store(str(kept.database), create=True) as store:
        store.keep(make_run(5, ()), make_snapshot(5))
    assert kept.verify().is_intact
    assert FileState.CONTRADICTED is kept.check(kept.reports["run-0005"]).state


def test_a_run_that_is_broken_says_so_for_its_report(tamper: Tamper) -> None:
    """The report may be right: the store is not."""
    kept = tamper()
    kept.change("DELETE FROM findings WHERE run = ?", RUN)
    found = kept.check(kept.reports[RUN])
    assert FileState.RUN_BROKEN is found.state
    assert found.broken is not None
    assert Fault.FINDINGS is found.broken.fault
    kept = tamper()
    kept.change("UPDATE tombstones SET report = ?", "0" * 64)
    assert FileState.RUN_BROKEN is kept.check(kept.reports[PRUNED]).state


# Signatures


def test_a_signed_chain_is_checked_by_the_public_key(signed: Signed) -> None:
    """Each run, and the tombstone; one of several keys is enough."""
    for keys in ([signed.key], [signed.stranger, signed.key]):
        found = signed.kept.verify(keys=keys)
        assert found.is_intact
        assert {(True, 5, 1)} == {
            (one.is_signature_checked, one.signed, one.signed_from) for one in found.chains
        }


def test_another_key_did_not_sign(signed: Signed, template: Kept) -> None:
    """Nor did any, where nothing is signed."""
    broken = signed.kept.broken([signed.stranger])
    assert broken is not None
    assert (1, Fault.SIGNATURE, signed.stranger.key_id, signed.key.key_id) == (
        broken.sequence,
        broken.fault,
        broken.expected,
        broken.found,
    )
    broken = template.broken([signed.key])
    assert broken is not None
    assert (5, Fault.UNSIGNED) == (broken.sequence, broken.fault)


@pytest.mark.parametrize("column", ["signature", "key_id"])
@pytest.mark.parametrize("table", ["runs", "tombstones"])
def test_a_signature_that_was_altered_is_told(
    signed: Signed, tmp_path: Path, table: str, column: str
) -> None:
    """By the key alone: no hash covers it, and so nothing is said without the key."""
    kept = signed.kept.copy(tmp_path / "copy")
    run = RUN if table == "runs" else PRUNED
    kept.change(f"UPDATE {table} SET {column} = substr({column}, 2) || '0' WHERE id = ?", run)  # noqa: S608
    assert kept.verify().is_intact
    broken = kept.broken([signed.key])
    assert broken is not None
    assert (run, Fault.SIGNATURE) == (broken.run, broken.fault)


def test_a_recomputed_chain_is_caught_by_its_signatures(signed: Signed, tmp_path: Path) -> None:
    """They are of other hashes; taken away they are missing."""
    kept = signed.kept.copy(tmp_path / "copy")
    attack(kept)
    assert kept.verify().is_intact
    broken = kept.broken([signed.key])
    assert broken is not None
    assert (RUN, Fault.SIGNATURE) == (broken.run, broken.fault)
    kept.change("UPDATE runs SET signature = NULL, key_id = NULL WHERE sequence > 2")
    broken = kept.broken([signed.key])
    assert broken is not None
    assert (3, Fault.UNSIGNED) == (broken.sequence, broken.fault)


def test_signatures_may_begin_late(tmp_path: Path, signed: Signed) -> None:
    """It is said from which run on; from there on none may lack one."""
    sign = load_signing_key(signed.private).sign
    with open_store(str(tmp_path / "history.sqlite"), create=True) as store:
        for number, signs in enumerate((None, None, sign, sign), 1):
            store.keep(make_run(number), make_snapshot(number), sign=signs)
        found = verify_chain(store, CLUSTER, [signed.key])
        assert (None, 2, 3) == (found.broken, found.signed, found.signed_from)
        store.keep(make_run(5), make_snapshot(5))
        found = verify_chain(store, CLUSTER, [signed.key])
        assert BrokenLink("run-0005", 5, Fault.UNSIGNED) == found.broken


def test_a_signature_file_is_checked(signed: Signed, template: Kept) -> None:
    """By the store for what it states, and by the key for itself."""
    data = signed.sign(RUN)
    assert FileState.INTACT is signed.kept.check(data, [signed.key]).state
    assert FileState.UNCHECKED is signed.kept.check(data).state
    assert FileState.CONTENT_PRUNED is signed.kept.check(signed.sign(PRUNED), [signed.key]).state
    wrong = signed.kept.check(data, [signed.stranger])
    assert (FileState.WRONG_SIGNATURE, signed.stranger.key_id, signed.key.key_id) == (
        wrong.state,
        wrong.expected,
        wrong.found,
    )
    # the runs of the other store are the same, and so are their hashes
    assert FileState.INTACT is template.check(data, [signed.key]).state


def test_a_signature_file_catches_a_recomputed_and_a_shortened_chain(
    signed: Signed, tmp_path: Path
) -> None:
    """It states the hash that the run had."""
    handed_out = {run: signed.sign(run) for run in (RUN, "run-0005")}
    kept = signed.kept.copy(tmp_path / "copy")
    attack(kept)
    found = kept.check(handed_out[RUN], [signed.key])
    assert (FileState.CONTRADICTED, "hash") == (found.state, found.where)
    kept.change("DELETE FROM runs WHERE id = 'run-0005'")
    assert FileState.UNKNOWN_RUN is kept.check(handed_out["run-0005"]).state


@pytest.mark.parametrize("field", ["cluster", "run", "sequence", "hash", "report"])
def test_a_statement_that_was_altered_is_told(signed: Signed, field: str) -> None:
    """The store contradicts it, or does not know the run; no key is needed for that."""
    signature = msgspec.json.decode(signed.sign(RUN), type=Signature)
    was = getattr(signature.statement, field)
    statement = msgspec.structs.replace(
        signature.statement, **{field: was + 1 if isinstance(was, int) else f"{was}0"}
    )
    data = encode_signature(msgspec.structs.replace(signature, statement=statement))
    expected = FileState.UNKNOWN_RUN if field == "run" else FileState.CONTRADICTED
    assert expected is signed.kept.check(data).state


@given(data=st.binary(max_size=200))
def test_no_file_makes_it_fail(template: Kept, data: bytes) -> None:
    """It is told for what it is."""
    assert not template.check(data).state.is_intact


def test_chains_of_two_clusters_are_apart(tamper: Tamper) -> None:
    """One that is broken says nothing against the other."""
    kept = tamper()
    kept.change("UPDATE runs SET started_at = 'x' WHERE cluster = ?", OTHER)
    other, own = kept.verify().chains
    assert (OTHER, CLUSTER) == (other.cluster, own.cluster)
    assert own.broken is None
    assert BrokenLink(
        "run-0101", 1, Fault.COLUMN, "started_at", make_run(101).report.run.started_at, "x"
    ) == (other.broken)


def test_a_hash_is_that_of_the_seal_as_stored(template: Kept) -> None:
    """Anyone can work it out: sha256sum of the column."""
    for seal, hash_ in template.rows("SELECT seal, hash FROM runs"):
        assert digest_text(seal) == hash_
