"""Waivers on the command line: `waivers check`, and what `audit` does with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.rules import RULES
from tests.cli.conftest import Run
from tests.conftest import FindCluster


def day(offset: int) -> str:
    """A date, as many days from today, in UTC."""
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


def write_waivers(folder: Path, *items: tuple[str, str, int], created: str = "2020-01-01") -> Path:
    """A file of waivers: rule, subject, and in how many days they expire."""
    listed = [
        {
            "rule": rule,
            "subject": subject,
            "reason": "accepted for now",
            "owner": "team-a",
            "approved_by": "b.bright",
            "ticket": "SEC-1",
            "created": created,
            "expires": day(days),
        }
        for rule, subject, days in items
    ]
    path = folder / "waivers.yaml"
    path.write_bytes(msgspec.json.format(msgspec.json.encode({"waivers": listed})))
    return path


@pytest.fixture
def waivers(tmp_path: Path) -> Path:
    """One waiver that is used in the scenario shop, one that is not, and one that has expired."""
    return write_waivers(
        tmp_path,
        ("egress-is-unrestricted", "shop-prod/*", 400),
        ("egress-is-unrestricted", "no-such/Deployment/web", 10),
        ("environments-can-talk", "Environments/*", -1),
    )


def states(run: Run, *arguments: str | Path) -> list[tuple[str, int | None, int, bool]]:
    """State, findings, days and whether it expires soon, of each waiver checked."""
    ran = run("waivers", "check", *arguments, "-o", "json")
    assert 0 == ran.code
    return [
        (one["state"], one["findings"], one["expires_in_days"], one["expires_soon"])
        for one in ran.json
    ]


def test_without_a_source_the_dates_are_told(run: Run, waivers: Path) -> None:
    """No cluster is asked, and nothing is said of what nobody judged."""
    assert [
        ("valid", None, 400, False),
        ("valid", None, 10, True),
        ("expired", None, -1, False),
    ] == states(run, waivers)


def test_with_a_source_their_use_is_told(run: Run, waivers: Path, cluster: FindCluster) -> None:
    """By how many findings, as an audit would use them."""
    assert [
        ("used", 1, 400, False),
        ("unused", 0, 10, True),
        ("expired", 3, -1, False),
    ] == states(run, waivers, "-f", cluster("shop"))


def test_the_check_is_a_table_too(run: Run, waivers: Path, cluster: FindCluster) -> None:
    """A line per waiver with its place, and the count; gaps are said beside it."""
    ran = run("waivers", "check", waivers, "-f", cluster("shop"))
    lines = ran.out.decode().splitlines()
    assert ["STATE", "used", "unused", "expired", "3"] == [line.split()[0] for line in lines]
    assert f"{waivers}:" in lines[1]
    assert "3 waivers: 1 used, 1 unused, 1 expired, 1 within 30 days of expiry" == lines[-1]
    assert "warning: 1 gap: not everything was seen" in ran.err
    assert 4 == run("waivers", "check", waivers, "-f", cluster("shop"), "--strict").code


def test_a_waiver_that_is_yet_to_begin_is_not_valid_yet(
    run: Run, tmp_path: Path, cluster: FindCluster
) -> None:
    """With a source and without one; the table says when it begins."""
    path = write_waivers(tmp_path, ("egress-is-unrestricted", "shop-prod/*", 9), created=day(3))
    assert [("not-yet-valid", None, 9, False)] == states(run, path)
    assert [("not-yet-valid", 0, 9, False)] == states(run, path, "-f", cluster("shop"))
    text = run("waivers", "check", path, "-f", cluster("shop")).out.decode()
    assert f"(it begins on {day(3)}, after the day of this run)" in text
    assert "1 waiver: 1 not-yet-valid" == text.splitlines()[-1]


def test_a_file_without_waivers_is_well_formed(run: Run, tmp_path: Path) -> None:
    """There is nothing to list."""
    assert (0, b"0 waivers\n", "") == run("waivers", "check", write_waivers(tmp_path))


def test_only_the_files_are_checked(run: Run, waivers: Path, tmp_path: Path) -> None:
    """Those of the settings are not among them."""
    (tmp_path / "netpol-auditor.yaml").write_text("waivers: [elsewhere.yaml]", encoding="utf-8")
    assert 3 == len(states(run, waivers))


@pytest.mark.usefixtures("fast")
def test_the_waivers_of_a_settings_file_are_found_beside_it(
    run: Run, tmp_path: Path, cluster: FindCluster
) -> None:
    """Wherever one calls from; one that is not there is answered with file, line and key."""
    (tmp_path / "conf").mkdir()
    write_waivers(tmp_path / "conf", ("egress-is-unrestricted", "shop-prod/*", 400))
    config = tmp_path / "conf" / "mine.yaml"
    config.write_text("waivers: [waivers.yaml]", encoding="utf-8")
    arguments = ("audit", "-f", cluster("shop"), "--config", "conf/mine.yaml", "--print", "json")
    (use,) = run(*arguments).json["waivers"]
    assert ("used", "conf/waivers.yaml") == (use["state"], use["waiver"]["file"])
    config.write_text("strict: true\nwaivers:\n  - none.yaml\n", encoding="utf-8")
    ran = run(*arguments)
    assert 2 == ran.code
    assert (
        "error: settings file conf/mine.yaml, line 3: key waivers.0: waiver file conf/none.yaml "
        "cannot be read: No such file or directory" in ran.err
    )


@pytest.mark.parametrize("verb", ["check", "audit"])
def test_a_malformed_waiver_ends_the_run(
    run: Run, tmp_path: Path, cluster: FindCluster, verb: str
) -> None:
    """Exit code 2 with file, line and key, before anything is collected or written."""
    path = write_waivers(tmp_path, ("egress-is-unrestricte", "shop/*", 1))
    arguments = {
        "check": ("waivers", "check", path),
        "audit": ("audit", "-f", cluster("shop"), "--waivers", path),
    }
    ran = run(*arguments[verb])
    assert (2, b"") == (ran.code, ran.out)
    error, hint = ran.err.splitlines()
    assert error.startswith(f"error: waiver file {path}, line ")
    assert error.endswith("key waivers.0.rule is malformed: egress-is-unrestricte is no rule")
    assert "hint: did you mean egress-is-unrestricted or database-egress-is-unrestricted?" == hint
    assert not (tmp_path / "out").exists()


def audit_json(run: Run, *arguments: str | Path) -> Any:
    """The report of an audit."""
    return run("audit", *arguments, "--print", "json").json


@pytest.mark.usefixtures("fast")
def test_waived_findings_are_in_the_report_with_their_waiver(
    run: Run, waivers: Path, cluster: FindCluster
) -> None:
    """Finding, counts, waivers, and the rule's status say the same."""
    report = audit_json(run, "-f", cluster("shop"), "--waivers", waivers)
    (waived,) = (one for one in report["findings"] if one["status"] == "waived")
    assert ("b.bright", str(waivers)) == (waived["waiver"]["approved_by"], waived["waiver"]["file"])
    assert 1 == sum(report["summary"]["waived_by_severity"].values())
    assert ["used", "unused", "expired"] == [one["state"] for one in report["waivers"]]
    reopened = [one for one in report["findings"] if one["waiver"] and one["status"] == "open"]
    assert {"environments-can-talk"} == {one["rule"] for one in reopened}


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(("days", "code"), [(0, 0), (-1, 10)])
def test_a_waived_finding_does_not_trip_fail_on(
    run: Run, tmp_path: Path, cluster: FindCluster, days: int, code: int
) -> None:
    """On its last day a waiver still holds; on the next its finding fails the run again."""
    write_waivers(tmp_path, *((rule.id, "*/*", days) for rule in RULES))
    arguments = ("audit", "-q", "-f", cluster("shop"), "--fail-on", "info")
    assert 10 == run(*arguments).code
    assert code == run(*arguments, "--waivers", "waivers.yaml").code


@pytest.mark.usefixtures("fast")
def test_settings_name_waivers_and_change_rules(
    run: Run, tmp_path: Path, waivers: Path, cluster: FindCluster
) -> None:
    """A run without flags knows them; a flag takes the place of the settings' files."""
    (tmp_path / "netpol-auditor.yaml").write_text(
        f"waivers: [{waivers.name}]\n"
        "rules:\n"
        "  environments-can-talk: {enabled: false, reason: one team}\n"
        "  egress-is-unrestricted: {severity: low, reason: a proxy filters}\n",
        encoding="utf-8",
    )
    report = audit_json(run, "-f", cluster("shop"))
    rules = {one["id"]: one for one in report["rules"]}
    disabled = rules["environments-can-talk"]
    assert ("disabled", "one team") == (disabled["status"], disabled["reason"])
    assert {"default": "high", "severity": "low", "reason": "a proxy filters"} == rules[
        "egress-is-unrestricted"
    ]["severity_override"]
    by_rule = {one["rule"]: one for one in report["findings"] if not one["system"]}
    assert "environments-can-talk" not in by_rule
    egress = by_rule["egress-is-unrestricted"]
    assert "low" == egress["severity"]
    assert egress["severity_reason"].startswith("the settings make it low: a proxy filters")
    assert "rule environments-can-talk is disabled" == report["waivers"][2]["reason"]
    other = tmp_path / "other.yaml"
    other.write_text("waivers: []", encoding="utf-8")
    assert [] == audit_json(run, "-f", cluster("shop"), "--waivers", other)["waivers"]


@pytest.mark.usefixtures("fast")
def test_the_summary_shows_score_and_waivers(run: Run, waivers: Path, cluster: FindCluster) -> None:
    """Counts apart from the open ones, what somebody must look after, and the formula."""
    lines = run("audit", "-f", cluster("shop"), "--waivers", waivers).out.decode().splitlines()
    assert "  waived        1  (1 high; not among those above)" in lines
    text = "\n".join(lines)
    assert (
        f"  waivers: environments-can-talk for Environments/* expired on {day(-1)}: "
        "3 findings are open again"
    ) in lines
    assert "egress-is-unrestricted for no-such/Deployment/web is unused" in text
    assert f"; it expires on {day(10)}, in 10 days" in text
    (score,) = (number for number, line in enumerate(lines) if line.startswith("score: "))
    assert " of 100 (S = 19, W = " in lines[score]
    assert lines[score + 1].startswith("  100 * S / (S + W), ")
