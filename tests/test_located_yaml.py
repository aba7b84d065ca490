"""What is wrong in a file that somebody wrote is named by file, line and key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from auditor.errors import UsageError
from auditor.located_yaml import LARGEST_FILE, LocatedYaml, MisfitError, Step, fit, read_yaml


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """An item of a list."""

    name: str
    size: Annotated[int, msgspec.Meta(ge=1)] = 1
    kind: Literal["small", "large"] | None = None

    def __post_init__(self) -> None:
        """Refuse a name that is two words."""
        if " " in self.name:
            raise ValueError("a name is one word")


class Shelf(msgspec.Struct, forbid_unknown_fields=True):
    """A document."""

    items: tuple[Item, ...]
    by_name: Mapping[str, Item] = {}
    places: tuple[int | str, ...] = ()


SHELF = """\
# a shelf
items:
  - name: a
    size: 2
  - {name: b, kind: large}
  -
    size: 3
    name: c
by_name:
  first:
    name: d
"""


def test_a_document_that_fits_is_of_its_type() -> None:
    """Block style, flow style, and items that begin on the next line."""
    expected = Shelf(
        items=(Item("a", 2), Item("b", kind="large"), Item("c", 3)), by_name={"first": Item("d")}
    )
    assert expected == LocatedYaml("shelf", SHELF).fit(Shelf)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("items",), 2),
        (("items", 0), 3),
        (("items", 0, "size"), 4),
        (("items", 1), 5),
        (("items", 1, "kind"), 5),
        (("items", 2, "name"), 8),
        (("by_name", "first", "name"), 11),
        (("by_name", "second", "name"), 9),
        (("items", 7), 2),
        (("nowhere",), None),
        ((), None),
    ],
)
def test_a_line_is_that_of_the_key_or_of_the_nearest_above(
    path: tuple[Step, ...], line: int | None
) -> None:
    """Keys, items of lists, and keys in flow style have lines of their own."""
    assert line == LocatedYaml("shelf", SHELF).line(path)


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("size: 2", "sizes: 2", "line 4: key items.0.sizes is unknown", "did you mean size?"),
        ("name: a", "label: a", "line 3: key items.0.label is unknown", "kind, name, size"),
        ("name: b, ", "", "line 5: key items.1.name is missing", ""),
        ("size: 3", "size: 0", "line 7: key items.2.size is malformed: expected `int` >= 1", ""),
        ("kind: large", "kind: big", "line 5: key items.1.kind is malformed: invalid enum", ""),
        ("name: d", "name: [d]", "line 11: key by_name.first.name is malformed: expected `st", ""),
        ("name: d", "name: d e", "line 10: key by_name.first is malformed: a name is one", ""),
        ("items:", "things:", "line 2: key things is unknown", "known are by_name, items, places"),
        ("# a shelf", "places: {a: 1}", "line 1: key places is malformed: expected `array`", ""),
        ("# a shelf", "places: [1, a, []]", "line 1: key places.2 is malformed: expected", ""),
    ],
)
def test_what_does_not_fit_is_named(old: str, new: str, message: str, hint: str) -> None:
    """The deepest key that is at fault, whatever it is nested in."""
    with pytest.raises(UsageError) as caught:
        LocatedYaml("shelf s.yaml", SHELF.replace(old, new)).fit(Shelf)
    assert f"shelf s.yaml, {message}" in caught.value.message
    assert hint in caught.value.hint


def test_a_document_of_another_kind_has_no_key_to_name() -> None:
    """A list is no shelf, and the hint that was given says what is."""
    with pytest.raises(UsageError) as caught:
        LocatedYaml("shelf s.yaml", "- a\n").fit(Shelf, hint="write a mapping")
    assert (
        "shelf s.yaml: the document is malformed: expected `object`, got `array`",
        "write a mapping",
    ) == (caught.value.message, caught.value.hint)


def test_lax_values_are_read_as_they_are_meant() -> None:
    """Variables of the environment are all text; strictly, text is no number."""
    assert 3 == fit("3", int, strict=False)
    with pytest.raises(MisfitError, match="is malformed: expected `int`, got `str`"):
        fit("3", int)


def test_what_only_one_parser_reads_has_no_line() -> None:
    """YAML 1.1 forbids an anchor's second use; the error then names file and key alone."""
    document = LocatedYaml("shelf", "items: &one []\nby_names: &one {}\n")
    with pytest.raises(UsageError, match=r"^shelf: key by_names is unknown$"):
        document.fit(Shelf)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "is no UTF-8 text"),
        (b"#" * (LARGEST_FILE + 1), "is larger than 1 MiB"),
        ("ä".encode() * LARGEST_FILE, "is larger than 1 MiB"),
        (b"a: b: c", "is no YAML: mapping values"),
        (b"a: 1\na: 2", "is no YAML: duplicate entry"),
        (b"[" * 5000, "is no YAML: recursion limit"),
    ],
)
def test_what_is_no_text_or_no_yaml_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """The file is named with its kind."""
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_yaml(path, "shelf", hint="write one")
    assert caught.value.message.startswith(f"shelf {path} {message}")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With the system's reason, and what to do instead."""
    with pytest.raises(UsageError) as caught:
        read_yaml(tmp_path / "none.yaml", "shelf", hint="write one")
    assert caught.value.message.endswith("none.yaml cannot be read: No such file or directory")
    assert "write one" == caught.value.hint
