"""Connections that policies open and close: added, removed, changed, or replaced by their equal."""

from __future__ import annotations

import msgspec

from auditor.model.snapshot import Snapshot
from tests.drift.stating import state
from tests.oracle.handmade import DENY_ALL, DENY_EGRESS, DENY_INGRESS, cluster, pod

PODS = [pod("client", {"app": "client"}), pod("server", {"app": "server"})]
DENY_SERVER = "{podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}"
ADMIT_80 = "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: 80}]}]}"
ADMIT_CLIENT = (
    "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: 80}],"
    " from: [{podSelector: {matchLabels: {app: client}}}]}]}"
)
ADMIT_RANGE = (
    "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: 80, endPort: 90}]}]}"
)


def renamed(snapshot: Snapshot, **names: str) -> Snapshot:
    """The same, with policies under other names."""
    policies = (
        msgspec.structs.replace(
            one,
            metadata=msgspec.structs.replace(
                one.metadata, name=names.get(one.metadata.name.replace("-", "_"), one.metadata.name)
            ),
        )
        for one in snapshot.policies
    )
    return msgspec.structs.replace(snapshot, policies=tuple(policies))


def test_a_default_deny_that_comes_closes_what_nothing_else_allows() -> None:
    """In both directions, and the policy is the cause; without it, the same opens."""
    closed = {
        f"{sign}{row}: every port": {f"policy-{kind} shop/NetworkPolicy/policy-0"}
        for sign, kind in (("-", "added"), ("+", "removed"))
        for row in ("client→server", "server→client")
    }
    open_cluster, deny = cluster(PODS), cluster(PODS, DENY_ALL)
    assert {row: causes for row, causes in closed.items() if row[0] == "-"} == state(
        open_cluster, deny
    )
    assert {row: causes for row, causes in closed.items() if row[0] == "+"} == state(
        deny, open_cluster
    )


def test_a_policy_is_the_cause_only_of_the_ports_that_it_changes() -> None:
    """One that is replaced as a whole, where both allow port 80, closes what is beyond it."""
    assert {"-client→server: TCP 81-90": {"policy-changed shop/NetworkPolicy/policy-0"}} == state(
        cluster(PODS, ADMIT_RANGE), cluster(PODS, ADMIT_80)
    )


def test_a_policy_replaced_by_its_equal_changes_no_connection() -> None:
    """Under another name, and written otherwise, nothing opens and nothing closes."""
    twice = (
        "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: 80, endPort: 85}]},"
        " {ports: [{port: 86, endPort: 90}]}]}"
    )
    assert {} == state(
        cluster(PODS, ADMIT_RANGE), renamed(cluster(PODS, twice), policy_0="another")
    )


def test_a_policy_with_another_name_is_no_cause_where_it_says_the_same() -> None:
    """A label that the client got with it is; were it another policy, that would be."""
    before = [pod("client"), pod("server", {"app": "server"})]
    previous, current = cluster(before, ADMIT_CLIENT), cluster(PODS, ADMIT_CLIENT)
    row = "client[app=client]→server: TCP 80"
    assert {f"+{row}": {"labels-changed shop/Pod/client"}} == state(
        previous, renamed(current, policy_0="another")
    )
    assert {f"-{row}": {"labels-changed shop/Pod/client"}} == state(
        renamed(current, policy_0="another"), previous
    )
    assert {f"+{row}": {"policy-added shop/NetworkPolicy/another"}} == state(
        previous, renamed(cluster(PODS, ADMIT_80), policy_0="another")
    )


def test_only_policies_that_allow_are_named_where_the_end_stays_isolated() -> None:
    """A deny that goes with them changes nothing by itself: policies add up."""
    previous = cluster(PODS, DENY_SERVER, DENY_INGRESS)
    current = renamed(cluster(PODS, ADMIT_CLIENT), policy_0="admit")
    # client is no longer isolated: what isolated it went
    assert {
        "+client→server: TCP 80": {"policy-added shop/NetworkPolicy/admit"},
        "+server→client: every port": {"policy-removed shop/NetworkPolicy/policy-1"},
    } == state(previous, current)


def test_what_one_direction_opens_alone_is_not_blamed_on_the_other() -> None:
    """The egress of the client opens port 81, the ingress of the server port 80."""
    egress = "{podSelector: {matchLabels: {app: client}}, egress: [{ports: [{port: %d}]}]}"
    ingress = "{podSelector: {matchLabels: {app: server}}, ingress: [{ports: [{port: %d}]}]}"
    both = "{podSelector: {matchLabels: {app: %s}}, %s: [{ports: [{port: 80}, {port: 81}]}]}"
    previous = cluster(PODS, egress % 80, ingress % 81)
    current = cluster(PODS, both % ("client", "egress"), both % ("server", "ingress"))
    found = state(previous, current)
    assert {
        "policy-changed shop/NetworkPolicy/policy-0",
        "policy-changed shop/NetworkPolicy/policy-1",
    } == found.pop("+client→server: TCP 80-81")
    assert {} == {row: causes for row, causes in found.items() if row.startswith("+client")}
    narrowed = state(
        cluster(PODS, egress % 80, both % ("server", "ingress")),
        cluster(PODS, both % ("client", "egress"), both % ("server", "ingress")),
    )
    assert {"policy-changed shop/NetworkPolicy/policy-0"} == narrowed["+client→server: TCP 81"]


def test_all_policies_that_isolated_an_open_end_are_named() -> None:
    """Each of them would have kept it closed."""
    previous = cluster(PODS, DENY_SERVER, DENY_INGRESS)
    current = cluster(PODS, "{podSelector: {matchLabels: {app: nobody}}}")
    assert {
        "policy-changed shop/NetworkPolicy/policy-0",
        "policy-removed shop/NetworkPolicy/policy-1",
    } == state(previous, current)["+client→server: every port"]


def test_addresses_open_by_the_parts_that_blocks_of_both_sides_cut() -> None:
    """A block that is widened opens what it did not hold, and nothing else."""
    block = "{policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: %s}}]}]}"
    pods = [pod("client")]
    assert {
        "+client→10.0.1.0-10.0.255.255: every port": {"policy-changed shop/NetworkPolicy/policy-0"}
    } == state(
        cluster(pods, block % "10.0.0.0/24"), cluster(pods, block % "10.0.0.0/16"), addresses=True
    )


def test_incoming_addresses_come_last() -> None:
    """Rows from addresses stand behind those of workloads."""
    rows = state(cluster(PODS, DENY_INGRESS), cluster(PODS), addresses=True)
    assert [
        "+client→server: every port",
        "+server→client: every port",
        "+0.0.0.0-255.255.255.255→client: every port",
        "+0.0.0.0-255.255.255.255→server: every port",
        "+::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff→client: every port",
        "+::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff→server: every port",
    ] == list(rows)


def test_icmp_that_closes_alone_is_said() -> None:
    """Where all ports of TCP, UDP and SCTP stay open."""
    ports = "{policyTypes: [Egress], egress: [{ports: [{protocol: TCP}, {protocol: UDP}, %s]}]}"
    assert {
        "-client→server: other protocols": {"policy-added shop/NetworkPolicy/policy-0"},
        "-server→client: other protocols": {"policy-added shop/NetworkPolicy/policy-0"},
    } == state(cluster(PODS), cluster(PODS, ports % "{protocol: SCTP}"))
    assert {
        "client→server: SCTP 1-65535, other protocols",
        "server→client: SCTP 1-65535, other protocols",
    } == {row[1:] for row in state(cluster(PODS), cluster(PODS, ports % "{protocol: TCP}"))}


def test_one_open_direction_does_not_open_a_row() -> None:
    """While the other side denies."""
    assert {} == state(cluster(PODS, DENY_ALL), cluster(PODS, DENY_EGRESS))
