"""Faults of servers and networks, in words of HTTP; and what an audit makes of each."""

import gzip
import json
import time
import zlib
from collections.abc import Callable
from email.utils import formatdate
from typing import NamedTuple

from auditor.settings import ClusterAccess
from tests.apiserver.fault_proxy import (
    Act,
    Asked,
    Fault,
    Forward,
    Reply,
    half,
    hang,
    raw,
    reset,
    trickle,
)

PODS = "/api/v1/pods"
POLICIES = "/apis/networking.k8s.io/v1/networkpolicies"
REQUEST_SECONDS, DEADLINE_SECONDS = 0.5, 6.0

AFTER_PODS = frozenset(
    {"NetworkPolicy", "Service", "Node", "DaemonSet", "ReplicaSet", "ConfigMap", None}
)


class Scenario(NamedTuple):
    """A fault, and what comes of it: gaps of kinds, each with a reason, or an error."""

    fault: Fault
    gaps: frozenset[str | None] = frozenset()
    says: str = ""
    fails: bool = False
    access: ClusterAccess = ClusterAccess(
        request_timeout_seconds=REQUEST_SECONDS, timeout_seconds=DEADLINE_SECONDS
    )
    inconsistent: bool = False


def always(answer: Reply | Act) -> Fault:
    """The same answer to everyone."""
    return lambda _asked, _forward: answer


def at(path: str, fault: Fault, first: int = 0, last: int = 10**6) -> Fault:
    """A fault where a path ends so, by the number of the request for it; all else passes."""

    def choose(asked: Asked, forward: Forward) -> Reply | Act:
        is_meant = asked.path.endswith(path) and first <= asked.number <= last
        return fault(asked, forward) if is_meant else forward(asked)

    return choose


def status(code: int, message: str = "boom", *headers: tuple[str, str]) -> Fault:
    """An error as the API server gives it."""
    body = {"kind": "Status", "message": message}
    return always(Reply(code, json.dumps(body).encode(), headers))


def plain(asked: Asked) -> dict[str, str]:
    """The headers of a request, asking for an answer that is not compressed."""
    return asked.headers | {"accept-encoding": "identity"}


def changed(change: Callable[[dict[str, object]], object]) -> Fault:
    """The API server's own answer, after a change."""

    def fault(asked: Asked, forward: Forward) -> Reply:
        reply = forward(asked._replace(headers=plain(asked)))
        body = json.loads(reply.body)
        change(body)
        return Reply(reply.status, json.dumps(body).encode())

    return fault


def compressed(spoil: Callable[[bytes], bytes] = bytes) -> Fault:
    """The API server's own answer, compressed."""

    def fault(asked: Asked, forward: Forward) -> Reply:
        answer = forward(asked._replace(headers=plain(asked)))
        body = spoil(gzip.compress(answer.body))
        return Reply(answer.status, body, (("Content-Encoding", "gzip"),))

    return fault


def halved(asked: Asked, forward: Forward) -> Act:
    """The API server's own answer, broken off in the middle."""
    return half(forward(asked))


def skewed(_asked: Asked, _forward: Forward) -> Reply:
    """A server whose clock is an hour ahead: come back in a second, by that clock."""
    ahead = time.time() + 3600
    dates = (("Date", ahead), ("Retry-After", ahead + 1))
    headers = tuple((name, formatdate(moment, usegmt=True)) for name, moment in dates)
    return Reply(429, b"{}", headers)


def detour(asked: Asked, forward: Forward) -> Reply:
    """A page without objects between the first and the second one."""
    if asked.number == 1:
        detour_token.append(asked.query["continue"])
        return Reply(200, b'{"kind": "List", "metadata": {"continue": "made-up"}, "items": []}')
    return forward(asked._replace(query=asked.query | {"continue": detour_token.pop()}))


detour_token: list[str] = []


def stale(body: dict[str, object]) -> None:
    """Discovery that knows a group whose own API server does not answer."""
    version = {"version": "v3", "freshness": "Stale", "resources": []}
    items = body["items"]
    assert isinstance(items, list)
    items.append({"metadata": {"name": "projectcalico.org"}, "versions": [version]})


def endless(asked: Asked, forward: Forward) -> Reply:
    """The first page for ever, each time with the same token."""
    query = {name: value for name, value in asked.query.items() if name != "continue"}
    items = json.loads(forward(asked._replace(query=query, headers=plain(asked))).body)["items"]
    page = {"kind": "List", "metadata": {"continue": "again"}, "items": items}
    return Reply(200, json.dumps(page).encode())


def other_version(body: dict[str, object]) -> None:
    """A page of another resource version."""
    metadata = body["metadata"]
    assert isinstance(metadata, dict)
    metadata["resourceVersion"] = "1"


def forbidden(namespace: str) -> Fault:
    """Pods may be listed namespace by namespace, but for one."""
    refuse = status(403, "no")

    def fault(asked: Asked, forward: Forward) -> Reply | Act:
        no = asked.path in (PODS, f"/api/v1/namespaces/{namespace}/pods")
        return refuse(asked, forward) if no else forward(asked)

    return fault


def make_bomb() -> Reply:
    """A third of a megabyte that decompresses to 300."""
    compressor = zlib.compressobj(wbits=31)
    megabyte = b" " * 2**20
    body = b"".join(compressor.compress(megabyte) for _ in range(300)) + compressor.flush()
    return Reply(200, body, (("Content-Encoding", "gzip"),))


def members(_asked: Asked, _forward: Forward) -> Reply:
    """Several gzip members in one body."""
    member = gzip.compress(b" " * 2**20)
    return Reply(200, member * 20, (("Content-Encoding", "gzip"),))


def after_pods(fault: Fault) -> Fault:
    """Everything but namespaces and pods fails."""
    fine = ("/api/v1/namespaces", PODS)
    return lambda asked, forward: forward(asked) if asked.path in fine else fault(asked, forward)


PATIENT = ClusterAccess(request_timeout_seconds=5.0, timeout_seconds=DEADLINE_SECONDS)
HASTE = ClusterAccess(request_timeout_seconds=5.0, timeout_seconds=2.0)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n"

SCENARIOS = {
    "healthy": Scenario(lambda asked, forward: forward(asked)),
    "expired, no token": Scenario(
        at(PODS, status(410, "too old"), 1, 1), frozenset({"Pod"}), "was begun anew"
    ),
    "resource version differs": Scenario(
        at(PODS, changed(other_version), 1, 1),
        frozenset({"Pod"}),
        "different resource",
        inconsistent=True,
    ),
    "429, in a second": Scenario(at(PODS, status(429, "busy", ("Retry-After", "1")), 0, 0)),
    "429, at a date of a clock that is ahead": Scenario(at(PODS, skewed, 0, 0)),
    "429 for ever, in an hour": Scenario(
        at(PODS, status(429, "busy", ("Retry-After", "3600"))), frozenset({"Pod"}), "HTTP 429"
    ),
    "429 at an unreadable time": Scenario(at(PODS, status(429, "x", ("Retry-After", "?")), 0, 1)),
    "503 twice": Scenario(at(POLICIES, status(503), 0, 1)),
    "500 for ever": Scenario(
        at(POLICIES, status(500)), frozenset({"NetworkPolicy"}), "boom (HTTP 500)"
    ),
    "500 from the second page on": Scenario(at(PODS, status(500), 1), frozenset({"Pod"}), "boom"),
    "no answer": Scenario(at(POLICIES, always(hang)), frozenset({"NetworkPolicy"}), "within 0.5 s"),
    "header byte by byte": Scenario(
        at(PODS, always(trickle(HEAD))), frozenset({"Pod"}), "within 0.5 s"
    ),
    "body byte by byte": Scenario(
        at(PODS, always(trickle(b" ", head=HEAD + b"\r\n"))),
        frozenset({"Pod"}),
        "within 0.5 s",
    ),
    "half a body once": Scenario(at(PODS, halved, 1, 1)),
    "half a body for ever": Scenario(
        at(PODS, halved), frozenset({"Pod"}), "broke the connection off"
    ),
    "reset twice": Scenario(at(POLICIES, always(reset), 0, 1)),
    "reset for ever": Scenario(
        at(POLICIES, always(reset)), frozenset({"NetworkPolicy"}), "broke the conn"
    ),
    "no HTTP": Scenario(
        at(PODS, always(raw(b"SSH-2.0-x\r\n"))), frozenset({"Pod"}), "broke the connection"
    ),
    "401 in the middle": Scenario(
        after_pods(status(401, "Unauthorized")), AFTER_PODS, "does not accept the credentials"
    ),
    "401 once": Scenario(at(POLICIES, status(401), 0, 0)),
    "403 on a kind": Scenario(
        at("/services", status(403, "no")), frozenset({"Service"}), "no (HTTP 403)"
    ),
    "403 on a namespace": Scenario(forbidden("shop-prod"), frozenset({"Pod"}), "no (HTTP 403)"),
    "discovery fails": Scenario(at("/apis", status(500)), frozenset({None}), "boom"),
    "discovery is garbage": Scenario(
        at("/apis", always(Reply(200, b"<html>"))), frozenset({None}), "something unexpected"
    ),
    "discovery is stale": Scenario(
        at("/apis", changed(stale)),
        frozenset(
            f"{kind}.projectcalico.org"
            for kind in ("GlobalNetworkPolicy", "HostEndpoint", "NetworkPolicy")
        ),
        "its own API server does not answer",
    ),
    "JSON that ends early": Scenario(
        at(PODS, changed(lambda body: body.clear())),
        frozenset({"Pod"}),
        "something that is no list",
    ),
    "an empty answer": Scenario(
        at(POLICIES, always(Reply(200, b""))), frozenset({"NetworkPolicy"}), "no list"
    ),
    "an empty page": Scenario(at(PODS, detour, 1, 2)),
    "the same token for ever": Scenario(at(PODS, endless), frozenset({"Pod"}), "without an end"),
    "a redirect": Scenario(
        at("/nodes", always(Reply(302, b"", (("Location", "http://192.0.2.1/"),)))),
        frozenset({"Node"}),
        "HTTP 302",
    ),
    "gzip": Scenario(at(PODS, compressed())),
    "gzip, corrupt": Scenario(
        at(PODS, compressed(lambda body: body[:20] + b"x" * 30 + body[50:])),
        frozenset({"Pod"}),
        "cannot be decompressed",
    ),
    "gzip, in several members": Scenario(
        at(PODS, members), frozenset({"Pod"}), "cannot be decompressed"
    ),
    "a failure that says 200": Scenario(
        at(PODS, always(Reply(200, b'{"kind": "Status", "status": "Failure", "items": []}'))),
        frozenset({"Pod"}),
        "server answers with a Status",
    ),
    "a list of something else": Scenario(
        at(POLICIES, always(Reply(200, b'{"kind": "ConfigMapList", "items": []}'))),
        frozenset({"NetworkPolicy"}),
        "server answers with a ConfigMapList",
    ),
    "gzip, without end": Scenario(
        at(PODS, always(make_bomb())),
        frozenset({"Pod"}),
        "more than 268,435,456 bytes",
        access=PATIENT,
    ),
    "the deadline passes": Scenario(
        after_pods(always(hang)), AFTER_PODS, "deadline of 2s", access=HASTE
    ),
    "the deadline passes at once": Scenario(
        always(hang), says="deadline of 2s", fails=True, access=HASTE
    ),
    "everything hangs": Scenario(always(hang), says="did not answer within 0.5 s", fails=True),
    "everything is busy": Scenario(status(429, "busy"), says="busy (HTTP 429)", fails=True),
    "everything is 401": Scenario(status(401), says="does not accept the credent", fails=True),
    "everything is a login page": Scenario(
        always(Reply(200, b"<html>")), says="no list", fails=True
    ),
}
