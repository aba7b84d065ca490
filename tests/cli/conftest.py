"""The command, run in this process, in a folder of its own."""

from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import pytest

from auditor.cli import main


class Ran(NamedTuple):
    """What a run of the command left behind."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        """Standard output as a JSON document."""
        return msgspec.json.decode(self.out)


class Run(Protocol):
    """Run the command with these arguments."""

    def __call__(self, *arguments: str | Path) -> Ran:
        """Return the exit code and what was printed."""


@pytest.fixture
def run(
    capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run `main` in an empty folder, where no settings file lies about."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: str | Path) -> Ran:
        capfdbinary.readouterr()
        code = main([str(one) for one in arguments])
        out, err = capfdbinary.readouterr()
        return Ran(code, out, err.decode())

    return run_command
