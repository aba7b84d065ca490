"""Durations as people write them."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse_duration(text: str) -> float:
    """Seconds of `30`, `30s`, `1m30s` or `2h`, as kubectl reads `--request-timeout`.

    Raises:
        ValueError: the text is no duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no duration")
    hours, minutes, seconds = (float(one or 0) for one in match.groups())
    return hours * 3600 + minutes * 60 + seconds
