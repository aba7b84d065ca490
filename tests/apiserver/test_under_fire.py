"""Servers and networks that fail: a failure is survived or named, never taken for a clean run."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from auditor.cli.session import utc_now
from auditor.detection.recognize import retention
from auditor.errors import ClusterError
from auditor.job.steps import evaluate_snapshot, judge_view, load_acceptance
from auditor.model.findings import RuleStatus
from auditor.model.progress import Progress, unwatched
from auditor.model.report import Audit
from auditor.model.snapshot import Snapshot
from auditor.settings import ClusterAccess, Settings
from auditor.sources.cluster import collect
from auditor.sources.patience import Patience
from tests.apiserver.binaries import Binaries
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.fault_proxy import Asked, FaultProxy, Forward, Reply, disturb
from tests.apiserver.faults import PODS, SCENARIOS, Scenario, at

pytestmark = pytest.mark.apiserver

CLUSTER = (
    Path(__file__).parents[1] / "clusters" / "shop" / "main",
    Path(__file__).with_name("fire.yaml"),
)
PAGE = 7
SETTINGS = Settings()
PATIENCE = Patience(busy_retries=3, backoff_seconds=0.01, longest_pause_seconds=1.05)
SLACK_SECONDS = 4.0
"""What decoding, and a machine that has other things to do, may add."""


@contextmanager
def in_silence(_name: str) -> Iterator[Progress]:
    """A stage that nobody watches."""
    yield unwatched


@pytest.fixture(scope="module")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """One that reads lists from etcd: else its cache would hide that one has expired."""
    with ControlPlane(binaries, "--feature-gates=ListFromCacheSnapshot=false") as running:
        running.apply(*CLUSTER)
        running.create_pods_of_controllers()
        yield running


@pytest.fixture(scope="module")
def whole(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The audit of everything there is."""
    path = control_plane.kubeconfig(tmp_path_factory.mktemp("whole") / "kubeconfig")
    access = ClusterAccess(kubeconfig=str(path))
    kept = retention(SETTINGS.detection)
    return judge(collect(access, retention=kept, clock=utc_now))


def judge(snapshot: Snapshot) -> Audit:
    """Take a snapshot through the rest of an audit, down to the rules."""
    view = evaluate_snapshot(snapshot, SETTINGS, stage=in_silence)
    acceptance = load_acceptance(SETTINGS)
    return judge_view(view, SETTINGS, acceptance, run_id="run", started_at=utc_now(), clock=utc_now)


def read_through(
    scenario: Scenario, control_plane: ControlPlane, folder: Path
) -> tuple[Snapshot | ClusterError, FaultProxy, float]:
    """Collect through the proxy: what came of it, what was asked, and how long it took."""
    authority = control_plane.certificate_authority
    path = control_plane.kubeconfig(folder / "kubeconfig")
    with disturb(control_plane.server, authority, scenario.fault, PAGE) as proxy:
        config = json.loads(path.read_text())
        config["clusters"][0]["cluster"] = {"server": proxy.url}
        path.write_text(json.dumps(config))
        access = scenario.access
        access = ClusterAccess(
            kubeconfig=str(path),
            request_timeout_seconds=access.request_timeout_seconds,
            timeout_seconds=access.timeout_seconds,
        )
        kept = retention(SETTINGS.detection)
        began = time.monotonic()
        try:
            read: Snapshot | ClusterError = collect(
                access, retention=kept, clock=utc_now, patience=PATIENCE
            )
        except ClusterError as error:
            read = error
        return read, proxy, time.monotonic() - began


def held() -> tuple[set[int], int]:
    """The threads and the open files and sockets of this process."""
    threads = {one.ident or 0 for one in threading.enumerate()}
    return threads, len(list(Path("/proc/self/fd").iterdir()))


def passed(audit: Audit) -> set[str]:
    """The rules that found everything clean."""
    return {one.id for one in audit.report.rules if one.status is RuleStatus.PASS}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_failure_is_survived_or_named(
    name: str, control_plane: ControlPlane, whole: Audit, tmp_path: Path
) -> None:
    """The result, or exactly these gaps, or an error; in time, with nothing left open.

    No rule passes that does not pass when everything is read, and the cluster is such that almost
    none does: what passes here and not there would rest on what was not read.
    """
    scenario = SCENARIOS[name]
    before = held()
    read, _, seconds = read_through(scenario, control_plane, tmp_path)
    assert before == held()
    assert seconds < scenario.access.timeout_seconds + SLACK_SECONDS
    if isinstance(read, ClusterError):
        assert (True, 3) == (scenario.fails, read.exit_code), read.message
        assert scenario.says in read.message
        return
    assert scenario.gaps == {one.kind for one in read.gaps}, read.gaps
    assert all(scenario.says in one.reason for one in read.gaps), read.gaps
    assert scenario.inconsistent == any(one.inconsistent for one in read.lists)
    audit = judge(read)
    assert passed(audit) <= passed(whole)
    if not any(one.blind for one in read.gaps):
        assert audit.report.summary.by_severity == whole.report.summary.by_severity
    else:
        unsure = {one.id for one in audit.report.rules if one.not_evaluated}
        assert unsure > {one.id for one in whole.report.rules if one.not_evaluated}


def test_a_cluster_that_fails_everywhere_leaves_no_rule_to_pass_by_chance(whole: Audit) -> None:
    """The comparison above has teeth: but for one, no rule passes when everything is read."""
    assert {"policy-kinds-not-evaluated"} == passed(whole)


def test_an_expired_list_is_continued_by_the_servers_own_token(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """The server forgets the state of the first page: the rest is newer, and that is said."""

    def expire(asked: Asked, forward: Forward) -> Reply:
        newest = control_plane.client.create(
            "/api/v1/namespaces/default/configmaps", {"metadata": {"generateName": "any-"}}
        )["metadata"]["resourceVersion"]
        etcd = f"http://127.0.0.1:{control_plane.etcd_port}/v3/kv/compaction"
        body = json.dumps({"revision": newest, "physical": True})
        assert 200 == urllib3.request("POST", etcd, body=body, retries=False).status
        reply = forward(asked)
        assert 410 == reply.status
        return reply

    scenario = Scenario(at(PODS, expire, 1, 1))
    read, proxy, _ = read_through(scenario, control_plane, tmp_path)
    assert isinstance(read, Snapshot)
    reason = "list expired while it was read, and was continued on newer state"
    assert [("Pod", reason, None)] == [(one.kind, one.reason, one.blind) for one in read.gaps]
    assert ["Pod"] == [one.kind for one in read.lists if one.inconsistent]
    listed = control_plane.client.list_all(PODS)
    assert len(listed) == len(read.pods)
    tokens = [one.query.get("continue") for one in proxy.asked if one.path == PODS]
    assert len(set(tokens)) == len(tokens)


def test_what_changes_during_a_list_does_not_show_in_it(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """Pages are of one moment: a pod that is changed, and one that is deleted, are as they were."""
    client = control_plane.client
    place = "/api/v1/namespaces/shop-prod/pods"
    spec = {"containers": [{"name": "c", "image": "i"}]}
    for name in ("zz-changed", "zz-deleted"):
        client.create(place, {"metadata": {"name": name, "labels": {"a": "old"}}, "spec": spec})

    def change(asked: Asked, forward: Forward) -> Reply:
        client.merge(f"{place}/zz-changed", {"metadata": {"labels": {"a": "new"}}})
        client.request("DELETE", f"{place}/zz-deleted?gracePeriodSeconds=0")
        return forward(asked)

    read, _, _ = read_through(Scenario(at(PODS, change, 1, 1)), control_plane, tmp_path)
    client.request("DELETE", f"{place}/zz-changed?gracePeriodSeconds=0")
    assert isinstance(read, Snapshot)
    found = {one.name: one.labels["a"] for one in read.pods if one.name.startswith("zz-")}
    assert ({"zz-changed": "old", "zz-deleted": "old"}, ()) == (found, read.gaps)


def test_lists_are_asked_for_one_after_the_other(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    """One request at a time, in pages of 500, by a client that says its name."""
    flying, most = [0], [0]

    def count(asked: Asked, forward: Forward) -> Reply:
        flying[0] += 1
        most[0] = max(most[0], flying[0])
        reply = forward(asked)
        flying[0] -= 1
        return reply

    read, proxy, _ = read_through(Scenario(count), control_plane, tmp_path)
    assert isinstance(read, Snapshot)
    assert [1] == most
    assert {"500"} == {one.query["limit"] for one in proxy.asked if "limit" in one.query}
    assert all(one.headers["user-agent"].startswith("netpol-auditor/") for one in proxy.asked)


def test_a_snapshot_says_when_each_list_was_read(whole: Audit) -> None:
    """Resource version, pages, objects and times of each list, within the time of the whole."""
    collection = whole.report.run.collection
    assert collection is not None
    kinds = [one.kind for one in collection.lists]
    expected = ["Namespace", "Pod", "NetworkPolicy", "Service", "Node", "DaemonSet", "ReplicaSet"]
    assert expected == kinds
    assert all(int(one.resource_version) > 0 and one.pages == 1 for one in collection.lists)
    times = [
        collection.started_at,
        *(time for one in collection.lists for time in (one.started_at, one.finished_at)),
        collection.finished_at,
    ]
    assert sorted(times) == times
