"""Running the command on input that is wrong."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from auditor.cli import main


class Said(NamedTuple):
    """What one run of the command left on its streams, and its exit code."""

    exit_code: int
    output: bytes
    complaint: str


Say = Callable[..., Said]


@pytest.fixture
def say(capfdbinary: pytest.CaptureFixture[bytes]) -> Say:
    """Run the command with these arguments."""

    def run(*arguments: object) -> Said:
        exit_code = main([str(one) for one in arguments])
        output = capfdbinary.readouterr()
        return Said(exit_code, output.out, output.err.decode())

    return run
