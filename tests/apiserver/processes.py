"""Child processes that never outlive the tests."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

# Only we hold the write end of the watcher's stdin: when we die, however suddenly, its read ends
# and it kills the program's process group. Unlike PR_SET_PDEATHSIG this needs neither Linux nor
# code of ours between fork and exec, which is unsafe beside threads.
_KILL_AT_END_OF_INPUT = 'read -r _; kill -s KILL -- "-$1"'
_LOG_TAIL_BYTES = 4000


class Process:
    """A program running in a process group of its own, its output in a log file."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        """Start `command` with stdout and stderr appended to `log`."""
        self.name = Path(command[0]).name
        self._log = log
        with log.open("ab") as output:
            self._program = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        # A session of its own, lest an interrupt from the terminal takes the watcher first.
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _KILL_AT_END_OF_INPUT, "watcher", str(self._program.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The program's process id, which is also its group's."""
        return self._program.pid

    def exit_code(self) -> int | None:
        """Tell the exit code, or None while the program runs."""
        return self._program.poll()

    def log_tail(self) -> str:
        """Read the last lines of the log."""
        text = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        return f"--- {self.name}: end of its log ---\n{text}"

    def kill(self) -> None:
        """Kill program and watcher and reap both; what the program stored is thrown away anyway."""
        self._watcher.kill()
        # No group is left where the program already died on its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._program.pid, signal.SIGKILL)
        # Leaving the block closes the pipe and waits.
        with self._watcher, self._program:
            pass
