"""YAML that people write by hand: checked against a type, every error with file, line and key.

The fast parser tells no lines. They are looked up by a second one, and only where a line is needed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from auditor.errors import UsageError

LARGEST_FILE = 1024 * 1024
"""Bytes. What a person writes by hand is smaller."""

T = TypeVar("T")
Step = str | int
"""A key of a mapping, or a position in a list."""


class Misfit(NamedTuple):
    """What does not fit a type, and why: `is unknown`, `is missing` or `is malformed: …`."""

    path: tuple[Step, ...]
    reason: str
    hint: str = ""


class MisfitError(Exception):
    """A value does not fit its type."""

    def __init__(self, misfit: Misfit) -> None:
        super().__init__(misfit.reason)
        self.misfit = misfit


class LocatedYaml:
    """A document and its lines. ``name`` is how messages call it: `settings file a.yaml`."""

    def __init__(self, name: str, text: str) -> None:
        """Parse a text.

        Raises:
            UsageError: it is no YAML.
        """
        import ryaml

        self.name = name
        self._text = text
        try:
            self.content: Any = ryaml.loads(text)
        except ryaml.InvalidYamlError as error:
            raise UsageError(f"{name} is no YAML: {error}") from error

    def fit(self, type_: type[T], *, hint: str = "") -> T:
        """The document in a type. ``hint`` is given where a malformed value has none of its own.

        Raises:
            UsageError: it does not fit; names the line and the key.
        """
        try:
            return fit(self.content, type_)
        except MisfitError as error:
            found = error.misfit
            raise self.error(found.path, found.reason, hint=found.hint or hint) from error

    def error(self, path: Sequence[Step], reason: str, *, hint: str = "") -> UsageError:
        """The error of a key, with its line. An empty path is the document itself."""
        key = f"key {'.'.join(map(str, path))}" if path else "the document"
        return UsageError(f"{self.place(path)}: {key} {reason}", hint=hint)

    def place(self, path: Sequence[Step]) -> str:
        """`NAME, line N`; the name alone where the line is not known."""
        line = self.line(path)
        return self.name if line is None else f"{self.name}, line {line}"

    def line(self, path: Sequence[Step]) -> int | None:
        """The line of a key or of a list's item, or of the nearest one above that is there."""
        node, line = self._root, None
        for step in path:
            found = _find(node, step)
            if found is None:
                break
            line, node = found
        return line

    @cached_property
    def _root(self) -> Any:
        """The parser's own tree; None where the second parser, of YAML 1.1, refuses the text."""
        import yaml

        try:
            # It composes nodes with their places, and makes no objects of them.
            return yaml.compose(self._text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:
            return None


def read_yaml(path: Path, kind: str, *, hint: str) -> LocatedYaml:
    """Read a file of a kind, for instance `settings file`. ``hint`` is for one that cannot be read.

    Raises:
        UsageError: it cannot be read, is larger than 1 MiB, or is no YAML.
    """
    name = f"{kind} {path}"
    return LocatedYaml(name, read_text(path, name, hint=hint))


def read_text(path: Path, name: str, *, hint: str) -> str:
    """Read a file of text, with ``name`` for messages.

    Raises:
        UsageError: it cannot be read, is larger than 1 MiB, or is no UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{name} cannot be read: {reason}", hint=hint) from error
    if len(data) > LARGEST_FILE:
        raise UsageError(f"{name} is larger than 1 MiB", hint=hint)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is no UTF-8 text", hint=hint) from error


def fit(value: object, type_: type[T], path: tuple[Step, ...] = (), *, strict: bool = True) -> T:
    """A parser's value in a type. Not ``strict``: text stands for numbers and truth values, too.

    Raises:
        MisfitError: it does not fit; names the first key that is at fault.
    """
    try:
        return msgspec.convert(value, type_, strict=strict)
    except msgspec.ValidationError as error:
        raise MisfitError(_locate(value, type_, path, error, strict=strict)) from error


def name_nearest(wrong: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: those like it, or else all that are known."""
    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}"


def _find(node: Any, step: Step) -> tuple[int, Any] | None:
    """The line of a step below a node of the parser's tree, and what stands there."""
    import yaml

    match node, step:
        case yaml.MappingNode(), str():
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value == step:
                    return key.start_mark.line + 1, value
        case yaml.SequenceNode(), int() if step < len(node.value):
            item = node.value[step]
            return item.start_mark.line + 1, item
    return None


def _locate(
    value: object,
    type_: Any,
    path: tuple[Step, ...],
    error: msgspec.ValidationError,
    *,
    strict: bool,
) -> Misfit:
    """Where the fault lies: msgspec judges, and this goes down to the part that it refuses."""
    plain = _unwrap(type_)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct) and isinstance(value, Mapping):
        fields = {one.encode_name: one for one in msgspec.structs.fields(plain)}
        if plain.__struct_config__.forbid_unknown_fields:
            for key in value:
                if key not in fields:
                    return Misfit((*path, str(key)), "is unknown", name_nearest(str(key), fields))
        for name, field in fields.items():
            if field.required and name not in value:
                return Misfit((*path, name), "is missing")
    for step, child, child_type in _children(value, plain):
        try:
            msgspec.convert(child, child_type, strict=strict)
        except msgspec.ValidationError as below:
            return _locate(child, child_type, (*path, step), below, strict=strict)
    reason = str(error).partition(" - at ")[0]
    return Misfit(path, f"is malformed: {reason[:1].lower()}{reason[1:]}", _name_choices(plain))


def _name_choices(plain: Any) -> str:
    """A hint that lists what a type allows, where it allows but a few values."""
    if get_origin(plain) is Literal:
        return f"one of {', '.join(map(str, get_args(plain)))}"
    if isinstance(plain, type) and issubclass(plain, Enum):
        return f"one of {', '.join(str(one.value) for one in plain)}"
    return ""


def _children(value: object, plain: Any) -> Iterator[tuple[Step, object, Any]]:
    """The parts of a value, each with its own type."""
    arguments = get_args(plain)
    match value:
        case Mapping() if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            for one in msgspec.structs.fields(plain):
                if one.encode_name in value:
                    yield one.encode_name, value[one.encode_name], one.type
        case Mapping() if len(arguments) == 2 and arguments[1] is not Ellipsis:
            for key, child in value.items():
                yield str(key), child, arguments[1]
        case list() | tuple() if arguments and get_origin(plain) is not Literal:
            for position, child in enumerate(value):
                yield position, child, arguments[0]


def _unwrap(type_: Any) -> Any:
    """The type itself, without what is said about it and without the null that it allows."""
    while True:
        if get_origin(type_) is Annotated:
            type_ = get_args(type_)[0]
        elif get_origin(type_) in (Union, UnionType):
            type_, *others = (one for one in get_args(type_) if one is not type(None))
            if others:
                return None
        else:
            return type_
