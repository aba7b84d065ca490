"""A server that gives the answers which a healthy API server does not give on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Answer(NamedTuple):
    """A status and a body, with further headers."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    declared_length: int | None = None


class Asked(NamedTuple):
    """A request that arrived; the names of its headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


Script = Callable[[Asked], Answer]


class ScriptedServer:
    """The server's address, and what it was asked."""

    def __init__(self, url: str) -> None:
        """Nothing was asked yet."""
        self.url = url
        self.asked: list[Asked] = []

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this server, with a token."""
        config = {
            "clusters": [{"name": "scripted", "cluster": {"server": self.url}}],
            "users": [{"name": "user", "user": {"token": "secret-token"}}],
            "contexts": [{"name": "context", "context": {"cluster": "scripted", "user": "user"}}],
            "current-context": "context",
        }
        path.write_text(json.dumps(config))
        return path


@contextmanager
def serve(script: Script) -> Iterator[ScriptedServer]:
    """Answer requests as the script says, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers)
            server.asked.append(asked)
            answer = script(asked)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            length = answer.declared_length
            self.send_header("Content-Length", str(len(answer.body) if length is None else length))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the base's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Keep the terminal clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        server = ScriptedServer(f"http://127.0.0.1:{listener.server_port}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()


def answer_json(value: Any, status: int = 200) -> Answer:
    """An answer as the API gives it."""
    return Answer(status, json.dumps(value).encode())


def answer_list(items: list[Any], token: str = "") -> Answer:
    """A page of a list."""
    metadata = {"resourceVersion": "1", **({"continue": token} if token else {})}
    return answer_json({"kind": "List", "metadata": metadata, "items": items})


def answer_status(status: int, message: str, token: str = "") -> Answer:
    """An error as the API gives it."""
    metadata = {"continue": token} if token else {}
    return answer_json({"kind": "Status", "message": message, "metadata": metadata}, status)
