"""The store of runs, for the verbs that read it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from auditor.errors import UnknownNameError, UsageError
from auditor.settings import NO_STORE, Settings, store_url

if TYPE_CHECKING:
    from auditor.history.store import Store


def open_settings_store(settings: Settings) -> AbstractContextManager[Store]:
    """Open the store that the settings name, which must be there.

    Raises:
        HistoryError: it is not there, or cannot be read.
        UsageError: the settings say that there is none.
    """
    from auditor.history.store import open_store

    url = store_url(settings)
    if url is None:
        raise UsageError(f"store is {NO_STORE}", hint="name the store of the runs with --store")
    return open_store(url, snapshots=settings.snapshots, create=False)


def choose_cluster(store: Store, settings: Settings) -> str:
    """The key of the cluster whose runs are meant: the one named, else the only one.

    Raises:
        UnknownNameError: the store knows none of that name.
        UsageError: it keeps several, and none is named.
    """
    clusters = store.clusters()
    wanted = settings.cluster_name
    chosen = [one.key for one in clusters if not wanted or wanted in {one.key, one.name}]
    names = ", ".join(one.name or one.key for one in clusters)
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise UnknownNameError(
            f"{store.where} keeps no run of {wanted}" if wanted else f"{store.where} keeps no run",
            hint=f"it keeps runs of {names}" if names else "`netpol-auditor audit` keeps one",
        )
    raise UsageError(
        f"{store.where} keeps runs of {len(chosen)} clusters",
        hint=f"name one with --cluster-name: {names}",
    )
