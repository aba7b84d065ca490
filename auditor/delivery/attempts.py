"""Sending one message: tried again for as long as that may help, and never without an end."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

REASON_LENGTH = 300
"""Characters of what a server says that are repeated."""


class Pace(NamedTuple):
    """How often a message is tried, and for how long."""

    attempts: int = 4
    first_wait_seconds: float = 2.0
    """Before the second attempt; four times as long before each one after that."""
    longest_wait_seconds: float = 60.0
    attempt_seconds: float = 300.0
    """The longest that one attempt may take, however lively the server is."""


class SendingError(Exception):
    """A message was not sent, or is not known to be. The message says why, and holds no secret."""

    def __init__(self, reason: str, *, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class RefusedError(SendingError):
    """Trying again would be answered the same."""


class DeferredError(SendingError):
    """Trying again may help; after so long, where the server says so."""

    def __init__(self, reason: str, *, hint: str = "", after_seconds: float = 0.0) -> None:
        super().__init__(reason, hint=hint)
        self.after_seconds = after_seconds


class Attempted(NamedTuple):
    """What came of sending a message."""

    attempts: int
    error: SendingError | None
    """None: it was sent."""


def attempt(send: Callable[[], None], pace: Pace) -> Attempted:
    """Send, and again while that is deferred.

    A server that wants to be left alone for longer than the longest wait is left alone.
    """
    import tenacity

    def wait(state: tenacity.RetryCallState) -> float:
        nominal = pace.first_wait_seconds * 4.0 ** (state.attempt_number - 1)
        jitter = random.uniform(0.75, 1.25)  # noqa: S311  many clusters start at the same minute
        return max(min(nominal * jitter, pace.longest_wait_seconds), _asked(state))

    def stop(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= pace.attempts or _asked(state) > pace.longest_wait_seconds

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(DeferredError),
        stop=stop,
        wait=wait,
        reraise=True,
    )
    error: SendingError | None = None
    try:
        retrying(send)
    except SendingError as caught:
        error = caught
    return Attempted(retrying.statistics["attempt_number"], error)


def _asked(state: object) -> float:
    outcome = getattr(state, "outcome", None)
    error = None if outcome is None else outcome.exception()
    return error.after_seconds if isinstance(error, DeferredError) else 0.0


class Limit:
    """Ends a conversation that takes too long in all, though every answer comes in time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._socket: socket.socket | None = None

    def watch(self, connected: socket.socket | None) -> None:
        """Name the socket that is cut off at the end."""
        self._socket = connected
        if self.is_over:
            self._cut()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Let the time begin."""
        timer = threading.Timer(self.seconds, self._end)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self._socket = None

    def _end(self) -> None:
        self.is_over = True
        self._cut()

    def _cut(self) -> None:
        connected = self._socket
        if connected is not None:
            with contextlib.suppress(OSError):  # it may have been closed a moment ago
                # not the TLS socket's own: that one is in use by the thread that waits
                socket.socket.shutdown(connected, socket.SHUT_RDWR)
