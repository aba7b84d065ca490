"""What one audience is sent: rendered, and fit for every channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

BODY_BYTES = 400_000
"""Room that is kept for headers and both bodies: HTML of 102 KB, encoded, and as much again."""

_PART_BYTES = 1000
"""The headers of an attachment, and the boundary before it."""

_BYTES_IN_LINE = 57
_LINE_BYTES = 78
"""57 bytes become 76 characters of base64 and a line break of two."""


class Attachment(NamedTuple):
    """A file that goes with a message."""

    name: str
    media_type: str
    """`application/pdf`, `text/csv`."""
    content: bytes


class Parcel(NamedTuple):
    """A report as one audience gets it. Every text may hold what the cluster is called."""

    audience: str
    """Its name in the settings."""
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...]
    webhook: Mapping[str, Any]
    """The JSON that a webhook takes."""


def choose_attachments(
    attachments: Sequence[Attachment], max_bytes: int
) -> tuple[tuple[Attachment, ...], tuple[Attachment, ...]]:
    """The attachments that fit into a message of a size, encoded, and those that are left out.

    The most important come first. One that does not fit makes room for those after it. It is
    chosen before the bodies are rendered: they say what was left out.
    """
    kept: list[Attachment] = []
    left_out: list[Attachment] = []
    room = max_bytes - BODY_BYTES
    for one in attachments:
        size = encoded_bytes(len(one.content))
        if size <= room:
            kept.append(one)
            room -= size
        else:
            left_out.append(one)
    return tuple(kept), tuple(left_out)


def encoded_bytes(content_bytes: int) -> int:
    """How many bytes of a message an attachment takes: in base64, with line breaks and headers."""
    return _PART_BYTES + -(-content_bytes // _BYTES_IN_LINE) * _LINE_BYTES
