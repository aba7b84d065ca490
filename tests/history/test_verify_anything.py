"""Whatever stands in a store, verifying it gives an answer, or an error in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from auditor.errors import HistoryError
from auditor.history.schema import METADATA
from auditor.history.signature import (
    PublicKey,
    SigningKey,
    load_public_key,
    load_signing_key,
    sign_report,
)
from auditor.history.store import open_store
from auditor.model.evidence import Fault, FileState, Verification
from auditor.model.report import Report
from reports.paint import choose_paint
from reports.verification import show_verification_json, show_verification_text
from tests.history.keys import write_keys
from tests.history.runs import keep_runs
from tests.history.tampering import RUN, Kept, Tamper, keep_store

ODD = ("x'ff00'", "CAST(x'ff' AS TEXT)", "'x'", "1.5", "-1", "9223372036854775807", "x''")
"""Values as SQL, which SQLite keeps in columns of any type."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[SigningKey, PublicKey]:
    """A pair of keys."""
    private, public = write_keys(tmp_path_factory.mktemp("keys"))
    return load_signing_key(private), load_public_key(public)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, keys: tuple[SigningKey, PublicKey]) -> Kept:
    """A store of signed runs."""
    return keep_store(tmp_path_factory.mktemp("signed"), keys[0].sign)


def shown(found: Verification) -> str:
    """What is said of a verification, having been written as JSON, too."""
    assert json.loads(show_verification_json(found))["is_intact"] is found.is_intact
    text = show_verification_text(found, choose_paint(colors=False))
    assert text.encode()
    return text


def answer(kept: Kept, *files: bytes, keys: Sequence[PublicKey] = ()) -> str:
    """What is said of a store, or the one line of why nothing can be said."""
    try:
        return shown(kept.verify(*files, keys=keys))
    except HistoryError as error:
        return error.message


def columns() -> Iterator[tuple[str, str]]:
    """Every column of the store, but those of a table that verifying does not read."""
    for table in METADATA.sorted_tables:
        if table.name == "deliveries":
            continue
        yield from ((table.name, one.name) for one in table.columns)


@pytest.mark.no_cover  # hundreds of stores: tests of each fault lead to the same lines
@pytest.mark.parametrize(("table", "column"), [*columns()])
def test_any_value_in_any_column_is_told(
    signed: Kept,
    keys: tuple[SigningKey, PublicKey],
    tmp_path: Path,
    table: str,
    column: str,
) -> None:
    """With reports, signatures and a key: verifying never fails for what was written there."""
    data = signed.reports[RUN]
    signature = sign_report(keys[0], msgspec.json.decode(data, type=Report))
    assert signature is not None
    for number, value in enumerate(ODD):
        kept = signed.copy(tmp_path / str(number))
        kept.change(
            f"UPDATE OR IGNORE {table} SET {column} = {value}"  # noqa: S608  our own words
        )
        for given in ((), (keys[1],)):
            assert answer(kept, data, signature, keys=given).encode()


@pytest.mark.parametrize("table", ["records", "findings", "rule_results", "snapshots"])
def test_a_table_that_is_gone_is_an_error_that_names_the_store(tamper: Tamper, table: str) -> None:
    """And the run that was read; what is read late is no exception."""
    kept = tamper()
    kept.change(f"DROP TABLE {table}")
    if table == "snapshots":
        assert kept.verify().is_intact  # the folder has them
        return
    with pytest.raises(HistoryError, match=f"no such table: {table}") as caught:
        kept.verify()
    assert str(kept.database) in caught.value.message
    assert "run run-0" in caught.value.message


def test_a_folder_in_a_snapshots_place_breaks_its_run(tamper: Tamper) -> None:
    """The run is named, and the others are verified all the same."""
    kept = tamper()
    ((digest,),) = kept.rows("SELECT snapshot FROM runs WHERE id = ?", RUN)
    file = kept.folder / "history-snapshots" / f"{digest}.snapshot"
    file.unlink()
    file.mkdir()
    link = kept.broken()
    assert link is not None
    assert (RUN, 3, Fault.SNAPSHOT_UNREADABLE, digest) == (
        link.run,
        link.sequence,
        link.fault,
        link.where,
    )
    assert FileState.RUN_BROKEN is kept.check(kept.reports[RUN]).state


def test_a_damaged_page_is_an_error_that_names_the_store(tmp_path: Path) -> None:
    """Whichever page it is, it is told: in one line, or as a broken link."""
    with open_store(str(tmp_path / "history.sqlite"), create=True) as store:
        keep_runs(store, 1, 2)
    template = Kept(tmp_path, {})
    sound = template.database.read_bytes()
    size, told = 4096, set()
    for page in range(1, len(sound) // size):
        damaged = bytearray(sound)
        damaged[page * size : page * size + 64] = b"\xa5" * 64
        template.database.write_bytes(damaged)
        told.add(answer(template))
    assert 1 < len(told)
    assert all(str(template.database) in one for one in told)
