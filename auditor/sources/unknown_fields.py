"""Fields of a policy that the API does not have: the API server drops them (semantics, section 6).

What the API has is what the model has: a NetworkPolicy's spec is modelled whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import msgspec

from auditor.model.objects import PolicySpec

_TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
"""``status`` was a field from 1.24 to 1.27."""


def find_unknown_fields(raw: object) -> Iterator[str]:
    """The paths of the unknown fields of a NetworkPolicy, as a parser returned it."""
    if isinstance(raw, dict):
        yield from (str(key) for key in raw if key not in _TOP)
        yield from _find(raw.get("spec"), PolicySpec, "spec")


def _find(raw: object, shape: type[msgspec.Struct], path: str) -> Iterator[str]:
    match raw:
        case dict():
            known = _fields(shape)
            for key, value in raw.items():
                here = f"{path}.{key}"
                if key not in known:
                    yield here
                elif (nested := known[key]) is not None:
                    yield from _find(value, nested, here)
        case list():
            for index, value in enumerate(raw):
                yield from _find(value, shape, f"{path}[{index}]")


@cache
def _fields(shape: type[msgspec.Struct]) -> dict[Any, type[msgspec.Struct] | None]:
    """The fields by their name on the wire, with the struct that each holds, if it holds one."""
    return {one.encode_name: _struct_in(one.type) for one in msgspec.structs.fields(shape)}


def _struct_in(annotation: Any) -> type[msgspec.Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    inner = (_struct_in(one) for one in get_args(annotation))
    return next((one for one in inner if one is not None), None)
