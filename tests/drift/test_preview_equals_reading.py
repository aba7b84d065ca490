"""A preview of manifests is what the manifests would be read as, were they written so."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.drift.changes import live, make
from tests.drift.folders import NAMESPACES, Key, folders, read, write
from tests.rules.auditing import read_text


@settings(max_examples=60)
@given(folders(), folders())
def test_what_is_put_reads_as_if_it_had_been_written(
    folder: dict[Key, Any], change: dict[Key, Any]
) -> None:
    """Replaced where it is there, created where it is not, and nothing else."""
    after = make(read(folder), write(change)).snapshot if change else read(folder)
    assert read(folder | change) == after


@settings(max_examples=60)
@given(folders())
def test_the_same_objects_change_nothing(folder: dict[Key, Any]) -> None:
    """Neither in manifests nor in a cluster."""
    before = read(folder)
    assert before == make(before, write(NAMESPACES | folder)).snapshot
    running = live(before)
    assert running == make(running, write(NAMESPACES | folder)).snapshot


@settings(max_examples=60)
@given(folders(), folders())
def test_a_change_taken_back_leaves_nothing(folder: dict[Key, Any], change: dict[Key, Any]) -> None:
    """What was replaced is put again as it was, and what was created is deleted."""
    before = read(folder)
    after = make(before, write(change)).snapshot if change else before
    restored = {key: folder[key] for key in change if key in folder}
    created = ["/".join(key) for key in change if key not in folder]
    assert before == make(after, write(restored) if restored else "", *created).snapshot


@settings(max_examples=60)
@given(folders(), st.data())
def test_what_is_deleted_reads_as_if_it_had_not_been_written(
    folder: dict[Key, Any], data: st.DataObject
) -> None:
    """One by one, or a namespace with everything in it."""
    gone = [key for key in folder if data.draw(st.booleans())]
    rest = {key: one for key, one in folder.items() if key not in gone}
    assert read(rest) == make(read(folder), "", *("/".join(key) for key in gone)).snapshot
    elsewhere = {key: one for key, one in folder.items() if key[1] == "two"}
    without_one = write({("Namespace", "", "two"): {}} | elsewhere)
    assert read_text(without_one) == make(read(folder), "", "ns/one").snapshot
