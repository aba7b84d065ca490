"""Requests to an API server: GET alone, with every failure told in one line."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Self

import msgspec

from auditor import __version__
from auditor.errors import AuditorError, ClusterError
from auditor.model.durations import spell_duration
from auditor.settings import ClusterAccess
from auditor.sources.bodies import LARGEST_BODY, read_body
from auditor.sources.kubeconfig import Target, find_target
from auditor.sources.pace import Pace, keep_pace
from auditor.sources.patience import BUSY_STATUSES, PATIENCE, Patience
from auditor.sources.transport import Failure, explain
from auditor.sources.wording import one_line

if TYPE_CHECKING:
    import tenacity
    from kubernetes.client import ApiClient

_CONNECT_TIMEOUT_SECONDS = 10.0


class RequestError(Exception):
    """A request has failed; the message says why, on one line. The next one may succeed.

    ``status`` is that of the answer, 0 where there was none. ``continue_token`` is what an expired
    list (410) may be continued by, or empty.
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


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """One identity on one API server. Nothing but GET is ever sent.

    No request, retry or pause goes beyond the deadline of the access. Failures are a `ClusterError`
    until something was read, and from then on a `RequestError`: what was read is of use, and what
    is missing can be named.
    """

    def __init__(self, access: ClusterAccess, patience: Patience, ends: float) -> None:
        self._access = access
        self._patience = patience
        self._ends = ends
        self._pace = Pace()
        self._served = False
        self._target = find_target(access)
        self._client: Any = _make_client(self._target, self._pace)  # it is typed in part only
        self.server = str(self._target.configuration.host)
        self.cluster = self._target.cluster
        self.namespace = self._target.namespace

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _close(self._client)

    def get(
        self, path: str, *, query: Mapping[str, str] | None = None, accept: str = "application/json"
    ) -> bytes:
        """The body at a path, decompressed.

        Credentials that are not accepted are read or asked for anew, once; what may pass is asked
        again.

        Raises:
            RequestError: the server answered with an error; or did not answer in time, or does not
                accept the credentials, though it did before.
            ClusterError: it did not answer, is not trusted, or does not accept the credentials, and
                nothing has been read of it.
        """
        answer = self._ask(path, query or {}, accept)
        if isinstance(answer, _Answer) and answer.status == 401:
            self._renew()
            answer = self._ask(path, query or {}, accept)
        if isinstance(answer, Failure):
            self._fail(answer)
        if not 200 <= answer.status <= 299:
            self._refuse(answer)
        self._served = True
        return answer.body

    def _ask(self, path: str, query: Mapping[str, str], accept: str) -> _Answer | Failure:
        """The answer, asked for again while it may pass: the last, where it does not.

        Raises:
            RequestError: see `_try`.
            ClusterError: see `_try`.
        """
        import tenacity

        patience = self._patience

        def passes(answer: _Answer | Failure) -> bool:
            if isinstance(answer, Failure):
                return answer.passing
            return answer.status in BUSY_STATUSES

        def stop(state: tenacity.RetryCallState) -> bool:
            broken = isinstance(_result(state), Failure)
            retries = patience.broken_retries if broken else patience.busy_retries
            return state.attempt_number > retries

        def wait(state: tenacity.RetryCallState) -> float:
            answer = _result(state)
            headers = answer.headers if isinstance(answer, _Answer) else {}
            pause = patience.pause(state.attempt_number - 1, headers)
            return max(min(pause, self._ends - time.monotonic()), 0)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_result(passes),
            stop=stop,
            wait=wait,
            retry_error_callback=_result,
        )
        answer: _Answer | Failure = retrying(self._try, path, query, accept)
        return answer

    def _try(self, path: str, query: Mapping[str, str], accept: str) -> _Answer | Failure:
        """One attempt: the answer, or why there is none.

        Raises:
            RequestError: the deadline has passed, or credentials cannot be had.
            ClusterError: likewise, and nothing has been read.
        """
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        self._check_deadline()
        try:
            return self._send(path, query, accept)
        except (HTTPError, ApiException, ssl.SSLError) as error:
            self._check_deadline()
            return explain(error, self.server, self._access.request_timeout_seconds)
        except (ConfigException, OSError) as error:
            # What the client runs or reads anew when a token is about to expire.
            self._lose_credentials(str(error))
        except ValueError as error:
            # The message would show the header, and with it the token.
            raise ClusterError(
                f"request to {self.server} cannot be made: a credential or name in the kubeconfig "
                "holds a character that HTTP does not allow",
                hint="check the token for line breaks",
            ) from error

    def _send(self, path: str, query: Mapping[str, str], accept: str) -> _Answer | Failure:
        from urllib3 import HTTPHeaderDict

        # Serialised anew each time: this is where the client renews a token that is due.
        request = self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": accept},
            auth_settings=["BearerToken"],
        )
        url, headers = request[1], HTTPHeaderDict(request[2])
        for name, value in self._target.impersonation:
            headers.add(name, value)
        now = time.monotonic()
        allowed = max(min(self._access.request_timeout_seconds, self._ends - now), 0.001)
        self._pace.ends = now + allowed
        response = self._client.call_api(
            "GET",
            url,
            header_params=headers,
            _request_timeout=(min(_CONNECT_TIMEOUT_SECONDS, allowed), allowed),
        ).response
        body = read_body(response)
        if body is None:
            message = f"API server {self.server} sent more than {LARGEST_BODY:,} bytes at once"
            return Failure(message, "check proxies between")
        return _Answer(int(response.status), response.headers, body)

    def _check_deadline(self) -> None:
        if time.monotonic() < self._ends:
            return
        allowed = spell_duration(self._access.timeout_seconds)
        message = f"the deadline of {allowed} for reading {self.server} has passed"
        self._fail(Failure(message, "raise --timeout, or find out why the server is slow"))

    def _renew(self) -> None:
        """Log in again, as whoever we were: with the token or certificate as it is now."""
        access = self._access
        if self._target.context is not None:
            access = msgspec.structs.replace(access, context=self._target.context)
        try:
            target = find_target(access)
            if str(target.configuration.host) != self.server:
                self._lose_credentials(f"the context is of {target.configuration.host} by now")
            client = _make_client(target, self._pace)
        except AuditorError as error:
            self._lose_credentials(error.message)
        _close(self._client)
        self._client, self._target = client, target

    def _lose_credentials(self, reason: str) -> NoReturn:
        message = f"credentials for {self.server} cannot be renewed: {one_line(reason)}"
        self._fail(Failure(message, "log in again, or name another context with --context", 401))

    def _refuse(self, answer: _Answer) -> NoReturn:
        """Fail as the server says."""
        error = _describe_status(answer.status, answer.body)
        if answer.status != 401:
            raise error
        message = f"API server {self.server} does not accept the credentials: {error.message}"
        hint = "the token or certificate may have expired: log in again"
        self._fail(Failure(message, hint, answer.status))

    def _fail(self, failure: Failure) -> NoReturn:
        if self._served:
            raise RequestError(failure.status, failure.message)
        raise ClusterError(failure.message, hint=failure.hint)


def _result(state: tenacity.RetryCallState) -> _Answer | Failure:
    """What the last attempt came to."""
    if state.outcome is None:
        raise RuntimeError("an attempt that has ended has an outcome")
    answer: _Answer | Failure = state.outcome.result()
    return answer


def connect(access: ClusterAccess, patience: Patience = PATIENCE) -> Connection:
    """A connection to the API server that the access names; nothing is sent yet.

    The time of the access's deadline begins to run.

    Raises:
        UsageError: see ``find_target``.
        ClusterError: see ``find_target``.
    """
    return Connection(access, patience, time.monotonic() + access.timeout_seconds)


def _make_client(target: Target, pace: Pace) -> ApiClient:
    from kubernetes.client import ApiClient
    from urllib3 import Retry, disable_warnings
    from urllib3.exceptions import InsecureRequestWarning

    configuration = target.configuration
    if not configuration.verify_ssl:
        # The kubeconfig says so in so many words: insecure-skip-tls-verify.
        disable_warnings(InsecureRequestWarning)
    # Whoever asks again is `Connection`, which knows the deadline. A redirect is not followed: an
    # API server sends none, what does is a login page.
    configuration.retries = Retry(total=0, redirect=False, respect_retry_after_header=False)
    try:
        client: Any = ApiClient(configuration)
    except (ImportError, ValueError) as error:
        raise ClusterError(
            f"proxy of {configuration.host} cannot be used: {one_line(str(error))}",
            hint="a socks proxy needs the package pysocks; check proxy-url and HTTPS_PROXY",
        ) from error
    client.user_agent = f"netpol-auditor/{__version__}"
    client.set_default_header("Accept-Encoding", "gzip")
    keep_pace(client.rest_client.pool_manager, pace)
    made: ApiClient = client
    return made


def _close(client: Any) -> None:
    """Close a client's connections now: by itself it leaves that to the garbage collector."""
    pools = client.rest_client.pool_manager.pools
    for key in pools.keys():  # noqa: SIM118  urllib3's container cannot be iterated
        pools[key].close()
    client.close()


def _describe_status(status: int, body: bytes) -> RequestError:
    try:
        answer = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        # A proxy, or a server that is no API server: its text is the best there is.
        answer = _Status(message=body[:2000].decode(errors="replace"))
    message = one_line(answer.message) or "no reason is given"
    return RequestError(status, f"{message} (HTTP {status})", answer.metadata.continue_token)
