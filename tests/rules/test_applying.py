"""What holds remediations to their word notices each way of breaking it."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.findings import ChangedConnection, ChangedConnections, Remediation
from tests.rules.applying import find_faults
from tests.rules.auditing import Audited, audit_snapshot, read_text

RULE = "database-open-to-all-pods"
WHERE = f"{RULE} app/Pod/db cluster"

INPUT = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: app}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {}}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: app, labels: {app: db}}
spec: {containers: [{name: main, image: "mysql:8"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: web, labels: {app: web}}
spec: {containers: [{name: main, image: nginx}]}
"""

HEAD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: in, namespace: app}
"""

MENDED = HEAD + (
    "spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: []}\n"
)
STILL_OPEN = HEAD + (
    "spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress],\n"
    "       ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]}\n"
)
FORGETFUL = HEAD + "spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}\n"
OPENING = HEAD + (
    "spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress],\n"
    "       ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: []}]}\n"
)
MOVED = HEAD + "spec: {podSelector: {}, policyTypes: [Ingress], ingress: []}\n"
INVALID = HEAD + "spec: {podSelector: {}, policyTypes: [Sideways], ingress: []}\n"

ROW = ChangedConnection(source="web/Pod/web", destination="app/Pod/db", ports="every port")
TRUE = ChangedConnections(total=1, connections=(ROW,), omitted=0)


@pytest.fixture(scope="module")
def audited() -> Audited:
    """A database that one policy opens to the cluster, and one pod that connects."""
    return audit_snapshot(read_text(INPUT))


def faults(audited: Audited, remediation: Remediation | None) -> list[str]:
    """The faults of the database's finding, were this its remediation."""
    (finding,) = audited.findings_of(RULE)
    found = find_faults(audited, [msgspec.structs.replace(finding, remediation=remediation)])
    return [one.removeprefix(f"{WHERE}: ") for one in found]


def test_a_remediation_that_does_what_it_says_has_no_fault(audited: Audited) -> None:
    """A manifest that mends the finding and names what it closes is right."""
    assert [] == faults(audited, Remediation(manifest=MENDED, closes=TRUE))


def test_a_finding_without_advice_is_a_fault(audited: Audited) -> None:
    """There is a manifest, or there are steps; not nothing, and not both."""
    assert ["there is no remediation"] == faults(audited, None)
    assert ["there is neither a manifest nor steps"] == faults(audited, Remediation())
    assert [] == faults(audited, Remediation(steps=("isolate it",)))
    both = Remediation(manifest=MENDED, closes=TRUE, steps=("isolate it",))
    assert ["a manifest comes with what it closes, and without steps"] == faults(audited, both)


def test_a_finding_that_stays_is_a_fault(audited: Audited) -> None:
    """A manifest that leaves a port open does not mend the finding."""
    found = faults(audited, Remediation(manifest=STILL_OPEN, closes=TRUE))
    assert "the finding is still there" in found


def test_a_field_that_an_apply_would_keep_is_a_fault(audited: Audited) -> None:
    """A manifest that leaves `ingress` out mends nothing where the object has it already."""
    expected = ["app/NetworkPolicy/in does not name ['ingress']"]
    assert expected == faults(audited, Remediation(manifest=FORGETFUL, closes=TRUE))


def test_what_opens_is_a_fault(audited: Audited) -> None:
    """A manifest that lets addresses in that were shut out is noticed."""
    found = faults(audited, Remediation(manifest=OPENING, closes=TRUE))
    assert ["10.0.0.0-10.255.255.255 → app/Pod/db opens on every port"] == found


def test_what_opens_is_held_against_what_is_said(audited: Audited) -> None:
    """Where a remediation says what it opens, that is what opens: no more and no less."""
    row = ChangedConnection(
        source="10.0.0.0-10.255.255.255", destination="app/Pod/db", ports="every port"
    )
    opens = ChangedConnections(total=1, connections=(row,), omitted=0)
    assert [] == faults(audited, Remediation(manifest=OPENING, closes=TRUE, opens=opens))
    narrower = msgspec.structs.replace(row, ports="TCP 80")
    wrong = ChangedConnections(total=1, connections=(narrower,), omitted=0)
    assert [
        "does not open: ('10.0.0.0-10.255.255.255', 'app/Pod/db', 'TCP 80')",
        "opens unsaid: ('10.0.0.0-10.255.255.255', 'app/Pod/db', 'every port')",
    ] == faults(audited, Remediation(manifest=OPENING, closes=TRUE, opens=wrong))
    nothing = ChangedConnections(total=0, connections=(), omitted=0)
    found = faults(audited, Remediation(manifest=OPENING, closes=TRUE, opens=nothing))
    assert "1 connections open, not 0" in found


def test_other_subjects_are_a_fault(audited: Audited) -> None:
    """A policy that is replaced keeps its podSelector."""
    found = faults(audited, Remediation(manifest=MOVED, closes=TRUE))
    assert ["app/NetworkPolicy/in changes its podSelector"] == found


def test_a_manifest_that_an_api_server_refuses_is_a_fault(audited: Audited) -> None:
    """A manifest that leaves a gap when it is read is no remediation."""
    found = faults(audited, Remediation(manifest=INVALID, closes=TRUE))
    assert found[0] == "the manifest is not accepted: spec.policyTypes[0] must be Ingress or Egress"


@pytest.mark.parametrize(
    ("closes", "fault"),
    [
        (ChangedConnections(total=0, connections=(), omitted=0), "1 connections close, not 0"),
        (ChangedConnections(total=2, connections=(ROW,), omitted=1), "1 connections close, not 2"),
        (
            ChangedConnections(total=1, connections=(ROW,), omitted=1),
            "the count of connections left out is wrong",
        ),
        (ChangedConnections(total=1, connections=(), omitted=1), "0 connections are named of 1"),
        (
            ChangedConnections(
                total=1, connections=(msgspec.structs.replace(ROW, ports="TCP 80"),), omitted=0
            ),
            "does not close: ('web/Pod/web', 'app/Pod/db', 'TCP 80')",
        ),
        (
            ChangedConnections(
                total=1, connections=(msgspec.structs.replace(ROW, ports="TCP 80"),), omitted=0
            ),
            "closes unsaid: ('web/Pod/web', 'app/Pod/db', 'every port')",
        ),
        (
            ChangedConnections(total=1, connections=(ROW, ROW), omitted=-1),
            "a connection is named twice",
        ),
    ],
)
def test_what_closes_is_held_against_what_is_said(
    audited: Audited, closes: ChangedConnections, fault: str
) -> None:
    """Totals, omissions, rows and ports must be those of what closes."""
    assert fault in faults(audited, Remediation(manifest=MENDED, closes=closes))
