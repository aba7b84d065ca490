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


def spell_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back: `30m`, `1m30s`, `0.5s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "")
    return "".join(parts) + (f"{rest:g}s" if rest or not any(parts) else "")
