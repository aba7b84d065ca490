"""Input that is made to hang, to crash or to fill the memory is answered in a line."""

import resource
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from auditor.errors import ManifestsError
from auditor.model.snapshot import Blind, GapSource
from auditor.sources.files import LARGEST_BYTES
from auditor.sources.manifests import collect
from tests.sources.manifest_text import NOW, RETENTION, document_of, only_gap, pod, read

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in pairwise("abcdefghijklmnopqrstu")
)
MERGES = "a: &a {x: y}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n"
    for old, new in pairwise("abcdefghijklmnopqrstu")
)
HOSTILE = {
    "a bomb of aliases": BOMB,
    "a bomb of merges": MERGES,
    "an alias of itself": "a: &a [*a]",
    "100,000 open brackets": "a: " + "[" * 100_000,
    "100,000 open brackets that are closed": "a: " + "[" * 100_000 + "]" * 100_000,
    "100,000 open braces": "a: " + "{a: " * 100_000,
    "100,000 sequences": "- " * 100_000,
    "3,000 indents": "".join(f"{' ' * depth}a:\n" for depth in range(3000)),
    "100,000 open brackets in JSON": "[" * 100_000,
    "100,000 open braces in JSON": '{"a":' * 100_000,
    "100,000 closed braces in JSON": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a surrogate in JSON": '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "\\ud800"}}',
    "a key that is a list": "? [a]\n: b",
    "a number of 30 digits": f"a: {'9' * 30}",
    "words of YAML 1.1 in a broken document": "a: yes\nb: [",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_one_gap_in_short_time(text: str) -> None:
    """Its neighbours are read."""
    begin = time.monotonic()
    gap = only_gap(f"{pod()}---\n{text}\n")
    assert "cannot be parsed" in gap.reason
    assert 200 >= len(gap.reason)
    assert 5 > time.monotonic() - begin


def test_brackets_in_text_are_no_nesting() -> None:
    """However many there are, they open nothing."""
    text = pod() + "---\n" + "a: |\n" + "  [\n" * 5000 + "b: '" + "{" * 5000 + "'\n"
    assert () == read(text).gaps


def test_brackets_that_others_close_do_not_hide_the_open_ones() -> None:
    """Depth counts, not the number of brackets."""
    gap = only_gap(f"{pod()}---\na: [[], {{b: []}}, {'[' * 100_000}\n")
    assert "cannot be parsed: it is nested too deeply" == gap.reason


def test_reasons_are_short_and_without_control_characters() -> None:
    """Names and values of the input cannot write to a terminal or flood a report."""
    text = pod(metadata='labels: {"a\\x1b[31m": b}').replace("web", "w" * 1000, 1)
    gap = only_gap(text)
    assert 200 >= len(gap.reason)
    assert "\x1b" not in str(gap)


def test_a_deep_but_harmless_document_is_read() -> None:
    """Depth below the parser's limit is no fault."""
    assert () == read(pod() + "---\na: " + "[" * 100 + "]" * 100).gaps


def test_a_file_of_1_gib_is_refused_unread(tmp_path: Path) -> None:
    """Nothing of that size is worth the memory."""
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(LARGEST_BYTES)
    (tmp_path / "web.yaml").write_text(pod())
    snapshot = collect([str(tmp_path)], retention=RETENTION, now=NOW)
    assert ["cannot be read: holds 1 GiB or more"] == [gap.reason for gap in snapshot.gaps]
    assert 1 == len(snapshot.pods)


def test_an_endless_stream_is_not_read_to_its_end() -> None:
    """Binary nonsense shows in its beginning."""
    with (
        Path("/dev/zero").open("rb") as zeros,
        pytest.raises(ManifestsError, match="<stdin> cannot be read: is binary, not text"),
    ):
        collect(["-"], retention=RETENTION, now=NOW, stdin=zeros)


NONSENSE = "---\nkind apiVersion\n"


@pytest.mark.parametrize(
    "nonsense",
    [NONSENSE, "---\n{ kind\n", "---\nkind: Pod\n"],
    ids=["text", "no YAML", "no version"],
)
def test_a_file_of_broken_documents_is_not_read_to_its_end(nonsense: str) -> None:
    """After 1,000 of them one gap says from where on anything may be missing."""
    begin = time.monotonic()
    snapshot = read(pod("a") + nonsense * 500_000 + "---\n" + pod("b"))
    *broken, last = snapshot.gaps
    assert ["a"] == [one.name for one in snapshot.pods]
    assert 1000 == len(broken)
    assert (None, Blind.OBJECTS) == (last.kind, last.blind)
    assert "document 1002, line 2006" == document_of(last)
    assert "is not read from here on: 1,000 documents before it are broken" == last.reason
    assert 5 > time.monotonic() - begin


def test_a_list_of_what_is_no_object_is_not_read_to_its_end() -> None:
    """Its items count as documents do, and the gap names the first that is not read."""
    items = ", ".join(["1"] * 300_000)
    snapshot = read(f"{pod('a')}---\n{{apiVersion: v1, kind: List, items: [{items}]}}\n")
    *broken, last = snapshot.gaps
    assert (["a"], 1000) == ([one.name for one in snapshot.pods], len(broken))
    source = GapSource(file="<stdin>", document="document 2, line 6", field="items[1000]")
    assert (source, Blind.OBJECTS) == (last.source, last.blind)


def test_a_file_with_some_broken_documents_is_read_whole() -> None:
    """A thousand of them are no more than a thousand gaps; what is right beside them counts."""
    snapshot = read((pod("a") + NONSENSE + "---\n") * 1000 + pod("b"))
    assert "b" in [one.name for one in snapshot.pods]
    assert 1000 == sum(gap.blind is Blind.OBJECTS for gap in snapshot.gaps)


def test_objects_that_are_refused_are_not_broken_documents() -> None:
    """Each is named, however many there are, and what follows them is read."""
    snapshot = read((pod("a", "labels: {b: 1}") + "---\n") * 1200 + pod("b"))
    assert (["b"], 1200) == ([one.name for one in snapshot.pods], len(snapshot.gaps))


def test_broken_documents_of_one_file_are_not_held_against_another(tmp_path: Path) -> None:
    """The next file is read from its beginning."""
    (tmp_path / "a.yaml").write_text(NONSENSE * 1500)
    (tmp_path / "b.yaml").write_text(NONSENSE + "---\n" + pod("b"))
    snapshot = collect([str(tmp_path)], retention=RETENTION, now=NOW)
    assert (["b"], 1002) == ([one.name for one in snapshot.pods], len(snapshot.gaps))


def test_nonsense_in_text_is_not_parsed(tmp_path: Path) -> None:
    """Lines upon lines without an object: a parser would need fifty times their size."""
    path = tmp_path / "nonsense.yaml"
    path.write_text("- a\n" * 16_000_000)
    script = (
        "import sys\nfrom auditor.model.retention import Retention\n"
        "from auditor.errors import ManifestsError\n"
        "from auditor.sources.manifests import collect\n"
        "try:\n    collect(sys.argv[1:], retention=Retention(), now='')\n"
        "except ManifestsError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    assert "it is large and holds no Kubernetes object" in done.stdout
