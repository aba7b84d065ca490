"""One line on the terminal that says what takes so long, from the first second on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditor.model.progress import Progress, unwatched

if TYPE_CHECKING:
    from rich.status import Status

_PATIENCE_SECONDS = 1.0


@contextmanager
def quiet_progress() -> Iterator[Progress]:
    """Progress that nobody looks at."""
    yield unwatched


@contextmanager
def show_progress(stage: str) -> Iterator[Progress]:
    """Show the stage, and what is reported of it, once it has taken a second; then wipe it out."""
    line = _Line(stage)
    timer = threading.Timer(_PATIENCE_SECONDS, line.show)
    timer.daemon = True
    timer.start()
    try:
        yield line.update
    finally:
        timer.cancel()
        line.close()


class _Line:
    """The line. It is shown by the timer's thread and updated by the working one."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._text = stage
        self._status: Status | None = None
        self._closed = False
        self._lock = threading.Lock()

    def update(self, what: str, count: int) -> None:
        from reports.text import show_name

        self._text = f"{self._stage}: {show_name(what)}" + (f" {count:,}" if count else "")
        if self._status is not None:
            self._status.update(self._escaped())

    def show(self) -> None:
        from rich.console import Console
        from rich.status import Status

        with self._lock:
            if not self._closed:
                self._status = Status(self._escaped(), console=Console(stderr=True))
                self._status.start()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._status is not None:
                self._status.stop()

    def _escaped(self) -> str:
        from rich.markup import escape

        return escape(self._text)
