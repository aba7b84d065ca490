"""What `verify` finds: whether what is kept is what was written, and where it is not."""

from __future__ import annotations

from enum import StrEnum

from auditor.model.findings import Record

VERIFICATION_SCHEMA = "netpol-auditor/verification/v1"


class Fault(StrEnum):
    """What is wrong with a run, or with its place in the chain."""

    HOLE = "hole"
    """A run is missing: neither it nor its tombstone is there."""
    TWICE = "twice"
    """Its place in the chain is taken already."""
    LINK = "link"
    """It does not name the hash of the run before."""
    SEAL = "seal"
    """Its seal is not what its hash was taken over."""
    COLUMN = "column"
    """A column says something else than the seal, or than the record beside it."""
    HEADER = "header"
    """The header is not what was sealed."""
    RULES = "rules"
    """The rule results are not those that were sealed: one was altered, added or removed."""
    FINDINGS = "findings"
    """The findings are not those that were sealed: one was altered, added or removed."""
    FINDING_RECORD = "finding-record"
    """The record of a finding is not what was kept under its digest."""
    MISSING_RECORD = "missing-record"
    """The record of a finding is gone."""
    SIGHTING = "sighting"
    """A finding is said to be seen since another time than the runs that have it recorded."""
    SNAPSHOT_MISSING = "snapshot-missing"
    SNAPSHOT_UNREADABLE = "snapshot-unreadable"
    """Where the snapshot lies cannot be read: whether it is the run's is not known."""
    SNAPSHOT_DAMAGED = "snapshot-damaged"
    SNAPSHOT_OTHER = "snapshot-other"
    """Another snapshot lies in the place of the run's."""
    NEWEST_PRUNED = "newest-pruned"
    """The newest run is a tombstone, and pruning never drops that: runs after it are missing."""
    PRUNED_BETWEEN = "pruned-between"
    """It is a tombstone behind a run that has its content: pruning drops the oldest runs alone."""
    SIGNATURE = "signature"
    """The signature is not one of the keys given, or is of something else."""
    UNSIGNED = "unsigned"
    """It has no signature, and one was due."""


class BrokenLink(Record, frozen=True):
    """The first thing of a chain that is not as it was written."""

    run: str | None
    """Null: of a run that is missing."""
    sequence: int
    fault: Fault
    where: str | None = None
    """The column, the rule, the finding or the snapshot's digest."""
    expected: str | None = None
    found: str | None = None


class ChainResult(Record, frozen=True):
    """The chain of a cluster's runs."""

    cluster: str
    """The key under which the runs of the cluster are kept."""
    runs: int
    """With their content."""
    tombstones: int
    """Runs whose content was pruned."""
    signed: int
    """Of both, those that bear a signature."""
    signed_from: int | None
    """The sequence of the first that does."""
    is_signature_checked: bool
    """A public key was given."""
    last_hash: str | None
    """That of the newest run: to be compared with what was handed out."""
    broken: BrokenLink | None


class FileState(StrEnum):
    """What the store says of a report, or of a signature, that was handed out."""

    INTACT = "intact"
    CONTENT_PRUNED = "content-pruned"
    """It is intact by the run's tombstone: the run's content is gone from the store."""
    UNCHECKED = "unchecked"
    """A signature that agrees with the store, without a public key to check it by."""
    FOREIGN = "foreign"
    """It is neither a report nor a signature that this version can read."""
    EDITED = "edited"
    """A report that does not have its own digest."""
    WITHOUT_EVIDENCE = "without-evidence"
    """A report that was made without a store."""
    UNKNOWN_RUN = "unknown-run"
    """The store does not hold the run: a shortened chain, or another store."""
    CONTRADICTED = "contradicted"
    """The store says something else of the run."""
    RUN_BROKEN = "run-broken"
    """What the store holds of the run is not as it was written."""
    WRONG_SIGNATURE = "wrong-signature"
    """The signature is not one of the keys given, or is of something else."""

    @property
    def is_intact(self) -> bool:
        """Whether nothing speaks against the file."""
        return self in {FileState.INTACT, FileState.CONTENT_PRUNED, FileState.UNCHECKED}


class FileResult(Record, frozen=True):
    """A report or a signature, checked against the store."""

    file: str
    state: FileState
    run: str | None = None
    cluster: str | None = None
    sequence: int | None = None
    where: str | None = None
    """The field that the store contradicts."""
    expected: str | None = None
    """What the store says; of an edited report: its own digest."""
    found: str | None = None
    broken: BrokenLink | None = None


class Verification(Record, frozen=True):
    """All that was verified: what `verify -o json` writes."""

    schema: str
    store: str
    is_intact: bool
    chains: tuple[ChainResult, ...]
    strays: tuple[str, ...]
    """Runs of which records remain, and whose row was taken away."""
    files: tuple[FileResult, ...]
