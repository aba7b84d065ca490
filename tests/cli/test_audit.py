"""`audit`: files, what is printed, exit codes, settings."""

import csv
import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

import auditor.rules
from auditor.findings import run as findings_run
from auditor.model.findings import Severity
from auditor.model.objects import Reference
from tests.cli.conftest import Run
from tests.clusters.expectation import load
from tests.conftest import RENDERERS, FindCluster

FILES = {"report.html", "report.pdf", "report.json", "findings.csv"}
HISTORY = {"history.sqlite", "history-snapshots"}


def read_report(folder: Path) -> Any:
    """Read report.json of a folder."""
    return msgspec.json.decode((folder / "report.json").read_bytes())


def test_the_folder_holds_the_whole_report(run: Run, cluster: FindCluster, tmp_path: Path) -> None:
    """By default the report goes to `out`: four files, the history, and nothing else."""
    ran = run("audit", "-f", cluster("shop"))
    assert 0 == ran.code
    out = tmp_path / "out"
    assert FILES | HISTORY == {path.name for path in out.iterdir()}
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert b"<html" in (out / "report.html").read_bytes()
    report = read_report(out)
    rows = list(csv.DictReader((out / "findings.csv").read_text("utf-8-sig").splitlines()))
    assert {one["id"] for one in report["findings"]} == {row["id"] for row in rows}


@pytest.mark.usefixtures("fast")
def test_the_run_and_the_digest_are_filled_in(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """Times are UTC and in order; without history two runs differ in `run` alone."""
    run("audit", "-f", cluster("shop"), "-o", "one", "--no-store")
    run("audit", "-f", cluster("shop"), "-o", "two", "--no-store")
    one, two = read_report(tmp_path / "one"), read_report(tmp_path / "two")
    assert one["run"]["started_at"] <= one["run"]["finished_at"]
    assert one["run"]["finished_at"].endswith("Z")
    assert one["run"]["settings_digest"] == two["run"]["settings_digest"]
    assert one.pop("run")["id"] != two.pop("run")["id"]
    assert 64 == len(one["digest"])
    assert one == two


@pytest.mark.usefixtures("fast")
def test_the_summary_counts_names_and_points(run: Run, cluster: FindCluster) -> None:
    """Standard output has the counts, the worst findings (production first), gaps and files."""
    ran = run("audit", "-f", cluster("shop"), "-o", "reports/today")
    text = ran.out.decode()
    assert "" == ran.err
    severities = Counter(one.severity for one in load(cluster("shop") / "expected.yaml").findings)
    counts = [f"{severities[one]} {one}" for one in ("high", "medium", "low", "info")]
    assert text.splitlines()[0].endswith(f"{', '.join(counts[:-1])} and {counts[-1]}")
    assert "database-open-to-all-pods: shop-prod/StatefulSet/redis  (and 1 more)" in text
    assert "1 gap: not everything was seen" in text
    assert "  reports/today/report.html" in text.splitlines()
    assert "\x1b" not in text


@pytest.mark.usefixtures("fast")
def test_quiet_says_nothing(run: Run, cluster: FindCluster, tmp_path: Path) -> None:
    """With -q the files are the only result."""
    assert (0, b"", "") == run("audit", "-q", "-f", cluster("shop"), "--no-store")
    assert FILES == {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.usefixtures("fast")
def test_the_report_can_be_printed(run: Run, cluster: FindCluster, tmp_path: Path) -> None:
    """`--print json` puts report.json on standard output, and only that."""
    ran = run("audit", "-f", cluster("shop"), "--print", "json")
    assert (tmp_path / "out" / "report.json").read_bytes() == ran.out
    assert "written: out/report.json" in ran.err.splitlines()


@pytest.mark.usefixtures("fast")
def test_the_findings_can_be_printed(run: Run, cluster: FindCluster, tmp_path: Path) -> None:
    """`--print table` puts a line per finding on standard output, aligned."""
    lines = run("audit", "-f", cluster("shop"), "--print", "table").out.decode().splitlines()
    assert len(read_report(tmp_path / "out")["findings"]) == len(lines) - 1
    rule = lines[0].index("RULE")
    assert {"  "} == {line[rule - 2 : rule] for line in lines}


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("flags", "code"),
    [
        ((), 0),
        (("--fail-on", "critical"), 0),
        (("--fail-on", "high"), 10),
        (("--fail-on", "info"), 10),
        (("--strict",), 4),
        (("--strict", "--fail-on", "high"), 4),
        (("--fail-on", "high", "-n", "ingress-nginx"), 0),
    ],
)
def test_findings_and_gaps_make_the_exit_code(
    run: Run, cluster: FindCluster, tmp_path: Path, flags: tuple[str, ...], code: int
) -> None:
    """Findings fail where that is asked for, gaps where they are strict; gaps go before."""
    assert code == run("audit", "-q", "-f", cluster("shop"), "--no-store", *flags).code
    assert FILES == {path.name for path in (tmp_path / "out").iterdir()}


@pytest.fixture
def broken_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first rule raise."""
    first, *others = auditor.rules.RULES

    def check(_view: object) -> Any:
        message = "no such luck"
        raise LookupError(message)

    broken = (first._replace(check=check), *others)
    monkeypatch.setattr(inspect.unwrap(findings_run.judge), "__defaults__", (broken,))


@pytest.mark.usefixtures("fast", "broken_rule")
def test_a_rule_that_fails_is_exit_code_1_and_stands_in_the_report(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """A failed rule is never a pass: it goes before gaps and findings, and the rest is judged."""
    ran = run("audit", "-f", cluster("shop"), "--strict", "--fail-on", "low")
    assert 1 == ran.code
    statuses = [one["status"] for one in read_report(tmp_path / "out")["rules"]]
    assert "error" == statuses[0]
    assert "fail" in statuses[1:]
    assert "1 rule failed to run" in ran.out.decode()


@pytest.mark.usefixtures("fast", "broken_rule")
@pytest.mark.parametrize(("flags", "shown"), [((), False), (("-v",), False), (("-vv",), True)])
def test_why_a_rule_failed_is_shown_where_that_is_asked_for(
    run: Run, cluster: FindCluster, flags: tuple[str, ...], *, shown: bool
) -> None:
    """`-v -v` shows the traceback of a failed rule."""
    ran = run("audit", "-f", cluster("two-namespaces", "no-policy"), *flags)
    assert shown is ("LookupError: no such luck" in ran.err)


@pytest.mark.usefixtures("fast")
def test_a_folder_that_cannot_be_written_is_a_failed_delivery(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """Exit code 5 goes before gaps and findings; the result is printed all the same."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    flags = ("--no-store", "--strict", "--fail-on", "low")
    ran = run("audit", "-f", cluster("shop"), "-o", "file", *flags)
    assert 5 == ran.code
    assert ran.err.startswith("error: report cannot be written to file: ")
    assert " open findings: " in ran.out.decode()
    assert "written:" not in ran.out.decode()
    assert "mine" == (tmp_path / "file").read_text(encoding="utf-8")


@pytest.mark.usefixtures("fast", "broken_rule")
def test_a_failed_rule_goes_before_a_failed_delivery(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """Of 1 and 5, 1 is the exit code."""
    (tmp_path / "file").touch()
    assert 1 == run("audit", "-q", "-f", cluster("shop"), "-o", "file").code


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_renderer_that_fails_leaves_the_former_report(
    run: Run,
    cluster: FindCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    renderer: str,
) -> None:
    """Files appear all together or not at all: the old ones stay as they were."""
    out = tmp_path / "out"
    out.mkdir()
    for name in FILES:
        (out / name).write_text("former", encoding="utf-8")
    monkeypatch.setattr("reports.html.render_html", lambda _audit: b"new")

    def fail(_audit: object) -> bytes:
        message = "no fonts"
        raise RuntimeError(message)

    monkeypatch.setattr(renderer, fail)
    ran = run("audit", "-f", cluster("two-namespaces", "no-policy"))
    assert (1, b"") == (ran.code, ran.out)
    assert "internal error: RuntimeError: no fonts" in ran.err
    assert dict.fromkeys(FILES, "former") == {name: (out / name).read_text() for name in FILES}


def test_nothing_is_written_where_nothing_could_be_collected(run: Run, tmp_path: Path) -> None:
    """An empty folder is exit code 3, and no report that looks complete is left."""
    (tmp_path / "empty").mkdir()
    ran = run("audit", "-f", "empty")
    assert (3, b"") == (ran.code, ran.out)
    assert "no Kubernetes object found in empty" in ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("fast")
def test_one_broken_document_is_a_gap_beside_the_rest(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """The run goes on, and the gap names file and document."""
    folder = tmp_path / "in"
    folder.mkdir()
    for path in cluster("two-namespaces", "no-policy").glob("[!e]*.yaml"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.yaml").write_text("a: b: c\n---\nkind: [\n", encoding="utf-8")
    assert 0 == run("audit", "-f", "in").code
    gaps = read_report(tmp_path / "out")["scope"]["gaps"]
    assert {"in/broken.yaml"} == {one["source"]["file"] for one in gaps}
    assert 2 == len(gaps)


@pytest.mark.usefixtures("fast")
def test_what_is_not_judged_is_listed_with_the_reason(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """-n and --exclude-namespace narrow the findings; the scope says what was left out and why."""
    run(
        "audit", "-f", cluster("shop"),
        "-n", "shop-prod", "-n", "shop-dev", "--exclude-namespace", "shop-dev=being rebuilt",
    )  # fmt: skip
    report = read_report(tmp_path / "out")
    excluded = {one["name"]: one["reason"] for one in report["scope"]["namespaces"]["excluded"]}
    assert "being rebuilt" == excluded["shop-dev"]
    assert "not among the namespaces asked for" == excluded["monitoring"]
    subjects = {one["subject"]["namespace"] for one in report["findings"]} - {None}
    assert {"shop-prod"} == subjects


@pytest.mark.usefixtures("fast")
def test_labels_narrow_the_workloads_that_are_judged(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """`-l` leaves findings on workloads with such pods, and on policies that select them."""
    run("audit", "-f", cluster("shop"), "-l", "app=redis")
    workloads = {
        Reference(*one["subject"].values())
        for one in read_report(tmp_path / "out")["findings"]
        if one["subject"]["kind"] not in {"Namespace", "Environments"}
    }
    assert {Reference("shop-prod", "StatefulSet", "redis")} == workloads


@pytest.mark.usefixtures("fast")
def test_an_exclusion_that_excludes_nothing_is_said(run: Run, cluster: FindCluster) -> None:
    """A misspelt name or glob would otherwise leave in what its author believes to be out."""
    exclusions = ("shop-prod=elsewhere", "shop-*", "shop-prd", "legacy-*=old")
    flags = [part for one in exclusions for part in ("--exclude-namespace", one)]
    ran = run("audit", "-f", cluster("shop"), *flags, "-q")
    warned = [line for line in ran.err.splitlines() if "excluded namespace" in line]
    assert [
        f"warning: excluded namespace {one} is none that was found"
        for one in ("shop-prd", "legacy-*")
    ] == warned


@pytest.mark.usefixtures("fast")
def test_settings_come_from_flags_then_environment_then_file(
    run: Run, cluster: FindCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each layer overrules the one below it."""
    folder = str(cluster("shop"))
    text = f"files: [{folder}]\noutput: from-file\nfail_on: high\nstrict: false\n"
    (tmp_path / "netpol-auditor.yaml").write_text(text, encoding="utf-8")
    assert 10 == run("audit", "-q").code
    assert (tmp_path / "from-file").is_dir()
    monkeypatch.setenv("NETPOL_AUDITOR_OUTPUT", "from-environment")
    monkeypatch.setenv("NETPOL_AUDITOR_FAIL_ON", "critical")
    assert 0 == run("audit", "-q").code
    assert (tmp_path / "from-environment").is_dir()
    assert 10 == run("audit", "-q", "-o", "from-flags", "--fail-on", Severity.LOW).code
    assert (tmp_path / "from-flags").is_dir()


def test_an_unknown_key_is_answered_with_file_key_and_line(run: Run, tmp_path: Path) -> None:
    """A settings file with a misspelt key is exit code 2: nothing is silently ignored."""
    (tmp_path / "mine.yaml").write_text("strict: true\nfailon: high\n", encoding="utf-8")
    ran = run("audit", "--config", "mine.yaml")
    assert 2 == ran.code
    assert "error: settings file mine.yaml, line 2: key failon is unknown" in ran.err
    assert "hint: did you mean fail_on?" in ran.err


@pytest.mark.usefixtures("fast")
def test_a_saved_snapshot_gives_the_same_audit(
    run: Run, cluster: FindCluster, tmp_path: Path
) -> None:
    """All but `run` is equal, and what `explain` and `connections` print is so byte for byte."""
    folder = cluster("shop", "calico")
    assert 0 == run("snapshot", "-f", folder, "-o", "shop.snapshot").code
    run("audit", "-q", "-f", folder, "-o", "one", "--no-store")
    run("audit", "-q", "-f", "shop.snapshot", "-o", "two", "--no-store")
    one, two = read_report(tmp_path / "one"), read_report(tmp_path / "two")
    del one["run"], two["run"]
    assert one == two
    for verb in (
        ("connections", "-o", "json"),
        ("connections", "-o", "table"),
        ("explain", "shop-prod/deploy/api", "shop-prod/sts/db", "-o", "json"),
    ):
        assert run(*verb, "-f", folder).out == run(*verb, "-f", "shop.snapshot").out


def test_progress_is_for_terminals(run: Run, cluster: FindCluster) -> None:
    """Where standard error is no terminal, no progress is printed; -v tells the stages' times."""
    ran = run("connections", "-v", "-f", cluster("two-namespaces", "no-policy"))
    assert ["collecting", "evaluating"] == [line.split(":")[0] for line in ran.err.splitlines()]
