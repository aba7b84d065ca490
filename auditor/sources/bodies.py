"""The body of an answer: whole, decompressed, and no larger than a page can be."""

from __future__ import annotations

import zlib
from typing import Any

LARGEST_BODY = 256 * 1024**2
"""Bytes, before and after decompression. A page of 500 pods has four million."""

_CHUNK = 1024**2
_ZLIB_WITH_GZIP_FRAME = 31


def read_body(response: Any) -> bytes | None:
    """Read the body of a urllib3 response to its end; None where it is too large.

    It is decompressed here: urllib3 hangs on a body of several gzip members that is read in parts.

    Raises:
        HTTPError: it breaks off, is too slow, or cannot be decompressed.
    """
    chunks, size = [], 0
    try:
        for chunk in response.stream(_CHUNK, decode_content=False):
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_BODY:
                response.close()
                return None
    except BaseException:
        response.close()
        raise
    response.release_conn()
    raw = b"".join(chunks)
    return _decompress(raw) if response.headers.get("Content-Encoding") else raw


def _decompress(raw: bytes) -> bytes | None:
    from urllib3.exceptions import DecodeError

    # Only gzip was asked for. Another encoding has another frame, and fails here.
    decompressor = zlib.decompressobj(wbits=_ZLIB_WITH_GZIP_FRAME)
    try:
        plain = decompressor.decompress(raw, LARGEST_BODY + 1)
    except zlib.error as error:
        raise DecodeError(str(error)) from error
    if len(plain) > LARGEST_BODY:
        return None
    if not decompressor.eof or decompressor.unused_data:
        raise DecodeError("it is not one whole gzip member")
    return plain
