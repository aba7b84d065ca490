"""Lists of objects: page by page, decoded as they arrive, per namespace where need be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, TypeVar, get_args
from urllib.parse import quote

import msgspec

from auditor.errors import ClusterError
from auditor.model.progress import Progress
from auditor.model.snapshot import Blind, Gap, GapSource
from auditor.sources.connection import Connection, RequestError
from auditor.sources.decoding import decode
from auditor.sources.faults import Fault, MalformedError
from auditor.sources.wording import one_line

PAGE_SIZE = 500
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""The form to ask for where metadata suffice; a server that lacks it answers with whole objects."""

T = TypeVar("T")


class Resource(NamedTuple):
    """A kind that can be listed, and what it means where it cannot.

    ``path`` is the group's and version's, for instance `/apis/apps/v1`.
    """

    kind: str
    path: str
    plural: str
    namespaced: bool
    effect: str
    blind: Blind | None = None
    accept: str = "application/json"

    def collection(self, namespace: str | None) -> str:
        """The path of all objects, or of those of one namespace."""
        scope = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
        return f"{self.path}{scope}/{self.plural}"


class ListMeta(msgspec.Struct, gc=False):
    """``metadata`` of a list."""

    continue_token: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct, Generic[T], gc=False):
    """A page of a list, in wire form."""

    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[T] | None = None


class Listing(NamedTuple, Generic[T]):
    """What was read of a kind. ``refusal`` is why, where nothing of it was."""

    items: list[T]
    gaps: list[Gap]
    refusal: RequestError | None


class _Reading(Generic[T]):
    """One list as it is read: it may break off in the middle."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self.gaps: list[Gap] = []
        self.error: RequestError | None = None


def list_objects(
    connection: Connection,
    resource: Resource,
    page: type[Page[T]],
    *,
    namespaces: Iterable[str],
    all_namespaces_known: bool,
    progress: Progress,
) -> Listing[T]:
    """All objects of a kind, cluster-wide, or namespace by namespace where that is forbidden.

    What cannot be listed, and an object that cannot be read, is a gap: one for each namespace that
    refuses, or one for the whole cluster where every namespace does, or where ``namespaces``,
    those to ask for one by one, are not all there are.

    Raises:
        ClusterError: the server cannot be reached, or does not accept the credentials.
    """

    def read(namespace: str | None, already: int) -> _Reading[T]:
        return _read(
            connection,
            resource,
            page,
            namespace=namespace,
            progress=lambda plural, count: progress(plural, already + count),
        )

    whole = read(None, 0)
    if whole.error is None:
        return Listing(whole.items, whole.gaps, None)
    if whole.error.status != 403 or not resource.namespaced:
        gap = _unlisted(resource, None, whole.error)
        return Listing(whole.items, [*whole.gaps, gap], None if whole.items else whole.error)

    items: list[T] = []
    gaps: list[Gap] = []
    refused: list[Gap] = []
    answered = False
    for namespace in sorted(namespaces):
        part = read(namespace, len(items))
        items += part.items
        gaps += part.gaps
        answered = answered or part.error is None
        if part.error is not None:
            refused.append(_unlisted(resource, namespace, part.error))
    if not (answered and all_namespaces_known):
        # One gap says it all: of some namespace, or of every one, nothing is known.
        refused = [_unlisted(resource, None, whole.error)]
    return Listing(items, [*gaps, *refused], None if answered else whole.error)


def _read(
    connection: Connection,
    resource: Resource,
    page_type: type[Page[T]],
    *,
    namespace: str | None,
    progress: Progress,
) -> _Reading[T]:
    decoder = msgspec.json.Decoder(page_type)
    reading: _Reading[T] = _Reading()
    token, restarted, continued = "", False, False
    while True:
        query = {"limit": str(PAGE_SIZE)} | ({"continue": token} if token else {})
        try:
            body = connection.get(
                resource.collection(namespace), query=query, accept=resource.accept
            )
        except RequestError as error:
            # A list that takes longer than the server keeps its state expires. The server may hand
            # out a token that goes on after the last key, on newer state; else we begin again.
            if error.status == 410 and error.continue_token and not continued:
                token, continued = error.continue_token, True
                continue
            if error.status == 410 and token and not restarted:
                reading, token, restarted, continued = _Reading(), "", True, False
                continue
            reading.error = error
            return reading
        page = _decode_page(body, decoder, resource, reading.gaps)
        reading.items += page.items or ()
        progress(resource.plural, len(reading.items))
        if not page.metadata.continue_token:
            return reading
        token, continued = page.metadata.continue_token, False


def _decode_page(
    body: bytes, decoder: msgspec.json.Decoder[Page[T]], resource: Resource, gaps: list[Gap]
) -> Page[T]:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError:
        # One object that is not as expected fails its page: its neighbours must not be lost.
        return _decode_one_by_one(body, decoder, resource, gaps)


def _decode_one_by_one(
    body: bytes, decoder: msgspec.json.Decoder[Page[T]], resource: Resource, gaps: list[Gap]
) -> Page[T]:
    try:
        raw = msgspec.json.decode(body, type=Page[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise ClusterError(
            f"server answers the list of {resource.plural} with something that is no list: "
            f"{one_line(str(error))}",
            hint="check that the context's server is an API server and no login page",
        ) from error
    (item_type,) = get_args(decoder.type)
    items: list[T] = []
    for one in raw.items or ():
        untyped = msgspec.json.decode(one)
        try:
            items.append(decode(untyped, item_type))
        except MalformedError as error:
            gaps.append(_undecoded(resource, untyped, error.fault))
    return Page(metadata=raw.metadata, items=items)


def _unlisted(resource: Resource, namespace: str | None, error: RequestError) -> Gap:
    return Gap(
        kind=resource.kind,
        namespace=namespace,
        name=None,
        reason=f"{resource.plural} cannot be listed: {error.message}",
        effect=resource.effect,
        blind=resource.blind,
    )


def _undecoded(resource: Resource, value: Any, fault: Fault) -> Gap:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    known: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    namespace, name = known.get("namespace"), known.get("name")
    return Gap(
        kind=resource.kind,
        namespace=namespace if isinstance(namespace, str) else None,
        name=name if isinstance(name, str) else None,
        reason=f"object is not of the form that the API documents: {one_line(fault.reason)}",
        effect=f"left out: {resource.effect}",
        source=GapSource(field=fault.field) if fault.field else None,
        blind=resource.blind,
    )
