"""What a failure between us and an API server means, and what can be done about it."""

from __future__ import annotations

import ssl
from typing import NamedTuple

from auditor.sources.wording import one_line


class Failure(NamedTuple):
    """What is wrong, and a hint. ``status`` 0: there was no answer."""

    message: str
    hint: str
    status: int = 0
    passing: bool = False
    """Whether asking again may help."""


def explain(error: Exception, server: str, timeout_seconds: float) -> Failure:
    """Put a failure of the transport in words; no answer may have taken longer than that."""
    from kubernetes.client.exceptions import ApiException
    from urllib3 import exceptions

    if isinstance(error, ApiException) and isinstance(error.__context__, Exception):
        error = error.__context__  # the client hides a failure of TLS in an exception of its own
    cause = getattr(error, "reason", None)
    cause = cause if isinstance(cause, Exception) else error
    inner = next(iter(cause.args), None)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return Failure(
            f"certificate of {server} is not trusted: {inner.verify_message}",
            "check certificate-authority and server of the context's cluster",
        )
    passing = True
    match cause:
        case ssl.SSLError() | exceptions.SSLError():
            found = "fails in the TLS handshake"
            hint = "check server, certificate-authority and client certificate of the context"
            passing = False
        case exceptions.ProxyError():
            found, hint = "is not reached through the proxy", "check HTTPS_PROXY and NO_PROXY"
        case exceptions.NameResolutionError():
            found, hint = "has a host name that is not known", "check the context and the DNS"
        case exceptions.NewConnectionError():
            found, hint = "is not reached", "check that it runs, and the context with --context"
        case exceptions.TimeoutError():
            found = f"did not answer within {timeout_seconds:g} s"
            hint = "raise --request-timeout, or check the network"
        case exceptions.LocationValueError():
            found, hint = "has no usable address", "check the server of the context's cluster"
            passing = False
        case exceptions.DecodeError():
            found, hint = "sent an answer that cannot be decompressed", "check proxies between"
        case _:
            found, hint = "broke the connection off", "check that it runs, and try again"
    return Failure(f"API server {server} {found}: {_root(cause)}", hint, passing=passing)


def _root(error: BaseException) -> str:
    """The reason at the bottom of a chain of exceptions, in the words of who found it."""
    while error.__cause__ is not None:
        error = error.__cause__
    system = error.strerror if isinstance(error, OSError) else None
    return one_line(system or str(error))
