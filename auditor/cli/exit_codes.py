"""Which exit code a run ends with, where several hold."""

from __future__ import annotations

from collections.abc import Collection

FAILED_RULE = 1
GAPS = 4
FINDINGS = 10

_PRIORITY = (2, 3, 1, 5, GAPS, FINDINGS)


def completion_code(*, gaps: bool, strict: bool, others: Collection[int] = ()) -> int:
    """The exit code of a run that came to its end; 0 where nothing holds."""
    codes = {*others, GAPS} if gaps and strict else set(others)
    return next((one for one in _PRIORITY if one in codes), 0)
