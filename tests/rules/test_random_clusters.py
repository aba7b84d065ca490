"""What rules state holds on random small clusters, too: witnesses and remediations."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.connections import WorkloadEndpoint
from auditor.model.findings import Unevaluated
from auditor.model.report import FindingRecord
from auditor.model.snapshot import Snapshot
from auditor.reachability.connections import list_connections
from auditor.rules import RULES
from tests.rules.applying import find_faults
from tests.rules.auditing import Audited, Reading, audit_snapshot, name_subject
from tests.rules.populated import DETECTION, populated_snapshots
from tests.rules.witnesses import find_unproven

READINGS: tuple[Reading, ...] = ("auto", "yes", "no")

# Examples are big by nature.
_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)


APPLIED_AT_MOST = 6
"""Remediations of one cluster: each takes another audit."""


def one_of_some_rules(audited: Audited, choice: int) -> list[FindingRecord]:
    """One finding each of a few of the rules that have some, others by every choice."""
    by_rule: dict[str, list[FindingRecord]] = defaultdict(list)
    for one in audited.findings:
        by_rule[one.rule].append(one)
    found = [each[choice % len(each)] for each in by_rule.values()]
    start = choice % max(1, len(found))
    return (found[start:] + found[:start])[:APPLIED_AT_MOST]


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=_slow_checks)
@given(
    snapshot=populated_snapshots(max_pods=6, max_policies=4),
    reading=st.sampled_from(READINGS),
    choice=st.integers(min_value=0, max_value=4 * len(RULES)),
)
def test_remediations_do_what_they_say(snapshot: Snapshot, reading: Reading, choice: int) -> None:
    """A remediation mends its finding, and does nothing but what it says, whatever the cluster."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    assert [] == find_faults(audited, one_of_some_rules(audited, choice))


@pytest.mark.slow
@settings(max_examples=200, suppress_health_check=_slow_checks)
@given(snapshot=populated_snapshots(max_pods=8, max_policies=4), reading=st.sampled_from(READINGS))
def test_witnesses_are_connections_of_today(snapshot: Snapshot, reading: Reading) -> None:
    """A witness is a row of the connections and the subject's own, whatever the cluster."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    assert [] == find_unproven(audited)


@settings(max_examples=150, suppress_health_check=_slow_checks)
@given(snapshot=populated_snapshots(max_pods=6, max_policies=4))
def test_what_a_cni_might_open_is_never_clean(snapshot: Snapshot) -> None:
    """What is found where ipBlocks match pods is found, or not evaluated, where nobody knows."""
    known = audit_snapshot(snapshot, reading="yes", detection=DETECTION)
    unknown = audit_snapshot(snapshot, reading="auto", detection=DETECTION)
    found = {(one.rule, name_subject(one)) for one in unknown.findings}
    unevaluated = {
        (rule.id, str(one.subject))
        for rule in RULES
        for one in rule.check(unknown.view)
        if isinstance(one, Unevaluated)
    }
    wanted = {(one.rule, name_subject(one)) for one in known.findings}
    assert set() == wanted - found - unevaluated


@settings(max_examples=150, suppress_health_check=_slow_checks)
@given(snapshot=populated_snapshots(max_pods=8), reading=st.sampled_from(READINGS))
def test_workload_pairs_are_the_rows_between_environments(
    snapshot: Snapshot, reading: Reading
) -> None:
    """Environments can talk exactly where rows connect them, and each row is one pair."""
    audited = audit_snapshot(snapshot, reading=reading, detection=DETECTION)
    environments = audited.view.recognition.environments
    rows: Counter[str] = Counter()
    for connection in list_connections(audited.view):
        ends = (connection.source, connection.destination)
        names = [
            environments[one.workload.namespace].name
            for one in ends
            if isinstance(one, WorkloadEndpoint) and one.workload.namespace in environments
        ]
        if len(names) == 2 and None not in names and names[0] != names[1]:
            rows[f"Environments/{names[0]}→{names[1]}"] += 1
    found = {
        name_subject(one): one.evidence["workload_pairs"]
        for one in audited.findings_of("environments-can-talk")
    }
    assert rows == found
