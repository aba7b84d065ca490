"""Colour on a terminal. It never stands alone: what it marks is a word that says the same."""

from __future__ import annotations

from collections.abc import Callable

import click

Paint = Callable[[str, str], str]
"""(text, colour) → the text as it is to be printed."""


def choose_paint(*, colors: bool) -> Paint:
    """Paint with terminal colours, or leave texts as they are."""
    return _color if colors else _leave


def _color(text: str, color: str) -> str:
    return click.style(text, fg=color, bold=True)


def _leave(text: str, _color: str) -> str:
    return text
