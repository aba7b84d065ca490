"""One file of manifests: which objects it holds, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from auditor.model.objects import Reference
from auditor.model.retention import Retention
from auditor.model.snapshot import Blind, Gap, GapSource
from auditor.sources.documents import Document, read_documents
from auditor.sources.faults import Fault, MalformedError
from auditor.sources.files import Content, unread
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

_MOST_BROKEN = 1000
"""As many as a file may hold whose other documents are still worth reading."""


class Mentioned(NamedTuple):
    """What a document mentions of an object: an apply leaves the rest as it is."""

    namespace: bool
    spec: tuple[Any, ...]
    """The fields at the top of its spec."""
    labels: tuple[Any, ...]
    """The keys of its own labels."""


class Accepted(NamedTuple):
    """An object that counts, as its values (`objects.Built`), and where and how it is written."""

    kind: str
    namespace: str
    name: str
    values: tuple[Any, ...]
    source: GapSource
    mentioned: Mentioned

    @property
    def reference(self) -> Reference:
        """Its key."""
        return Reference(self.namespace, self.kind, self.name)


@dataclass
class Reading:
    """What came of a document, a file or all of them.

    ``found`` counts whatever is an object of Kubernetes, kept or not; ``namespaces`` are those that
    such an object is in; ``refused`` says that some object is left out. ``broken`` counts what
    stands where a document or an object should be and is none, and ``is_cut_off`` says that there
    is more of that than a file may hold, so that its rest is not read.
    """

    accepted: list[Accepted] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    passed_over: list[Reference] = field(default_factory=list)
    """Objects of kinds that are not read."""
    found: int = 0
    ignored: int = 0
    refused: bool = False
    broken: int = 0
    is_cut_off: bool = False


def read_file(content: Content, retention: Retention) -> Reading:
    """Take the objects out of a file, up to where it turns out to be nonsense.

    What nonsense would cost, in time and in gaps, has no bound else. Objects that are refused do
    not count as such: of them, the file may hold any number.
    """
    whole = Reading()
    for document in read_documents(content):
        left = _MOST_BROKEN - whole.broken
        if isinstance(document, Gap):
            part = _break(document, left)
        else:
            part = _read_document(document, retention, left)
        add(whole, part)
        if part.is_cut_off:
            break
    return whole


def add(whole: Reading, part: Reading) -> None:
    """Add what came of a part to what came of the whole so far."""
    whole.accepted += part.accepted
    whole.gaps += part.gaps
    whole.namespaces |= part.namespaces
    whole.passed_over += part.passed_over
    whole.found += part.found
    whole.ignored += part.ignored
    whole.broken += part.broken


def _break(gap: Gap, left: int) -> Reading:
    """What comes of a broken document, where the file may hold so many more of them."""
    if left:
        return Reading(gaps=[gap], broken=1)
    cut = msgspec.structs.replace(
        gap, reason=f"is not read from here on: {_MOST_BROKEN:,} documents before it are broken"
    )
    return Reading(gaps=[cut], is_cut_off=True)


def _read_document(document: Document, retention: Retention, left: int) -> Reading:
    """Take the objects out of a document, as the API server would read what kubectl sends it."""
    reading = _read(document, retention, left)
    kept = msgspec.json.encode([one.values for one in reading.accepted])
    # Whatever was refused may have been so for a word that kubectl reads otherwise.
    if not (reading.refused or keeps_other_word(kept)):
        return reading
    try:
        again = document.read_as_kubectl()
    except ValueError as error:
        gap = unread(document.file, f"cannot be parsed: {error}", document=document.place)
        return _break(gap, left)
    return reading if again is None else _read(again, retention, left)


def _read(document: Document, retention: Retention, left: int) -> Reading:
    reader = _Reader(document, retention)
    for found in find_items(document.raw):
        match found:
            case Item():
                reader.read(found)
            case Fault():
                add(reader.reading, part := _break(reader.gap_of(found), left))
                if part.is_cut_off:
                    reader.reading.is_cut_off = True
                    break
                left -= 1
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
        self._vendor_groups = {one.group for one in retention.policy_kinds}
        self.reading = Reading()

    def read(self, item: Item) -> None:
        """Keep an object, or record why it is left out."""
        self.reading.found += 1
        group = item.api_version.rpartition("/")[0]
        fate, kind = self._judge(item, group)
        try:
            match fate:
                case Fate.NOT_EVALUATED:
                    built = build_unevaluated(item.raw, kind.name, namespaced=kind.namespaced)
                    self._keep(item, kind, built)
                case Fate.READ:
                    self._keep(item, kind, build(item.kind, item.raw, self._retention))
                case Fate.PASSED_OVER:
                    self._pass_over(item)
                    if item.kind in NAMESPACED_AND_PASSED_OVER:
                        self._use(_text_of(item, "namespace"))
                case Fate.NOT_SERVED:
                    reason = f"{item.api_version} is not served any more"
                    self._reject(item, kind, Fault("apiVersion", reason))
                case Fate.NO_VERSION:
                    reason = f"is no version of {item.kind}: {item.api_version}"
                    self._reject(item, kind, Fault("apiVersion", reason))
                case Fate.UNKNOWN:
                    fault = Fault(item.field("kind"), f"is unknown in {item.api_version}")
                    self.reading.gaps.append(self.gap_of(fault))
        except MalformedError as error:
            self._reject(item, kind, error.fault)

    def _judge(self, item: Item, group: str) -> tuple[Fate, _Kind]:
        spelled = f"{item.kind}.{group}"
        policy_kind = self._policy_kinds.get((group, item.kind))
        if policy_kind is not None:
            return Fate.NOT_EVALUATED, _Kind(spelled, policy_kind.namespaced, Blind.POLICIES)
        fate = decide_fate(item.api_version, item.kind, self._vendor_groups)
        if fate is Fate.NOT_EVALUATED:
            # Whether a kind that nobody knows is namespaced, the object alone tells.
            return fate, _Kind(spelled, bool(_text_of(item, "namespace")), Blind.POLICIES)
        return fate, _Kind(item.kind, item.kind not in CLUSTER_WIDE, blind_of(item.kind))

    def gap_of(self, fault: Fault) -> Gap:
        """The gap of what stands where an object should be, and is none."""
        return unread(
            self._document.file,
            _sentence(fault),
            document=self._document.place,
            field=fault.field or None,
        )

    def _keep(self, item: Item, kind: _Kind, built: Built) -> None:
        fault = next(built.faults, None)
        if fault is not None:
            self._reject(item, kind, fault)
            return
        if not built.values:
            self._pass_over(item)
            self._use(_text_of(item, "namespace"))
            return
        if kind.namespaced:
            self._use(built.namespace)
        self.reading.accepted.append(
            Accepted(
                kind.name,
                built.namespace,
                built.name,
                built.values,
                self._source(item),
                _mentioned(item.raw),
            )
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
                kind=one_line(kind.name),
                namespace=one_line(namespace) if kind.namespaced else None,
                name=one_line(name) or None,
                reason=one_line(_sentence(fault)),
                effect="left out",
                source=self._source(item, fault.field),
                blind=kind.blind,
            )
        )

    def _pass_over(self, item: Item) -> None:
        parts = (_text_of(item, "namespace"), item.kind, _text_of(item, "name"))
        self.reading.passed_over.append(Reference(*map(one_line, parts)))

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


def _mentioned(raw: dict[Any, Any]) -> Mentioned:
    metadata, spec = raw.get("metadata"), raw.get("spec")
    known: dict[Any, Any] = metadata if isinstance(metadata, dict) else {}
    labels = known.get("labels")
    return Mentioned(
        namespace=bool(known.get("namespace")),
        spec=tuple(spec) if isinstance(spec, dict) else (),
        labels=tuple(labels) if isinstance(labels, dict) else (),
    )


def _text_of(item: Item, name: str) -> str:
    """A text of the object's metadata, or the empty one where there is none."""
    metadata = item.raw.get("metadata")
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else ""
