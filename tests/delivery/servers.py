"""Mail servers to send to: real ones, and one that answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "auditor", "not-a-secret"


class Authority:
    """Whoever signs certificates; its own is in a file."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def serving(self, name: str = "127.0.0.1") -> ssl.SSLContext:
        """Make a server's side of TLS, with a certificate of a name."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(name).configure_cert(context)
        return context


class Taken(NamedTuple):
    """A message that a server has taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    options: tuple[str, ...]
    is_encrypted: bool
    is_logged_in: bool

    @property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return message_from_bytes(self.content, policy=policy.default)


class Inbox:
    """What a server takes, and what it answers otherwise."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.connections = 0
        self.refused: dict[str, list[str]] = {}
        """Recipient, or `DATA` → answers to give first, one each time."""

    async def handle_EHLO(  # noqa: N802  aiosmtpd finds it by this name
        self, server: SMTP, session: Session, envelope: Envelope, name: str, answers: list[str]
    ) -> list[str]:
        """Remember that someone came."""
        del server, envelope
        session.host_name = name
        self.connections += 1
        return answers

    async def handle_RCPT(  # noqa: N802  likewise
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or answer as told."""
        del server, session, options
        if self.refused.get(address):
            return self.refused[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  likewise
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a message, or answer as told."""
        del server
        if self.refused.get("DATA"):
            return self.refused["DATA"].pop(0)
        self.taken.append(
            Taken(
                str(envelope.mail_from),
                tuple(envelope.rcpt_tos),
                bytes(envelope.original_content or b""),
                tuple(envelope.mail_options),
                session.ssl is not None,
                bool(session.authenticated),
            )
        )
        return "250 taken"


@contextmanager
def serving(
    inbox: Inbox | None = None,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
    **options: Any,
) -> Iterator[tuple[int, Inbox]]:
    """Run a real server on loopback: its port, and what it takes."""
    box = inbox or Inbox()

    def check(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        del server, session, envelope, mechanism
        given = isinstance(data, LoginPassword) and (data.login, data.password)
        success = given == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=success, handled=False)

    if login:
        # aiosmtpd holds a login to be safe after STARTTLS alone
        safe = starttls is not None
        options |= {"authenticator": check, "auth_required": safe, "auth_require_tls": safe}
    options = {"enable_SMTPUTF8": True, "hostname": "mail.example.com", **options}
    loop = asyncio.new_event_loop()

    def serve() -> SMTP:
        return SMTP(
            box, loop=loop, tls_context=starttls, require_starttls=starttls is not None, **options
        )

    server = loop.run_until_complete(loop.create_server(serve, "127.0.0.1", 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1], box
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    talking = asyncio.all_tasks() - {asyncio.current_task()}
    for task in talking:
        task.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    await asyncio.sleep(0.01)  # transports close in the next turns of the loop


Talk = Callable[[socket.socket], None]


@contextmanager
def talking(*talks: Talk) -> Iterator[tuple[int, list[int]]]:
    """Run a server that does this with its first connection, that with its second, and so on.

    Its port, and a list that grows by one with each connection. The last is done again and again.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    came: list[int] = []
    open_ones: list[socket.socket] = []

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            came.append(len(came))
            open_ones.append(connection)
            talk = talks[min(len(came), len(talks)) - 1]
            with connection, contextlib.suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1], came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for one in open_ones:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        thread.join()


def answering(*answers: bytes, then: Talk | None = None) -> Talk:
    """Greet, and answer each line of the client in turn; then do something, or hang up."""

    def talk(connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            for answer in answers:
                connection.sendall(answer + b"\r\n")
                if not lines.readline():
                    return
            if then is not None:
                then(connection)

    return talk


def silent(connection: socket.socket) -> None:
    """Say nothing until the client gives up."""
    while connection.recv(65536):
        pass
