"""File systems to fill and to write-protect: small ones in memory, mounted for one test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """A mounted file system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def protect(self) -> None:
        """Let nobody write it: not root either, who ignores modes."""
        _run("mount", "-o", "remount,ro", str(self.folder))

    def unprotect(self) -> None:
        """Let it be written again."""
        _run("mount", "-o", "remount,rw", str(self.folder))

    def grow(self, size: str) -> None:
        """Make room, as `mount` spells sizes."""
        _run("mount", "-o", f"remount,size={size}", str(self.folder))

    def fill(self, *, leave: int = 0) -> Path:
        """Fill it up with one file, but for so many bytes."""
        path = self.folder / "ballast"
        state = os.statvfs(self.folder)
        with path.open("wb") as stream:
            stream.write(b"x" * (state.f_bavail * state.f_frsize - leave))
        return path


@contextmanager
def mounted(folder: Path, *, size: str) -> Iterator[Disk]:
    """Mount a file system of a size, as `mount` spells it; skip where that is not allowed."""
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("only root may mount a file system")
    done = _try("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        _run("umount", str(folder))


def _try(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _run(*command: str) -> None:
    done = _try(*command)
    assert done.returncode == 0, done.stderr
