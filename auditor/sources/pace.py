"""Answers that must be there whole at a given time, however slowly the server sends them."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any


class Pace:
    """When the answer to the request of the moment must be there, on the monotonic clock."""

    def __init__(self) -> None:
        self.ends = 0.0

    @property
    def left_seconds(self) -> float:
        """How long that is from now; at least a moment, since a socket takes 0 for unlimited."""
        return max(self.ends - time.monotonic(), 0.001)


def keep_pace(pool_manager: Any, pace: Pace) -> None:
    """Make the connections that a urllib3 pool manager will open read at that pace.

    A socket's own timeout starts anew with each byte: a server that sends one now and then would
    hold its reader for ever.
    """
    pool_manager.pool_classes_by_scheme = {
        scheme: type(
            f"Paced{pool.__name__}", (pool,), {"ConnectionCls": _paced(pool.ConnectionCls, pace)}
        )
        for scheme, pool in pool_manager.pool_classes_by_scheme.items()
    }


def _paced(connection: Any, pace: Pace) -> type:
    """A class of connections whose answers are read at a pace."""

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
            super().__init__(sock, *arguments, **named)
            unpaced, self.fp = self.fp, io.BufferedReader(_PacedStream(sock, pace))
            unpaced.close()

    return type(f"Paced{connection.__name__}", (connection,), {"response_class": Response})


class _PacedStream(io.RawIOBase):
    """What arrives at a socket; once the time is up, reading it is a timeout."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        super().__init__()
        self._socket, self._pace = sock, pace
        self._stream: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, or wait for it as long as there is time."""
        self._socket.settimeout(self._pace.left_seconds)
        read: int | None = self._stream.readinto(buffer)
        return read

    def close(self) -> None:
        """Let go of the socket."""
        self._stream.close()
        super().close()
