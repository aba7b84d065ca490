"""A clock for `watch`, in place of the machine's: set by hand, or faster."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import pytest


class _Scheduled(dt.datetime):
    """What the library `schedule` asks for the time, in UTC as local time."""

    read: Callable[[], dt.datetime]

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        """The time of the clock."""
        moment = cls.read()
        return moment if tz is None else moment.replace(tzinfo=dt.UTC).astimezone(tz)


class Clock:
    """Stands still until it is set, and moves on as `watch` waits. Naive, in UTC."""

    def __init__(self, start: dt.datetime) -> None:
        self.time = start

    def read(self) -> dt.datetime:
        """The time."""
        return self.time

    def wait(self, seconds: float) -> bool:
        """Move on at once; nothing ends the watch."""
        # half a second more: a real clock never wakes anybody exactly in time
        self.time += dt.timedelta(seconds=seconds + 0.5)
        return False


class FastClock(NamedTuple):
    """Runs so many times as fast as the machine's, from the same start."""

    speed: float
    started: float = time.time()

    def read(self) -> dt.datetime:
        """The time."""
        passed = (time.time() - self.started) * self.speed
        start = dt.datetime.fromtimestamp(self.started, dt.UTC).replace(tzinfo=None)
        return start + dt.timedelta(seconds=passed)

    def wait(self, seconds: float, wait: Callable[[float], bool]) -> bool:
        """Wait as many seconds of this clock, by the machine's."""
        return wait(seconds / self.speed)


def set_clock(
    patch: pytest.MonkeyPatch,
    read: Callable[[], dt.datetime],
    wait: Callable[[float], bool],
) -> None:
    """Have `watch` and the library that plans for it read this clock."""
    kind = type("Scheduled", (_Scheduled,), {"read": staticmethod(read)})
    fake = SimpleNamespace(datetime=kind, time=dt.time, timedelta=dt.timedelta)
    patch.setattr("schedule.datetime", fake)
    patch.setattr("auditor.cli.watch.read_clock", read)
    patch.setattr("auditor.cli.watch.wait", wait)
