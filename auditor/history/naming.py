"""Under which key the runs of a cluster are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from auditor.model.report import ClusterRecord
from auditor.model.snapshot import ClusterIdentity

_LONGEST = 400
"""Characters. PostgreSQL's indexes hold no more than a third of a page of 8 KB."""


def key_cluster(
    cluster: ClusterIdentity | ClusterRecord,
    files: Sequence[str],
    ask: Callable[[str], str | None],
) -> str:
    """The key: by the UID of kube-system, else by name, else by the files.

    ``ask`` gives the key of the one cluster that the store knows by a name: a run that may not
    read the UID then belongs to the cluster whose UID an earlier run has read.
    """
    if cluster.uid:
        return plain(f"uid:{cluster.uid}")
    if cluster.name:
        return ask(plain(cluster.name)) or plain(f"name:{cluster.name}")
    return plain(f"files:{', '.join(files)}")


def plain(text: str) -> str:
    """A text for a key column: printable, and not too long. What is not printable is escaped."""
    shown = "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
    if len(shown) <= _LONGEST:
        return shown
    return f"{shown[:_LONGEST]}…{hashlib.sha256(shown.encode()).hexdigest()}"
