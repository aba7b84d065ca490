"""How often an API server is asked again, and how long is waited before."""

from __future__ import annotations

import random
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import NamedTuple

BUSY_STATUSES = frozenset({429, 500, 502, 503, 504})
"""What passes, as a rule: too many requests, and a server that restarts or is overloaded."""


class Patience(NamedTuple):
    """How failures that may pass are met: so many retries of a request, further and further apart.

    A share of each pause is chance: jobs that failed together must not come back together.
    """

    busy_retries: int = 5
    """After an answer that says to come back."""
    broken_retries: int = 2
    """After no answer, or half of one."""
    backoff_seconds: float = 0.3
    """The first pause; each next one is twice as long."""
    longest_pause_seconds: float = 30.0
    """Also where the server asks for more."""

    def pause(self, retry: int, headers: Mapping[str, str]) -> float:
        """Seconds to wait before a retry, counted from 0, after an answer with these headers."""
        asked = read_retry_after(headers) or 0.0
        own = self.backoff_seconds * 2.0**retry
        jitter = random.uniform(0, self.backoff_seconds)  # noqa: S311  no secret
        pause: float = min(max(asked, own), self.longest_pause_seconds) + jitter
        return pause


PATIENCE = Patience()


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of `Retry-After`; None where it says nothing, or nothing that can be read.

    A date is taken by the server's own clock, where it tells: ours may be another.
    """
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    until, now = _read_date(said), _read_date(headers.get("Date", ""))
    return None if until is None or now is None else max(until - now, 0.0)


def _read_date(text: str) -> float | None:
    try:
        parsed = parsedate_tz(text)
        return None if parsed is None else mktime_tz(parsed)
    except (ValueError, OverflowError):  # a day of no calendar, or of none that has seconds
        return None
