"""What `verify` found, in words: what is broken first, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.model.evidence import (
    BrokenLink,
    ChainResult,
    Fault,
    FileResult,
    FileState,
    Verification,
)
from reports.json import format_json
from reports.paint import Paint
from reports.text import count, show_name, show_text

_RESTORE = "compare with a backup of the store, and with reports that were handed out"

_FAULTS: Mapping[Fault, tuple[str, str]] = {
    Fault.HOLE: (
        "it is missing, and left no tombstone",
        "somebody took it away: `history prune` leaves a tombstone for each run that it drops",
    ),
    Fault.TWICE: ("its place in the chain is taken by another one", "one of them was put there"),
    Fault.LINK: (
        "it does not follow the run before it",
        "one of the two was replaced as a whole, with a hash of its own",
    ),
    Fault.SEAL: (
        "its seal is not what its hash was taken over",
        "the seal or the hash was altered",
    ),
    Fault.COLUMN: ("a column says something else than the seal", "the column was altered"),
    Fault.HEADER: (
        "its header was altered",
        "scope, gaps, settings, summary and digests of this run cannot be relied on",
    ),
    Fault.RULES: (
        "a rule result was altered, added or removed",
        "what became of its rules cannot be relied on",
    ),
    Fault.FINDINGS: (
        "a finding was altered, added or removed",
        "its findings cannot be relied on",
    ),
    Fault.FINDING_RECORD: (
        "the record of a finding was altered",
        "every run that has this finding cannot be relied on",
    ),
    Fault.MISSING_RECORD: (
        "the record of a finding is missing",
        "every run that has this finding lacks it",
    ),
    Fault.SIGHTING: (
        "since when a finding of it is seen is not what was recorded",
        "the table of sightings was altered: rely on what the finding itself says",
    ),
    Fault.SNAPSHOT_MISSING: (
        "its snapshot is missing",
        "it was taken away, or lies elsewhere: name the place with --snapshots",
    ),
    Fault.SNAPSHOT_UNREADABLE: (
        "its snapshot cannot be read",
        "whether it is as it was is not known: see to what stands in its place",
    ),
    Fault.SNAPSHOT_DAMAGED: (
        "its snapshot is damaged",
        "the file was altered, or its disk is not sound",
    ),
    Fault.SNAPSHOT_OTHER: (
        "another snapshot lies in the place of its own",
        "the file was replaced by one that is sound",
    ),
    Fault.NEWEST_PRUNED: (
        "it is the newest, and its content was dropped",
        "`history prune` never drops the newest run: later runs were taken away",
    ),
    Fault.PRUNED_BETWEEN: (
        "its content was dropped, and that of a run before it was not",
        "`history prune` drops the oldest runs alone: somebody hid what this run has found",
    ),
    Fault.SIGNATURE: (
        "its signature is not of this run by a key that was given",
        "the run or the signature was replaced, or another key has signed it",
    ),
    Fault.UNSIGNED: (
        "it bears no signature, and should",
        "its signature was taken away, or it was kept without --sign-key",
    ),
}
"""What is wrong, and what to make of it."""

_FILES: Mapping[FileState, tuple[str, str]] = {
    FileState.INTACT: ("intact", ""),
    FileState.CONTENT_PRUNED: (
        "intact, by the tombstone of its run",
        "the run's content was pruned, so this file is all that is left of it",
    ),
    FileState.UNCHECKED: (
        "it agrees with the history; the signature itself was not checked",
        "name the public key with --public-key",
    ),
    FileState.FOREIGN: (
        "it is no report.json and no report.sig that this version can check",
        "other files of a report name its digest, and are not evidence themselves",
    ),
    FileState.EDITED: (
        "it was edited: it does not have the digest that it bears",
        "rely on the copy that was handed out first",
    ),
    FileState.WITHOUT_EVIDENCE: (
        "it bears no evidence: it was made without a history",
        "audit without --no-store to keep evidence",
    ),
    FileState.UNKNOWN_RUN: (
        "the history does not hold its run",
        "the chain was shortened, or the report is of another store: see --store",
    ),
    FileState.CONTRADICTED: (
        "the history says something else",
        "the file was edited, or the chain was made anew after it was handed out",
    ),
    FileState.RUN_BROKEN: (
        "what the history holds of its run was altered",
        "the file may be right: the history is not",
    ),
    FileState.WRONG_SIGNATURE: (
        "the signature is not of this statement by a key that was given",
        "it was edited, or another key has signed it",
    ),
}


def show_verification_json(found: Verification) -> bytes:
    """All that was found, as a document."""
    return format_json(found)


def show_verification_text(found: Verification, paint: Paint) -> str:
    """A paragraph per chain and per file, and the conclusion."""
    return "".join(f"{line}\n" for line in _lines(found, paint))


def _lines(found: Verification, paint: Paint) -> Iterator[str]:
    for chain in found.chains:
        yield from _chain(chain, paint)
    if found.strays:
        what = f"{count(len(found.strays), 'run')}: records remain, and the run itself is gone"
        yield f"{paint('broken', 'red')}  {what}"
        yield from (f"        run {show_name(one)}" for one in found.strays)
        yield f"        somebody took the run away; {_RESTORE}"
    for file in found.files:
        yield from _file(file, paint)
    runs = sum(one.runs + one.tombstones for one in found.chains)
    what = f"{count(runs, 'run')} of {count(len(found.chains), 'cluster')} in {found.store}"
    files = f", {count(len(found.files), 'file')}" if found.files else ""
    if not runs and found.is_intact and not found.files:
        yield f"nothing to verify: {show_name(what)}"
        return
    if not runs and not found.is_intact and not found.files and not found.strays:
        yield f"{paint('broken', 'red')}  no run is kept, and by a public key one must be signed"
    yield f"{_verdict(paint, intact=found.is_intact)}: {show_name(what)}{files}"


def _chain(chain: ChainResult, paint: Paint) -> Iterator[str]:
    numbers = [count(chain.runs, "run")]
    if chain.tombstones:
        numbers.append(f"{count(chain.tombstones, 'tombstone')} of pruned runs")
    numbers.append(_signatures(chain))
    cluster = show_name(chain.cluster)
    verdict = _verdict(paint, intact=chain.broken is None)
    yield f"{verdict}  cluster {cluster}: {', '.join(numbers)}"
    if chain.broken is not None:
        yield from _broken(chain.broken)
        yield f"        {_RESTORE}"
    elif chain.last_hash is not None:
        yield f"        hash of the newest run: {show_name(chain.last_hash)}"


def _signatures(chain: ChainResult) -> str:
    if not chain.signed:
        return "no signatures"
    since = f" from run {chain.signed_from:,} on" if chain.signed_from != 1 else ""
    checked = "" if chain.is_signature_checked else ", not checked: no --public-key"
    return f"{count(chain.signed, 'signature')}{since}{checked}"


def _broken(link: BrokenLink) -> Iterator[str]:
    what, advice = _FAULTS[link.fault]
    run = f"run {show_name(link.run)}, " if link.run is not None else "run "
    where = f" ({show_name(link.where)})" if link.where is not None else ""
    yield f"        first broken link: {run}number {link.sequence:,}: {what}{where}"
    yield from _compared(link.expected, link.found)
    yield f"        {advice}"


def _file(file: FileResult, paint: Paint) -> Iterator[str]:
    what, advice = _FILES[file.state]
    if file.state is FileState.EDITED and file.where is not None:
        what = "it was edited: its run has more than the history knows of"
    yield f"{_verdict(paint, intact=file.state.is_intact)}  {show_name(file.file)}: {what}"
    if file.run is not None:
        place = f", number {file.sequence:,}" if file.sequence is not None else ""
        cluster = f" of cluster {show_name(file.cluster)}" if file.cluster is not None else ""
        yield f"        run {show_name(file.run)}{place}{cluster}"
    if file.where is not None:
        yield f"        field {show_name(file.where)}"
    yield from _compared(file.expected, file.found)
    if file.broken is not None:
        yield from _broken(file.broken)
    if advice:
        yield f"        {advice}"


def _compared(expected: str | None, found: str | None) -> Iterator[str]:
    if expected is not None:
        yield f"        expected {show_text(expected)}"
    if found is not None:
        yield f"        found    {show_text(found)}"


def _verdict(paint: Paint, *, intact: bool) -> str:
    return paint("intact", "green") if intact else paint("broken", "red")
