"""Words for display: strings of the cluster made inert and visible, numbers and lists in words."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

NAME_LENGTH = 300
"""Characters of a name that are shown: the API allows 253, manifests may hold anything."""

TEXT_LENGTH = 2000
"""Characters of a message that are shown."""

MINUS = "\N{MINUS SIGN}"
"""As wide as a plus, and no hyphen."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Spell out what a reader could not see, or what would change how the rest is shown.

    Control characters, direction overrides, zero-width characters, lone surrogates and unusual
    spaces become their escapes (``\u202e``): a name can neither hide nor reorder its neighbours.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def visible_lines(text: str) -> str:
    """Do as `visible` does, and keep the line breaks: for manifests and pages."""
    return "\n".join(visible(line) for line in text.split("\n"))


@lru_cache(maxsize=4096)
def _visible_character(character: str) -> str:
    category = unicodedata.category(character)
    if category not in _INVISIBLE and (category != "Zs" or character == " "):
        return character
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def clip(text: str, length: int) -> str:
    """Shorten to ``length`` characters and say how long the text was; JSON holds it whole."""
    if len(text) <= length:
        return text
    return f"{text[:length]}… ({group_digits(len(text))} characters)"


def show_name(text: str) -> str:
    """Return a name as it may be shown: inert, visible, of bounded length."""
    return visible(clip(text, NAME_LENGTH))


def show_title(text: str) -> str:
    """Return a rule's title as it may be shown, without the full stop of its docstring."""
    return visible(text).removesuffix(".")


def show_text(text: str) -> str:
    """Return a message as it may be shown: inert, visible, of bounded length."""
    return visible(clip(text, TEXT_LENGTH))


def group_digits(number: int) -> str:
    """Return `12,345`."""
    return f"{number:,}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{group_digits(number)} {noun if number == 1 else plural or noun + 's'}"


def join_words(words: Iterable[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def words_of(identifier: str) -> str:
    """Return an identifier as words: `workload_pairs` → `workload pairs`."""
    return identifier.replace("_", " ").replace("-", " ")


def paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """Split a rule page's text into (`paragraph` | `code` | `item`, text) blocks.

    Blocks are parted by empty lines; an indented block is code, lines that begin with `- ` are
    items of a list; the lines of a paragraph are joined.
    """
    for block in text.strip("\n").split("\n\n"):
        lines = [line.rstrip() for line in block.strip("\n").split("\n")]
        if not any(lines):
            continue
        if all(line.startswith("    ") for line in lines if line):
            yield "code", visible_lines("\n".join(line[4:] for line in lines))
        elif lines[0].startswith("- "):
            yield from (("item", visible(item)) for item in _items(lines))
        else:
            yield "paragraph", visible(" ".join(line.strip() for line in lines))


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if line.startswith("- ") or not items:
            items.append(line.removeprefix("- ").strip())
        else:
            items[-1] = f"{items[-1]} {line.strip()}"
    return items
