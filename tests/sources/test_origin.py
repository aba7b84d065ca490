"""Which source a command line means: manifests, a saved snapshot, or the cluster."""

import io
from pathlib import Path

import pytest

from auditor.errors import ArchiveError, ManifestsError, UsageError
from auditor.model.objects import Metadata, Pod
from auditor.model.retention import Retention
from auditor.model.snapshot import Snapshot
from auditor.settings import ClusterAccess
from auditor.sources.archive import pack
from auditor.sources.origin import collect

POD = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
SAVED = Snapshot(
    origin="cluster",
    taken_at="2025-12-31T00:00:00Z",
    pods=(Pod(metadata=Metadata(name="b", namespace="c")),),
)


def read(*files: str | Path, stdin: io.BytesIO | None = None) -> Snapshot:
    """Collect from files."""
    return collect(
        [str(one) for one in files],
        ClusterAccess(),
        retention=Retention(),
        clock=lambda: "2026-01-01T00:00:00Z",
        stdin=stdin,
        progress=lambda _what, _count: None,
    )


class Trickle(io.BytesIO):
    """A pipe whose writer is slow: a few bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        """Read at most three bytes at a time, as a pipe may."""
        return super().read(min(size, 3) if size is not None and size >= 0 else size)


def test_a_saved_snapshot_is_known_by_its_content(tmp_path: Path) -> None:
    """The name of the file says nothing: an archive may end in .yaml, manifests in anything."""
    (tmp_path / "a.yaml").write_bytes(pack(SAVED))
    (tmp_path / "b.snapshot").write_bytes(POD)
    assert SAVED == read(tmp_path / "a.yaml")
    assert ["a"] == [one.name for one in read(tmp_path / "b.snapshot").pods]


@pytest.mark.parametrize("stream", [io.BytesIO, Trickle])
def test_standard_input_is_whole_after_it_was_looked_at(stream: type[io.BytesIO]) -> None:
    """What was read to tell the two apart is read again, however slowly it came."""
    assert SAVED == read("-", stdin=stream(pack(SAVED)))
    many = b"---\n".join(POD.replace(b"name: a", b"name: a%d" % n) for n in range(50))
    assert 50 == len(read("-", stdin=stream(many)).pods)


def test_several_files_are_one_snapshot(tmp_path: Path) -> None:
    """Manifests add up, standard input among them."""
    (tmp_path / "a.yaml").write_bytes(POD)
    more = io.BytesIO(POD.replace(b"name: a", b"name: b"))
    assert ["a", "b"] == [one.name for one in read(tmp_path, "-", stdin=more).pods]


def test_a_saved_snapshot_stands_alone(tmp_path: Path) -> None:
    """Two clusters are not mixed."""
    (tmp_path / "a").write_bytes(pack(SAVED))
    (tmp_path / "b.yaml").write_bytes(POD)
    with pytest.raises(UsageError, match="is a saved snapshot, and other files are given"):
        read(tmp_path / "b.yaml", tmp_path / "a")
    with pytest.raises(UsageError, match="- is a saved snapshot"):
        read(tmp_path / "b.yaml", "-", stdin=io.BytesIO(pack(SAVED)))


def test_a_damaged_snapshot_is_not_taken_for_manifests(tmp_path: Path) -> None:
    """Its first words are enough to know what it was meant to be."""
    (tmp_path / "a").write_bytes(pack(SAVED)[:-1])
    with pytest.raises(ArchiveError, match="is cut off"):
        read(tmp_path / "a")


def test_standard_input_that_is_closed_or_given_twice_is_an_error() -> None:
    """There is one standard input, and it must be there."""
    with pytest.raises(ManifestsError, match="standard input is closed"):
        read("-")
    with pytest.raises(UsageError, match="-f - is given twice"):
        read("-", "-", stdin=io.BytesIO(POD))
