"""Documents of a file: where one begins, and what becomes of a broken one."""

import pytest

from auditor.errors import ManifestsError
from auditor.model.snapshot import Blind, Snapshot
from tests.sources.manifest_text import document_of, only_gap, pod, read


def names(snapshot: Snapshot) -> list[str]:
    """The names of the pods."""
    return [one.name for one in snapshot.pods]


JSON = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s"}}'

BROKEN = {
    "an open bracket": ("a: [", "line 7 column 1"),
    "an unknown alias": ("a: *x", "unknown anchor"),
    "a key that stands twice": ("a: 1\na: 2", "duplicate"),
    "a tab": ("a:\n\t- b", "line 7"),
    "a template of Helm": ("{{ if .Values.a }}\na: b\n{{ end }}", ""),
    "a control character": ("a: \x01", "control characters"),
    "a second document without a marker": ("a: b\n...\nc: d", "more than one document"),
    "a merge of no mapping": ("a: {<<: 1}", "no mapping"),
    "JSON that is cut off": ('{"a": ', ""),
    "JSON with a key that stands twice": (
        '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",\n "kind": "Pod"}',
        'key "kind"',
    ),
    "JSON in a row, of which the second is broken": (
        '{"apiVersion": "v1"}\n{"apiVersion": v1}',
        "at line 7",
    ),
    "bytes": ('{"a": "\ud800"}', "not UTF-8 text at line 6"),
    "an anchor that stands twice beside a word of YAML 1.1": (
        "{apiVersion: v1, kind: Pod, metadata: &a {name: c, labels: &a {b: on}}}",
        "found duplicate anchor",
    ),
    "a list that is none": ("{apiVersion: v1, kind: List, items: {}}", "items must be a list"),
    "lists in lists": (
        "{apiVersion: v1, kind: List, items: [" * 9 + "]}" * 9,
        "is more than 8 lists deep",
    ),
    "plain text": ("nothing to see here", "not a mapping"),
}


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_document_leaves_its_neighbours(text: str, reason: str) -> None:
    """It is a gap with its place and the parser's reason; anything may be missing."""
    whole = f"{pod('a')}---\n{text}\n---\n{pod('b')}"
    snapshot = read(whole.encode("utf-8", "surrogatepass"))
    (gap,) = snapshot.gaps
    assert ["a", "b"] == names(snapshot)
    assert ("document 2, line 6", Blind.OBJECTS) == (document_of(gap), gap.blind)
    assert reason in gap.reason


def test_a_parsers_line_is_the_files_line() -> None:
    """It is counted from the beginning of the file, in YAML and in JSON."""
    assert "line 8 column 4" in only_gap(f"{pod()}---\nb: c\nd: e\na: *x\n").reason
    assert "line 7" in only_gap(f'{pod()}---\n{{"b":\n c}}x').reason


def test_a_marker_in_a_block_scalar_is_text() -> None:
    """Only at the beginning of a line does it end a document."""
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  b: |\n    ---\n    ---x\n"
    )
    assert ["c"] == names(read(text + "---\n" + pod("c")))


def test_a_word_that_begins_with_dashes_is_no_marker() -> None:
    """A blank or the end of the line must follow."""
    snapshot = read(f"a: b\n---x: c\n-----: d\n---\n{pod('a')}")
    assert (["a"], 1) == (names(snapshot), snapshot.documents_ignored)


@pytest.mark.parametrize(
    "text",
    [
        f"---\n{pod('a')}---\n{pod('b')}---\n",
        f"--- # first\n{pod('a')}---   \n\n# only a comment\n---\n{pod('b')}...\n",
        f"%YAML 1.1\n---\n{pod('a')}---\n{pod('b')}...\n---\nnull\n",
        (pod("a") + "---\n" + pod("b")).replace("\n", "\r\n"),
        f"\ufeff{pod('a')}---\n{pod('b')}",
        (pod("a") + "---\n" + pod("b")).rstrip(),
        f"{JSON % 'a'}\n---\n{pod('b')}",
        f"{JSON % 'a'}\n{JSON % 'b'}\n",
        f"\ufeff \n[{JSON % 'a'},{JSON % 'b'}]",
        "{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n" + pod("b"),
    ],
    ids=[
        "leading marker",
        "comments",
        "directive",
        "CRLF",
        "byte order mark",
        "no last newline",
        "JSON and YAML",
        "JSON in a row",
        "JSON array",
        "flow style",
    ],
)
def test_two_documents_are_two_however_they_are_written(text: str) -> None:
    """Both are read, without a gap."""
    snapshot = read(text)
    assert (["a", "b"], (), 0) == (names(snapshot), snapshot.gaps, snapshot.documents_ignored)


def test_a_document_is_named_by_number_and_line() -> None:
    """Empty documents do not count; the line is that of what the document holds."""
    bad = pod("a", "labels: {b: 1}")
    assert "document 1, line 4" == document_of(only_gap(f"---\n# nothing\n---\n{bad}"))
    assert "document 2, line 6" == document_of(only_gap(f"{pod()}---\n{bad}"))
    assert "document 2, line 3" == document_of(only_gap(f"{JSON % 'a'}\n\n{JSON % 'A'}"))


def test_utf_16_is_an_error_that_says_so() -> None:
    """Manifests are UTF-8."""
    with pytest.raises(ManifestsError, match="<stdin> cannot be read: is UTF-16 text"):
        read(pod().encode("utf-16"))


def test_a_byte_that_is_no_utf_8_breaks_one_document() -> None:
    """The gap has its line."""
    snapshot = read(
        pod("a").encode() + b"---\n# \xe4\n---\n" + b"b: \xe4\n---\n" + pod("b").encode()
    )
    assert ["a", "b"] == names(snapshot)
    assert ["cannot be parsed: it is not UTF-8 text at line 8"] == [
        gap.reason for gap in snapshot.gaps
    ]


def test_merge_keys_are_resolved_as_kubectl_does() -> None:
    """What follows a merge replaces what it brings; of several mappings the first counts."""
    text = pod(
        metadata="annotations: &x {a: x, b: x}, labels: {b: own, <<: [*x, {b: z, c: z}], a: own}"
    )
    assert {"a": "own", "b": "x", "c": "z"} == read(text).pods[0].labels


def test_nothing_but_broken_documents_is_an_error() -> None:
    """It names the first reason and its place."""
    with pytest.raises(ManifestsError, match=r"<stdin>, document 1, line 1: .*unknown anchor"):
        read("a: *x\n---\nb: [\n")


def test_nothing_but_refused_objects_is_no_error() -> None:
    """There is something to say: what was refused, and why."""
    snapshot = read(pod(metadata="labels: {a: 1}"))
    assert (0, 1) == (len(snapshot.pods), len(snapshot.gaps))
