"""What was handed out catches what a chain by itself cannot: one that was recomputed, or cut."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.history.chain import digest_text
from auditor.history.handed_out import verify_report
from auditor.history.store import open_store
from auditor.model.canonical import encode_canonical
from auditor.model.evidence import BrokenLink, Fault, FileResult, FileState
from reports.json import encode
from tests.history.runs import CLUSTER, make_run, make_snapshot
from tests.history.tampering import (
    OTHER,
    PRUNED,
    RUN,
    Kept,
    Tamper,
    hand_out,
)


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


@pytest.mark.parametrize("run", [RUN, PRUNED])
def test_what_was_added_to_the_run_of_a_report_is_told(template: Kept, run: str) -> None:
    """The report's digest leaves the run out: it holds what the store says, and no more."""
    for where in ("run.approved", "run.evidence.approved"):
        report = msgspec.json.decode(template.reports[run])
        inner = report["run"] if where == "run.approved" else report["run"]["evidence"]
        inner["approved"] = "by the auditor"
        found = template.check(msgspec.json.encode(report))
        assert (FileState.EDITED, where, "by the auditor") == (
            found.state,
            found.where,
            found.found,
        )


def test_a_run_that_holds_what_cannot_be_compared_is_refused(template: Kept) -> None:
    """A number that is compared as null, a text that is no text: not even in the run."""
    report = msgspec.json.decode(template.reports[RUN])
    data = template.reports[RUN]
    for value in (b"1e999", rb'"\ud800"'):
        previous = report["run"]["evidence"]["previous_hash"].encode()
        odd = data.replace(b'"' + previous + b'"', value, 1)
        assert odd != data
        assert FileState.FOREIGN is template.check(odd).state


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
