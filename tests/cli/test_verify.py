"""`verify`: what it says, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from auditor.history.signature import load_signing_key
from auditor.history.store import open_store
from auditor.model.evidence import Fault, FileState
from reports.paint import choose_paint
from reports.verification import show_verification_text
from tests.cli.conftest import Run
from tests.history.keys import write_keys
from tests.history.runs import CLUSTER, make_run, make_snapshot
from tests.history.tampering import OTHER, PRUNED, Kept, keep_store


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A store in the default place, and a report of it in the folder of the command."""
    folder = tmp_path / "out"
    folder.mkdir()
    kept = keep_store(folder)
    (tmp_path / "report.json").write_bytes(kept.reports["run-0003"])
    return kept


def test_an_intact_history_is_said_to_be_so(run: Run, kept: Kept) -> None:
    """Runs, tombstones, signatures, and the newest hash of each cluster."""
    ran = run("verify")
    assert (0, "") == (ran.code, ran.err)
    newest = dict(kept.rows("SELECT cluster, hash FROM runs WHERE sequence = 5"))
    assert (
        f"intact  cluster {OTHER}: 5 runs, no signatures\n"
        f"        hash of the newest run: {newest[OTHER]}\n"
        f"intact  cluster {CLUSTER}: 4 runs, 1 tombstone of pruned runs, no signatures\n"
        f"        hash of the newest run: {newest[CLUSTER]}\n"
        "intact: 10 runs of 2 clusters in out/history.sqlite\n"
    ) == ran.out.decode()


def test_the_first_broken_link_is_named(run: Run, kept: Kept) -> None:
    """With what to make of it, and exit code 1; the other cluster is intact."""
    kept.change("UPDATE runs SET started_at = '2020-01-01T00:00:00Z' WHERE id = 'run-0003'")
    kept.change("UPDATE runs SET header = 'x' WHERE id = 'run-0004'")
    ran = run("verify")
    assert (1, "") == (ran.code, ran.err)
    assert (
        "        first broken link: run run-0003, number 3: a column says something else than the "
        "seal (started_at)\n"
        "        expected 2026-01-01T03:00:00Z\n"
        "        found    2020-01-01T00:00:00Z\n"
        "        the column was altered\n"
    ) in ran.out.decode()
    assert "run-0004" not in ran.out.decode()
    assert f"intact  cluster {OTHER}" in ran.out.decode()
    assert (
        "broken: 10 runs of 2 clusters in out/history.sqlite" == (ran.out.decode().splitlines()[-1])
    )
    assert 0 == run("verify", "--cluster-name", OTHER).code


def test_a_missing_run_is_named_by_its_number(run: Run, kept: Kept) -> None:
    """And what it left behind is told."""
    kept.change("DELETE FROM runs WHERE id = 'run-0003'")
    out = run("verify").out.decode()
    assert "first broken link: run number 3: it is missing, and left no tombstone\n" in out
    assert "broken  1 run: records remain, and the run itself is gone\n        run run-0003" in out


def test_a_report_is_checked(run: Run, kept: Kept) -> None:
    """Against the store; of a pruned run it is said that its content is gone."""
    ran = run("verify", "report.json")
    assert 0 == ran.code
    assert (
        f"intact  report.json: intact\n        run run-0003, number 3 of cluster {CLUSTER}\n"
    ) in ran.out.decode()
    Path("pruned.json").write_bytes(kept.reports[PRUNED])
    out = run("verify", "pruned.json").out.decode()
    assert "pruned.json: intact, by the tombstone of its run\n" in out
    assert "the run's content was pruned" in out


def test_a_report_that_was_edited_is_told(run: Run, kept: Kept) -> None:
    """Both digests, and exit code 1, while the chain is intact."""
    data = kept.reports["run-0003"].replace(b'"status":"open"', b'"status":"waived"', 1)
    Path("edited.json").write_bytes(data)
    ran = run("verify", "report.json", "edited.json", "-o", "json")
    assert 1 == ran.code
    assert [None, None] == [one["broken"] for one in ran.json["chains"]]
    assert ["intact", "edited"] == [one["state"] for one in ran.json["files"]]
    assert ran.json["is_intact"] is False
    out = run("verify", "edited.json").out.decode()
    assert "broken  edited.json: it was edited: it does not have the digest that it bears\n" in out


def test_the_result_is_json(run: Run, kept: Kept) -> None:
    """With a schema; the same that the text says."""
    kept.change("UPDATE runs SET header = 'x' WHERE id = 'run-0004'")
    found = run("verify", "-o", "json").json
    assert ("netpol-auditor/verification/v1", "out/history.sqlite", False, [], []) == tuple(
        found[one] for one in ("schema", "store", "is_intact", "strays", "files")
    )
    _, chain = found["chains"]
    assert (CLUSTER, 4, 1, 0) == tuple(
        chain[one] for one in ("cluster", "runs", "tombstones", "signed")
    )
    assert ("run-0004", 4, "header") == tuple(
        chain["broken"][one] for one in ("run", "sequence", "fault")
    )


def test_signatures_are_checked_by_a_public_key(run: Run, tmp_path: Path) -> None:
    """Without one they are counted; with another one they are wrong; there may be several."""
    private, public = write_keys(tmp_path)
    _, stranger = write_keys(tmp_path, "stranger")
    store = tmp_path / "signed"
    store.mkdir()
    keep_store(store, load_signing_key(private).sign)
    where = ("--store", "signed/history.sqlite")
    out = run("verify", *where).out.decode()
    assert "5 runs, 5 signatures, not checked: no --public-key\n" in out
    ran = run("verify", *where, "--public-key", public, "--public-key", stranger)
    assert 0 == ran.code
    assert "5 runs, 5 signatures\n" in ran.out.decode()
    ran = run("verify", *where, "--public-key", stranger)
    assert 1 == ran.code
    assert "its signature is not of this run by a key that was given" in ran.out.decode()
    ran = run("verify", *where, "--public-key", private)
    assert 2 == ran.code
    assert f"error: public key {private} is a private key\n" in ran.err


def test_signatures_that_begin_late_are_told(run: Run, tmp_path: Path) -> None:
    """What is before them is vouched for by none."""
    private, public = write_keys(tmp_path)
    sign = load_signing_key(private).sign
    with open_store("late.sqlite", create=True) as store:
        for number, signs in enumerate((None, sign), 1):
            store.keep(make_run(number), make_snapshot(number), sign=signs)
    ran = run("verify", "--store", "late.sqlite", "--public-key", public)
    assert 0 == ran.code
    assert "2 runs, 1 signature from run 2 on\n" in ran.out.decode()


@pytest.mark.parametrize("name", ["none.json", "."])
@pytest.mark.usefixtures("kept")
def test_a_file_that_cannot_be_read_is_usage(run: Run, name: str) -> None:
    """Nothing is verified then."""
    ran = run("verify", name)
    assert (2, b"") == (ran.code, ran.out)
    assert ran.err.startswith(f"error: file {name} cannot be read: ")


@pytest.mark.usefixtures("kept")
def test_what_is_no_report_is_told_and_shown_inert(run: Run) -> None:
    """Its name may be anything, too."""
    name = "a\x1b[31m.json"
    Path(name).write_bytes(b"\x00")
    ran = run("verify", name)
    assert 1 == ran.code
    assert b"\x1b" not in ran.out
    assert "broken  a\\x1b[31m.json: it is no report.json and no report.sig" in ran.out.decode()


def test_hostile_runs_are_shown_inert(run: Run, kept: Kept) -> None:
    """What stands in an altered store is anyone's to write."""
    kept.change("UPDATE runs SET id = ? WHERE id = 'run-0003'", "a\x1b[31m\nintact: 10 runs")
    ran = run("verify")
    assert 1 == ran.code
    assert b"\x1b" not in ran.out
    assert not any(line.startswith("intact: ") for line in ran.out.decode().splitlines())


def test_a_history_without_runs_warns(run: Run, tmp_path: Path) -> None:
    """Nothing is broken, and nothing is proved."""
    with open_store(str(tmp_path / "empty.sqlite"), create=True):
        pass
    ran = run("verify", "--store", "empty.sqlite")
    said = b"nothing to verify: 0 runs of 0 clusters in empty.sqlite\n"
    assert (0, said) == (ran.code, ran.out)
    assert ran.err.startswith("warning: the history holds no run")


def test_a_history_without_a_signature_is_not_intact_by_a_key(run: Run, tmp_path: Path) -> None:
    """One run at least must be signed: be it that none is kept, or that all are unsigned."""
    _, public = write_keys(tmp_path)
    with open_store(str(tmp_path / "store.sqlite"), create=True):
        pass
    asked = ("verify", "--store", "store.sqlite", "--public-key", public)
    ran = run(*asked)
    assert 1 == ran.code
    assert [
        "broken  no run is kept, and by a public key one must be signed",
        "broken: 0 runs of 0 clusters in store.sqlite",
    ] == ran.out.decode().splitlines()
    assert run(*asked, "-o", "json").json["is_intact"] is False
    with open_store("store.sqlite", create=True) as store:
        store.keep(make_run(1), make_snapshot(1))
    ran = run(*asked)
    assert 1 == ran.code
    assert "it was kept without --sign-key" in ran.out.decode()


def test_every_fault_and_state_has_its_words(kept: Kept) -> None:
    """What it is, and what to make of it."""
    found = kept.verify(kept.reports["run-0003"])
    chain, (file,) = found.chains[0], found.files
    kept.change("UPDATE runs SET header = 'x' WHERE id = 'run-0004'")
    link = kept.broken()
    assert link is not None
    replace, paint = msgspec.structs.replace, choose_paint(colors=False)
    texts = [
        show_verification_text(
            replace(found, chains=(replace(chain, broken=replace(link, fault=one)),)), paint
        )
        for one in Fault
    ]
    texts += [
        show_verification_text(replace(found, files=(replace(file, state=one),)), paint)
        for one in FileState
    ]
    assert len(Fault) + len(FileState) == len(set(texts))
