"""The store of past runs: opened by URL, asked and added to."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Select, func, select

from auditor.errors import ArchiveError, HistoryError, UnknownNameError, UsageError
from auditor.history.deliveries import Deliveries
from auditor.history.engine import WAIT_SECONDS, Database, open_database, parse_url
from auditor.history.entries import list_entries
from auditor.history.failures import reported
from auditor.history.header import NewRun
from auditor.history.in_database import Tables
from auditor.history.keep import Sign, keep
from auditor.history.migrate import SchemaState, look, migrate
from auditor.history.naming import key_cluster
from auditor.history.prune import PruneResult, Retention, choose, count_snapshots, prune
from auditor.history.reading import (
    find_cluster,
    list_clusters,
    list_strays,
    newest_run,
    read_findings,
    read_raw,
    read_rules,
)
from auditor.history.schema import RUNS, TOMBSTONES
from auditor.history.sightings import (
    AlteredSighting,
    find_altered_sighting,
    read_first_seen,
)
from auditor.history.snapshots import Folder, SnapshotPlace, open_place
from auditor.history.stored import (
    HINT_VERIFY,
    ClusterEntry,
    RawRun,
    StoredRun,
    Tombstone,
    check_row,
)
from auditor.model.history import RunEntry
from auditor.model.report import ClusterRecord, EvidenceRecord, FindingRecord, RuleRecord
from auditor.model.snapshot import ClusterIdentity, Snapshot

LATEST = "latest"
"""The name of the newest run of all."""

_SHORTEST_PREFIX = 4
_IN_MEMORY = "memory://"
_NAMES_IN_HINT = 3


@contextmanager
def open_store(
    url: str, *, snapshots: str = "", create: bool, wait_seconds: float = WAIT_SECONDS
) -> Iterator[Store]:
    """Open a store, and close it at the end.

    ``url`` is the path of an SQLite file or a URL of SQLAlchemy's; ``snapshots`` a folder or a
    URL of fsspec's, empty for the store's own place. With ``create`` what is missing is made, and
    an older schema brought to the newest version. A writer waits ``wait_seconds`` for another.

    Raises:
        UsageError: a URL is malformed, or of a kind that is not supported.
        HistoryError: the store cannot be opened, is another program's or a newer version's, or is
            not there and ``create`` is not set.
    """
    database = open_database(url, create=create, wait_seconds=wait_seconds)
    try:
        store = Store(database, _open_snapshots(database, snapshots))
        before = _stamp(database)
        if create:
            store.prepare()
        else:
            store.check()
        yield store
        if _stamp(database) != before:
            raise HistoryError(
                f"history {database.where} was written while it was read, and cannot be locked",
                hint="run this again, or give this user the right to write its folder",
            )
    finally:
        database.engine.dispose()


def check_place(url: str, snapshots: str) -> None:
    """See that a store can be named so, before anything is done that is to be kept there.

    Raises:
        UsageError: a URL is malformed, or of a kind that is not supported.
    """
    parse_url(url)
    if snapshots.startswith(_IN_MEMORY):
        raise UsageError(
            "snapshots in memory end with this run", hint="name a folder, or an object store"
        )
    if snapshots:
        with suppress(HistoryError):  # said when it is opened: until then it costs nothing
            open_place(snapshots)


class Store:
    """Past runs. Every method raises `HistoryError` where the database or the snapshots fail."""

    def __init__(self, database: Database, snapshots: SnapshotPlace) -> None:
        self._database = database
        self.snapshots = snapshots
        self.where = database.where
        """For people, without secrets."""
        self._state = SchemaState.NOTHING

    def key_of(self, cluster: ClusterIdentity | ClusterRecord, files: Sequence[str]) -> str:
        """The key under which the runs of a cluster are kept; ``files`` as `-f` named them."""

        def ask(name: str) -> str | None:
            with self._reading() as connection:
                return find_cluster(connection, name)

        return key_cluster(cluster, files, ask)

    def clusters(self) -> tuple[ClusterEntry, ...]:
        """The clusters whose runs are kept, sorted by key."""
        with self._reading() as connection:
            return list_clusters(connection)

    def latest(self, cluster: str) -> StoredRun | None:
        """The newest run of a cluster."""
        with self._reading() as connection:
            row = newest_run(connection, cluster)
            return None if row is None else self._stored(row)

    def previous(self, run: StoredRun) -> StoredRun | None:
        """The run before, of those whose content is kept."""
        with self._reading() as connection:
            row = newest_run(connection, run.cluster, before=run.sequence)
            return None if row is None else self._stored(row)

    def find(self, run: str) -> StoredRun:
        """The run of an id, of the beginning of one (four characters at least), or `latest`.

        Raises:
            UnknownNameError: no run is called so, several are, or its content was pruned.
        """
        with self._reading() as connection:
            rows = connection.execute(_wanted(run)).all()
            exact = [row for row in rows if row.id == run] or rows
            if len(exact) != 1:
                raise _unknown(connection, run, [row.id for row in exact])
            return self._stored(exact[0])

    def entries(self, cluster: str | None = None) -> tuple[RunEntry, ...]:
        """Runs and what remains of pruned ones, of one cluster or of all: oldest first."""
        with self._reading() as connection:
            return list_entries(connection, cluster)

    def first_seen(self, cluster: str) -> Mapping[str, str]:
        """Finding id → when the first run that had it was started."""
        with self._reading() as connection:
            return read_first_seen(connection, cluster)

    def altered_sighting(self, cluster: str) -> AlteredSighting | None:
        """A finding that is said to be seen since another time than kept runs have recorded."""
        with self._reading() as connection:
            return find_altered_sighting(connection, cluster)

    def keep(self, run: NewRun, snapshot: Snapshot, *, sign: Sign | None = None) -> EvidenceRecord:
        """Keep a run and its snapshot, as the next link of its cluster's chain: whole or not."""
        with reported(self.where):
            self._update()
            return keep(self._database, self.snapshots, run, snapshot, sign)

    def deliveries(self, cluster: str) -> Deliveries:
        """What of a cluster was sent to whom."""
        return Deliveries(self._database, cluster, reading=self._reading, update=self._update)

    def prune(
        self,
        *,
        keep_days: int | None,
        keep_runs: int | None,
        now: str,
        cluster: str | None = None,
        dry_run: bool = False,
    ) -> PruneResult:
        """Drop the content of old runs of one cluster, or of all; with ``dry_run`` say which.

        A run goes when either limit says so, and of all before it, too; never the newest.
        """
        retention = Retention(keep_days, keep_runs, now)
        if dry_run:
            with self._reading() as connection:
                chosen = choose(connection, retention, cluster)
                return PruneResult(chosen, count_snapshots(connection, retention, chosen))
        with reported(self.where):
            self._update()
            return prune(self._database, self.snapshots, retention, cluster)

    def load_snapshot(self, run: StoredRun) -> Snapshot:
        """The snapshot of a run, seen to be the one that was kept."""
        from auditor.sources.archive import read_snapshot, unpack_json

        packed = self.snapshots.read(run.snapshot)
        if packed is None:
            raise HistoryError(
                f"snapshot of run {run.id} is not in {self.snapshots.where}",
                hint="name the place it was put with --snapshots",
            )
        try:
            plain = unpack_json(packed, name=run.snapshot)
            if hashlib.sha256(plain).hexdigest() != run.snapshot:
                raise HistoryError(f"snapshot of run {run.id} is another one", hint=HINT_VERIFY)
            return read_snapshot(plain, name=run.snapshot)
        except ArchiveError as error:
            raise HistoryError(
                f"snapshot of run {run.id} cannot be read: {error}", hint=HINT_VERIFY
            ) from error

    def raw(self, cluster: str) -> Iterator[RawRun | Tombstone]:
        """The runs and tombstones of a cluster as stored, in the order of the chain.

        One run is in memory at a time, and of its findings a few hundred. All is read as it was
        when reading began, whatever is written meanwhile.
        """
        with self._reading() as connection:
            yield from read_raw(connection, cluster, self.where)

    def strays(self) -> tuple[str, ...]:
        """The ids of runs of which records remain, and neither they nor more: never so by us."""
        with self._reading() as connection:
            return list_strays(connection)

    def prepare(self) -> None:
        """Make what is missing, and bring an older schema to the newest version."""
        with reported(self.where):
            migrate(self._database)
            self._state = SchemaState.NEWEST

    def check(self) -> None:
        """See that this is a store. One with an older schema can be written, not read.

        Raises:
            HistoryError: it is none, or of a newer version.
        """
        with reported(self.where), self._database.engine.connect() as connection:
            self._state = look(connection, self.where)
            if self._state is SchemaState.NOTHING:
                raise HistoryError(
                    f"there is no history at {self.where}", hint="`netpol-auditor audit` makes one"
                )

    def _update(self) -> None:
        if self._state is SchemaState.OLDER:
            self.prepare()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with reported(self.where), self._database.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if self._state is SchemaState.OLDER:
                    self._state = look(connection, self.where)
                if self._state is SchemaState.OLDER:
                    raise HistoryError(
                        f"history {self.where} is of an older version of netpol-auditor",
                        hint="the next `audit` or `history prune` with it brings it up to date",
                    )
                yield connection

    def _stored(self, row: Any) -> StoredRun:
        check_row(row)

        def rules() -> tuple[RuleRecord, ...]:
            with self._reading() as connection:
                return read_rules(connection, row.id)

        def findings() -> tuple[FindingRecord, ...]:
            with self._reading() as connection:
                return read_findings(connection, row.id, row.cluster)

        return StoredRun(
            id=row.id,
            cluster=row.cluster,
            sequence=row.sequence,
            started_at=row.started_at,
            hash=row.hash,
            previous_hash=row.previous_hash,
            snapshot=row.snapshot,
            signature=row.signature,
            key_id=row.key_id,
            header_text=row.header,
            _load_rules=rules,
            _load_findings=findings,
        )


def _stamp(database: Database) -> tuple[int, int] | None:
    """What changes when another program writes a file that cannot be locked."""
    if database.path is None or not database.is_immutable:
        return None
    stat = database.path.stat()
    return stat.st_mtime_ns, stat.st_size


def _wanted(run: str) -> Select[Any]:
    """The runs that may be meant."""
    if run == LATEST:
        return select(RUNS).order_by(RUNS.c.started_at.desc(), RUNS.c.id).limit(1)
    if len(run) < _SHORTEST_PREFIX:
        return select(RUNS).where(RUNS.c.id == run)
    return select(RUNS).where(func.substr(RUNS.c.id, 1, len(run)) == run)


def _unknown(connection: Connection, run: str, several: list[str]) -> UnknownNameError:
    if several:
        return UnknownNameError(
            f"run {run} is the beginning of {len(several)} ids",
            hint=f"did you mean {' or '.join(sorted(several)[:_NAMES_IN_HINT])}?",
        )
    pruned = [
        row
        for row in connection.execute(select(TOMBSTONES.c.id, TOMBSTONES.c.pruned_at))
        if row.id == run or (len(run) >= _SHORTEST_PREFIX and row.id.startswith(run))
    ]
    if len(pruned) == 1:
        return UnknownNameError(
            f"run {pruned[0].id} was pruned at {pruned[0].pruned_at}: its content is gone",
            hint="`netpol-auditor history` lists the runs that are kept",
        )
    ids = connection.execute(select(RUNS.c.id).order_by(RUNS.c.started_at.desc())).scalars().all()
    near = difflib.get_close_matches(run, ids, n=_NAMES_IN_HINT) or ids[:_NAMES_IN_HINT]
    return UnknownNameError(
        f"run {run} is unknown",
        hint=f"did you mean {' or '.join(near)}?" if near else "no run is kept",
    )


def _open_snapshots(database: Database, snapshots: str) -> SnapshotPlace:
    if snapshots:
        return open_place(snapshots)
    if database.path is not None:
        return Folder(database.path.with_name(f"{database.path.stem}-snapshots"))
    return Tables(database)
