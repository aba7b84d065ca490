"""`explain` about pods that were not read, or that have finished."""

from pathlib import Path

import msgspec

from auditor.model.objects import Metadata, Namespace, Pod, PodStatus
from auditor.model.snapshot import Blind, Gap, Snapshot
from auditor.sources.archive import pack
from tests.cli.conftest import Run

WHOLE = Snapshot(
    origin="cluster",
    taken_at="2026-01-01T00:00:00Z",
    namespaces=(Namespace(metadata=Metadata(name="shop")),),
    pods=(
        Pod(metadata=Metadata(name="done", namespace="shop"), status=PodStatus(phase="Succeeded")),
        Pod(metadata=Metadata(name="web", namespace="shop")),
    ),
)
UNREAD = Gap(
    kind="Pod",
    namespace="shop",
    name=None,
    reason="forbidden",
    effect="not evaluated",
    blind=Blind.PODS,
)


def saved(snapshot: Snapshot, folder: Path) -> Path:
    """Save a snapshot as the command reads it."""
    path = folder / "cluster.snapshot"
    path.write_bytes(pack(snapshot))
    return path


def test_a_pod_that_was_not_read_is_not_called_unknown(run: Run, tmp_path: Path) -> None:
    """Where the pods of a namespace could not be read, that is the answer."""
    path = saved(msgspec.structs.replace(WHOLE, gaps=(UNREAD,)), tmp_path)
    for name in ("shop/db", "shop/Deployment/db"):
        ran = run("explain", "-f", path, "shop/web", name)
        assert 2 == ran.code
        assert f"{name} is not among what was read" in ran.err
        assert "pods of namespace shop were not all read: forbidden" in ran.err


def test_a_finished_pod_is_said_to_have_finished(run: Run, tmp_path: Path) -> None:
    """It is no endpoint, and not unknown either."""
    ran = run("explain", "-f", saved(WHOLE, tmp_path), "shop/web", "shop/done")
    assert 2 == ran.code
    assert "error: pod shop/done has finished" in ran.err
