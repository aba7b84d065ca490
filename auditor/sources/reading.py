"""One document of manifests: which objects it holds, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from auditor.model.retention import Retention
from auditor.model.snapshot import Blind, Gap, GapSource
from auditor.sources.documents import Document
from auditor.sources.faults import Fault, MalformedError
from auditor.sources.files import unread
from auditor.sources.items import EmptyList, Ignored, Item, find_items
from auditor.sources.kinds import (
    CLUSTER_WIDE,
    NAMESPACED_AND_PASSED_OVER,
    Fate,
    blind_of,
    decide_fate,
)
from auditor.sources.naming import is_dns_label
from auditor.sources.objects import DEFAULT_NAMESPACE, Built, build, build_unevaluated
from auditor.sources.unknown_fields import find_unknown_fields
from auditor.sources.wording import one_line
from auditor.sources.yaml_words import keeps_other_word


class Accepted(NamedTuple):
    """An object that counts, as its values (`objects.Built`), and where it stands."""

    kind: str
    namespace: str
    name: str
    values: tuple[Any, ...]
    source: GapSource


@dataclass
class Reading:
    """What came of a document.

    ``found`` counts whatever is an object of Kubernetes, kept or not; ``namespaces`` are those that
    such an object is in; ``refused`` says that some object is left out.
    """

    accepted: list[Accepted] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    found: int = 0
    ignored: int = 0
    refused: bool = False


def read_document(document: Document, retention: Retention) -> Reading:
    """Take the objects out of a document, as the API server would read what kubectl sends it."""
    reading = _read(document, retention)
    kept = msgspec.json.encode([one.values for one in reading.accepted])
    # Whatever was refused may have been so for a word that kubectl reads otherwise.
    if not (reading.refused or keeps_other_word(kept)):
        return reading
    try:
        again = document.read_as_kubectl()
    except ValueError as error:
        return Reading(
            gaps=[unread(document.file, f"cannot be parsed: {error}", document=document.place)]
        )
    return reading if again is None else _read(again, retention)


def _read(document: Document, retention: Retention) -> Reading:
    reader = _Reader(document, retention)
    for found in find_items(document.raw):
        match found:
            case Item():
                reader.read(found)
            case Fault():
                reader.miss(found)
            case EmptyList():
                reader.reading.found += 1
            case Ignored():
                reader.reading.ignored += 1
    return reader.reading


class _Kind(NamedTuple):
    """A kind as gaps spell it, whether it is namespaced, and what it means to lack one of it."""

    name: str
    namespaced: bool
    blind: Blind | None


class _Reader:
    """Reads the objects of one document."""

    def __init__(self, document: Document, retention: Retention) -> None:
        self._document = document
        self._retention = retention
        self._policy_kinds = {(one.group, one.kind): one for one in retention.policy_kinds}
        self.reading = Reading()

    def read(self, item: Item) -> None:
        """Keep an object, or record why it is left out."""
        self.reading.found += 1
        group = item.api_version.rpartition("/")[0]
        policy_kind = self._policy_kinds.get((group, item.kind))
        kind = _Kind(item.kind, item.kind not in CLUSTER_WIDE, blind_of(item.kind))
        try:
            if policy_kind is not None:
                kind = _Kind(f"{item.kind}.{group}", policy_kind.namespaced, Blind.POLICIES)
                self._keep(item, kind, build_unevaluated(item.raw, policy_kind))
                return
            match decide_fate(item.api_version, item.kind):
                case Fate.READ:
                    self._keep(item, kind, build(item.kind, item.raw, self._retention))
                case Fate.PASSED_OVER:
                    if item.kind in NAMESPACED_AND_PASSED_OVER:
                        self._use(_text_of(item, "namespace"))
                case Fate.NOT_SERVED:
                    reason = f"{item.api_version} is not served any more"
                    self._reject(item, kind, Fault("apiVersion", reason))
                case Fate.UNKNOWN:
                    self.miss(Fault(item.field("kind"), f"is unknown in {item.api_version}"))
        except MalformedError as error:
            self._reject(item, kind, error.fault)

    def miss(self, fault: Fault) -> None:
        """Record what stands where an object should be, and is none."""
        self.reading.gaps.append(
            unread(
                self._document.file,
                _sentence(fault),
                document=self._document.place,
                field=fault.field or None,
            )
        )

    def _keep(self, item: Item, kind: _Kind, built: Built) -> None:
        fault = next(built.faults, None)
        if fault is not None:
            self._reject(item, kind, fault)
            return
        if not built.values:
            self._use(_text_of(item, "namespace"))
            return
        if kind.namespaced:
            self._use(built.namespace)
        self.reading.accepted.append(
            Accepted(kind.name, built.namespace, built.name, built.values, self._source(item))
        )
        if item.kind == "NetworkPolicy" and kind.name == item.kind:
            self.reading.gaps += (
                Gap(
                    kind=kind.name,
                    namespace=built.namespace,
                    name=built.name,
                    reason=one_line(f"{unknown} is not a field of the API"),
                    effect="evaluated as if it were not there",
                    source=self._source(item, unknown),
                )
                for unknown in find_unknown_fields(item.raw)
            )

    def _reject(self, item: Item, kind: _Kind, fault: Fault) -> None:
        """Record an object that the API server would not take."""
        self.reading.refused = True
        namespace = _text_of(item, "namespace") or DEFAULT_NAMESPACE
        if kind.namespaced:
            self._use(namespace)
        name = _text_of(item, "name")
        self.reading.gaps.append(
            Gap(
                kind=kind.name,
                namespace=one_line(namespace) if kind.namespaced else None,
                name=one_line(name) or None,
                reason=one_line(_sentence(fault)),
                effect="left out",
                source=self._source(item, fault.field),
                blind=kind.blind,
            )
        )

    def _use(self, namespace: str) -> None:
        if is_dns_label(namespace):
            self.reading.namespaces.add(namespace)

    def _source(self, item: Item, field: str = "") -> GapSource:
        path = item.field(field)
        return GapSource(
            file=self._document.file,
            document=self._document.place,
            field=one_line(path) if path else None,
        )


def _sentence(fault: Fault) -> str:
    return f"{fault.field} {fault.reason}" if fault.field else fault.reason


def _text_of(item: Item, name: str) -> str:
    """A text of the object's metadata, or the empty one where there is none."""
    metadata = item.raw.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else ""
