"""Where a word is the name of a namespace, whatever else it means elsewhere.

`web` may be the name of one's own workload, and `monitoring` a word of everybody's: after the word
`namespace`, as the value of the label that holds a namespace's name and in a namespaceSelector
they name a namespace.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_NAME = r"(?!namespaces?\b|metadata\.name\b)[\w.-]++(?![/\w.-])"
_JOIN = r"(?:,? (?:and|or) |, ?)"
_NAMES = rf"{_NAME}(?:{_JOIN}{_NAME})*+"
_POSITION = re.compile(
    rf"(?P<noun>(?<!\banother )(?<!\bother )\bnamespaces?:? +(?:named )?)(?P<listed>{_NAMES})"
    rf"|(?P<label>\bmetadata\.name(?: ?[!=]?=|:| (?:not)?in) ?\(?)(?P<values>{_NAMES})",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w.-]+")
_EDGES = ".-_"


def replace_names(text: str, names: Collection[str], instead: str) -> str:
    """Return a text with the names of some namespaces replaced where they stand as such."""

    def replace_word(match: re.Match[str]) -> str:
        word = match.group()
        bare = word.strip(_EDGES)
        return word.replace(bare, instead) if bare in names else word

    def replace(match: re.Match[str]) -> str:
        lead, listed = ("noun", "listed") if match["noun"] else ("label", "values")
        return match[lead] + _WORD.sub(replace_word, match[listed])

    return _POSITION.sub(replace, text)


def names_in_manifest(manifest: str, names: Collection[str]) -> frozenset[str]:
    """Return which of the names stand in a manifest where namespaces are named.

    That is anywhere in a namespaceSelector, and as the namespace of an object. Of a manifest that
    is no YAML, each name that occurs counts.
    """
    import yaml

    found = {word for word in _WORD.findall(manifest) if word in names}
    if not found:
        return frozenset()
    try:
        documents = list(yaml.load_all(manifest, Loader=yaml.BaseLoader))
    except yaml.YAMLError:
        return frozenset(found)
    return frozenset(found.intersection(_named(documents)))


def _named(value: object) -> Iterator[str]:
    match value:
        case dict():
            is_namespace = value.get("kind") == "Namespace"
            for key, inner in value.items():
                if key == "namespaceSelector":
                    yield from _scalars(inner)
                elif key == "metadata" and isinstance(inner, dict):
                    yield from _scalars(inner.get("namespace"))
                    yield from _scalars(inner.get("name") if is_namespace else None)
                else:
                    yield from _named(inner)
        case list():
            for one in value:
                yield from _named(one)


def _scalars(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _scalars(inner)
        case list():
            for one in value:
                yield from _scalars(one)
