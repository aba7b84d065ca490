"""Text from anywhere, made fit for a header, a log line or the body of a message."""

from __future__ import annotations


def inert_line(text: str, length: int) -> str:
    """One line of printable characters; the others are spelled out, and what is too long is cut.

    So no line break, NUL or direction override is left that could end a header or hide a word.
    """
    shown = "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in text[: length + 1]
    )
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def inert_body(text: str) -> str:
    """Lines that mail can carry: without control characters and what UTF-8 cannot hold.

    What they show is the renderer's to judge: it knows whether they are HTML.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("".join(map(_inert_character, line)) for line in lines)


def _inert_character(character: str) -> str:
    if character == "\t" or (character >= " " and not "\x7f" <= character <= "\x9f"):
        return "�" if "\ud800" <= character <= "\udfff" else character
    return "�"
