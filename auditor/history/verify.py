"""Verifying: the chains of a store from first to newest, and what was handed out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from auditor.history.faults import (
    Entry,
    break_link,
    find_content_faults,
    find_row_faults,
    find_signature_faults,
    place_of,
)
from auditor.history.handed_out import verify_file
from auditor.history.stored import RawRun, Tombstone
from auditor.model.evidence import (
    VERIFICATION_SCHEMA,
    BrokenLink,
    ChainResult,
    Fault,
    Verification,
)

if TYPE_CHECKING:
    from auditor.history.signature import PublicKey
    from auditor.history.store import Store


def verify_chain(store: Store, cluster: str, keys: Sequence[PublicKey] = ()) -> ChainResult:
    """Verify the chain of a cluster's runs, from the first to the newest.

    With ``keys`` every run from the first signed one on must be signed by one of them, and one
    run at least.

    Raises:
        HistoryError: the store cannot be read.
    """
    walk = _Walk(keys)
    for entry in store.raw(cluster):
        walk.pass_by(store, entry)
    return walk.result(store, cluster)


def verify_store(
    store: Store,
    clusters: Sequence[str],
    files: Sequence[tuple[str, bytes]] = (),
    keys: Sequence[PublicKey] = (),
) -> Verification:
    """Verify chains, and what was handed out: name and content of files.

    With ``keys`` a store in which no run is signed is not intact, be it that it holds none.

    Raises:
        HistoryError: the store cannot be read.
    """
    chains = tuple(verify_chain(store, one, keys) for one in clusters)
    checked = tuple(verify_file(store, name, data, keys) for name, data in files)
    strays = store.strays()
    broken = any(one.broken for one in chains) or not all(one.state.is_intact for one in checked)
    unsigned = bool(keys) and not any(one.signed for one in chains)
    return Verification(
        schema=VERIFICATION_SCHEMA,
        store=store.where,
        is_intact=not broken and not strays and not unsigned,
        chains=chains,
        strays=strays,
        files=checked,
    )


class _Walk:
    """Along a chain. After the first broken link, the rest is only counted."""

    def __init__(self, keys: Sequence[PublicKey]) -> None:
        self._keys = keys
        self._counts = {RawRun: 0, Tombstone: 0}
        self._signed = 0
        self._signed_from: int | None = None
        self._sequence = 0
        self._last_hash: str | None = None
        self._newest: Entry | None = None
        self._broken: BrokenLink | None = None

    def pass_by(self, store: Store, entry: Entry) -> None:
        """Verify an entry, and count it."""
        self._counts[type(entry)] += 1
        if entry.signature is not None:
            self._signed += 1
            self._signed_from = self._signed_from or place_of(entry)
        if self._broken is None:
            self._broken = next(self._faults(store, entry), None)
        self._sequence, self._last_hash, self._newest = entry.sequence, entry.hash, entry

    def result(self, store: Store, cluster: str) -> ChainResult:
        """Return what was found, at the chain's end."""
        self._broken = self._broken or self._fault_of_end() or _fault_of_sightings(store, cluster)
        return ChainResult(
            cluster=str(cluster),
            runs=self._counts[RawRun],
            tombstones=self._counts[Tombstone],
            signed=self._signed,
            signed_from=self._signed_from,
            is_signature_checked=bool(self._keys),
            last_hash=None if self._last_hash is None else str(self._last_hash),
            broken=self._broken,
        )

    def _fault_of_end(self) -> BrokenLink | None:
        if self._newest is None:
            return BrokenLink(None, 1, Fault.HOLE)  # a cluster is kept with its first run
        if isinstance(self._newest, Tombstone):
            return break_link(self._newest, Fault.NEWEST_PRUNED)
        if self._keys and not self._signed:
            return break_link(self._newest, Fault.UNSIGNED)
        return None

    def _faults(self, store: Store, entry: Entry) -> Iterator[BrokenLink]:
        yield from find_row_faults(entry)
        if entry.sequence <= self._sequence:
            yield break_link(entry, Fault.TWICE)
        if entry.sequence != self._sequence + 1:
            yield BrokenLink(None, self._sequence + 1, Fault.HOLE)
        if isinstance(entry, Tombstone) and self._counts[RawRun]:
            yield break_link(entry, Fault.PRUNED_BETWEEN)
        yield from find_content_faults(store, entry)
        if entry.previous_hash != self._last_hash:
            yield break_link(entry, Fault.LINK, None, self._last_hash, entry.previous_hash)
        if self._keys and self._signed_from is not None:
            yield from find_signature_faults(entry, self._keys)


def _fault_of_sightings(store: Store, cluster: str) -> BrokenLink | None:
    """By findings that were seen to be sound."""
    found = store.altered_sighting(cluster)
    if found is None:
        return None
    where, said = found.finding, found.found
    return BrokenLink(found.run, found.sequence, Fault.SIGHTING, where, found.recorded, said)
