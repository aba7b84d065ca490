"""Documents of a file: split at `---`, each parsed on its own, so that none is lost by another."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from auditor.model.snapshot import Gap
from auditor.sources.files import Content, unread
from auditor.sources.nesting import check_nesting
from auditor.sources.yaml_words import holds_other_word, load_as_kubectl, resolve_merges

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MARKER = b"---"
_MARKER_IN_TEXT = b"\n---"
_AFTER_MARKER = (b"", b"\n", b"\r", b" ", b"\t")
# Possessive: a megabyte of blanks before a word must not be tried in every way.
_BLANK = re.compile(rb"(?:\s|#[^\n]*|%[^\n]*|\.\.\.(?=\s|\Z))*+\Z")
_JSON = re.compile(rb"\s*+(?:\{\s*+[\"}]|\[)")
_CONTENT = re.compile(r"[^ \t\r\n]")
_REST_OF_LINE = re.compile(rb"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_LINE = re.compile(r"\bline (\d+)")
_BYTE = re.compile(r" \(byte (\d+)\)")

_LARGE_BYTES = 1 << 24
"""Above this size a document is searched for what every object has before it is parsed."""


class Document(NamedTuple):
    """A document that was parsed. ``place`` is `document 3, line 41`."""

    file: str
    place: str
    raw: Any
    text: bytes
    is_json: bool

    def read_as_kubectl(self) -> Document | None:
        """The document as YAML 1.1 has it, or None where that cannot differ.

        Raises:
            ValueError: the parser for YAML 1.1 does not accept it.

        """
        if self.is_json or not holds_other_word(self.text):
            return None
        raw = load_as_kubectl(self.text.decode())
        return self._replace(raw=resolve_merges(raw) if b"<<" in self.text else raw)


class _Part(NamedTuple):
    """The text between two markers: the line it begins in, and the line of what it holds."""

    line: int
    named_line: int
    text: bytes


class _Value(NamedTuple):
    """What one document holds, and in which line after the part's first it begins."""

    raw: Any
    is_json: bool = False
    lines_before: int = 0


def read_documents(content: Content) -> Iterator[Document | Gap]:
    """Parse the documents of a file, as YAML or JSON; a broken one is a gap (semantics, section 6).

    Documents without content are passed over, and do not count in a document's number.
    """
    number = 0
    for part in _split(content.data.removeprefix(_BYTE_ORDER_MARK)):
        if _BLANK.match(part.text):
            continue
        try:
            values = _parse(part.text)
        except (ValueError, RecursionError) as error:
            number += 1
            place = f"document {number}, line {part.named_line}"
            yield unread(content.name, f"cannot be parsed: {_reason(error, part)}", document=place)
            continue
        for value in values:
            number += 1
            place = f"document {number}, line {part.named_line + value.lines_before}"
            if value.raw is not None:
                yield Document(content.name, place, value.raw, part.text, value.is_json)


def _split(data: bytes) -> Iterator[_Part]:
    """Cut at lines that begin with `---`, which ends whatever YAML construct it stands in."""
    begin = 0
    line = 1
    if _is_marker(data, 0):
        begin = len(_MARKER)
    while True:
        end = data.find(_MARKER_IN_TEXT, begin)
        while end >= 0 and not _is_marker(data, end + 1):
            end = data.find(_MARKER_IN_TEXT, end + 1)
        text = data[begin : end if end >= 0 else len(data)]
        rest = _REST_OF_LINE.match(text) if begin else None
        yield _Part(line, line + 1 if rest else line, text)
        if end < 0:
            return
        line += text.count(b"\n") + 1
        begin = end + len(_MARKER_IN_TEXT)


def _is_marker(data: bytes, at: int) -> bool:
    after = at + len(_MARKER)
    return data[at:after] == _MARKER and data[after : after + 1] in _AFTER_MARKER


def _parse(text: bytes) -> list[_Value]:
    """The values of a part. JSON may be several in a row."""
    if len(text) > _LARGE_BYTES and not (b"kind" in text and b"apiVersion" in text):
        # What large nonsense would cost to parse, in time and memory, has no bound.
        raise ValueError("it is large and holds no Kubernetes object")
    if not _JSON.match(text):
        return [_parse_yaml(text)]
    try:
        return _parse_json(text)
    except ValueError:
        # YAML may begin so, too. Where it is not YAML either, JSON's reason is told.
        try:
            return [_parse_yaml(text)]
        except UnicodeDecodeError:
            raise
        except ValueError:
            pass
        raise


def _parse_yaml(text: bytes) -> _Value:
    import ryaml

    check_nesting(text)
    raw = ryaml.loads(text.decode())
    return _Value(resolve_merges(raw) if b"<<" in text else raw)


def _parse_json(text: bytes) -> list[_Value]:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        if "trailing characters" not in str(error):
            raise
        return list(_parse_json_stream(text.decode()))
    if b"NetworkPolicy" in text:
        # Of a key that stands twice the last wins: in a policy that opens or closes in silence.
        json.loads(text, object_pairs_hook=_unique)
    return [_Value(value, is_json=True)]


def _parse_json_stream(text: str) -> Iterator[_Value]:
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    begin, line = 0, 0
    while (found := _CONTENT.search(text, begin)) is not None:
        following = found.start()
        line += text.count("\n", begin, following)
        _, end = decoder.raw_decode(text, following)
        # The standard library's reading is lenient (NaN, halves of surrogates): it only cuts.
        yield _Value(msgspec.json.decode(text[following:end]), is_json=True, lines_before=line)
        line += text.count("\n", following, end)
        begin = end


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) == len(pairs):
        return whole
    ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
    raise ValueError(f'duplicate entry with key "{twice}"')


def _reason(error: Exception, part: _Part) -> str:
    """A parser's reason, with lines counted from the beginning of the file."""
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeDecodeError():
            line = part.line + part.text.count(b"\n", 0, error.start)
            return f"it is not UTF-8 text at line {line}"
        case json.JSONDecodeError():
            return f"{error.msg} at line {part.line + error.lineno - 1}"
    message = str(error)
    if found := _BYTE.search(message):
        line = part.line + part.text.count(b"\n", 0, int(found[1]))
        return f"{message[: found.start()]} at line {line}"
    return _LINE.sub(lambda match: f"line {int(match[1]) + part.line - 1}", message)
