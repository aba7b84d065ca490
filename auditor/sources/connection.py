"""Requests to an API server: GET alone, with every failure told in one line."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from auditor import __version__
from auditor.errors import ClusterError
from auditor.settings import ClusterAccess
from auditor.sources.kubeconfig import Target, find_target
from auditor.sources.wording import one_line

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_CONNECT_TIMEOUT_SECONDS = 10.0
_ATTEMPTS = 3
_BACKOFF_SECONDS = 0.3
_LONGEST_WAIT_SECONDS = 30
_PASSING_STATUSES = (429, 500, 502, 503, 504)


class RequestError(Exception):
    """The API server answered with an error; the message is its own, on one line.

    ``continue_token`` is what an expired list (410) may be continued by, or empty.
    """

    def __init__(self, status: int, message: str, continue_token: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.continue_token = continue_token


class _ListMeta(msgspec.Struct):
    continue_token: str = msgspec.field(name="continue", default="")


class _Status(msgspec.Struct):
    """The ``Status`` object of an error."""

    message: str = ""
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)


class Connection:
    """One identity on one API server. Nothing but GET is ever sent."""

    def __init__(self, client: ApiClient, target: Target, timeout_seconds: float) -> None:
        self._client: Any = client  # it is typed in part only
        self._impersonation = target.impersonation
        self._timeouts = (min(_CONNECT_TIMEOUT_SECONDS, timeout_seconds), timeout_seconds)
        self.server = str(target.configuration.host)
        self.cluster = target.cluster
        self.namespace = target.namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(
        self, path: str, *, query: Mapping[str, str] | None = None, accept: str = "application/json"
    ) -> bytes:
        """The body at a path, decompressed.

        Raises:
            RequestError: the server answered with an error other than 401.
            ClusterError: it did not answer, is not trusted, or does not accept the credentials.
        """
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            status, body = self._send(path, query or {}, accept)
        except (HTTPError, ApiException, ssl.SSLError) as error:
            raise self._unreachable(error) from error
        except (ConfigException, OSError) as error:
            # What the client runs or reads anew when a token has expired.
            raise ClusterError(
                f"credentials for {self.server} cannot be renewed: {one_line(str(error))}",
                hint="log in again, or name another context with --context",
            ) from error
        except ValueError as error:
            # The message would show the header, and with it the token.
            raise ClusterError(
                f"request to {self.server} cannot be made: a credential or name in the kubeconfig "
                "holds a character that HTTP does not allow",
                hint="check the token for line breaks",
            ) from error
        if 200 <= status <= 299:
            return body
        problem = _describe_status(status, body)
        if status == 401:
            raise ClusterError(
                f"API server {self.server} does not accept the credentials: {problem.message}",
                hint="the token or certificate may have expired: log in again",
            )
        raise problem

    def _send(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, bytes]:
        """Status and body; a body that breaks off is asked for again."""
        from urllib3 import HTTPHeaderDict
        from urllib3.exceptions import ProtocolError, ReadTimeoutError

        attempt = 1
        while True:
            # Serialised anew each time: this is where the client renews an expired token.
            request = self._client.param_serialize(
                "GET",
                path,
                query_params=list(query.items()),
                header_params={"Accept": accept},
                auth_settings=["BearerToken"],
            )
            url, headers = request[1], HTTPHeaderDict(request[2])
            for name, value in self._impersonation:
                headers.add(name, value)
            response = self._client.call_api(
                "GET", url, header_params=headers, _request_timeout=self._timeouts
            )
            try:
                return int(response.status), response.read()
            except (ProtocolError, ReadTimeoutError):
                if attempt == _ATTEMPTS:
                    raise
                attempt += 1

    def _unreachable(self, error: Exception) -> ClusterError:
        """What a failure of the transport means, and what can be done about it."""
        from urllib3 import exceptions

        cause = getattr(error, "reason", None)
        cause = cause if isinstance(cause, Exception) else error
        inner = next(iter(cause.args), None)
        if isinstance(inner, ssl.SSLCertVerificationError):
            return ClusterError(
                f"certificate of {self.server} is not trusted: {inner.verify_message}",
                hint="check certificate-authority and server of the context's cluster",
            )
        match cause:
            case ssl.SSLError() | exceptions.SSLError():
                found = "fails in the TLS handshake"
                hint = "check server, certificate-authority and client certificate of the context"
            case exceptions.ProxyError():
                found, hint = "is not reached through the proxy", "check HTTPS_PROXY and NO_PROXY"
            case exceptions.NameResolutionError():
                found, hint = "has a host name that is not known", "check the context and the DNS"
            case exceptions.NewConnectionError():
                found, hint = "is not reached", "check that it runs, and the context with --context"
            case exceptions.TimeoutError():
                found = f"did not answer within {self._timeouts[1]:g} s"
                hint = "raise --request-timeout, or check the network"
            case exceptions.LocationValueError():
                found, hint = "has no usable address", "check the server of the context's cluster"
            case _:
                found, hint = "broke the connection off", "check that it runs, and try again"
        return ClusterError(f"API server {self.server} {found}: {_root(cause)}", hint=hint)


def connect(access: ClusterAccess) -> Connection:
    """A connection to the API server that the access names; nothing is sent yet.

    Raises:
        UsageError: see ``find_target``.
        ClusterError: see ``find_target``.
    """
    from kubernetes.client import ApiClient
    from urllib3 import Retry, disable_warnings
    from urllib3.exceptions import InsecureRequestWarning

    target = find_target(access)
    if not target.configuration.verify_ssl:
        # The kubeconfig says so in so many words: insecure-skip-tls-verify.
        disable_warnings(InsecureRequestWarning)
    target.configuration.retries = Retry(
        total=5,
        connect=2,
        read=2,
        status=5,
        other=0,  # a certificate does not become trusted by asking again
        redirect=False,  # an API server sends none: what does is a login page
        allowed_methods={"GET"},
        status_forcelist=_PASSING_STATUSES,
        backoff_factor=_BACKOFF_SECONDS,
        retry_after_max=_LONGEST_WAIT_SECONDS,
        raise_on_status=False,  # the last answer says more than the number of attempts
    )
    try:
        client: Any = ApiClient(target.configuration)
    except (ImportError, ValueError) as error:
        raise ClusterError(
            f"proxy of {target.configuration.host} cannot be used: {one_line(str(error))}",
            hint="a socks proxy needs the package pysocks; check proxy-url and HTTPS_PROXY",
        ) from error
    client.user_agent = f"netpol-auditor/{__version__}"
    client.set_default_header("Accept-Encoding", "gzip")
    return Connection(client, target, access.request_timeout_seconds)


def _root(error: BaseException) -> str:
    """The reason at the bottom of a chain of exceptions, in the words of who found it."""
    while error.__cause__ is not None:
        error = error.__cause__
    system = error.strerror if isinstance(error, OSError) else None
    return one_line(system or str(error))


def _describe_status(status: int, body: bytes) -> RequestError:
    try:
        answer = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        # A proxy, or a server that is no API server: its text is the best there is.
        answer = _Status(message=body[:2000].decode(errors="replace"))
    message = one_line(answer.message) or "no reason is given"
    return RequestError(status, f"{message} (HTTP {status})", answer.metadata.continue_token)
