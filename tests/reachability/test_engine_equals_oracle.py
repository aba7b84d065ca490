"""The engine says of every small cluster exactly what the slow oracle says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.connections import AddressEndpoint, Connection, WorkloadEndpoint
from auditor.model.objects import Pod
from auditor.model.ports import merge_ports
from auditor.model.recognition import Recognition
from auditor.model.snapshot import Snapshot
from auditor.reachability.connections import list_connections
from auditor.reachability.verdict import AddressEnd, PodEnd, decide
from auditor.reachability.view import evaluate
from tests.oracle.clusters import snapshots
from tests.oracle.handmade import cluster, pod
from tests.oracle.listing import listed_rows, read_range, samples_within
from tests.oracle.oracle import Oracle, is_finished
from tests.oracle.rows import Row, expected_rows, sample_addresses, sample_ports

# The tracer of coverage takes most of the time here, and other tests cover the engine's lines.
pytestmark = pytest.mark.no_cover

CLUSTERS_LISTED = 1000
CLUSTERS_ASKED = 600
CLUSTERS_ELSE = 150

WEB = [{"ports": [{"name": "web", "containerPort": 8080}]}]

# Examples are big by nature. In CI, Hypothesis' own profile makes them the same at every run.
_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)


def clusters(number: int) -> settings:
    """The settings for a test that looks at so many clusters."""
    return settings(max_examples=number, deadline=None, suppress_health_check=_slow_checks)


def differences(expected: set[Row], actual: set[Row]) -> tuple[list[str], list[str]]:
    """(missing, invented), the first few of each: a whole listing is too long to read."""

    def few(rows: Iterable[Row]) -> list[str]:
        return sorted(map(str, rows))[:8]

    return few(expected - actual), few(actual - expected)


def check_listing(snapshot: Snapshot, *, ip_blocks_match_pods: bool) -> None:
    """Compare the listing with the oracle's rows."""
    view = evaluate(snapshot, Recognition(), ip_blocks_match_pods=ip_blocks_match_pods)
    addresses, ports = sample_addresses(snapshot), sample_ports(snapshot)
    oracle = Oracle(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    expected = expected_rows(snapshot, oracle, addresses=addresses, ports=ports)
    actual = listed_rows(list_connections(view), snapshot, addresses, ports)
    assert ([], []) == differences(expected, actual)


def check_verdicts(snapshot: Snapshot, *, ip_blocks_match_pods: bool, chosen: int) -> None:
    """Compare verdicts with the oracle's.

    Of each verdict all ports are compared; asked for one by one they are between pods, while with
    addresses, of which there are many, the ``chosen`` port is asked for alone.
    """
    view = evaluate(snapshot, Recognition(), ip_blocks_match_pods=ip_blocks_match_pods)
    oracle = Oracle(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)
    ports = sample_ports(snapshot)
    wrong: list[object] = []
    for (source, near), (destination, far) in pairs(snapshot):
        expected = oracle.allowed_ports(source, destination, ports)
        verdict = decide(view, near, far)
        if expected != {*samples_within(verdict.ports, ports)} or verdict.allowed != bool(expected):
            wrong.append((source, destination, verdict.ports, expected))
        between_pods = isinstance(near, PodEnd) and isinstance(far, PodEnd)
        wrong += [
            (source, destination, asked)
            for asked in (ports if between_pods else (ports[chosen % len(ports)],))
            if decide(view, near, far, *asked).allowed != (asked in expected)
        ]
    assert [] == wrong[:3]


@pytest.mark.slow
@clusters(CLUSTERS_LISTED)
@given(snapshot=snapshots(), ip_blocks_match_pods=st.booleans())
def test_listed_connections_are_the_oracles(
    snapshot: Snapshot,
    ip_blocks_match_pods: bool,  # noqa: FBT001  a drawn value
) -> None:
    """Every listed connection is allowed, and every allowed one is listed, on exactly its ports."""
    check_listing(snapshot, ip_blocks_match_pods=ip_blocks_match_pods)


@pytest.mark.slow
@clusters(CLUSTERS_ASKED)
@given(snapshot=snapshots(), ip_blocks_match_pods=st.booleans(), chosen=st.integers(0, 999))
def test_every_verdict_is_the_oracles(
    snapshot: Snapshot,
    ip_blocks_match_pods: bool,  # noqa: FBT001  a drawn value
    chosen: int,
) -> None:
    """A verdict allows what the oracle allows, for every pair of ends and every port."""
    check_verdicts(snapshot, ip_blocks_match_pods=ip_blocks_match_pods, chosen=chosen)


RARE = {
    "a host-network pod declares a port in vain": cluster(
        [
            pod("client"),
            pod("host", nodeName="n1", hostNetwork=True, containers=WEB),
            pod("server", containers=WEB),
        ],
        "{policyTypes: [Egress], egress: [{ports: [{port: web}]}]}",
        nodes={"n1": ["10.9.0.1"]},
    ),
    "an unknown address is in a whole family alone": cluster(
        [
            pod("server", {"app": "server"}),
            pod("new"),
            pod("known", ips=["10.0.0.1"]),
            pod("pending", hostNetwork=True),
        ],
        "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: 80}], from:"
        " [{ipBlock: {cidr: 0.0.0.0/0, except: [192.0.2.0/24]}}]}, {ports: [{port: 81}],"
        " from: [{ipBlock: {cidr: '::/0'}}]}, {ports: [{port: 82}],"
        " from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/1}}]}]}",
    ),
    "plain init containers declare nothing": cluster(
        [
            pod("client"),
            pod("done", initContainers=WEB),
            pod("sidecar", initContainers=[{**WEB[0], "restartPolicy": "Always"}]),
        ],
        "ingress: [{ports: [{port: web}]}]",
    ),
    "a node's addresses count before the pod's own": cluster(
        [
            pod("server", {"app": "server"}, nodeName="n2"),
            pod("host", nodeName="n1", hostNetwork=True, ips=["10.9.0.1"]),
            pod("unread", nodeName="n3", hostNetwork=True, ips=["10.9.0.3"]),
        ],
        "{podSelector: {matchLabels: {app: server}}, ingress: [{from: [{ipBlock: {cidr:"
        " 'fd00:9::/64'}}]}]}",
        "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: 80}], from:"
        " [{ipBlock: {cidr: 10.9.0.3/32}}]}]}",
        nodes={"n1": ["10.9.0.1", "fd00:9::1"], "n2": ["10.9.0.2"]},
    ),
    "pods of one workload, one of them on the host's network": cluster(
        [
            pod("p1", {"app": "a"}, owner="DaemonSet/agent", nodeName="n1"),
            pod("p2", {"app": "a"}, owner="DaemonSet/agent", nodeName="n1", hostNetwork=True),
            pod("p3", {"app": "b"}, owner="DaemonSet/agent", nodeName="n2", hostNetwork=True),
            pod("other", nodeName="n1"),
        ],
        "{podSelector: {matchLabels: {app: a}}, ingress: [{ports: [{port: 80}]}]}",
    ),
}


@pytest.mark.parametrize("ip_blocks_match_pods", [False, True])
@pytest.mark.parametrize("name", RARE)
def test_engine_and_oracle_agree_where_chance_seldom_leads(
    name: str,
    ip_blocks_match_pods: bool,  # noqa: FBT001  a parameter
) -> None:
    """Clusters that random generation rarely makes are answered as the oracle does, too."""
    check_listing(RARE[name], ip_blocks_match_pods=ip_blocks_match_pods)
    check_verdicts(RARE[name], ip_blocks_match_pods=ip_blocks_match_pods, chosen=0)


@clusters(CLUSTERS_ELSE)
@given(snapshot=snapshots())
def test_an_unknown_reading_of_ip_blocks_opens_nothing(snapshot: Snapshot) -> None:
    """Where the CNI is not known, connections are those of ipBlocks that match no pod (3.7)."""
    unknown = list(list_connections(evaluate(snapshot, Recognition())))
    closed = list(list_connections(evaluate(snapshot, Recognition(), ip_blocks_match_pods=False)))
    addresses, ports = sample_addresses(snapshot), sample_ports(snapshot)
    assert ([], []) == differences(
        listed_rows(closed, snapshot, addresses, ports),
        listed_rows(unknown, snapshot, addresses, ports),
    )


@clusters(CLUSTERS_ELSE)
@given(snapshot=snapshots(), ip_blocks_match_pods=st.booleans())
def test_a_listing_keeps_the_contracts_form(
    snapshot: Snapshot,
    ip_blocks_match_pods: bool,  # noqa: FBT001  a drawn value
) -> None:
    """Each pair once, with ports that are sorted, merged and not empty; ranges never overlap."""
    view = evaluate(snapshot, Recognition(), ip_blocks_match_pods=ip_blocks_match_pods)
    listed = list(list_connections(view))
    listed_pairs = [(one.source, one.destination) for one in listed]
    assert len(set(listed_pairs)) == len(listed_pairs)
    for source, destination in listed_pairs:
        assert source != destination
        assert isinstance(source, WorkloadEndpoint) or isinstance(destination, WorkloadEndpoint)
    for one in listed:
        assert one.ports == "all" or (one.ports and one.ports == merge_ports(one.ports))
    ranges = {read_range(one) for one in listed_ranges(listed)}
    assert [] == [
        (one, other)
        for one, other in combinations(sorted(ranges), 2)
        if one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]
    ]


def listed_ranges(listed: list[Connection]) -> Iterator[str]:
    """The external ranges of a listing, as written."""
    for connection in listed:
        for end in (connection.source, connection.destination):
            if isinstance(end, AddressEndpoint):
                yield end.addresses


def pairs(
    snapshot: Snapshot,
) -> Iterator[tuple[tuple[Pod | str, PodEnd | AddressEnd], tuple[Pod | str, PodEnd | AddressEnd]]]:
    """Every pair of ends that policies could judge, each end as the oracle and the engine name it.

    Addresses are those of the samples and of the nodes, so that an own node is asked for too.
    """
    pods = [(pod, PodEnd(pod.namespace, pod.name)) for pod in snapshot.pods if not is_finished(pod)]
    nodes = (address for node in snapshot.nodes for address in node.addresses)
    addresses = [(one, AddressEnd(one)) for one in {*sample_addresses(snapshot), *nodes}]
    yield from product(pods, repeat=2)
    yield from product(pods, addresses)
    yield from product(addresses, pods)
