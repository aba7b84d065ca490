"""SIGTERM: the process ends within five seconds, and its last line says what is left of its work.

The handler raises `Terminated` in the main thread, so that what is unfinished is cleaned up on the
way out. That may not be enough: an exception is lost where C code calls Python and has nobody to
hand it to, and the handler does not even run while C code waits for something itself (the name
service, a lock of the database). So a thread raises the signal again until the exception is on its
way, and ends the process when its time is up: that leaves files as a kill would, whole or not
there.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from auditor.cli.lines import encode_line, is_structured

TERMINATED = 128 + signal.SIGTERM

_GRACE_SECONDS = 3.5
_AGAIN_SECONDS = 0.2
_STDERR = 2
_KEEPING = "keeping"
"""The stage after which a run is in the history."""


class Terminated(SystemExit):
    """SIGTERM was received. Whatever catches it raises it again."""


class Termination:
    """What SIGTERM does to the process, and what there will be to say then."""

    def __init__(self) -> None:
        self.requested = False
        self._accepted = False
        self._said = False
        self._held = False
        self._raised: Callable[[], Terminated | None] = lambda: None
        self._doing: str | None = None
        self._finished: set[str] = set()
        self._done: str | None = None

    def run(self, command: Callable[[], int]) -> int:
        """Run the command of this process, and return its exit code; 143 where SIGTERM ended it."""
        self._watch()
        try:
            code = command()
            self._held = True
        except Terminated:
            self._held = True
            code = TERMINATED
        if self._accepted or not self.requested:
            return code
        self.say()
        return TERMINATED

    def say(self) -> None:
        """Print the last line, once, where SIGTERM has broken the command off."""
        if not self.requested or self._accepted or self._said or sys.stderr is None:
            return
        self._said = True
        with suppress(OSError):  # nobody reads it any more
            sys.stderr.write(self._last_line())
            sys.stderr.flush()

    def _last_line(self) -> str:
        text = self.describe()
        if is_structured():
            return encode_line(text, "error", {"exit_code": TERMINATED})
        return f"{text}\n"

    def accept(self) -> None:
        """Let the command end by itself, with its own exit code: nothing is broken off."""
        self._accepted = self._held = True

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Note what is being done."""
        if stage in self._finished:
            self._finished.clear()  # another run in the same process
        self._doing, self._done = stage, None
        try:
            yield
        except Exception:
            self._doing = None
            raise
        self._finished.add(stage)
        self._doing = None

    @contextmanager
    def completing(self, done: str) -> Iterator[None]:
        """Let what is short be completed before the process ends: then it is ``done``."""
        self._end_where_requested()
        self._held = True
        try:
            yield
            self._done = done
        finally:
            self._held = False
        self._end_where_requested()

    def describe(self) -> str:
        """The last line: what was interrupted, and what of it is there."""
        doing = f" while {self._doing}" if self._doing else ""
        if self._done is not None:
            left = self._done
        elif self._doing == _KEEPING:
            left = "no report is written, and the history says whether the run is kept"
        elif _KEEPING in self._finished:
            left = "no report is written, the run is kept"
        else:
            left = "nothing is written"
        return f"terminated by SIGTERM{doing}: {left}"

    def _watch(self) -> None:
        """Handle SIGTERM from now on."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        # The interpreter writes there at once, whatever the main thread is busy with.
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._handle)
        threading.Thread(
            target=self._insist, args=(reading, threading.get_ident()), name="sigterm", daemon=True
        ).start()
        report = sys.unraisablehook

        def report_others(lost: sys.UnraisableHookArgs) -> None:
            if not isinstance(lost.exc_value, Terminated):
                report(lost)

        sys.unraisablehook = report_others

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
        if not self._held:
            self._end_where_requested()

    def _end_where_requested(self) -> None:
        # While the exception lives it is on its way: the clean-up must not be interrupted, too.
        if not self.requested or self._raised() is not None:
            return
        end = Terminated(TERMINATED)
        self._raised = weakref.ref(end)
        try:
            raise end
        finally:
            del end  # else its traceback would keep it alive where it is lost

    def _insist(self, signals: int, main_thread: int) -> None:
        """Wait for SIGTERM, then see to it that it ends the process."""
        while os.read(signals, 1) != bytes([signal.SIGTERM]):
            pass
        ends = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < ends:
            time.sleep(_AGAIN_SECONDS)
            signal.pthread_kill(main_thread, signal.SIGTERM)
        with suppress(OSError):
            # Another thread may hold the stream, or its reader may be gone or stuck.
            blocking = os.get_blocking(_STDERR)
            os.set_blocking(_STDERR, False)
            with suppress(OSError):
                os.write(_STDERR, self._last_line().encode())
            os.set_blocking(_STDERR, blocking)
        os._exit(TERMINATED)


TERMINATION = Termination()
"""Signals are sent to a process: there is one of these."""
