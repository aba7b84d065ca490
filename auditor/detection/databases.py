"""Which workloads are data stores, by the images and labels of their pods.

Ports are weak evidence and prove nothing alone; init containers serve nobody and prove nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from auditor.detection.data import DetectionData, Engine, LabelEvidence
from auditor.detection.declared import DATABASE_LABEL, DeclaredWorkloads, Engines
from auditor.detection.labels import describe_labels, match_labels
from auditor.model.objects import Container, Pod, Reference
from auditor.model.recognition import Database
from auditor.model.workloads import OwnersByKey, workload_of
from auditor.settings import DetectionSettings

_WORD = re.compile(r"[-_.]")


class _Sign(NamedTuple):
    """One reason to call a pod a data store."""

    engine: str
    ports: tuple[int, ...]
    evidence: str
    container: str = ""
    """Empty: it is said of the pod as a whole."""


class _ImagePattern(NamedTuple):
    """A pattern for the last path segments of an image, one or two of them."""

    finds: Callable[[str], re.Match[str] | None]
    segments: int
    engine: str
    ports: tuple[int, ...]
    helpers: frozenset[str]
    """Words that tell a helper of this engine."""
    declared: bool = False
    """By the settings, and so never a helper."""


class _LabelPattern(NamedTuple):
    evidence: LabelEvidence
    engine: Engine
    helpers: frozenset[str]


def path_segments(image: str) -> tuple[str, ...]:
    """The path of an image, without registry, tag and digest: `library`, `mysql`."""
    path = image.partition("@")[0].lower()
    head, slash, tail = path.rpartition("/")
    segments = (head + slash + tail.partition(":")[0]).split("/")
    has_registry = len(segments) > 1 and (
        "." in segments[0] or ":" in segments[0] or segments[0] == "localhost"
    )
    return tuple(segments[1:] if has_registry else segments)


def _image_patterns(data: DetectionData) -> Iterator[_ImagePattern]:
    for engine in data.engines:
        helpers = frozenset((*data.exclude, *engine.exclude))
        for pattern in engine.images:
            yield _ImagePattern(
                finds=re.compile(pattern).fullmatch,
                segments=pattern.count("/") + 1,
                engine=engine.name,
                ports=engine.ports,
                helpers=helpers,
            )


def _label_patterns(data: DetectionData) -> Mapping[str, tuple[_LabelPattern, ...]]:
    """The label evidence by its first key: most pods have none of these keys."""
    by_key: dict[str, tuple[_LabelPattern, ...]] = {}
    for engine in data.engines:
        helpers = frozenset((*data.exclude, *engine.exclude))
        for evidence in engine.labels:
            key = next(iter(evidence.match))
            by_key[key] = (*by_key.get(key, ()), _LabelPattern(evidence, engine, helpers))
    return by_key


def _declared_patterns(engines: Engines, settings: DetectionSettings) -> Iterator[_ImagePattern]:
    """The patterns of the settings: found anywhere in the segment, and never a helper."""
    for pattern, name in settings.databases.items():
        engine, ports = engines.find(name)
        yield _ImagePattern(
            finds=re.compile(pattern).search,
            segments=pattern.count("/") + 1,
            engine=engine,
            ports=ports,
            helpers=frozenset(),
            declared=True,
        )


def _is_helper(container: Container, words: frozenset[str]) -> bool:
    """Whether some word of the image says so, or the last word of the container's name.

    Only the last: a container `admin-db` is the admin's database, a `kafka-exporter` exports.
    """
    image = _WORD.split(path_segments(container.image)[-1])
    return not words.isdisjoint(image) or _WORD.split(container.name.lower())[-1] in words


class _Reader:
    """Reads pods against the data and the settings; images repeat, so each is matched once."""

    def __init__(self, data: DetectionData, settings: DetectionSettings) -> None:
        self._engines = Engines(data.engines)
        self._workloads = DeclaredWorkloads(settings.workloads)
        self._transient = frozenset(data.transient_kinds)
        self._patterns = (*_declared_patterns(self._engines, settings), *_image_patterns(data))
        self._labels = _label_patterns(data)
        self._by_image: dict[str, tuple[_ImagePattern, ...]] = {}

    def signs(self, pod: Pod) -> tuple[_Sign, ...]:
        """What says that the pod is a data store, labels first: they are the stronger."""
        by_image = [sign for one in pod.spec.containers if (sign := self._read_image(one))]
        if DATABASE_LABEL not in pod.labels and self._labels.keys().isdisjoint(pod.labels):
            return tuple(by_image)
        return (*self._read_declaration(pod), *self._read_labels(pod), *by_image)

    def settle(self, workload: Reference, signs: tuple[_Sign, ...]) -> tuple[_Sign, ...]:
        """What counts of a workload's signs: the settings have the last word."""
        declaration = self._workloads.find(workload)
        if declaration is None:
            return () if workload.kind in self._transient else signs
        if declaration.engine is None:
            return ()
        return (_Sign(*self._engines.find(declaration.engine), declaration.evidence),)

    def _read_declaration(self, pod: Pod) -> Iterator[_Sign]:
        if declared := self._engines.find_label(pod.labels):
            yield _Sign(*declared, f"label {DATABASE_LABEL}={pod.labels[DATABASE_LABEL]}")

    def _read_image(self, container: Container) -> _Sign | None:
        for pattern in self._patterns_of(container.image):
            if not pattern.declared and _is_helper(container, pattern.helpers):
                continue
            evidence = f"image {container.image} (container {container.name})"
            if pattern.declared:
                evidence += ", declared in the settings"
            return _Sign(pattern.engine, pattern.ports, evidence, container.name)
        return None

    def _patterns_of(self, image: str) -> tuple[_ImagePattern, ...]:
        found = self._by_image.get(image)
        if found is None:
            segments = path_segments(image)
            found = tuple(
                one
                for one in self._patterns
                if len(segments) >= one.segments and one.finds("/".join(segments[-one.segments :]))
            )
            self._by_image[image] = found
        return found

    def _read_labels(self, pod: Pod) -> Iterable[_Sign]:
        containers = pod.spec.containers
        for key in sorted(self._labels.keys() & pod.labels.keys()):
            for evidence, engine, helpers in self._labels[key]:
                if not match_labels(evidence.match, pod.labels):
                    continue
                if (
                    evidence.marks == "product"
                    and containers
                    and all(_is_helper(one, helpers) for one in containers)
                ):
                    continue
                text = describe_labels(evidence.match, pod.labels)
                yield _Sign(engine.name, engine.ports, text)


def recognize_databases(
    pods: Iterable[Pod], owners: OwnersByKey, data: DetectionData, settings: DetectionSettings
) -> Mapping[Reference, Database]:
    """The workloads that are data stores, each with its engine, usual ports and the evidence.

    A workload that runs several engines names them all, and the ports of all. So does one whose
    evidence contradicts itself, which is ambiguous then.
    """
    reader = _Reader(data, settings)
    found: dict[Reference, dict[_Sign, None]] = {}
    ambiguous: set[Reference] = set()
    for pod in pods:
        if not pod.is_endpoint or not ((signs := reader.signs(pod)) or settings.workloads):
            continue
        workload = workload_of(pod, owners)
        if counting := reader.settle(workload, signs):
            found.setdefault(workload, {}).update(dict.fromkeys(counting))
            if _contradict(counting):
                ambiguous.add(workload)
    return {
        workload: _database(tuple(found[workload]), ambiguous=workload in ambiguous)
        for workload in sorted(found)
    }


def _contradict(signs: Iterable[_Sign]) -> bool:
    """Whether a label of a pod names an engine that no image of it is, but another engine.

    Several containers may each run an engine of their own: what an image bears out stands.
    """
    named = {one.engine for one in signs if not one.container}
    run = {one.engine for one in signs if one.container}
    return not named <= run and len(named | run) > 1


def _database(signs: tuple[_Sign, ...], *, ambiguous: bool) -> Database:
    engines = dict.fromkeys(one.engine for one in signs)
    ports = dict.fromkeys(port for one in signs for port in one.ports)
    return Database(
        engine=(" or " if ambiguous else " and ").join(engines),
        ports=tuple(ports),
        evidence=tuple(dict.fromkeys(one.evidence for one in signs)),
        ambiguous=ambiguous,
    )
