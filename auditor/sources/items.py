"""The objects in a document: itself, or the items of a list, at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from auditor.sources.faults import Fault
from auditor.sources.kinds import is_read, is_version_read

_LIST = "List"
_DEEPEST = 8


class Item(NamedTuple):
    """An object as a parser returned it. ``path`` is `items[3]`, or empty for a whole document."""

    path: str
    raw: dict[Any, Any]
    api_version: str
    kind: str

    def field(self, name: str) -> str:
        """A field of the object as a path in the document."""
        return join(self.path, name)


class Ignored(NamedTuple):
    """A document that is no object and does not look as if it should be one."""


class EmptyList(NamedTuple):
    """A list of objects that holds none."""


def join(path: str, field: str) -> str:
    """Two paths as one; either may be empty."""
    return f"{path}.{field}" if path and field else path or field


def find_items(raw: Any) -> Iterator[Item | Fault | Ignored | EmptyList]:
    """The objects of a document, and the faults of what stands in an object's place.

    Lists of kubectl (`List`) and of the API (`PodList`, whose items may lack version and kind) are
    taken apart, and so is a bare list of objects.
    """
    if isinstance(raw, list):
        if any(isinstance(one, dict) and "kind" in one for one in raw):
            yield from _find_in_list(raw, "", "", "", 0)
        else:
            yield Ignored()
    else:
        yield from _find(raw, "", "", "", 0)


def _find_in_list(
    items: list[Any], path: str, api_version: str, kind: str, depth: int
) -> Iterator[Item | Fault | Ignored | EmptyList]:
    if not items:
        yield EmptyList()
    for index, one in enumerate(items):
        yield from _find(one, f"{path}[{index}]", api_version, kind, depth)


def _find(
    raw: Any, path: str, api_version: str, kind: str, depth: int
) -> Iterator[Item | Fault | Ignored | EmptyList]:
    if not isinstance(raw, dict):
        yield Fault(path, "is not a mapping, as every object is")
        return
    version, named = raw.get("apiVersion") or api_version, raw.get("kind") or kind
    for field, value in (("apiVersion", version), ("kind", named)):
        if not isinstance(value, str):
            yield Fault(join(path, field), "must be text")
            return
    if named == _LIST or (named.endswith(_LIST) and "items" in raw):
        inherited = ("", "") if named == _LIST else (version, named.removesuffix(_LIST))
        here = join(path, "items")
        items = raw.get("items")
        if items is None:
            items = []
        if not isinstance(items, list):
            yield Fault(here, "must be a list")
        elif depth == _DEEPEST:
            yield Fault(here, f"is more than {_DEEPEST} lists deep")
        else:
            yield from _find_in_list(items, here, *inherited, depth + 1)
    elif version and named:
        yield Item(path, raw, version, named)
    elif path or is_read(named) or is_version_read(version):
        yield Fault(join(path, "kind" if version else "apiVersion"), "is missing")
    else:
        yield Ignored()
