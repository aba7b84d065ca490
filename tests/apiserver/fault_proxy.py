"""A proxy in front of a real API server that does what healthy servers and networks do not do.

A fault is a function: asked a request, and given the way on to the API server, it says what the
client gets, a reply or something that is done to its connection.
"""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import urllib3

_CLIENT_IS_GONE_AFTER_SECONDS = 20.0
_PASSED_ON = ("authorization", "accept", "accept-encoding", "user-agent")


class Asked(NamedTuple):
    """A request that arrived; the names of its headers are in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    number: int
    """How many requests for the path there were before."""


class Reply(NamedTuple):
    """What the client gets, framed as it should be."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Forward = Callable[[Asked], Reply]
"""The way on: what the API server answers."""

Act = Callable[[socket.socket], None]
"""What is done to the client's connection in place of a reply; it is closed afterwards."""

Fault = Callable[[Asked, Forward], Reply | Act]


class FaultProxy:
    """Its address, and what it was asked so far."""

    def __init__(self, url: str) -> None:
        """Nothing was asked yet."""
        self.url = url
        self.asked: list[Asked] = []


@contextmanager
def disturb(server: str, authority: Path, fault: Fault, page: int) -> Iterator[FaultProxy]:
    """Stand in front of an API server until the block ends, with pages of that many objects.

    The block ends once every client has closed its connections.
    """
    counts: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _CLIENT_IS_GONE_AFTER_SECONDS

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                asked = Asked(parts.path, query, headers, counts[parts.path])
                counts[parts.path] += 1
                proxy.asked.append(asked)
            reply = fault(asked, forward)
            if not isinstance(reply, Reply):
                self.close_connection = True
                reply(self.connection)
                return
            with suppress(ConnectionError):  # whoever asked may have lost patience
                self.send_response_only(reply.status)
                for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Keep the terminal clean."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that the end of the block waits for them

    with (
        urllib3.PoolManager(ca_certs=str(authority), retries=False) as upstream,
        Server(("127.0.0.1", 0), Handler) as listener,
    ):
        proxy = FaultProxy(f"http://127.0.0.1:{listener.server_port}")

        def forward(asked: Asked) -> Reply:
            query = asked.query | ({"limit": str(page)} if "limit" in asked.query else {})
            headers = {name: asked.headers[name] for name in _PASSED_ON if name in asked.headers}
            url = f"{server}{asked.path}?{urlencode(query)}"
            response = upstream.request("GET", url, headers=headers, preload_content=False)
            body = response.read(decode_content=False)
            kept = ("Content-Encoding",) if "Content-Encoding" in response.headers else ()
            return Reply(response.status, body, tuple((one, response.headers[one]) for one in kept))

        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown()
            thread.join()


def hang(connection: socket.socket) -> None:
    """Say nothing until the client gives up."""
    connection.settimeout(_CLIENT_IS_GONE_AFTER_SECONDS)
    connection.recv(1)


def reset(connection: socket.socket) -> None:
    """Break the connection off without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def trickle(text: bytes, head: bytes = b"", every_seconds: float = 0.1) -> Act:
    """Send a head, then byte after byte, time and again, until the client gives up."""

    def act(connection: socket.socket) -> None:
        connection.settimeout(_CLIENT_IS_GONE_AFTER_SECONDS)
        ends = time.monotonic() + _CLIENT_IS_GONE_AFTER_SECONDS
        try:
            connection.sendall(head)
            while time.monotonic() < ends:
                for one in text:
                    connection.sendall(bytes([one]))
                    time.sleep(every_seconds)
        except OSError:
            return

    return act


def raw(text: bytes) -> Act:
    """Send these bytes, and no more."""
    return lambda connection: connection.sendall(text)


def half(reply: Reply) -> Act:
    """Send the first half of a body that was promised whole."""
    head = f"HTTP/1.1 {reply.status} OK\r\nContent-Length: {len(reply.body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
    return raw(head.encode() + b"\r\n" + reply.body[: len(reply.body) // 2])
