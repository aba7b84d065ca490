"""A store to tamper with: two clusters, runs and tombstones, and the reports handed out."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from auditor.history.chain import Seal, digest_pairs, digest_text
from auditor.history.keep import Sign
from auditor.history.signature import PublicKey
from auditor.history.store import open_store
from auditor.history.verify import verify_store
from auditor.model.canonical import encode_canonical
from auditor.model.evidence import BrokenLink, FileResult, Verification
from auditor.model.report import EvidenceRecord, Report
from reports.json import encode
from tests.history.runs import CLUSTER, make_run, make_snapshot, time_of
from tests.reports.audits import make_finding

OTHER = "name:other"
"""A second cluster in the store."""

PRUNED = "run-0001"
"""The run of `CLUSTER` that is a tombstone."""

RUNS = 5
"""Runs of each cluster, the pruned one included; those of `OTHER` have odd ids from 101 on."""


RUN = "run-0003"
"""A run of `CLUSTER` amid the others."""


class Kept(NamedTuple):
    """A store, and what was handed out of it."""

    folder: Path
    reports: dict[str, bytes]
    """report.json by run."""

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "history.sqlite"

    @property
    def snapshots(self) -> list[Path]:
        """The files of the snapshots."""
        return sorted((self.folder / "history-snapshots").iterdir())

    def copy(self, folder: Path) -> Kept:
        """The same store once more."""
        shutil.copytree(self.folder, folder)
        return self._replace(folder=folder)

    def change(self, statement: str, *values: object) -> int:
        """Change the database as anyone can who may write the file; how many rows it concerned."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement, values).rowcount

    def rows(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(question, values).fetchall()

    def verify(
        self, *files: bytes, keys: Sequence[PublicKey] = (), clusters: Sequence[str] = ()
    ) -> Verification:
        """Verify every cluster of the store, and files."""
        with open_store(str(self.database), create=False) as store:
            known = clusters or [one.key for one in store.clusters()]
            return verify_store(store, known, [("file", one) for one in files], keys)

    def broken(self, keys: Sequence[PublicKey] = ()) -> BrokenLink | None:
        """The first broken link of any chain."""
        chains = self.verify(keys=keys).chains
        return next((one.broken for one in chains if one.broken), None)

    def check(self, data: bytes, keys: Sequence[PublicKey] = ()) -> FileResult:
        """Check one file."""
        (result,) = self.verify(data, keys=keys).files
        return result


Tamper = Callable[[], Kept]
"""Makes a copy of the store to tamper with."""


def hand_out(report: Report, evidence: EvidenceRecord) -> bytes:
    """The report with its evidence, as report.json."""
    run = msgspec.structs.replace(report.run, evidence=evidence)
    return encode(msgspec.structs.replace(report, run=run))


def keep_store(folder: Path, sign: Sign | None = None, *, pruned: bool = True) -> Kept:
    """Keep runs of two clusters by turns; of one, the oldest is pruned."""
    reports: dict[str, bytes] = {}
    with open_store(str(folder / "history.sqlite"), create=True) as store:
        for number in range(1, RUNS + 1):
            for cluster, offset in ((CLUSTER, 0), (OTHER, 100)):
                # a finding that all share, and one of the run's own
                findings = [make_finding(1), make_finding(10 + number + offset)]
                new = make_run(number + offset, findings, cluster)
                evidence = store.keep(new, make_snapshot(number + offset), sign=sign)
                reports[new.report.run.id] = hand_out(new.report, evidence)
        if pruned:
            store.prune(keep_days=None, keep_runs=RUNS - 1, now=time_of(200), cluster=CLUSTER)
    return Kept(folder, reports)


def recompute(kept: Kept, cluster: str) -> None:
    """Make a chain of whatever stands in the store, as an attacker does who knows the program."""
    previous: str | None = None
    rows = kept.rows(
        "SELECT id, header, seal FROM runs WHERE cluster = ? ORDER BY sequence", cluster
    )
    for run, header_text, seal_text in rows:
        header = msgspec.json.decode(header_text)
        seal = msgspec.json.decode(seal_text, type=Seal)
        if seal.sequence == 1 or previous is not None:
            header["previous_hash"] = previous
        text = encode_canonical(header).decode()
        sealed = encode_canonical(
            msgspec.structs.replace(
                seal,
                previous_hash=header["previous_hash"],
                report=header["report"],
                header=digest_text(text),
                rules=_digest(kept.rows("SELECT rule, record FROM rule_results WHERE run=?", run)),
                findings=digest_pairs(
                    kept.rows("SELECT finding, record FROM findings WHERE run = ?", run)
                ),
            )
        ).decode()
        previous = digest_text(sealed)
        kept.change(
            "UPDATE runs SET header = ?, seal = ?, hash = ?, previous_hash = ? WHERE id = ?",
            text,
            sealed,
            previous,
            header["previous_hash"],
            run,
        )


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    return digest_pairs((rule, digest_text(record)) for rule, record in rows)


def flip(value: object) -> object:
    """The value with one character altered, or one more than a number."""
    if isinstance(value, int):
        return value + 10
    if value is None:
        return "0" * 64
    text = str(value)
    middle = len(text) // 2
    other = "b" if text[middle] == "a" else "a"
    return f"{text[:middle]}{other}{text[middle + 1 :]}"
