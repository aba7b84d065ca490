"""Which policy kinds an API server serves, and in which version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from auditor.model.retention import PolicyKind
from auditor.model.snapshot import Blind, Gap
from auditor.sources.connection import Connection, RequestError
from auditor.sources.pages import METADATA_ONLY, Resource
from auditor.sources.unevaluated import EFFECT
from auditor.sources.wording import one_line

_AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)

T = TypeVar("T")


class Discovery(NamedTuple):
    """The kinds that are served, and gaps for those of which that could not be found out."""

    resources: tuple[Resource, ...]
    gaps: tuple[Gap, ...]


class _Name(msgspec.Struct):
    name: str = ""


class _ServedResource(msgspec.Struct):
    """A resource in the aggregated form."""

    resource: str
    scope: str = ""
    verbs: list[str] = []


class _ServedVersion(msgspec.Struct):
    """A version in the aggregated form; `Stale` means that its own server did not answer."""

    version: str
    resources: list[_ServedResource] = []
    freshness: str = "Current"


class _ServedGroup(msgspec.Struct):
    """A group in the aggregated form."""

    metadata: _Name
    versions: list[_ServedVersion] = []


class _GroupVersion(msgspec.Struct):
    version: str


class _Group(msgspec.Struct):
    """A group in the form before Kubernetes 1.26."""

    name: str
    versions: list[_GroupVersion] = []


class _Groups(msgspec.Struct):
    """The answer of ``/apis``: ``items`` in the aggregated form, ``groups`` in the older one."""

    kind: str
    items: list[_ServedGroup] = []
    groups: list[_Group] = []


class _Resource(msgspec.Struct):
    """A resource in the older form; a subresource has a `/` in its name."""

    name: str
    namespaced: bool = False
    verbs: list[str] = []


class _Resources(msgspec.Struct):
    """The answer of ``/apis/GROUP/VERSION``."""

    resources: list[_Resource] = []


def discover(connection: Connection, kinds: Iterable[PolicyKind]) -> Discovery:
    """Find the kinds that the server serves; each in the version that the server prefers.

    Absent kinds leave no trace. Where it cannot be found out whether a kind is served, that is a
    gap.

    Raises:
        ClusterError: see `Connection.get`.
    """
    wanted: dict[str, list[PolicyKind]] = defaultdict(list)
    for kind in kinds:
        wanted[kind.group].append(kind)
    if not wanted:
        return Discovery((), ())
    try:
        groups = _decode(connection.get("/apis", accept=_AGGREGATED), _Groups)
    except RequestError as error:
        return Discovery((), (_unknown(None, error.message),))
    if groups.kind == "APIGroupDiscoveryList":
        found = {one.metadata.name: one.versions for one in groups.items}
        return _match(wanted, found, {})
    return _match(wanted, *_ask_each_group(connection, wanted, groups.groups))


def _ask_each_group(
    connection: Connection, wanted: Mapping[str, object], groups: Iterable[_Group]
) -> tuple[dict[str, list[_ServedVersion]], dict[str, str]]:
    """The versions of the groups wanted, and the reason where one could not be asked for."""
    found: dict[str, list[_ServedVersion]] = {}
    failed: dict[str, str] = {}
    for group in groups:
        if group.name not in wanted:
            continue
        found[group.name] = []
        for each in group.versions:
            path = f"/apis/{group.name}/{quote(each.version, safe='')}"
            try:
                served = _decode(connection.get(path), _Resources).resources
            except RequestError as error:
                failed[group.name] = error.message
                continue
            resources = [
                _ServedResource(
                    resource=one.name,
                    scope="Namespaced" if one.namespaced else "Cluster",
                    verbs=one.verbs,
                )
                for one in served
            ]
            found[group.name].append(_ServedVersion(version=each.version, resources=resources))
    return found, failed


def _match(
    wanted: Mapping[str, Iterable[PolicyKind]],
    found: Mapping[str, Iterable[_ServedVersion]],
    failed: Mapping[str, str],
) -> Discovery:
    resources: list[Resource] = []
    gaps: list[Gap] = []
    for group, kinds in wanted.items():
        versions = tuple(found.get(group, ()))
        stale = any(one.freshness == "Stale" for one in versions)
        reason = failed.get(group) or ("its own API server does not answer" if stale else None)
        for kind in kinds:
            resource = _find(kind, versions)
            if resource is not None:
                resources.append(resource)
            elif reason is not None:
                gaps.append(_unknown(kind, reason))
    return Discovery(tuple(resources), tuple(gaps))


def _find(kind: PolicyKind, versions: Iterable[_ServedVersion]) -> Resource | None:
    for version in versions:
        for one in version.resources:
            if one.resource == kind.plural and "list" in one.verbs:
                return Resource(
                    kind=_spell(kind),
                    path=f"/apis/{kind.group}/{quote(version.version, safe='')}",
                    plural=kind.plural,
                    namespaced=one.scope == "Namespaced",
                    effect=EFFECT,
                    blind=Blind.POLICIES,
                    accept=METADATA_ONLY,
                )
    return None


def _spell(kind: PolicyKind) -> str:
    return f"{kind.kind}.{kind.group}"


def _unknown(kind: PolicyKind | None, reason: str) -> Gap:
    """The gap of a kind, or of all kinds, that may be served or not."""
    what = "it is" if kind is not None else "further policy kinds are"
    return Gap(
        kind=None if kind is None else _spell(kind),
        namespace=None,
        name=None,
        reason=f"whether {what} in use cannot be found out: {reason}",
        effect=EFFECT,
        blind=Blind.POLICIES,
    )


def _decode(body: bytes, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=answer)
    except msgspec.DecodeError as error:
        raise RequestError(
            200, f"server answers discovery with something unexpected: {one_line(str(error))}"
        ) from error
