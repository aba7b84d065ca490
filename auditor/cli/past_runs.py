"""The store that the settings name, opened for a verb, and the clusters that are meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditor.cli.session import Session
from auditor.errors import UnknownNameError, UsageError
from auditor.settings import store_url

if TYPE_CHECKING:
    from auditor.history.store import Store
    from auditor.history.stored import ClusterEntry, StoredRun

RUN = "run:"
"""Before the id of a run, where a path may stand, too."""

_NEAR = 3


@contextmanager
def open_past_runs(session: Session) -> Iterator[Store]:
    """Open the store, which must be there.

    Raises:
        UsageError: the settings want no history, or the URL is malformed.
        HistoryError: the store is not there, or cannot be opened.
    """
    from auditor.history.store import open_store

    url = store_url(session.settings)
    if url is None:
        raise UsageError("no history is kept", hint="name it with --store")
    with open_store(url, snapshots=session.settings.snapshots, create=False) as store:
        session.detail(f"history: {store.where}")
        yield store


def pick_clusters(store: Store, name: str) -> tuple[ClusterEntry, ...]:
    """The clusters of a name, or of a key; without a name, all.

    Raises:
        UnknownNameError: the store knows none of that name.
    """
    clusters = store.clusters()
    picked = tuple(one for one in clusters if not name or name in {one.name, one.key})
    if name and not picked:
        import difflib

        known = sorted({str(one.name or one.key) for one in clusters})
        near = difflib.get_close_matches(name, known) or known[:_NEAR]
        hint = f"did you mean {' or '.join(near)}?" if near else "no run is kept"
        raise UnknownNameError(f"cluster {name} is unknown to the history", hint=hint)
    return picked


def pick_cluster(store: Store, name: str) -> ClusterEntry:
    """The one cluster that is meant.

    Raises:
        UnknownNameError: the store knows none of that name.
        UsageError: several are meant.
    """
    picked = pick_clusters(store, name)
    if len(picked) != 1:
        keys = [str(one.key if name else one.name or one.key) for one in picked]
        raise UsageError(
            "the history holds several clusters" if picked else "the history holds no cluster",
            hint=f"name one with --cluster-name: {', '.join(keys)}"
            if picked
            else "`netpol-auditor audit` keeps the first run",
        )
    return picked[0]


def find_run(store: Store, cluster_name: str, name: str | None) -> StoredRun:
    """The run of a name, `run:ID` or an id; `latest`, or None, is the newest of the one cluster.

    Raises:
        UnknownNameError: the store keeps no such run.
        UsageError: several clusters are meant.
    """
    from auditor.history.store import LATEST

    wanted = (name or LATEST).removeprefix(RUN)
    if wanted == LATEST:
        # the newest of one cluster: that of another would be meant by nobody
        latest = store.latest(pick_cluster(store, cluster_name).key)
        wanted = wanted if latest is None else latest.id
    return store.find(wanted)
