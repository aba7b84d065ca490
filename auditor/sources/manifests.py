"""Manifests as a source: files, folders and standard input (semantics, sections 1.5, 2.3 and 6)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple, TypeVar

from auditor.errors import ManifestsError
from auditor.model.collector import uncollected
from auditor.model.objects import (
    Agent,
    Metadata,
    Namespace,
    NetworkPolicy,
    Node,
    Owner,
    Pod,
    Reference,
    Service,
)
from auditor.model.progress import Progress, unwatched
from auditor.model.retention import Retention
from auditor.model.selectors import NAMESPACE_NAME_LABEL
from auditor.model.snapshot import ConfigMapEvidence, Gap, Snapshot, UnevaluatedPolicy
from auditor.sources.expansion import expand
from auditor.sources.files import read_files
from auditor.sources.reading import Accepted, Reading, add, read_file
from auditor.sources.unevaluated import unevaluated_gaps, without_mirrors
from auditor.sources.workloads import Workload

T = TypeVar("T")


def collect(
    paths: Sequence[str],
    *,
    retention: Retention,
    now: str,
    stdin: BinaryIO | None = None,
    progress: Progress = unwatched,
) -> Snapshot:
    """Read manifests into a snapshot, in which workloads stand as the pods they would make.

    Args:
        paths: files of any name; folders, for their .yaml, .yml and .json files at any depth; `-`.
        retention: what is kept beyond the fixed fields.
        now: the time of the snapshot, ISO 8601 in UTC.
        stdin: what `-` reads; standard input by default.
        progress: told `objects` and how many have been read, file by file.

    Raises:
        ManifestsError: a path cannot be read, or there is no Kubernetes object in any.

    """
    with uncollected():
        return _assemble(_read(paths, retention, stdin, progress), now)


class Written(NamedTuple):
    """Manifests one by one: the objects that count, of duplicates the last."""

    objects: tuple[Accepted, ...]
    passed_over: tuple[Reference, ...]
    """Objects of kinds that bear on no connection."""
    gaps: tuple[Gap, ...]


def read_objects(
    paths: Sequence[str],
    *,
    retention: Retention,
    stdin: BinaryIO | None = None,
    progress: Progress = unwatched,
) -> Written:
    """Read manifests as what they are, objects to be written, and not as a cluster.

    The arguments, and what is raised, are those of `collect`.
    """
    whole = _read(paths, retention, stdin, progress)
    kept, duplicates = _keep_last(whole.accepted)
    return Written(tuple(kept), tuple(whole.passed_over), (*whole.gaps, *duplicates))


def _read(
    paths: Sequence[str], retention: Retention, stdin: BinaryIO | None, progress: Progress
) -> Reading:
    stdin = stdin or sys.stdin.buffer
    whole = Reading()
    for content in read_files(paths, stdin):
        if isinstance(content, Gap):
            whole.gaps.append(content)
            continue
        add(whole, read_file(content, retention))
        progress("objects", whole.found)
    if not whole.found:
        raise _nothing_found(paths, whole)
    return whole


def _nothing_found(paths: Sequence[str], whole: Reading) -> ManifestsError:
    if whole.gaps:
        gap = whole.gaps[0]
        source = (gap.source.file, gap.source.document) if gap.source else ()
        where = ", ".join(one for one in source if one)
        return ManifestsError(
            f"no object could be read: {where}: {gap.reason}",
            hint="kubectl apply --dry-run=client tells what is wrong with a manifest",
        )
    return ManifestsError(
        f"no Kubernetes object found in {', '.join(paths)}",
        hint="name files, or folders that hold .yaml, .yml or .json files",
    )


def _assemble(whole: Reading, now: str) -> Snapshot:
    kept, duplicates = _keep_last(whole.accepted)
    values = [value for one in kept for value in one.values]
    policies = _of(values, NetworkPolicy)
    owners = _of(values, Owner)
    pods = _of(values, Pod)
    workloads = {one.reference: one for one in _of(values, Workload)}
    unevaluated = without_mirrors(_of(values, UnevaluatedPolicy), policies)
    return Snapshot(
        origin="manifests",
        taken_at=now,
        namespaces=_sorted(_complete(_of(values, Namespace), whole.namespaces)),
        pods=_sorted([*pods, *expand(workloads, pods, owners)]),
        services=_sorted(_of(values, Service)),
        nodes=_sorted(_of(values, Node)),
        policies=_sorted(policies),
        owners=_sorted(owners),
        agents=_sorted(_of(values, Agent)),
        config_maps=tuple(
            sorted(_of(values, ConfigMapEvidence), key=lambda one: (one.namespace, one.name))
        ),
        unevaluated_policies=tuple(
            sorted(unevaluated, key=lambda one: (one.namespace, one.name, one.kind))
        ),
        gaps=(*whole.gaps, *duplicates, *unevaluated_gaps(unevaluated)),
        documents_ignored=whole.ignored,
    )


def _keep_last(accepted: Iterable[Accepted]) -> tuple[list[Accepted], list[Gap]]:
    """The objects, of duplicates the last, with a gap for each that gives way."""
    last: dict[Reference, Accepted] = {}
    gaps: list[Gap] = []
    for one in accepted:
        key = one.reference
        if key in last:
            gaps.append(
                Gap(
                    kind=one.kind,
                    namespace=one.namespace or None,
                    name=one.name,
                    reason=f"{one.kind} is declared before, in {_place(last[key])}",
                    effect="the last declaration counts",
                    source=one.source,
                )
            )
        last[key] = one
    return [*last.values()], gaps


def _place(accepted: Accepted) -> str:
    return f"{accepted.source.file}, {accepted.source.document}"


def _complete(declared: Sequence[Namespace], used: Iterable[str]) -> Iterator[Namespace]:
    """The namespaces, with those that objects are in and no manifest declares (semantics 2.3)."""
    yield from declared
    for name in set(used) - {one.name for one in declared}:
        metadata = Metadata(name=name, labels={NAMESPACE_NAME_LABEL: name})
        yield Namespace(metadata=metadata, declared=False)


def _of(values: Iterable[Any], kind: type[T]) -> list[T]:
    return [one for one in values if isinstance(one, kind)]


def _sorted(objects: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(objects, key=lambda one: (one.metadata.namespace, one.metadata.name)))
