"""findings.csv, as spreadsheets and programs read it back."""

import csv
import io
import json

import pytest

from auditor.model.findings import ChangedConnections, Remediation
from reports.csv import COLUMNS, begins_formula, render_csv
from reports.text import visible
from tests.reports.audits import make_audit, make_finding, make_many, make_shop
from tests.reports.drifts import make_drifted
from tests.reports.governance import make_governed
from tests.reports.hostile import STRINGS, make_hostile


def read(document: bytes) -> list[dict[str, str]]:
    """Read a CSV file back by the standard library."""
    return list(csv.DictReader(io.StringIO(document.decode("utf-8-sig"), newline="")))


def test_the_columns_are_stable() -> None:
    """Also where there is no finding."""
    expected = ",".join(f'"{column}"' for column in COLUMNS)
    assert f"\ufeff{expected}\n" == render_csv(make_audit()).decode()


def test_a_row_tells_since_when_the_finding_is_seen() -> None:
    """As the history keeps it; empty where there is none."""
    rows = {row["id"]: row for row in read(render_csv(make_drifted()))}
    assert ("2026-11-21T14:03:05Z", "2026-11-01T08:30:00Z") == (
        rows["0000000000000003"]["first_seen"],
        rows["0000000000000001"]["first_seen"],
    )
    assert {"2026-11-21T14:03:05Z"} == {row["last_seen"] for row in rows.values()}
    assert {""} == {row["first_seen"] for row in read(render_csv(make_shop()))}


def test_each_finding_is_a_row_worst_first() -> None:
    """No limit, no grouping."""
    rows = read(render_csv(make_many(6000)))
    assert 6000 == len(rows)
    assert 6000 == len({row["id"] for row in rows})
    assert ["high", "info"] == [rows[0]["severity"], rows[-1]["severity"]]


def test_a_row_holds_the_finding() -> None:
    """Every field of the finding reads back."""
    (row,) = (
        one for one in read(render_csv(make_shop())) if one["rule"] == "database-open-to-all-pods"
    )
    assert {
        "id": "0000000000000003",
        "severity": "high",
        "status": "open",
        "system": "no",
        "namespace": "shop-dev",
        "kind": "StatefulSet",
        "name": "db",
        "detail": "cluster",
        "witness_source": "monitoring/Deployment/prometheus",
        "witness_destination": "shop-dev/StatefulSet/db",
        "witness_protocol": "TCP",
        "witness_port": "3306",
        "closes": "42",
        "opens": "",
        "cluster": "shop-cluster",
    }.items() <= row.items()
    assert "mysql" == json.loads(row["evidence"])["engine"]
    assert row["remediation"].startswith("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n")


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_a_formula_is_neutralised(start: str) -> None:
    """An apostrophe stands before whatever a spreadsheet may calculate."""
    hostile = f"{start}cmd|'/c calc'!A1"
    (row,) = read(render_csv(make_audit([make_finding(1, message=hostile, detail=hostile)])))
    assert begins_formula(hostile)
    assert f"'{visible(hostile)}" == row["message"] == row["detail"]


def test_a_manifest_that_begins_like_a_formula_is_neutralised() -> None:
    """The document mark of YAML begins with a minus."""
    finding = make_finding(1, remediation=Remediation(manifest="---\nkind: X\n"))
    (row,) = read(render_csv(make_audit([finding])))
    assert "'---\nkind: X\n" == row["remediation"]


@pytest.mark.parametrize("hostile", STRINGS, ids=ascii)
def test_no_hostile_field_breaks_its_row(hostile: str) -> None:
    """One finding stays one row of the same columns, whole and inert."""
    (row,) = read(render_csv(make_hostile(hostile)))
    assert list(COLUMNS) == list(row)
    apostrophe = "'" if begins_formula(hostile) else ""
    assert f"{apostrophe}{visible(hostile)}" == row["name"]
    assert [hostile] == json.loads(row["evidence"])["list"]
    assert [] == [
        column for column, value in row.items() if value.startswith(("=", "+", "-", "@", "\t"))
    ]


def test_what_a_remediation_opens_is_counted() -> None:
    """In a column of its own."""
    opens = ChangedConnections(total=7, connections=(), omitted=7)
    finding = make_finding(1, remediation=Remediation(manifest="kind: X", opens=opens))
    (row,) = read(render_csv(make_audit([finding])))
    assert "7" == row["opens"]


def test_a_waived_finding_has_its_waiver_and_its_controls() -> None:
    """Who accepted it, why, until when; and whether the waiver holds."""
    expired, waived = read(render_csv(make_governed()))
    assert {
        "status": "waived",
        "waiver": "w-1",
        "waiver_state": "holds",
        "waiver_reason": "the namespace is torn down every night",
        "waiver_compensating_control": "a gateway filters what enters",
        "waiver_owner": "team-shop",
        "waiver_approved_by": "security board",
        "waiver_ticket": "SEC-1234",
        "waiver_created": "2026-01-10",
        "waiver_expires": "2026-12-31",
        "controls": "Benchmark 1.0 5.3.2; Standard 2022 8.20; Standard 2022 8.21",
    }.items() <= waived.items()
    assert ("open", "expired") == (expired["status"], expired["waiver_state"])


def test_a_finding_without_evidence_has_an_empty_field() -> None:
    """Nothing is no JSON object."""
    (row,) = read(render_csv(make_audit([make_finding(1, evidence={}, remediation=None)])))
    assert ("", "", "") == (row["evidence"], row["remediation"], row["closes"])


def test_steps_stand_where_there_is_no_manifest() -> None:
    """A line each."""
    finding = make_finding(1, remediation=Remediation(steps=("first", "second")))
    (row,) = read(render_csv(make_audit([finding])))
    assert "first\nsecond" == row["remediation"]
