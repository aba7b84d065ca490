"""One list of objects, page by page, decoded as the pages arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, get_args
from urllib.parse import quote

import msgspec

from auditor.model.progress import Progress
from auditor.model.snapshot import Blind, Gap, GapSource, ListRecord
from auditor.sources.connection import Connection, RequestError
from auditor.sources.decoding import decode
from auditor.sources.faults import Fault, MalformedError
from auditor.sources.wording import one_line

PAGE_SIZE = 500
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""The form to ask for where metadata suffice; a server that lacks it answers with whole objects."""

_OF_ANYTHING = ("List", "PartialObjectMetadataList")
"""Kinds of lists that do not say of what; any other must be the one that was asked for."""

_MOST_EMPTY_PAGES = 100
"""Pages in a row without an object: what follows, if anything, is not worth waiting for."""

_CONTINUED = "list expired while it was read, and was continued on newer state"
_DIFFERING = "pages of the list are of different resource versions"
_SEVERAL_MOMENTS = "the list shows more than one moment: what changed in between may be missing"
_BEGUN_ANEW = "list expired while it was read, and was begun anew"
_LATER_MOMENT = "the list shows a later moment than those read before it"

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
    resource_version: str = msgspec.field(name="resourceVersion", default="")


class Page(msgspec.Struct, Generic[T], gc=False):
    """A page of a list, in wire form. What has no ``items`` is none, whatever its status."""

    kind: str
    items: list[T] | None
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)


class Reading(Generic[T]):
    """One list as far as it was read: it may break off in the middle, with an error."""

    def __init__(self, resource: Resource, namespace: str | None, started_at: str) -> None:
        self.items: list[T] = []
        self.gaps: list[Gap] = []
        self.error: RequestError | None = None
        self.record: ListRecord | None = None
        """None where not a page was read."""
        self._resource = resource
        self._namespace = namespace
        self._started_at = started_at
        self._first_version = self._version = ""
        self._pages = 0
        self._inconsistent = False

    def add(self, page: Page[T], now: str) -> None:
        """Add a page, which arrived by now."""
        version = page.metadata.resource_version
        if version and self._version and version != self._version:
            self.mark_inconsistent(_DIFFERING)
        self._version = version or self._version
        self._first_version = self._first_version or version
        self._pages += 1
        self.items += page.items or ()
        self.record = ListRecord(
            kind=self._resource.kind,
            namespace=self._namespace,
            resource_version=self._first_version,
            pages=self._pages,
            items=len(self.items),
            started_at=self._started_at,
            finished_at=now,
            inconsistent=self._inconsistent,
        )

    def mark_inconsistent(self, reason: str) -> None:
        """Note that the next page shows another moment than those before; once is enough."""
        if not self._inconsistent:
            self._inconsistent = True
            self.note(reason, _SEVERAL_MOMENTS)

    def note(self, reason: str, effect: str) -> None:
        """Add a gap that changes no verdict."""
        self.gaps.append(
            Gap(
                kind=self._resource.kind,
                namespace=self._namespace,
                name=None,
                reason=reason,
                effect=effect,
            )
        )


def read_list(
    connection: Connection,
    resource: Resource,
    page_type: type[Page[T]],
    *,
    namespace: str | None,
    clock: Callable[[], str],
    progress: Progress,
) -> Reading[T]:
    """Read a list to its end, or to where it breaks off.

    A list that takes longer than the server keeps its state expires. The server may hand out a
    token that goes on after the last key, on newer state; else the list is begun anew, once.

    Raises:
        ClusterError: see `Connection.get`.
    """
    decoder = msgspec.json.Decoder(page_type)
    reading: Reading[T] = Reading(resource, namespace, clock())
    token, restarted, continued = "", False, False
    tokens: set[str] = set()
    empty = 0
    while True:
        query = {"limit": str(PAGE_SIZE)} | ({"continue": token} if token else {})
        try:
            body = connection.get(
                resource.collection(namespace), query=query, accept=resource.accept
            )
            page = _decode_page(body, decoder, resource, reading.gaps)
        except RequestError as error:
            if error.status == 410 and error.continue_token and not continued:
                token, continued = error.continue_token, True
                reading.mark_inconsistent(_CONTINUED)
                continue
            if error.status == 410 and token and not restarted:
                reading = Reading(resource, namespace, clock())
                reading.note(_BEGUN_ANEW, _LATER_MOMENT)
                token, restarted, continued = "", True, False
                tokens.clear()
                continue
            reading.error = error
            return reading
        reading.add(page, clock())
        progress(resource.plural, len(reading.items))
        token, continued = page.metadata.continue_token, False
        empty = 0 if page.items else empty + 1
        if not token:
            return reading
        if token in tokens or empty == _MOST_EMPTY_PAGES:
            reading.error = RequestError(200, "the server continues the list without an end")
            return reading
        tokens.add(token)


def _decode_page(
    body: bytes, decoder: msgspec.json.Decoder[Page[T]], resource: Resource, gaps: list[Gap]
) -> Page[T]:
    try:
        page = decoder.decode(body)
    except msgspec.DecodeError:
        # One object that is not as expected fails its page: its neighbours must not be lost.
        page = _decode_one_by_one(body, decoder, resource, gaps)
    if page.kind not in (f"{resource.kind.partition('.')[0]}List", *_OF_ANYTHING):
        raise RequestError(200, f"server answers with a {one_line(page.kind) or 'list of nothing'}")
    return page


def _decode_one_by_one(
    body: bytes, decoder: msgspec.json.Decoder[Page[T]], resource: Resource, gaps: list[Gap]
) -> Page[T]:
    try:
        raw = msgspec.json.decode(body, type=Page[msgspec.Raw])
    except msgspec.DecodeError as error:
        raise RequestError(
            200, f"server answers with something that is no list: {one_line(str(error))}"
        ) from error
    (item_type,) = get_args(decoder.type)
    items: list[T] = []
    for one in raw.items or ():
        untyped = msgspec.json.decode(one)
        try:
            items.append(decode(untyped, item_type))
        except MalformedError as error:
            gaps.append(_undecoded(resource, untyped, error.fault))
    return Page(kind=raw.kind, metadata=raw.metadata, items=items)


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
