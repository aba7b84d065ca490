"""Mail → a server, one transaction for each recipient."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from auditor.delivery.attempts import (
    REASON_LENGTH,
    Attempted,
    DeferredError,
    Limit,
    Pace,
    RefusedError,
    SendingError,
    attempt,
)
from auditor.delivery.inert import inert_line
from auditor.delivery.tls import HINT_CERTIFICATE, explain_certificate, trusting

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    from auditor.delivery.email import Mail
    from auditor.delivery.secrets import Secret
    from auditor.settings import MailSettings

_CHUNK_BYTES = 64 * 1024
_PLACEHOLDER = "localhost"
"""Until the connection says which address is ours: looking our name up may take long."""

_HINT_LATER = "`netpol-auditor deliver` sends what was not sent"
_HINT_UNCLEAR = "it counts as not sent: the next `deliver` sends it again with the same Message-ID"


class MailServer:
    """The server of the settings. A connection serves as many messages as it lives for.

    After a message for which no connection could be had, later ones are tried once each: a server
    that is down must not be waited for again and again.
    """

    def __init__(self, mail: MailSettings, password: Secret | None, pace: Pace) -> None:
        """Nothing is connected yet.

        Raises:
            UsageError: the file of certificates cannot be used.
        """
        self.settings = self._mail = mail
        self._password = password
        self._pace = pace
        self._context = None if mail.security == "none" else trusting(mail.ca_file)
        self._connection: _Connection | None = None
        self._is_down = False
        self._refusal: RefusedError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Part from the server, politely unless something was interrupted."""
        if self._connection is not None and kind is None:
            limit = Limit(self._mail.timeout_seconds)
            with limit.running(), contextlib.suppress(smtplib.SMTPException, OSError):
                # all that was sent is settled, whatever the server says to this
                limit.watch(self._connection.sock)
                self._connection.quit()
        self._drop()

    def send(self, mail: Mail, recipient: str) -> Attempted:
        """Send a message to one address.

        Where the server was refused, or has refused us, before any message, no further one is
        tried: neither a certificate nor a password gets better, and accounts are locked for less.
        """
        if self._refusal is not None:
            return Attempted(0, self._refusal)
        pace = self._pace._replace(attempts=1) if self._is_down else self._pace
        attempted = attempt(lambda: self._try(mail, recipient), pace)
        self._is_down = attempted.error is not None and self._connection is None
        return attempted

    def _try(self, mail: Mail, recipient: str) -> None:
        limit = Limit(self._pace.attempt_seconds)
        with limit.running():
            try:
                self._transfer(self._connect(limit), mail, recipient)
            except SendingError as error:
                if limit.is_over:
                    self._drop()
                    reason = f"{error.reason}: it took longer than {limit.seconds:g} s in all"
                    raise DeferredError(reason, hint=error.hint) from error
                raise
            except BaseException:
                self._drop()
                raise

    def _connect(self, limit: Limit) -> _Connection:
        try:
            return self._connected(limit)
        except RefusedError as error:
            self._refusal = error
            self._drop()
            raise

    def _connected(self, limit: Limit) -> _Connection:
        """The connection there is, where it still lives; else a new one."""
        if self._connection is not None:
            limit.watch(self._connection.sock)
            with contextlib.suppress(smtplib.SMTPException, OSError):
                # a server ends connections as it likes: then a new one is made
                if self._connection.rset()[0] == 250:
                    return self._connection
            self._drop()
        with self._explained("connecting"):
            self._connection = _Connection(self._mail, self._context, limit)
            self._greet(self._connection, limit)
        if self._password is not None:
            with self._explained("login"):
                self._connection.login(self._mail.user, self._password.reveal())
        return self._connection

    def _greet(self, connection: _Connection, limit: Limit) -> None:
        connection.ehlo_or_helo_if_needed()
        if self._mail.security != "starttls":
            return
        if not connection.has_extn("starttls"):
            raise RefusedError(
                f"{self._where} does not offer STARTTLS: nothing is sent in the clear",
                hint="set delivery.mail.security to `tls`, with the port for it, or to `none`",
            )
        connection.starttls(context=self._context)
        limit.watch(connection.sock)
        connection.ehlo_or_helo_if_needed()

    def _transfer(self, connection: _Connection, mail: Mail, recipient: str) -> None:
        options = self._options(connection, mail)
        with self._explained("sender"):
            self._see(connection.mail(self._mail.sender, options), "sender")
        with self._explained("recipient"):
            self._see(connection.rcpt(recipient), "recipient", (250, 251))
        try:
            with self._explained("message"):
                reply = connection.data(mail.content)
        except DeferredError as error:
            if not connection.is_unclear:
                raise
            raise DeferredError(
                f"{error.reason}, after all of the message was sent: "
                "whether the server took it is not known",
                hint=_HINT_UNCLEAR,
            ) from error
        self._see(reply, "message")

    def _options(self, connection: _Connection, mail: Mail) -> list[str]:
        options = []
        if connection.has_extn("size"):
            most = connection.esmtp_features["size"]
            if most.isdecimal() and 0 < int(most) < len(mail.content):
                raise RefusedError(
                    f"{self._where} takes messages of at most {most} bytes, and this one has "
                    f"{len(mail.content)}",
                    hint="set delivery.mail.max_megabytes to less than that",
                )
            options.append(f"SIZE={len(mail.content)}")
        if mail.needs_utf8:
            if not connection.has_extn("smtputf8"):
                raise RefusedError(
                    f"{self._where} cannot send to or from addresses that are not ASCII",
                    hint="write their domains in ASCII (xn--…), or use other addresses",
                )
            options += ["SMTPUTF8", "BODY=8BITMIME"]
        return options

    def _see(self, reply: tuple[int, bytes], what: str, accepted: tuple[int, ...] = (250,)) -> None:
        code, said = reply
        if code not in accepted:
            raise self._answered(code, said, what)

    @contextlib.contextmanager
    def _explained(self, step: str) -> Iterator[None]:
        """Say what went wrong in a step. The connection is of no use then, unless it was answered.

        Raises:
            SendingError: something went wrong.
        """
        try:
            yield
        except SendingError:
            raise
        except ssl.SSLCertVerificationError as error:
            self._drop()
            reason = f"{self._where}: {explain_certificate(error)}"
            raise RefusedError(reason, hint=HINT_CERTIFICATE) from error
        except smtplib.SMTPNotSupportedError as error:
            self._drop()
            reason = f"{self._where} does not support what is needed: {error}"
            raise RefusedError(reason, hint="see which logins the server takes") from error
        except smtplib.SMTPResponseException as error:
            self._drop()
            raise self._answered(error.smtp_code, error.smtp_error, step) from None
        except (smtplib.SMTPException, OSError) as error:
            self._drop()
            said = getattr(error, "strerror", None) or str(error) or type(error).__name__
            reason = inert_line(said[:1].lower() + said[1:], REASON_LENGTH)
            raise DeferredError(f"{self._where}: {step}: {reason}", hint=_HINT_LATER) from error

    def _answered(self, code: int, said: bytes | str, what: str) -> SendingError:
        """The error of an answer: 4xx may pass, 5xx will not, and what is no answer may."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        if self._password is not None:
            text = text.replace(self._password.reveal(), "…")
        words = " ".join(f"{code} {text}".split()) if code > 0 else "what is no answer of SMTP"
        reason = inert_line(f"{self._where} answered to {what}: {words}", REASON_LENGTH)
        if code == 421:
            self._drop()
        if code >= 500:
            return RefusedError(reason, hint=_HINTS.get(what, ""))
        return DeferredError(reason, hint=_HINT_LATER)

    @property
    def _where(self) -> str:
        return f"mail server {self._mail.host}:{self._mail.server_port}"

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_HINTS = {
    "login": "see that delivery.mail.user and the password are right",
    "sender": "see that the server takes mail from delivery.mail.sender",
    "recipient": "see that the address is right, and that the server takes mail for it",
}


class _Connection(smtplib.SMTP):
    """smtplib's connection, which knows its limit and how far the message has come."""

    def __init__(self, mail: MailSettings, context: ssl.SSLContext | None, limit: Limit) -> None:
        self.is_unclear = False
        self._context = context if mail.security == "tls" else None
        self._limit = limit
        super().__init__(
            mail.host,
            mail.server_port,
            local_hostname=_PLACEHOLDER,
            timeout=mail.timeout_seconds,
        )
        if self.sock is not None:
            address = self.sock.getsockname()[0]
            self.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = socket.create_connection((host, port), timeout)
        if self._context is not None:
            connected = self._context.wrap_socket(connected, server_hostname=host)
        self._limit.watch(connected)
        return connected

    def send(self, s: Buffer | str) -> None:
        """Send in pieces: the timeout is for each of them, not for a message of 10 MB."""
        content = s.encode(self.command_encoding) if isinstance(s, str) else bytes(s)
        for start in range(0, len(content), _CHUNK_BYTES):
            super().send(content[start : start + _CHUNK_BYTES])
        self.is_unclear = content.endswith(b"\r\n.\r\n")
