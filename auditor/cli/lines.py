"""Lines on standard error."""

from __future__ import annotations

import sys

_LINE_LENGTH = 2000


def print_line(text: str) -> None:
    """Print one inert line on standard error: what is quoted may come from anywhere."""
    from reports.text import clip, visible

    if sys.stderr is not None:
        sys.stderr.write(f"{visible(clip(text, _LINE_LENGTH))}\n")
        sys.stderr.flush()
