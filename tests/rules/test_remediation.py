"""Remediations do what they say, on the scenarios and on the cases.

The finding goes, nothing new of its severity comes, exactly the connections named close, and
nothing opens.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.clusters.test_scenarios import every_scenario
from tests.rules.applying import find_faults
from tests.rules.auditing import audit_snapshot, read_path, read_text
from tests.rules.casebook import Case, read_cases

# The cases of the rules lead to the same lines; here each change is judged as a whole, and the
# tracer of coverage would double the time of that.
pytestmark = pytest.mark.no_cover

flagged_case = pytest.mark.parametrize(
    "case", [one for one in read_cases() if one.written.kind == "flagged"], ids=str
)

ALL_PORTS_AND_ALL = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: app}
spec: {containers: [{name: main, image: nginx}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide, namespace: app}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress: [{to: [{podSelector: {}}]}]
  ingress:
    - from: [{podSelector: {}}]
      ports: [{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]
    - {}
"""


@every_scenario
def test_remediations_of_scenarios_do_what_they_say(folder: Path, tmp_path: Path) -> None:
    """Every remediation of every scenario mends its finding, and does nothing but what it says."""
    manifests = shutil.copytree(
        folder, tmp_path / "input", ignore=shutil.ignore_patterns("expected.yaml")
    )
    audited = audit_snapshot(read_path(manifests))
    assert audited.findings
    assert [] == find_faults(audited, audited.findings)


@flagged_case
def test_remediations_of_cases_do_what_they_say(case: Case, tmp_path: Path) -> None:
    """Every remediation of every flagged case mends its finding, and does only what it says."""
    audited = case.audit(tmp_path)
    assert [] == find_faults(audited, audited.findings)


def test_the_closing_of_other_protocols_alone_is_said() -> None:
    """Where an allow-all goes and every port of TCP, UDP and SCTP stays, ICMP closes.

    That is so between the pods of the namespace; for everyone else every port closes.
    """
    (finding,) = audit_snapshot(read_text(ALL_PORTS_AND_ALL)).findings_of(
        "namespace-lacks-default-deny"
    )
    assert finding.remediation is not None
    assert finding.remediation.closes is not None
    closed = {
        one.ports for one in finding.remediation.closes.connections if one.source.startswith("app/")
    }
    assert {"other protocols"} == closed


def test_the_name_of_a_new_policy_is_one_that_the_api_takes() -> None:
    """A name is cut to 253 characters, whatever the workload's, and numbered where it is taken."""
    pod = "a" * 242 + "-b"
    text = (
        "apiVersion: v1\nkind: Pod\n"
        f"metadata: {{name: {pod}, namespace: app, labels: {{app: web}}}}\n"
        "spec: {containers: [{name: main, image: nginx}]}\n"
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        f"metadata: {{name: {pod}-deny-ing, namespace: app}}\n"
        "spec: {podSelector: {}, policyTypes: [Egress]}\n"
    )
    audited = audit_snapshot(read_text(text))
    (found,) = audited.findings_of("workload-is-not-isolated")
    assert [] == find_faults(audited, [found])
    assert found.remediation is not None
    assert f"name: {pod}-deny-i-2\n" in (found.remediation.manifest or "")
