"""Webhooks to post to: real HTTP servers, with and without TLS."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATH = "/services/T0/B0/not-a-secret"


class Posted(NamedTuple):
    """What was posted."""

    path: str
    headers: dict[str, str]
    content: bytes


class Hook:
    """Takes what is posted, after the answers that it is to give first."""

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        self.answers = list(answers)
        self.posted: list[Posted] = []


@contextmanager
def hooked(hook: Hook, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a server on loopback; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            code, headers = hook.answers.pop(0) if hook.answers else (200, {})
            if code == 0:  # hang up
                return
            if code == 200:
                hook.posted.append(Posted(self.path, dict(self.headers), content))
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(f"answer of {self.path}".encode())

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: Any) -> None:
            """Keep quiet: clients of these tests end connections as they like."""

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}{PATH}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
