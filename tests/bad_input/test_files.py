"""Manifests that are broken, hostile or missing: one line of error, or a gap with its place."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bad_input.conftest import Say

PROGRAM = Path(sys.executable).with_name("netpol-auditor")
POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {0}, namespace: {0}}}
spec: {{containers: [{{name: c, image: i}}]}}
"""
HOME = POD.format("sound")
DEPTH = 100_000
LAUGHS = "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{','.join([f'*{chr(97 + level)}'] * 10)}]\n"
    for level in range(12)
)
BROKEN = {
    "unclosed": ("kind: [Pod\n", "line 2 column 1"),
    "tab": ("apiVersion: v1\n\tkind: Pod\n", "line 2"),
    "bomb": (f"a: &a [x,x,x,x,x,x,x,x,x,x]\n{LAUGHS}labels: *m\n", "repetition limit"),
    "deep yaml": (f"apiVersion: v1\nkind: Pod\nx: {'[' * DEPTH}{']' * DEPTH}\n", "nested too deep"),
    "deep json": (f'{{"kind": "Pod", "x": {"[" * DEPTH}{"]" * DEPTH}}}', "nested too deeply"),
    "deep objects": ('{"a":' * DEPTH + "1" + "}" * DEPTH, "nested too deeply"),
    "deep lists of objects": (
        '{"apiVersion":"v1","kind":"List","items":[' * DEPTH + "]}" * DEPTH,
        "nested too deeply",
    ),
    "deep dashes": (f"x:\n {'- ' * DEPTH}a\n", "recursion limit"),
    "unending string": ('apiVersion: v1\nkind: "Pod\n', "line 2"),
    "same key twice": ("apiVersion: v1\nkind: Pod\nkind: Pod\n", "kind"),
    "unknown alias": ("apiVersion: v1\nkind: *pod\n", "unknown anchor at line 2"),
    "half of a json object": ('{"apiVersion": "v1", "kind": ', "truncated"),
}


def _gaps(output: bytes) -> list[dict[str, Any]]:
    gaps: list[dict[str, Any]] = json.loads(output)["gaps"]
    return gaps


def _namespaces(output: bytes) -> set[str]:
    """The namespaces that some connection begins in."""
    rows = json.loads(output)["connections"]
    return {one["source"]["namespace"] for one in rows if "namespace" in one["source"]}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_a_gap_and_its_neighbours_are_read(
    case: str, say: Say, tmp_path: Path
) -> None:
    """File, document and reason are named; the pods beside it connect."""
    text, reason = BROKEN[case]
    (tmp_path / "a.yaml").write_text(HOME)
    (tmp_path / "b.yaml").write_text(text)
    (tmp_path / "c.yaml").write_text(POD.format("last"))
    said = say("connections", "-f", tmp_path, "-o", "json")
    assert (0, "") == (said.exit_code, said.complaint)
    (gap,) = _gaps(said.output)
    assert str(tmp_path / "b.yaml") == gap["source"]["file"]
    assert "document 1, line 1" == gap["source"]["document"]
    assert reason in gap["reason"]
    assert {"sound", "last"} == _namespaces(said.output)


@pytest.mark.parametrize("case", BROKEN)
def test_nothing_but_a_broken_file_is_one_error(case: str, say: Say, tmp_path: Path) -> None:
    """Exit 3, an error and a hint, one line each, and no report."""
    file = tmp_path / "b.yaml"
    file.write_text(BROKEN[case][0])
    said = say("audit", "-f", file, "-o", tmp_path / "out")
    error, hint = said.complaint.splitlines()
    assert (3, b"") == (said.exit_code, said.output)
    assert error.startswith(f"error: no object could be read: {file}, document 1, line 1: ")
    assert hint.startswith("hint: ")
    assert not (tmp_path / "out").exists()


def test_one_broken_document_of_many_loses_no_other(say: Say, tmp_path: Path) -> None:
    """Of 60 documents the 31st is broken: its number and line are named, 59 are read."""
    names = [f"n{number}" for number in range(60)]
    documents = [POD.format(name) for name in names]
    documents[30] = "kind: [Pod\n"
    file = tmp_path / "many.yaml"
    file.write_text("---\n".join(documents))
    said = say("connections", "-f", file, "-o", "json")
    (gap,) = _gaps(said.output)
    source = {"file": str(file), "document": "document 31, line 151", "field": None}
    assert source == gap["source"]
    assert {*names} - {"n30"} == _namespaces(said.output)


def test_a_broken_document_is_in_the_report_and_strict_is_4(say: Say, tmp_path: Path) -> None:
    """A report with a gap does not look complete: it says so first, and --strict ends with 4."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.yaml").write_text(f"{HOME}---\nkind: [Pod\n")
    out = tmp_path / "out"
    said = say("audit", "--strict", "-f", tmp_path / "in", "-o", out)
    assert 4 == said.exit_code
    assert b"1 gap: not everything was seen" in said.output
    report = json.loads((out / "report.json").read_bytes())
    (gap,) = report["scope"]["gaps"]
    assert "document 2, line 6" == gap["source"]["document"]
    passed = {one["id"] for one in report["rules"] if one["status"] == "pass"}
    assert set() == passed
    assert "not everything was seen" in (out / "report.html").read_text()


@pytest.mark.usefixtures("fast")
def test_environments_are_not_known_where_labels_may_be_unread(say: Say, tmp_path: Path) -> None:
    """The broken document may label the namespace, or hold another one: nothing passes."""
    (tmp_path / "a.yaml").write_text(f"{HOME}---\nkind: [Namespace\n")
    out = tmp_path / "out"
    assert 0 == say("audit", "-f", tmp_path / "a.yaml", "-o", out).exit_code
    rules = json.loads((out / "report.json").read_bytes())["rules"]
    (status,) = (one["status"] for one in rules if one["id"] == "environments-can-talk")
    assert "not-evaluated" == status


@pytest.mark.parametrize("text", [None, "", "---\n---\n# nothing\n", "a: 1\n", "[]\n"])
def test_a_folder_without_objects_is_an_error(text: str | None, say: Say, tmp_path: Path) -> None:
    """An empty folder, or files without objects: exit 3, and no report."""
    folder = tmp_path / "in"
    folder.mkdir()
    if text is not None:
        (folder / "a.yaml").write_text(text)
    said = say("audit", "-f", folder, "-o", tmp_path / "out")
    assert (3, b"") == (said.exit_code, said.output)
    assert f"error: no Kubernetes object found in {folder}" == said.complaint.splitlines()[0]
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_read_in_a_folder_is_a_gap(say: Say, tmp_path: Path) -> None:
    """Dangling and circular links, a pipe, binary files, UTF-16 and Latin-1: each by its name."""
    (tmp_path / "a.yaml").write_text(HOME)
    (tmp_path / "dangling.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\0\1\2")
    (tmp_path / "utf16.yaml").write_bytes(HOME.encode("utf-16"))
    (tmp_path / "latin.yaml").write_bytes(b"apiVersion: v1\nkind: Pod\nmetadata: {name: \xe4}\n")
    said = say("connections", "-f", tmp_path, "-o", "json")
    named = {Path(one["source"]["file"]).name: one["reason"] for one in _gaps(said.output)}
    expected = {
        "binary.yaml": "cannot be read: is binary, not text",
        "dangling.yaml": "cannot be read: no such file or directory",
        "latin.yaml": "cannot be parsed: it is not UTF-8 text at line 3",
        "loop.yaml": "cannot be read: too many levels of symbolic links",
        "pipe.yaml": "cannot be read: is not a regular file",
        "utf16.yaml": "cannot be read: is UTF-16 text; manifests are UTF-8",
    }
    assert (0, expected) == (said.exit_code, named)
    assert {"sound"} == _namespaces(said.output)


@pytest.mark.parametrize("name", ["absent.yaml", "dangling.yaml", "a.yaml/below"])
def test_a_file_that_was_named_must_be_readable(name: str, say: Say, tmp_path: Path) -> None:
    """Exit 3 with its name, also where other files could be read."""
    (tmp_path / "a.yaml").write_text(HOME)
    (tmp_path / "dangling.yaml").symlink_to("nowhere.yaml")
    path = tmp_path / name
    said = say("audit", "-f", tmp_path / "a.yaml", "-f", path, "-o", tmp_path / "out")
    assert (3, b"") == (said.exit_code, said.output)
    assert said.complaint.startswith(f"error: {path} cannot be read: ")
    assert 2 == len(said.complaint.splitlines())
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_a_gap(say: Say, tmp_path: Path) -> None:
    """The system's own reason is told."""
    (tmp_path / "a.yaml").write_text(HOME)
    (tmp_path / "b.yaml").write_text(HOME)
    (tmp_path / "b.yaml").chmod(0)
    said = say("connections", "-f", tmp_path, "-o", "json")
    (gap,) = _gaps(said.output)
    assert "cannot be read: permission denied" == gap["reason"]


def test_a_damaged_snapshot_is_one_error(say: Say, tmp_path: Path) -> None:
    """Cut off, changed in the middle, or newer: exit 3, never half a cluster."""
    (tmp_path / "a.yaml").write_text(HOME)
    assert 0 == say("snapshot", "-f", tmp_path / "a.yaml", "-o", tmp_path / "s").exit_code
    whole = (tmp_path / "s").read_bytes()
    damaged = {
        "is cut off": whole[:-9],
        "its digest does not match": whole[:-9] + b"\0" + whole[-8:],
        "is of version 2": whole.replace(b"/v1 ", b"/v2 ", 1),
        "is followed by foreign bytes": whole + b"\n",
        "its first line": whole[:40],
    }
    for reason, content in damaged.items():
        (tmp_path / "s").write_bytes(content)
        said = say("connections", "-f", tmp_path / "s")
        assert (3, b"") == (said.exit_code, said.output), reason
        assert reason in said.complaint.splitlines()[0], reason


def test_much_nonsense_ends_in_bounded_time_and_memory(tmp_path: Path) -> None:
    """32 MiB of random text: an error within seconds, in memory that the file's size explains."""
    size = 1 << 25
    block = bytes(random.Random(1).randrange(32, 127) for _ in range(1 << 16))
    file = tmp_path / "nonsense.yaml"
    file.write_bytes(block * (size // len(block)))
    limit = 4 * size + (400 << 20)
    program = (
        "import resource, sys; from auditor.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit})); sys.exit(main(sys.argv[1:]))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, "connections", "-f", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (3, "") == (completed.returncode, completed.stdout)
    assert "it is large and holds no Kubernetes object" in completed.stderr


def test_a_file_of_1_gib_is_refused_unread(say: Say, tmp_path: Path) -> None:
    """What no cluster fills is not taken into memory."""
    file = tmp_path / "sparse.yaml"
    with file.open("wb") as stream:
        stream.truncate(1 << 30)
    said = say("connections", "-f", file)
    assert (3, b"") == (said.exit_code, said.output)
    assert f"error: {file} cannot be read: holds 1 GiB or more" == said.complaint.splitlines()[0]


def test_standard_input_may_be_nonsense(tmp_path: Path) -> None:
    """Nothing, binary, or text without objects, through a pipe: exit 3 and one error."""
    for text, reason in (
        (b"", "no Kubernetes object found in -"),
        (b"\0\1", "<stdin> cannot be read: is binary"),
        (b"kind: [", "<stdin>, document 1, line 1: cannot be parsed"),
    ):
        completed = subprocess.run(
            [PROGRAM, "audit", "-f", "-", "-o", tmp_path / "out"],
            input=text,
            capture_output=True,
            check=False,
        )
        assert (3, b"") == (completed.returncode, completed.stdout)
        assert reason in completed.stderr.decode().splitlines()[0]
        assert not (tmp_path / "out").exists()


def test_a_folder_whose_name_is_no_utf_8_is_audited(say: Say, tmp_path: Path) -> None:
    """The settings that a report rests on hold the name as it was given."""
    folder = tmp_path / os.fsdecode(b"shop-\xff")
    folder.mkdir()
    (folder / "pod.yaml").write_text(HOME, encoding="utf-8")
    said = say("audit", "-f", folder, "-o", tmp_path / "out")
    assert (0, True) == (said.exit_code, (tmp_path / "out" / "report.json").exists())
