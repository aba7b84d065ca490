"""report.json: the contract, its canonical form and its digest."""

import hashlib
import json
from datetime import UTC, datetime

import msgspec
import pytest

from auditor.model.report import Report, RunRecord
from reports.json import digest, encode, render_json
from tests.reports.audits import make_audit, make_finding, make_many, make_shop
from tests.reports.hostile import STRINGS, make_hostile


def test_the_file_is_the_contract() -> None:
    """Top-level fields and schema are those of netpol-auditor/report/v1, nulls included."""
    report = json.loads(render_json(make_shop()))
    assert [
        "schema", "tool", "run", "cluster", "scope", "summary", "rules", "findings", "waivers",
        "refused_waivers", "frameworks", "drift", "digest",
    ] == list(report)  # fmt: skip
    assert "netpol-auditor/report/v1" == report["schema"]
    assert report["drift"] is None


def test_the_file_is_indented_by_two_spaces_and_ends_with_a_line_break() -> None:
    """People and diffs read it."""
    text = render_json(make_shop()).decode()
    assert text.startswith('{\n  "schema": "netpol-auditor/report/v1",\n  "tool": {\n    "name"')
    assert text.endswith("\n}\n")
    assert "dev→prod" in text


def test_the_file_decodes_to_the_report() -> None:
    """Nothing is lost on the way, so the digest can be checked from the file alone."""
    report = make_shop().report
    decoded = msgspec.json.decode(render_json(make_shop()), type=Report)
    assert encode(report) == encode(decoded)
    assert report.digest == digest(decoded)


def test_the_digest_can_be_checked_without_this_program() -> None:
    """It is the SHA-256 of what Python's own json makes of the file without run and digest."""
    value = json.loads(render_json(make_shop()))
    sealed = {key: part for key, part in value.items() if key not in ("run", "digest")}
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert value["digest"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("hostile", STRINGS, ids=ascii)
def test_the_canonical_form_is_that_of_pythons_json(hostile: str) -> None:
    """Also for control characters, quotes and characters beyond ASCII."""
    report = make_hostile(hostile).report
    canonical = encode(report)
    value = json.loads(canonical)
    again = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == canonical


def test_shares_in_evidence_are_spelled_as_python_spells_them() -> None:
    """Every share of four decimal places: a digest over them can be checked elsewhere."""
    shares = [round(number / 10_000, 4) for number in range(10_001)]
    canonical = encode(make_audit([make_finding(1, evidence={"shares": shares})]).report)
    assert json.dumps(shares, separators=(",", ":")).encode() in canonical


def test_the_digest_leaves_out_run_and_digest_and_nothing_else() -> None:
    """Two runs over the same input have the same digest; another finding changes it."""
    report = make_shop().report
    later = RunRecord("other", datetime.now(UTC).isoformat(), "", "cd" * 32)
    assert digest(report) == digest(msgspec.structs.replace(report, run=later, digest="x"))
    for change in ({"schema": "x"}, {"findings": ()}, {"rules": ()}):
        assert digest(report) != digest(msgspec.structs.replace(report, **change))


def test_the_order_of_keys_does_not_change_the_digest() -> None:
    """Evidence and counts are mappings: their order is nobody's business."""
    first, second = {0, 8}, {8, 0}
    assert list(first) != list(second), "equal sets whose members come in another order"
    there = make_audit([make_finding(1, evidence={"a": 1, "b": first})])
    back = make_audit([make_finding(1, evidence={"b": second, "a": 1})])
    assert there.report.digest == back.report.digest
    assert render_json(there) == render_json(back)


def test_a_file_name_that_is_no_utf8_is_spelled_out() -> None:
    """Lone surrogates cannot stand in UTF-8: the report is written all the same."""
    report = json.loads(render_json(make_hostile("x\udc80")))
    assert "x\\udc80" == report["scope"]["gaps"][0]["source"]["file"]


def test_every_finding_is_in_the_file() -> None:
    """JSON knows no limit."""
    assert 6000 == len(json.loads(render_json(make_many(6000)))["findings"])
