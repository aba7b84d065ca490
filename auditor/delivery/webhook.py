"""A parcel's JSON → a webhook that takes what Slack's take.

The URL is a secret: whoever knows it can post. It is in no log, error or representation, and for
that reason what libraries say of it is not repeated either.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import msgspec

from auditor.delivery.attempts import (
    Attempted,
    DeferredError,
    Limit,
    Pace,
    RefusedError,
    SendingError,
    attempt,
)
from auditor.delivery.secrets import Secret, read_secret
from auditor.delivery.tls import HINT_CERTIFICATE
from auditor.errors import UsageError
from auditor.model.mail_addresses import is_loopback

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.response import BaseHTTPResponse

_HINT_FILE = "put the URL, https://…, into the file that webhook_file names"
_HINT_LATER = "`netpol-auditor deliver` sends what was not sent"
_HINT_UNCLEAR = "it counts as not sent: the next `deliver` posts it again"
_RETRIED = frozenset({408, 425, 429})


class Webhook(NamedTuple):
    """Where an audience's JSON is posted."""

    url: Secret
    timeout_seconds: float = 30.0


def read_webhook(file: str) -> Webhook:
    """The webhook of a file.

    Raises:
        UsageError: the file cannot be read, or holds no URL that is safe to post to.
    """
    url = read_secret(file, "webhook", hint=_HINT_FILE)
    refused = _refuse(url.reveal())
    if refused:
        raise UsageError(f"webhook of file {file} {refused}", hint=_HINT_FILE)
    return Webhook(url)


def encode_webhook(payload: Mapping[str, Any]) -> bytes:
    """The JSON that is posted."""
    return msgspec.json.encode(payload)


def post(webhook: Webhook, content: bytes, pace: Pace) -> Attempted:
    """Post JSON, and again while the server asks for patience or cannot be reached."""
    return attempt(lambda: _post(webhook, content, pace), pace)


def _refuse(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return "holds no URL"
    if not has_place or not url.isascii() or not url.isprintable() or " " in url:
        return "holds no URL"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http" and is_loopback(parts.hostname or ""):
        return None
    return "is not https: what it says would be readable on the way"


def _post(webhook: Webhook, content: bytes, pace: Pace) -> None:
    from auditor import __version__

    parts = urlsplit(webhook.url.reveal())
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"netpol-auditor/{__version__}",
    }
    limit = Limit(pace.attempt_seconds)
    connection = _connection(parts, webhook.timeout_seconds)
    try:
        with limit.running(), _explained(limit, has_sent=False):
            connection.connect()
            limit.watch(connection.sock)
        with limit.running(), _explained(limit, has_sent=True):
            limit.watch(connection.sock)
            connection.request("POST", target, body=content, headers=headers, preload_content=False)
            with contextlib.closing(connection.getresponse()) as response:
                _judge(response)
    finally:
        connection.close()


def _connection(parts: SplitResult, timeout_seconds: float) -> HTTPConnection:
    # Not urllib3's pool, which logs what it asks for.
    from urllib3.connection import HTTPConnection, HTTPSConnection

    host = parts.hostname or ""
    if parts.scheme == "http":
        return HTTPConnection(host, parts.port or 80, timeout=timeout_seconds)
    context = ssl.create_default_context()
    return HTTPSConnection(host, parts.port or 443, timeout=timeout_seconds, ssl_context=context)


@contextlib.contextmanager
def _explained(limit: Limit, *, has_sent: bool) -> Iterator[None]:
    """Say what went wrong, in words of our own.

    Raises:
        SendingError: something went wrong.
    """
    from http.client import HTTPException

    from urllib3.exceptions import HTTPError

    try:
        yield
    except SendingError:
        raise
    except (HTTPError, HTTPException, OSError) as error:
        cause = _certificate(error)
        if cause is not None:
            reason = f"webhook: its certificate is not accepted (OpenSSL code {cause.verify_code})"
            raise RefusedError(reason, hint=HINT_CERTIFICATE) from None
        words = _words(error)
        if limit.is_over:
            words = f"took longer than {limit.seconds:g} s in all"
        if has_sent:
            reason = f"webhook: {words}: whether it took the message is not known"
            raise DeferredError(reason, hint=_HINT_UNCLEAR) from None
        raise DeferredError(f"webhook: {words}", hint=_HINT_LATER) from None


def _words(error: BaseException) -> str:
    from urllib3.exceptions import NameResolutionError, NewConnectionError
    from urllib3.exceptions import TimeoutError as HTTPTimeoutError

    if isinstance(error, NameResolutionError):
        return "its name is not known"
    if isinstance(error, NewConnectionError):
        return "it could not be reached"
    if isinstance(error, (TimeoutError, HTTPTimeoutError)):
        return "it did not answer in time"
    return "the connection failed"


def _certificate(error: BaseException) -> ssl.SSLCertVerificationError | None:
    cause: BaseException | None = error
    while cause is not None:
        for one in (cause, *cause.args):
            if isinstance(one, ssl.SSLCertVerificationError):
                return one
        cause = cause.__cause__ or cause.__context__
    return None


def _judge(response: BaseHTTPResponse) -> None:
    """See what a server answered. Its words are not repeated: they may hold the URL.

    Raises:
        SendingError: it did not take the message.
    """
    code = response.status
    if 200 <= code < 300:
        return
    reason = f"webhook answered {code}"
    if code in _RETRIED or code >= 500:
        asked = _seconds(response.headers.get("Retry-After", ""))
        raise DeferredError(reason, hint=_HINT_LATER, after_seconds=asked)
    hint = "see that the URL is still right"
    if 300 <= code < 400:
        hint = "put the URL that it redirects to into the file"
    raise RefusedError(reason, hint=hint)


def _seconds(retry_after: str) -> float:
    """Of a header: so many seconds, or a date; 0 where it says neither."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
