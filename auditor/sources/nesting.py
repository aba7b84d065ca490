"""A guard for the YAML parser, whose cost for brackets grows with the square of their depth."""

from __future__ import annotations

import re
from itertools import accumulate, islice

_DEEPEST = 1000
"""More than any object needs, and still parsed in no time; 100,000 take half a minute."""

_STEPS = [0] * 256
_STEPS[ord("[")] = _STEPS[ord("{")] = 1
_STEPS[ord("]")] = _STEPS[ord("}")] = -1
_OTHERS = bytes(code for code, step in enumerate(_STEPS) if not step)
_BRACKET = re.compile(rb"[\[\]{}]")
_CLOSING = {ord("["): b"]", ord("{"): b"}"}
_COMPLAINT = "recursion limit exceeded"


def check_nesting(text: bytes) -> None:
    """Refuse a document that nests brackets too deeply, before the parser sees it.

    Brackets in quoted text and in block scalars count, too, so a document that seems too deep is
    not refused yet: the parser is asked about its beginning alone, with every bracket closed.

    Raises:
        RecursionError: the document is nested too deeply.

    """
    brackets = text.translate(None, _OTHERS)
    if len(brackets) <= _DEEPEST or max(accumulate(map(_STEPS.__getitem__, brackets))) <= _DEEPEST:
        return
    import ryaml

    try:
        ryaml.loads(_beginning(text, brackets).decode())
    except ValueError as error:
        if _COMPLAINT in str(error):
            raise RecursionError(_COMPLAINT) from None


def _beginning(text: bytes, brackets: bytes) -> bytes:
    """The text up to the first bracket that is too deep, and what closes the open ones."""
    depths = accumulate(map(_STEPS.__getitem__, brackets))
    last = next(index for index, depth in enumerate(depths) if depth > _DEEPEST)
    end = next(islice(_BRACKET.finditer(text), last, None)).end()
    still_open: list[int] = []
    for code in brackets[: last + 1]:
        if _STEPS[code] > 0:
            still_open.append(code)
        elif still_open:
            still_open.pop()
    return text[:end] + b"".join(_CLOSING[code] for code in reversed(still_open))
