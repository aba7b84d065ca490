"""What the rules about databases state holds on random small clusters, and nothing is missed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.addresses import Family, subtract, whole_family
from auditor.model.connections import AddressEndpoint, Connection, WorkloadEndpoint
from auditor.model.findings import Severity
from auditor.model.objects import Pod, Reference
from auditor.model.ports import PortRange, PortSet
from auditor.model.snapshot import Snapshot
from auditor.model.workloads import index_owners, workload_of
from auditor.reachability.connections import list_connections
from tests.oracle.listing import read_range
from tests.oracle.oracle import Oracle
from tests.oracle.rows import sample_addresses, sample_ports
from tests.rules.auditing import Audited, Reading, audit_snapshot
from tests.rules.populated import DETECTION, populated_snapshots
from tests.rules.published import expect_ways_in, published_snapshots

READINGS: tuple[Reading, ...] = ("auto", "yes", "no")
KNOWN: tuple[Reading, ...] = ("yes", "no")
FAMILIES: tuple[Family, ...] = (4, 6)

on_random_clusters = settings(
    max_examples=150, suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large)
)


def subjects_of(audited: Audited, rule: str) -> dict[tuple[str, str | None], Severity]:
    """The findings of a rule by `namespace/kind/name` and detail."""
    return {
        (f"{one.subject.namespace}/{one.subject.kind}/{one.subject.name}", one.detail): one.severity
        for one in audited.findings_of(rule)
    }


def pods_of_databases(audited: Audited) -> dict[Reference, list[Pod]]:
    """The pods of each database that take part in traffic."""
    snapshot = audited.view.snapshot
    owners = index_owners(snapshot.owners)
    found: dict[Reference, list[Pod]] = defaultdict(list)
    for pod in snapshot.pods:
        workload = workload_of(pod, owners)
        if pod.is_endpoint and workload in audited.view.recognition.databases:
            found[workload].append(pod)
    return found


def rows_to_databases(audited: Audited) -> Iterable[tuple[Reference, Connection]]:
    """The rows of today's connections that end at a database."""
    for row in list_connections(audited.view):
        end = row.destination
        if isinstance(end, WorkloadEndpoint) and end.workload in audited.view.recognition.databases:
            yield end.workload, row


@on_random_clusters
@given(snapshot=populated_snapshots(max_pods=8), reading=st.sampled_from(READINGS))
def test_other_environments_are_those_of_the_rows(snapshot: Snapshot, reading: Reading) -> None:
    """A database is open to another environment exactly where a row leads from there to it."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    environments = audited.view.recognition.environments
    expected: set[tuple[str, str | None]] = set()
    for workload, row in rows_to_databases(audited):
        if isinstance(row.source, WorkloadEndpoint):
            source, own = (
                environments[one].name if one in environments else None
                for one in (row.source.workload.namespace, workload.namespace)
            )
            if source is not None and own is not None and source != own:
                expected.add((str(workload), source))
    found = subjects_of(audited, "database-open-to-other-environments")
    assert expected == set(found)


@on_random_clusters
@given(snapshot=published_snapshots(), reading=st.sampled_from(KNOWN))
def test_the_outside_gets_in_as_the_oracle_says(snapshot: Snapshot, reading: Reading) -> None:
    """Addresses are admitted, and Services let in, exactly where the slow oracle has it so."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    oracle = Oracle(snapshot, ip_blocks_match_pods=reading == "yes")
    ports = sample_ports(snapshot)
    expected: dict[tuple[str, str | None], bool] = {}
    for workload, pods in pods_of_databases(audited).items():
        if any(
            oracle.policies_allow(address, pod, ports)
            for pod in pods
            for address in sample_addresses(snapshot)
        ):
            expected[str(workload), "addresses"] = True
        ways = {way for pod in pods for way in expect_ways_in(snapshot, pod, oracle)}
        if ways:
            expected[str(workload), "service"] = "by address" in ways
    found = subjects_of(audited, "database-open-to-outside")
    assert set(expected) == set(found)
    for key, severity in found.items():
        if key[1] == "service" and not key[0].startswith("three/"):
            wanted = Severity.HIGH if expected[key] else Severity.MEDIUM
            assert wanted == severity, key


@on_random_clusters
@given(snapshot=populated_snapshots(max_pods=8), reading=st.sampled_from(READINGS))
def test_no_row_to_a_database_goes_beyond_its_ports_unsaid(
    snapshot: Snapshot, reading: Reading
) -> None:
    """Where today's connections use a port that is not its own, the database is flagged."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    databases, pods = audited.view.recognition.databases, pods_of_databases(audited)
    beyond = {
        str(workload)
        for workload, row in rows_to_databases(audited)
        if exceeds(row.ports, databases[workload].own_ports(pods[workload]))
    }
    found = {subject for subject, _ in subjects_of(audited, "database-open-beyond-its-ports")}
    assert set() == beyond - found


def exceeds(ports: PortSet, own: frozenset[PortRange]) -> bool:
    """Whether some port of the set is none of one's own."""
    if ports == "all":
        return True
    return any(
        PortRange(protocol=one.protocol, first=port, last=port) not in own
        for one in ports
        for port in range(one.first, min(one.last, one.first + len(own)) + 1)
    )


@on_random_clusters
@given(snapshot=populated_snapshots(max_pods=8), reading=st.sampled_from(READINGS))
def test_unrestricted_egress_is_that_of_the_rows(snapshot: Snapshot, reading: Reading) -> None:
    """Egress is high exactly where the rows of a variant reach a whole family on every port."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    reached: dict[WorkloadEndpoint, list[AddressEndpoint]] = defaultdict(list)
    for row in list_connections(audited.view):
        match row:
            case Connection(WorkloadEndpoint() as source, AddressEndpoint() as to, "all"):
                reached[source].append(to)
    hosts = {
        str(workload)
        for workload, pods in pods_of_databases(audited).items()
        if any(pod.spec.host_network for pod in pods)
    }
    expected = {
        str(source.workload)
        for source, addresses in reached.items()
        if source.workload in audited.view.recognition.databases and covers_a_family(addresses)
    }
    found = {
        subject
        for (subject, _), severity in subjects_of(
            audited, "database-egress-is-unrestricted"
        ).items()
        if severity is Severity.HIGH
    }
    judged = {one for one in expected - hosts if not one.startswith("three/")}
    assert judged == found - hosts


def covers_a_family(addresses: Iterable[AddressEndpoint]) -> bool:
    """Whether ranges make up every address of IPv4, or of IPv6."""
    ranges = [read_range(one.addresses) for one in addresses]
    for family in FAMILIES:
        mine = [whole_family(family)._replace(first=a, last=b) for f, a, b in ranges if f == family]
        if not subtract(whole_family(family), mine):
            return True
    return False
