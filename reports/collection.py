"""How a cluster was read: when, in how many lists, and whether each shows one moment."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.model.report import CollectionRecord, ListedRecord
from reports.rows import Fact
from reports.text import count, show_name
from reports.times import describe_time

_NAMED = 12
"""Lists named in a fact; the rest is counted."""


def describe_collection(collection: CollectionRecord) -> Iterable[Fact]:
    """The facts of a reading. Lists are never of one moment among themselves: that is said."""
    lists = collection.lists
    yield Fact("Cluster read from", describe_time(collection.started_at))
    yield Fact("Cluster read until", describe_time(collection.finished_at))
    yield Fact("Lists read", f"{count(len(lists), 'list')}, each of a moment of its own")
    broken = [_name(one) for one in lists if one.inconsistent]
    if not broken:
        yield Fact("Consistency", "each list shows one moment")
        return
    rest = f" and {len(broken) - _NAMED:,} more" if len(broken) > _NAMED else ""
    named = f"{', '.join(broken[:_NAMED])}{rest}"
    yield Fact("Consistency", f"{count(len(broken), 'list')} of several moments: {named}")


def _name(listed: ListedRecord) -> str:
    kind = show_name(listed.kind)
    return kind if listed.namespace is None else f"{kind} in {show_name(listed.namespace)}"
