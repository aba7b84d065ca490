"""A snapshot as one file: a line of text that says what it is, then the compressed snapshot.

The first line is `netpol-auditor/snapshot/v1 sha256=HEX length=N`: the schema, and the digest and
length of the compressed body that follows to the end of the file. The body is JSON with its object
keys in order, compressed without a time stamp, so equal snapshots make equal files.
"""

from __future__ import annotations

import hashlib
import re
import zlib

import msgspec

from auditor.errors import ArchiveError
from auditor.model.snapshot import Snapshot

SCHEMA = "netpol-auditor/snapshot/v1"

_MAGIC = b"netpol-auditor/snapshot/"
_VERSION = re.compile(rb"netpol-auditor/snapshot/v([1-9]\d{0,3})(?: |$)")
_HEADER = re.compile(rb"netpol-auditor/snapshot/v1 sha256=([0-9a-f]{64}) length=(\d{1,15})")
_LONGEST_HEADER = 200
_COMPRESSION_LEVEL = 6
_ZLIB_WITH_GZIP_FRAME = 31
_LARGEST_SNAPSHOT = 1024**3
"""Bytes of JSON. 150,000 pods, as many as Kubernetes is made for, need a fifth."""
_HINT_DAMAGED = "take the snapshot anew with `netpol-auditor snapshot -o FILE`, or copy it again"


def pack(snapshot: Snapshot) -> bytes:
    """The snapshot as the bytes of a file; equal snapshots give equal bytes."""
    return _compress(_encode(snapshot))


def pack_and_digest(snapshot: Snapshot) -> tuple[bytes, str]:
    """What `pack` and `digest_snapshot` give, of one encoding."""
    plain = _encode(snapshot)
    return _compress(plain), _digest(plain)


def digest_snapshot(snapshot: Snapshot) -> str:
    """SHA-256 (hex) of the snapshot's JSON, as it is before `pack` compresses it."""
    return _digest(_encode(snapshot))


def _compress(plain: bytes) -> bytes:
    compressor = zlib.compressobj(_COMPRESSION_LEVEL, wbits=_ZLIB_WITH_GZIP_FRAME)
    body = compressor.compress(plain) + compressor.flush()
    digest = hashlib.sha256(body).hexdigest()
    return f"{SCHEMA} sha256={digest} length={len(body)}\n".encode() + body


def _digest(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()


def _encode(snapshot: Snapshot) -> bytes:
    return msgspec.json.encode(snapshot, order="deterministic")


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is a saved snapshot, of whatever version."""
    return head.startswith(_MAGIC)


def unpack(data: bytes, *, name: str) -> Snapshot:
    """The snapshot that `pack` made the bytes of; ``name`` is the file's, for messages.

    Raises:
        ArchiveError: the file is no archive, is damaged, or is of a newer version.
    """
    return read_snapshot(unpack_json(data, name=name), name=name)


def read_snapshot(plain: bytes, *, name: str) -> Snapshot:
    """The snapshot of JSON that `unpack_json` gave.

    Raises:
        ArchiveError: it is no snapshot's.
    """
    try:
        return msgspec.json.decode(plain, type=Snapshot)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ArchiveError(
            f"snapshot {name} does not hold a snapshot: {error}", hint=_HINT_DAMAGED
        ) from error


def unpack_json(data: bytes, *, name: str) -> bytes:
    """The JSON that `pack` compressed, to the byte: what `digest_snapshot` hashes.

    Raises:
        ArchiveError: the file is no archive, is damaged, or is of a newer version.
    """
    if not is_archive(data):
        raise ArchiveError(f"{name} is no snapshot", hint="`netpol-auditor snapshot` makes one")
    return _decompress(_verify(data, name), name)


def _verify(data: bytes, name: str) -> bytes:
    """The body, which is, to the byte, what was written.

    Raises:
        ArchiveError: it is not, or is of a newer version.
    """
    end = data.find(b"\n", 0, _LONGEST_HEADER)
    line = data[: max(end, 0)]
    version, header = _VERSION.match(line), _HEADER.fullmatch(line)
    if version is not None and version[1] != b"1":
        raise ArchiveError(
            f"snapshot {name} is of version {int(version[1])}, and this program reads version 1",
            hint="update netpol-auditor",
        )
    if header is None:
        raise ArchiveError(f"snapshot {name} is damaged: its first line", hint=_HINT_DAMAGED)
    body, length = data[end + 1 :], int(header[2])
    if len(body) != length:
        what = "cut off" if len(body) < length else "followed by foreign bytes"
        raise ArchiveError(
            f"snapshot {name} is {what}: {len(body)} bytes where {length} were written",
            hint=_HINT_DAMAGED,
        )
    if hashlib.sha256(body).hexdigest().encode() != header[1]:
        raise ArchiveError(
            f"snapshot {name} is damaged: its digest does not match", hint=_HINT_DAMAGED
        )
    return body


def _decompress(body: bytes, name: str) -> bytes:
    decompressor = zlib.decompressobj(wbits=_ZLIB_WITH_GZIP_FRAME)
    try:
        plain = decompressor.decompress(body, _LARGEST_SNAPSHOT)
    except zlib.error as error:
        raise ArchiveError(f"snapshot {name} is damaged: {error}", hint=_HINT_DAMAGED) from error
    if decompressor.unconsumed_tail:
        raise ArchiveError(
            f"snapshot {name} is larger than {_LARGEST_SNAPSHOT:,} bytes when decompressed",
            hint="it was not made by netpol-auditor; take the snapshot anew",
        )
    if not decompressor.eof or decompressor.unused_data:
        raise ArchiveError(f"snapshot {name} is damaged: its end", hint=_HINT_DAMAGED)
    return plain
