"""YAML as kubectl reads it: version 1.1's words for booleans, its integers, and `<<`.

The fast parser speaks YAML 1.2, where a plain `yes` is text and `010` is no octal number. kubectl
(go-yaml v2) makes a boolean of the one and 8 of the other. The difference decides whether the API
server takes a label or opens another port, so the few documents it may matter to are read again.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, ClassVar

_BOOLEANS = {
    spelling: value
    for value, words in ((True, ("y", "yes", "on", "true")), (False, ("n", "no", "off", "false")))
    for word in words
    for spelling in (word, word.capitalize(), word.upper())
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_NOT_FINITE = {
    f"{sign}.{spelling}": float(f"{sign}{number}")
    for number, spellings in (("inf", ("inf", "Inf", "INF")), ("nan", ("nan", "NaN", "NAN")))
    for spelling in spellings
    for sign in (("", "+", "-") if number == "inf" else ("",))
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)"
    r"|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_POINT_FIRST = re.compile(r"\.(?![0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)?\Z)")
_LONGEST_NUMBER = 400

_OTHER_WORD = (
    r"(?:[yYnN]|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF"
    r"|[-+]?(?:0(?:[xX][0-9a-fA-F_]+|[bB][01_]+|[oO]?[0-9_]+)|(?=[0-9.]*_)[0-9._]+)(?:[eE][-+]?[0-9_]+)?"
    r"|[-+]?[0-9._]+[eE][-+]?(?=[0-9]*_)[0-9_]+)"
)
"""Booleans, octal numbers and numbers with underscores: all that may differ, and a little more."""

_KEPT = re.compile(rf'"{_OTHER_WORD}"'.encode())
_PLAIN = re.compile(rf"(?<![^\s\[{{,:]){_OTHER_WORD}(?![^\s\]}},:])".encode())

_MERGE = "<<"
_WORD_TAG = "!word"
_TEXT_TAG = "tag:yaml.org,2002:str"
_TYPED_TAGS = tuple(f"tag:yaml.org,2002:{one}" for one in ("bool", "float", "int", "null"))


def keeps_other_word(kept: bytes) -> bool:
    """Whether a word that the two versions read differently is a text of the kept JSON."""
    return _KEPT.search(kept) is not None


def holds_other_word(document: bytes) -> bool:
    """Whether such a word may stand unquoted in a document (in a comment or a block, too)."""
    return _PLAIN.search(document) is not None


def read_word(word: str) -> object:
    """What go-yaml v2 makes of an unquoted scalar."""
    if word in _NULLS:
        return None
    if word in _BOOLEANS:
        return _BOOLEANS[word]
    if word in _NOT_FINITE:
        return _NOT_FINITE[word]
    if word[0] not in "+-.0123456789" or len(word) > _LONGEST_NUMBER:
        return word
    digits = word if _POINT_FIRST.match(word) else word.replace("_", "")
    if (match := _INTEGER.fullmatch(digits)) and match.lastgroup is not None:
        number = int(match["sign"] + match[match.lastgroup], _BASES[match.lastgroup])
        if -(2**63) <= number < 2**64:
            return number
    if _FLOAT.fullmatch(digits) and abs(decimal := float(digits)) != float("inf"):
        return decimal
    return word


def resolve_merges(value: object) -> Any:
    """The value with every `<<` resolved in the order of the keys, as kubectl does.

    What a merge brings replaces what stands before it and is replaced by what follows it; of
    several mappings merged at once the first counts.

    Raises:
        ValueError: a `<<` refers to something that is no mapping.

    """
    match value:
        case dict():
            whole: dict[Any, object] = {}
            for key, one in value.items():
                if key == _MERGE:
                    whole.update(_merged(resolve_merges(one)))
                else:
                    whole[key] = resolve_merges(one)
            return whole
        case list():
            return [resolve_merges(one) for one in value]
        case _:
            return value


def _merged(sources: object) -> dict[Any, object]:
    brought: dict[Any, object] = {}
    for source in reversed(sources if isinstance(sources, list) else [sources]):
        if not isinstance(source, dict):
            raise ValueError("`<<` refers to something that is no mapping")  # noqa: TRY004
        brought.update(source)
    return brought


def load_as_kubectl(text: str) -> object:
    """Read a document that the fast parser has accepted: so it is no bomb, and not too deep.

    It costs about fifteen times as much as the fast parser.

    Raises:
        ValueError: PyYAML does not accept the document.

    """
    import yaml

    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506 - it makes text and numbers alone
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


@cache
def _loader() -> Any:
    """Derive the loader here, so that PyYAML is imported by those alone who need it."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        yaml_constructors: ClassVar[dict[Any, Any]] = {}

        def resolve(self, kind: Any, _value: Any, implicit: Any) -> Any:
            if kind is not yaml.ScalarNode:
                return "!collection"
            return _WORD_TAG if implicit[0] else _TEXT_TAG

    def construct_word(loader: Any, node: Any) -> object:
        return read_word(loader.construct_scalar(node))

    def construct_by_kind(loader: Any, node: Any) -> object:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    for tag in (_WORD_TAG, *_TYPED_TAGS):
        Loader.add_constructor(tag, construct_word)
    Loader.add_constructor(None, construct_by_kind)
    return Loader
