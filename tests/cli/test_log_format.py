"""`--log-format json`: each line on standard error is one JSON object, whatever happens."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.lines import find_log_format, lines_in, print_line
from auditor.cli.log import show_log
from tests.cli.conftest import Run
from tests.conftest import FindCluster

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LEVELS = {"debug", "info", "warning", "error"}


def read_lines(error: str) -> list[dict[str, Any]]:
    """The objects, of which each has a time, a level and a message."""
    lines = [json.loads(line) for line in error.splitlines()]
    for line in lines:
        assert TIME.fullmatch(line["time"])
        assert line["level"] in LEVELS
        assert line["message"]
    return lines


@pytest.mark.parametrize(
    "arguments",
    [
        ("--log-format", "json"),
        ("audti", "--log-format=json"),
        ("audit", "--log-format", "json", "--nope"),
        ("audit", "--log-format", "json", "--config", "none.yaml"),
        ("connections", "--log-format", "json", "-q", "-v"),
        ("explain", "--log-format", "json", "a/b"),
    ],
)
def test_wrong_usage_is_an_object(run: Run, arguments: tuple[str, ...]) -> None:
    """Also what is wrong before there are settings has its hint and exit code as fields."""
    ran = run(*arguments)
    (line,) = read_lines(ran.err)
    assert (2, "error", 2) == (ran.code, line["level"], line["exit_code"])
    assert line["hint"]
    assert not line["message"].startswith("error: ")


def test_the_environment_chooses_the_format(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable does as the flag, which goes before it; empty it says nothing."""
    monkeypatch.setenv("NETPOL_AUDITOR_LOG_FORMAT", "json")
    assert 3 == read_lines(run("connections", "-f", "none").err)[0]["exit_code"]
    assert "error: " == run("connections", "-f", "none", "--log-format", "text").err[:7]
    monkeypatch.setenv("NETPOL_AUDITOR_LOG_FORMAT", "")
    assert "error: " == run("connections", "-f", "none").err[:7]


def test_a_format_that_is_none_is_wrong_usage(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag and variable know two formats."""
    assert 2 == run("connections", "--log-format", "xml").code
    monkeypatch.setenv("NETPOL_AUDITOR_LOG_FORMAT", "xml")
    ran = run("connections")
    assert 2 == ran.code
    assert "'xml' is not one of 'text', 'json'" in ran.err


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ([], "", "text"),
        (["--log-format", "json", "--log-format=text"], "json", "text"),
        (["--", "--log-format", "json"], "", "text"),
        (["--log-format"], "json", "text"),
        (["audit"], "json", "json"),
    ],
)
def test_the_last_word_holds(arguments: list[str], environ: str, expected: str) -> None:
    """The format is found as the command line will be read later."""
    assert expected == find_log_format(arguments, {"NETPOL_AUDITOR_LOG_FORMAT": environ})


def test_an_audit_ends_with_what_it_found(run: Run, cluster: FindCluster) -> None:
    """The last line names the run and what it found; stages say how long; stdout is silent."""
    source = cluster("two-namespaces", "no-policy")
    ran = run("audit", "-f", source, "--log-format", "json", "-v", "--cluster-name", "one")
    lines = read_lines(ran.err)
    report = json.loads(Path("out/report.json").read_text())
    last = lines[-1]
    assert report["run"]["id"] == last["run"]
    assert "one" == last["cluster"]
    assert report["summary"]["by_severity"] == last["findings"]
    assert report["summary"]["score"]["value"] == last["score"]
    assert len(report["scope"]["gaps"]) == last["gaps"]
    assert (0, 0) == (ran.code, last["exit_code"])
    stages = {one["stage"]: one["seconds"] for one in lines if "stage" in one}
    assert {"collecting", "evaluating", "judging", "rendering"} <= stages.keys()
    assert last["seconds"] >= stages["rendering"]
    assert b"" == ran.out


def test_a_defect_is_an_object_with_its_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback is a field, and only where it is asked for."""

    def fail(*_arguments: object, **_named: object) -> None:
        message = "a\nlong\x1b[31m story"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("auditor.job.steps.take_snapshot", fail)
    (line,) = read_lines(run("connections", "--log-format", "json", "-v", "-v").err)
    assert "internal error: ZeroDivisionError: a long\\x1b[31m story" == line["message"]
    assert 1 == line["exit_code"]
    first, *_, last = line["traceback"].splitlines()
    assert "Traceback (most recent call last):" == first
    assert "long\\x1b[31m story" == last
    (line,) = read_lines(run("connections", "--log-format", "json").err)
    assert "traceback" not in line


def test_the_own_log_is_made_of_objects(capsys: pytest.CaptureFixture[str]) -> None:
    """What the program logs of a rule that fails is one line, with the traceback in it."""
    logger = logging.getLogger("auditor.findings.run")
    with lines_in("json"), show_log():
        try:
            int("no such view")
        except ValueError:
            logger.exception("rule %s failed", "one")
        logger.info("two")
    first, second = read_lines(capsys.readouterr().err)
    assert ("error", "rule one failed") == (first["level"], first["message"])
    assert "auditor.findings.run" == first["logger"]
    assert "ValueError: invalid literal" in first["traceback"]
    assert ("info", "two") == (second["level"], second["message"])
    assert "traceback" not in second


def test_libraries_warn_in_objects(capsys: pytest.CaptureFixture[str]) -> None:
    """What libraries log without being asked, and Python's warnings, are lines of the log."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with lines_in("json"):
            # pytest's own handlers would take it
            logging.lastResort.handle(  # type: ignore[union-attr]
                logging.makeLogRecord({"name": "urllib3", "levelno": 30, "msg": "retrying"})
            )
            warnings.warn("old\nways", DeprecationWarning, stacklevel=1)
    first, second = read_lines(capsys.readouterr().err)
    assert ("warning", "retrying", "urllib3") == (first["level"], first["message"], first["logger"])
    assert ("old\\nways", "DeprecationWarning") == (second["message"], second["category"])


def test_hostile_names_are_inert_in_objects(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the line nor what is decoded from it holds control or direction characters."""
    name = "\x1b[31m\u202e\ud800\n{}" + "x" * 10_000
    with lines_in("json"):
        print_line(f"namespace {name}", level="warning", cluster=name, hint=name)
    error = capsys.readouterr().err
    assert error.isascii()
    (line,) = read_lines(error)
    for key in ("message", "cluster", "hint"):
        assert line[key].isprintable()
        assert len(line[key]) < 3000


def test_text_shows_the_hint_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """As text a line begins with its level, and says no more than it did."""
    print_line("one", level="error", hint="two", exit_code=3)
    print_line("three", level="warning", gaps=4)
    print_line("five", level="debug", stage="six")
    assert "error: one\nhint: two\nwarning: three\nfive\n" == capsys.readouterr().err


def test_progress_is_not_shown_among_objects(cluster: FindCluster) -> None:
    """On a terminal, too, there is nothing but objects."""
    ours, theirs = pty.openpty()
    source = str(cluster("two-namespaces", "no-policy"))
    code = (
        "from auditor.cli import main, progress; progress._PATIENCE_SECONDS = 0.0;"
        f"main(['connections', '-v', '-o', 'json', '--log-format', 'json', '-f', {source!r}])"
    )
    environ = {**os.environ, "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, check=True, env=environ
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.stdout
    assert "\x1b" not in shown
    assert {"collecting", "evaluating"} <= {one.get("stage") for one in read_lines(shown)}
