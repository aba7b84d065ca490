"""What each audience is told: its own, whole and with the same severities, and nobody else's."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings

from auditor.model.canonical import encode_canonical
from reports.csv import render_csv
from reports.html import render_html
from tests.job.audiences import Secretive, audience_of, audit_whole, secretive_clusters

_slow_checks = (HealthCheck.too_slow, HealthCheck.data_too_large)


@settings(max_examples=60, suppress_health_check=_slow_checks)
@given(secretive_clusters())
def test_nothing_of_others_is_told_and_all_of_ones_own(cluster: Secretive) -> None:
    """No name, label, image or address of others is in a report; the own findings all are."""
    told = audit_whole(cluster.snapshot)
    narrow = told.narrow(audience_of(cluster.own))
    before = msgspec.structs.replace(
        cluster.snapshot, policies=cluster.snapshot.policies[1:], pods=cluster.snapshot.pods[:-1]
    )
    since = told.narrow(audience_of(cluster.own), audit_whole(before))
    for audit in (narrow, since):
        content = b"".join(
            (encode_canonical(audit), render_csv(audit), render_html(audit))
        ).decode()
        assert [] == [one for one in cluster.secrets if one in content]
    own = {
        one.id: one.severity
        for one in told.audit.report.findings
        if one.subject.namespace == cluster.own or one.subject.kind == "Cluster"
    }
    assert own == {one.id: one.severity for one in narrow.report.findings}
