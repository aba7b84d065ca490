"""How long work says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int], None]
"""Told what is being worked on, and how much of it is done; 0 where that is not counted."""


def unwatched(_what: str, _count: int) -> None:
    """Progress that nobody looks at."""
