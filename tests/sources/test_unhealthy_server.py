"""What an API server does wrong is survived, or said; never taken for an empty cluster."""

import gzip
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor import __version__
from auditor.errors import ClusterError
from auditor.model.retention import PolicyKind, Retention
from auditor.model.snapshot import Blind, GapSource, Snapshot, UnevaluatedPolicy
from auditor.settings import ClusterAccess
from auditor.sources.cluster import collect
from auditor.sources.patience import Patience
from auditor.sources.unevaluated import digest_content
from tests.sources.scripted_server import (
    Answer,
    Asked,
    Script,
    ScriptedServer,
    answer_json,
    answer_list,
    answer_status,
    serve,
)

PODS = "/api/v1/pods"
CALICO = PolicyKind(
    group="projectcalico.org", kind="NetworkPolicy", plural="networkpolicies", namespaced=True
)
RETENTION = Retention(policy_kinds=(CALICO,))
AT_ONCE = Patience(backoff_seconds=0)
"""Attempts follow each other at once."""


def pod(name: str, **fields: Any) -> dict[str, Any]:
    """A pod in the namespace `a`."""
    return {"metadata": {"name": name, "namespace": "a"}, **fields}


def healthy(asked: Asked) -> Answer:
    """A cluster with one namespace, and nothing in it."""
    match asked.path:
        case "/api/v1/namespaces":
            return answer_list([{"metadata": {"name": "a", "labels": {"x": "y"}}}])
        case "/apis":
            return answer_json({"kind": "APIGroupDiscoveryList", "items": []})
        case "/version":
            return answer_json({"gitVersion": "v1.36.0"})
        case _:
            return answer_list([])


def pods_answered_by(answer: Callable[[Asked], Answer]) -> Script:
    """A healthy server but for the list of pods."""
    return lambda asked: answer(asked) if asked.path == PODS else healthy(asked)


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    """One answer after the other, the last again and again."""
    left = list(answers)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]


def read(script: Script, folder: Path, seconds: float = 5) -> tuple[Snapshot, ScriptedServer]:
    """Collect from a scripted server."""
    with serve(script) as server:
        path = server.kubeconfig(folder / "kubeconfig")
        access = ClusterAccess(kubeconfig=str(path), request_timeout_seconds=seconds)
        return collect(access, retention=RETENTION, clock=lambda: "now", patience=AT_ONCE), server


def names(snapshot: Snapshot) -> list[str]:
    """The pods that were read."""
    return [one.name for one in snapshot.pods]


def test_requests_are_gets_that_say_who_asks(tmp_path: Path) -> None:
    """GET alone, in pages of 500, with the program's name and version, gzip accepted."""
    _, server = read(healthy, tmp_path)
    assert {"GET"} == {one.method for one in server.asked}
    (pods,) = (one for one in server.asked if one.path == PODS)
    assert {"limit": "500"} == pods.query
    assert f"netpol-auditor/{__version__}" == pods.headers["user-agent"]
    assert "gzip" == pods.headers["accept-encoding"]
    assert "Bearer secret-token" == pods.headers["authorization"]


def test_compressed_answers_are_read(tmp_path: Path) -> None:
    """Large lists arrive compressed."""
    body = gzip.compress(answer_list([pod("p")]).body)
    script = pods_answered_by(in_turn(Answer(200, body, (("Content-Encoding", "gzip"),))))
    assert ["p"] == names(read(script, tmp_path)[0])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_asked_again(status: int, tmp_path: Path) -> None:
    """An overloaded server is given another chance, when it says so."""
    busy = Answer(status, b"{}", (("Retry-After", "0"),))
    snapshot, _ = read(pods_answered_by(in_turn(busy, busy, answer_list([pod("p")]))), tmp_path)
    assert (["p"], ()) == (names(snapshot), snapshot.gaps)


def test_a_body_that_breaks_off_is_asked_again(tmp_path: Path) -> None:
    """Half a page is never taken for a whole one."""
    whole = answer_list([pod("p")])
    half = Answer(200, whole.body[:20], declared_length=len(whole.body))
    snapshot, _ = read(pods_answered_by(in_turn(half, whole)), tmp_path)
    assert (["p"], ()) == (names(snapshot), snapshot.gaps)


HALF = Answer(200, b'{"items": [', declared_length=1000)


def test_a_body_that_always_breaks_off_is_a_gap(tmp_path: Path) -> None:
    """What else the server holds is read, and what hangs on the pods is not known."""
    snapshot, _ = read(pods_answered_by(in_turn(HALF)), tmp_path)
    (gap,) = snapshot.gaps
    assert ("Pod", Blind.PODS) == (gap.kind, gap.blind)
    assert "broke the connection off" in gap.reason


def test_bodies_that_all_break_off_are_an_error(tmp_path: Path) -> None:
    """A run that could not read anything ends, with exit code 3."""
    with pytest.raises(ClusterError, match="broke the connection off"):
        read(in_turn(HALF), tmp_path)


def test_an_expired_list_goes_on_where_the_server_says(tmp_path: Path) -> None:
    """The token that comes with 410 continues after the last object read."""
    script = pods_answered_by(
        in_turn(
            answer_list([pod("p1")], token="t1"),
            answer_status(410, "too old", token="t2"),
            answer_list([pod("p2")]),
        )
    )
    snapshot, server = read(script, tmp_path)
    assert ["p1", "p2"] == names(snapshot)
    reason = "list expired while it was read, and was continued on newer state"
    assert [("Pod", reason, None)] == [(one.kind, one.reason, one.blind) for one in snapshot.gaps]
    assert ["Pod"] == [one.kind for one in snapshot.lists if one.inconsistent]
    tokens = [one.query.get("continue") for one in server.asked if one.path == PODS]
    assert [None, "t1", "t2"] == tokens


def test_an_expired_list_without_a_token_begins_again(tmp_path: Path) -> None:
    """Nothing of the first attempt is kept, so nothing is there twice."""
    script = pods_answered_by(
        in_turn(
            answer_list([pod("p1")], token="t1"),
            answer_status(410, "too old"),
            answer_list([pod("p1"), pod("p2")]),
        )
    )
    snapshot, _ = read(script, tmp_path)
    assert ["p1", "p2"] == names(snapshot)
    reason = "list expired while it was read, and was begun anew"
    assert [("Pod", reason, None)] == [(one.kind, one.reason, one.blind) for one in snapshot.gaps]
    assert not any(one.inconsistent for one in snapshot.lists)


def test_a_list_that_breaks_off_is_a_gap(tmp_path: Path) -> None:
    """What was read is kept, and the rest is not known."""
    script = pods_answered_by(
        lambda asked: (
            answer_status(500, "boom")
            if "continue" in asked.query
            else answer_list([pod("p1")], token="t1")
        )
    )
    snapshot, _ = read(script, tmp_path)
    (gap,) = snapshot.gaps
    assert ["p1"] == names(snapshot)
    assert ("Pod", None, Blind.PODS) == (gap.kind, gap.namespace, gap.blind)
    assert "pods cannot be listed: boom (HTTP 500)" == gap.reason


def test_an_object_of_an_unknown_form_is_a_gap_and_its_neighbours_are_read(tmp_path: Path) -> None:
    """The gap names the object and the field."""
    odd = pod("odd", spec={"hostNetwork": "yes"})
    script = pods_answered_by(in_turn(answer_list([pod("p1"), odd, pod("p2"), 5])))
    snapshot, _ = read(script, tmp_path)
    assert ["p1", "p2"] == names(snapshot)
    assert [("a", "odd", Blind.PODS), (None, None, Blind.PODS)] == [
        (one.namespace, one.name, one.blind) for one in snapshot.gaps
    ]
    assert "must be true or false, and is text" in snapshot.gaps[0].reason
    assert GapSource(field="spec.hostNetwork") == snapshot.gaps[0].source


def test_null_fields_mean_absent_ones(tmp_path: Path) -> None:
    """As the API has it; also for a whole list."""
    nulls = pod("p", spec={"containers": None, "hostNetwork": None}, status=None)
    script = pods_answered_by(in_turn(answer_list([nulls])))
    snapshot, _ = read(script, tmp_path)
    assert (["p"], ()) == (names(snapshot), snapshot.gaps)
    empty = answer_json({"kind": "PodList", "metadata": {}, "items": None})
    assert [] == names(read(pods_answered_by(in_turn(empty)), tmp_path)[0])


@pytest.mark.parametrize("body", [b"<html>log in</html>", b'"ok"', b'{"items": 5}', b"\x00", b""])
def test_what_is_no_list_is_an_error(body: bytes, tmp_path: Path) -> None:
    """A login page that answers 200 is not an empty cluster."""
    with pytest.raises(ClusterError, match="something that is no list") as caught:
        read(lambda _asked: Answer(200, body), tmp_path)
    assert "login page" in caught.value.hint


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """The token goes to the kubeconfig's server and to no other."""
    elsewhere = Answer(302, b"", (("Location", "http://192.0.2.1/login"),))
    with pytest.raises(ClusterError, match=r"answers no list: .*HTTP 302"):
        read(lambda _asked: elsewhere, tmp_path)


def test_control_characters_of_the_server_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """Messages are one bounded line, whatever the server sends."""
    message = "a\x1b[31m\nb" + "x" * 1000
    with pytest.raises(ClusterError) as caught:
        read(lambda _asked: answer_status(403, message), tmp_path)
    assert caught.value.message.isprintable()
    assert 300 > len(caught.value.message)


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    """No request waits longer than --request-timeout, time and again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = ScriptedServer(f"http://127.0.0.1:{silent.getsockname()[1]}")
        path = server.kubeconfig(tmp_path / "kubeconfig")
        access = ClusterAccess(kubeconfig=str(path), request_timeout_seconds=0.1)
        with pytest.raises(ClusterError, match=r"did not answer within 0\.1 s") as caught:
            collect(access, retention=RETENTION, clock=lambda: "now", patience=AT_ONCE)
    assert "--request-timeout" in caught.value.hint


def test_a_server_that_is_down_is_an_error(tmp_path: Path) -> None:
    """Connection refused, in one line."""
    with serve(healthy) as server:
        path = server.kubeconfig(tmp_path / "kubeconfig")
    with pytest.raises(ClusterError, match=r"is not reached: Connection refused"):
        collect(
            ClusterAccess(kubeconfig=str(path)),
            retention=RETENTION,
            clock=lambda: "now",
            patience=AT_ONCE,
        )


def test_a_namespace_that_came_late_is_asked_for(tmp_path: Path) -> None:
    """Objects in a namespace that was not listed get its labels, or a gap."""

    def script(asked: Asked) -> Answer:
        match asked.path:
            case "/api/v1/pods":
                late = ({"name": "p", "namespace": one} for one in ("late", "gone"))
                return answer_list([{"metadata": one} for one in late])
            case "/api/v1/namespaces/late":
                return answer_json({"metadata": {"name": "late", "labels": {"k": "v"}}})
            case "/api/v1/namespaces/gone":
                return answer_status(404, "not found")
            case _:
                return healthy(asked)

    snapshot, _ = read(script, tmp_path)
    labels = {one.name: dict(one.labels) for one in snapshot.namespaces}
    assert {"kubernetes.io/metadata.name": "late", "k": "v"} == labels["late"]
    assert {"kubernetes.io/metadata.name": "gone"} == labels["gone"]
    assert {"kubernetes.io/metadata.name": "a", "x": "y"} == labels["a"]
    assert [("gone", Blind.NAMESPACE_LABELS)] == [(one.name, one.blind) for one in snapshot.gaps]


def calico(discovery: Callable[[Asked], Answer | None]) -> Script:
    """A cluster with one NetworkPolicy, which Calico's API server lists a second time."""
    own = {"metadata": {"name": "own", "namespace": "a", "uid": "1", "generation": 7}}
    double = {"metadata": {"name": "knp.default.own", "namespace": "a"}}
    disguised = {
        "metadata": {"name": "knp.default.other", "namespace": "a", "uid": "2"},
        "spec": {"order": 1},
        "status": {"seen": True},
    }

    def script(asked: Asked) -> Answer:
        match asked.path:
            case "/apis/networking.k8s.io/v1/networkpolicies":
                return answer_list([{"metadata": {"name": "own", "namespace": "a"}}])
            case "/apis/projectcalico.org/v3/networkpolicies":
                return answer_list([own, double, disguised])
            case _:
                return discovery(asked) or healthy(asked)

    return script


def aggregated(asked: Asked) -> Answer | None:
    """Discovery as servers since 1.26 have it."""
    resource = {"resource": "networkpolicies", "scope": "Namespaced", "verbs": ["list"]}
    group = {
        "metadata": {"name": "projectcalico.org"},
        "versions": [{"version": "v3", "resources": [resource], "freshness": "Current"}],
    }
    if asked.path != "/apis":
        return None
    return answer_json({"kind": "APIGroupDiscoveryList", "items": [group]})


def per_group(asked: Asked) -> Answer | None:
    """Discovery as older servers have it."""
    groups = [{"name": one, "versions": [{"version": "v3"}]} for one in ("projectcalico.org", "b")]
    resources = [
        {"name": "networkpolicies", "namespaced": True, "verbs": ["get", "list"]},
        {"name": "networkpolicies/status", "namespaced": True, "verbs": ["get"]},
    ]
    match asked.path:
        case "/apis":
            return answer_json({"kind": "APIGroupList", "groups": groups})
        case "/apis/projectcalico.org/v3":
            return answer_json({"kind": "APIResourceList", "resources": resources})
        case _:
            return None


@pytest.mark.parametrize("discovery", [aggregated, per_group])
def test_policy_kinds_are_discovered_on_new_and_old_servers(
    discovery: Callable[[Asked], Answer | None], tmp_path: Path
) -> None:
    """Kinds are found, and the double of a NetworkPolicy that was read is no policy of its own."""
    snapshot, _ = read(calico(discovery), tmp_path)
    kind = "NetworkPolicy.projectcalico.org"
    expected = (
        UnevaluatedPolicy(
            kind=kind,
            namespace="a",
            name="knp.default.other",
            digest=digest_content({"spec": {"order": 1}, "specs": None}),
            uid="2",
        ),
        UnevaluatedPolicy(kind=kind, namespace="a", name="own", generation=7, uid="1"),
    )
    assert expected == snapshot.unevaluated_policies
    assert [(kind, "a", Blind.POLICIES)] == [
        (one.kind, one.namespace, one.blind) for one in snapshot.gaps
    ]


def stale(asked: Asked) -> Answer | None:
    """The group's own API server is down."""
    versions = [{"version": "v3", "freshness": "Stale"}]
    items = [{"metadata": {"name": "projectcalico.org"}, "versions": versions}]
    return (
        answer_json({"kind": "APIGroupDiscoveryList", "items": items})
        if (asked.path == "/apis")
        else None
    )


def unavailable(asked: Asked) -> Answer | None:
    """The same, on an older server."""
    failed = Answer(503, b"unavailable", (("Retry-After", "0"),))
    return failed if asked.path == "/apis/projectcalico.org/v3" else per_group(asked)


def forbidden(asked: Asked) -> Answer | None:
    """Discovery is not allowed."""
    return answer_status(403, "forbidden") if asked.path == "/apis" else None


@pytest.mark.parametrize(
    ("discovery", "kind"),
    [
        (stale, "NetworkPolicy.projectcalico.org"),
        (unavailable, "NetworkPolicy.projectcalico.org"),
        (forbidden, None),
    ],
)
def test_what_cannot_be_discovered_is_unknown_not_absent(
    discovery: Callable[[Asked], Answer | None], kind: str | None, tmp_path: Path
) -> None:
    """A kind that may be in use blinds every verdict it may change."""
    snapshot, _ = read(calico(discovery), tmp_path)
    assert [(kind, None, Blind.POLICIES)] == [
        (one.kind, one.namespace, one.blind) for one in snapshot.gaps
    ]
    assert "cannot be found out" in snapshot.gaps[0].reason


def test_discovery_of_a_foreign_form_is_a_gap(tmp_path: Path) -> None:
    """As for lists, an unexpected answer is not taken for none."""
    odd = json.dumps({"items": 5}).encode()
    (gap,) = read(lambda one: Answer(200, odd) if one.path == "/apis" else healthy(one), tmp_path)[
        0
    ].gaps
    assert "answers discovery with something unexpected" in gap.reason
    assert Blind.POLICIES == gap.blind
