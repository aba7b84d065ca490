"""One object, from what a parser made of it to the model, naming the field that does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from auditor.sources.faults import Fault, MalformedError

T = TypeVar("T")

_DEEPEST = 64
"""The model is a dozen levels deep: what lies below is not a field of it."""

_LISTS_OF_TEXT = frozenset({"except", "policyTypes", "values"})
"""The lists of the model whose items are text: null is the empty one there, elsewhere `{}`."""

_KEY = "`key` in "
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]*)`(?:, got `(?P<found>[^`]*)`)?")
_UNKNOWN = re.compile(r"Invalid enum value '?(?P<value>.*?)'?", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a decimal number",
    "int": "a whole number",
    "object": "a mapping",
    "str": "text",
}


def decode(raw: object, shape: type[T]) -> T:
    """Make a model's value of what a parser returned.

    What the API server reads leniently is read so: null is the same as absent, keys are text, and
    `80.0` is 80.

    Raises:
        MalformedError: a field is of the wrong type, or a required one is missing.

    """
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError:
        # Nulls are common in what `kubectl get` prints; only here do they cost anything.
        lenient = _read_leniently(raw)
    try:
        return msgspec.convert(lenient, shape)
    except msgspec.ValidationError as error:
        raise MalformedError(_locate(str(error), lenient)) from None


def _read_leniently(value: object, field: str = "", depth: int = 0) -> object:
    """The value as the API server's own decoder understands it.

    A null value in a mapping of labels is dropped, as `kubectl apply` does (`kubectl create` makes
    it empty instead).
    """
    if depth > _DEEPEST:
        return value
    match value:
        case dict():
            return {
                _key(key): _read_leniently(one, _key(key), depth + 1)
                for key, one in value.items()
                if one is not None
            }
        case list():
            filler: object = "" if field in _LISTS_OF_TEXT else {}
            return [
                filler if one is None else _read_leniently(one, field, depth + 1) for one in value
            ]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _key(key: Any) -> Any:
    """A mapping's key as text, as in JSON. Null is no key there, and stays as it is."""
    match key:
        case bool():
            return "true" if key else "false"
        case int():
            return str(key)
        case float():
            return f"{key:g}"
        case _:
            return key


def _locate(message: str, raw: object) -> Fault:
    """The field and the reason in words, of the message of a failed conversion."""
    reason, found, place = message.rpartition(" - at ")
    if not found:
        reason, place = message, ""
    path = place.removeprefix(_KEY).strip("`").removeprefix("$")
    field = "".join(_steps(path, raw)).removeprefix(".")
    if missing := _MISSING.fullmatch(reason):
        return Fault(f"{field}.{missing['name']}".removeprefix("."), "is missing")
    if unknown := _UNKNOWN.fullmatch(reason):
        return Fault(field, f"has an unknown value: {unknown['value']}")
    if expected := _EXPECTED.fullmatch(reason):
        reason = f"must be {_in_words(expected['wanted'])}"
        if expected["found"]:
            reason += f", and is {_in_words(expected['found'])}"
        if place.startswith(_KEY):
            reason = "has a key that is not text"
    return Fault(field, f"{reason[:1].lower()}{reason[1:]}")


def _in_words(types: str) -> str:
    """`int | str | null` as `a whole number or text`: null is never asked for, only allowed."""
    names = types.split(" | ")
    wanted = [one for one in names if one != "null"] or names
    return " or ".join(_WORDS.get(one, one) for one in wanted)


def _steps(path: str, value: Any) -> Iterator[str]:
    """The steps of a path, with the key found that msgspec leaves open as `[...]`.

    Every mapping of the model is one of text, so the key is the first whose value is not.
    """
    for step in _STEP.finditer(path):
        if step["name"] is not None:
            yield step[0]
            value = value.get(step["name"]) if isinstance(value, dict) else None
        elif step["index"] is not None:
            yield step[0]
            value = value[int(step["index"])] if isinstance(value, list) else None
        elif isinstance(value, dict):
            yield next((f"[{key}]" for key, one in value.items() if not isinstance(one, str)), "")
