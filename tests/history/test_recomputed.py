"""Chains that were recomputed or cut: caught by reports handed out, and by signatures."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from auditor.history.chain import Seal, state_run
from auditor.history.signature import (
    PublicKey,
    Signature,
    encode_signature,
    load_public_key,
    load_signing_key,
    sign_report,
)
from auditor.history.store import open_store
from auditor.history.verify import verify_chain
from auditor.model.evidence import BrokenLink, Fault, FileState
from auditor.model.report import Report
from tests.history.keys import write_keys
from tests.history.runs import CLUSTER, make_run, make_snapshot
from tests.history.tampering import (
    PRUNED,
    RUN,
    Kept,
    Tamper,
    keep_store,
    recompute,
)


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
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    """The same store, signed."""
    keys = tmp_path_factory.mktemp("keys")
    private, public = write_keys(keys)
    _, stranger = write_keys(keys, "stranger")
    kept = keep_store(tmp_path_factory.mktemp("signed"), load_signing_key(private).sign)
    return Signed(kept, private, load_public_key(public), load_public_key(stranger))


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


def test_the_signature_beside_a_report_is_that_of_its_run(signed: Signed) -> None:
    """The report bears all that is signed; without evidence there is nothing to sign."""
    key = load_signing_key(signed.private)
    report = msgspec.json.decode(signed.kept.reports[RUN], type=Report)
    assert signed.sign(RUN) == sign_report(key, report)
    ((kept,),) = signed.kept.rows("SELECT signature FROM runs WHERE id = ?", RUN)
    assert kept == msgspec.json.decode(signed.sign(RUN), type=Signature).signature
    assert sign_report(key, make_run(3).report) is None
