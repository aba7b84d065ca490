"""Foreign text, of a server or a file, as part of a message of ours."""

from __future__ import annotations

_LONGEST = 200


def one_line(text: str) -> str:
    """The text on one line, without control characters, at most 200 characters long."""
    # Any text may be huge, and what is cut off need not be cleaned.
    head = text[: 8 * _LONGEST]
    plain = " ".join("".join(one if one.isprintable() else " " for one in head).split())
    cut = len(plain) > _LONGEST or len(text) > len(head)
    return f"{plain[: _LONGEST - 1]}…" if cut else plain
