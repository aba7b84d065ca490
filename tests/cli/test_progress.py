"""Progress on a terminal."""

import os
import pty
import subprocess
import sys

STAGE = """
import time
from auditor.cli.progress import show_progress
with show_progress("collecting") as progress:
    progress("pods [red]\\x1b[31m", 1500)
    time.sleep({seconds})
"""


def watch(seconds: float) -> str:
    """Return what a terminal gets of a stage that takes so long."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    code = STAGE.format(seconds=seconds)
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while more := os.read(ours, 4096):
                shown += more
        except OSError:
            pass  # how Linux tells that the other end of a terminal was closed
        assert 0 == process.wait()
    os.close(ours)
    return shown.decode()


def test_what_takes_longer_than_a_second_is_shown() -> None:
    """The line names the stage, the objects and how many; names cannot mark it up."""
    shown = watch(1.8)
    assert "collecting: pods [red]\\x1b[31m 1,500" in shown
    assert "\x1b[31m" not in shown


def test_what_is_quick_is_not_shown() -> None:
    """Within the first second nothing flickers."""
    assert "" == watch(0.1)


def test_the_line_is_wiped_out_in_the_end() -> None:
    """The terminal's last order is to erase the line and to show the cursor."""
    shown = watch(1.3)
    assert shown.rstrip().endswith("\x1b[2K")
    assert "\x1b[?25h" in shown
