"""All objects of a kind: listed whole, or per namespace where that is forbidden."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from auditor.model.progress import Progress
from auditor.model.snapshot import Gap, ListRecord
from auditor.sources.connection import Connection, RequestError
from auditor.sources.pages import Page, Reading, Resource, read_list

T = TypeVar("T")


class Listing(NamedTuple, Generic[T]):
    """What was read of a kind. ``refusal`` is why, where nothing of it was."""

    items: list[T]
    gaps: list[Gap]
    refusal: RequestError | None
    records: tuple[ListRecord, ...]


def list_objects(
    connection: Connection,
    resource: Resource,
    page: type[Page[T]],
    *,
    namespaces: Iterable[str],
    all_namespaces_known: bool,
    clock: Callable[[], str],
    progress: Progress,
) -> Listing[T]:
    """All objects of a kind, cluster-wide, or namespace by namespace where that is forbidden.

    What cannot be listed, and an object that cannot be read, is a gap: one for each namespace that
    refuses, or one for the whole cluster where every namespace does, or where ``namespaces``,
    those to ask for one by one, are not all there are.

    Raises:
        ClusterError: see `Connection.get`.
    """

    def read(namespace: str | None, already: int) -> Reading[T]:
        return read_list(
            connection,
            resource,
            page,
            namespace=namespace,
            clock=clock,
            progress=lambda plural, count: progress(plural, already + count),
        )

    whole = read(None, 0)
    records = _records(whole)
    if whole.error is None:
        return Listing(whole.items, whole.gaps, None, records)
    if whole.error.status != 403 or not resource.namespaced:
        gaps = [*whole.gaps, _unlisted(resource, None, whole.error)]
        return Listing(whole.items, gaps, None if whole.items else whole.error, records)

    items: list[T] = []
    gaps = []
    records = ()
    refused: list[Gap] = []
    answered = False
    for namespace in sorted(namespaces):
        part = read(namespace, len(items))
        items += part.items
        gaps += part.gaps
        records += _records(part)
        answered = answered or part.error is None
        if part.error is not None:
            refused.append(_unlisted(resource, namespace, part.error))
    if not (answered and all_namespaces_known):
        # One gap says it all: of some namespace, or of every one, nothing is known.
        refused = [_unlisted(resource, None, whole.error)]
    return Listing(items, [*gaps, *refused], None if answered else whole.error, records)


def _records(reading: Reading[T]) -> tuple[ListRecord, ...]:
    return () if reading.record is None else (reading.record,)


def _unlisted(resource: Resource, namespace: str | None, error: RequestError) -> Gap:
    return Gap(
        kind=resource.kind,
        namespace=namespace,
        name=None,
        reason=f"{resource.plural} cannot be listed: {error.message}",
        effect=resource.effect,
        blind=resource.blind,
    )
