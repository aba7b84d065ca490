"""Canonical JSON: the one spelling of a value over which hashes are taken."""

from __future__ import annotations

from typing import Any

import msgspec


def encode_canonical(value: object, *, order: Any = "sorted") -> bytes:
    r"""Return the JSON of a value: keys sorted, no spaces, UTF-8.

    A file name that is no UTF-8 reaches Python as lone surrogates, which UTF-8 cannot hold: they
    are spelled as `\udcff` then. ``order`` is msgspec's, for JSON that only has to be repeatable.
    """
    try:
        return msgspec.json.encode(value, order=order)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, order=order)
        return msgspec.json.encode(_without_surrogates(plain), order=order)


def escape_surrogates(text: str) -> str:
    """The text as `encode_canonical` spells it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _without_surrogates(value: object) -> object:
    match value:
        case str():
            return escape_surrogates(value)
        case dict():
            return {_without_surrogates(key): _without_surrogates(v) for key, v in value.items()}
        case list() | tuple():
            return [_without_surrogates(one) for one in value]
        case _:
            return value
