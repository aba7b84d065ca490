"""A report.html as a browser's parser reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tinyhtml5  # type: ignore[import-untyped]  # HTML5's parsing rules, published without hints

Element = Any


def parse(document: bytes) -> Element:
    """Parse by the rules of HTML5: what is an element here is one in a browser."""
    return tinyhtml5.parse(document.decode(), namespace_html_elements=False)


def text_of(element: Element) -> str:
    """Return an element's text, white space folded."""
    return " ".join("".join(element.itertext()).split())


def find_all(root: Element, tag: str, **attributes: str) -> list[Element]:
    """Find elements by tag and attributes; ``class_`` matches one of the classes."""
    return [one for one in root.iter(tag) if _fits(one, attributes)]


def _fits(element: Element, attributes: dict[str, str]) -> bool:
    for name, value in attributes.items():
        if name == "class_":
            if value not in (element.get("class") or "").split():
                return False
        elif element.get(name) != value:
            return False
    return True


def by_id(root: Element, identifier: str) -> Element:
    """Return the one element with this id."""
    (found,) = (one for one in root.iter() if one.get("id") == identifier)
    return found


def attributes_of(root: Element) -> Iterator[tuple[str, str, str]]:
    """Yield (tag, attribute, value) of the whole document."""
    for element in root.iter():
        if isinstance(element.tag, str):
            for name, value in element.attrib.items():
                yield element.tag, name, value
