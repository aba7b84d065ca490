"""What holds for every verb: help, version, errors, interruption, exit codes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import auditor
from auditor.cli import BROKEN_PIPE, INTERRUPTED
from auditor.errors import AuditorError
from tests.cli.conftest import Run
from tests.conftest import FindCluster

COMMAND = [sys.executable, "-c", "from auditor.cli import entrypoint; entrypoint()"]
VERBS = ("audit", "snapshot", "connections", "explain", "rules", "completion")
HEAVY = ("kubernetes", "pandas", "weasyprint", "jinja2", "rich", "ryaml", "pyroaring")


def test_help_names_every_verb(run: Run) -> None:
    """`--help` lists the verbs, each with what it does."""
    ran = run("--help")
    assert ran.code == 0
    listed = [line.split()[0] for line in ran.out.decode().splitlines() if line.startswith("  ")]
    assert set() == set(VERBS) - set(listed)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(run: Run, verb: str) -> None:
    """`VERB --help` succeeds and shows how the verb is written."""
    ran = run(verb, "--help")
    assert (0, "") == (ran.code, ran.err)
    assert ran.out.decode().startswith(f"Usage: netpol-auditor {verb}")


def test_help_imports_nothing_heavy() -> None:
    """`--help` answers at once: no library is loaded that only a verb's work needs."""
    code = (
        "import sys; from auditor.cli import main; main(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == ran.stdout.splitlines()[-1]


def test_connections_import_nothing_heavy(cluster: FindCluster) -> None:
    """`connections` loads neither the cluster's client nor what only reports need."""
    code = (
        "import sys; from auditor.cli import main;"
        f"main(['connections', '-f', {str(cluster('two-namespaces', 'no-policy'))!r}]);"
        "print([n for n in ('kubernetes', 'pandas', 'weasyprint', 'jinja2', 'rich')"
        " if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == ran.stdout.splitlines()[-1]


@pytest.mark.parametrize("place", [(), ("audit",), ("rules", "list")])
def test_the_version_is_stated(run: Run, place: tuple[str, ...]) -> None:
    """`--version` works at the command and at its verbs."""
    assert (0, f"netpol-auditor {auditor.__version__}\n".encode(), "") == run(*place, "--version")


def test_without_a_verb_the_help_is_shown_and_the_usage_is_wrong(run: Run) -> None:
    """No verb at all is exit code 2; the help goes to standard error."""
    ran = run()
    assert (2, b"") == (ran.code, ran.out)
    assert ran.err.startswith("Usage: netpol-auditor")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("audti",), "verb audti is unknown", "did you mean audit?"),
        (("audit", "--fail-no", "high"), "flag --fail-no is unknown", "did you mean --fail-on"),
        (("connections", "-o", "xml"), "'xml' is not one of", "--help` lists the flags"),
        (("explain", "a/b"), "DESTINATION is missing", "--help` lists the flags"),
        (("connections", "-n", "a", "-A"), "-A and -n contradict each other", "leave one"),
        (("connections", "-q", "-v"), "-q and -v contradict each other", "leave one"),
        (("audit", "-o", "json"), "json is a format", "use --print json|table"),
        (("snapshot", "-o", "yaml"), "yaml is a format", "write -o ./yaml"),
        (("rules", "show", "database-open"), "rule database-open is unknown", "database-open-to-"),
        (("completion", "tcsh"), "'tcsh' is not one of", "--help` lists the flags"),
        (("connections", "-f", "-", "-f", "-"), "-f - is given twice", "can be read once"),
        (("audit", "--kubeconfig", "none"), "kubeconfig none does not exist", "--kubeconfig"),
    ],
)
def test_wrong_usage_is_one_line_and_a_hint(
    run: Run, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    """A malformed command line is exit code 2, with what is wrong and what to do."""
    ran = run(*arguments)
    assert (2, b"") == (ran.code, ran.out)
    first, second = ran.err.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("hint: ")
    assert hint in second


def test_errors_are_inert_on_a_terminal(run: Run) -> None:
    """Control and direction characters of what is quoted are spelled out."""
    ran = run("connections", "-f", "no\x1b[31m\u202efile\nx")
    assert 3 == ran.code
    assert "no\\x1b[31m\\u202efile\\nx" in ran.err
    assert "\x1b" not in ran.err


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the program fail in a way that nobody foresaw."""

    def fail(*_arguments: object, **_named: object) -> None:
        message = "a\nlong story"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("auditor.job.steps.take_snapshot", fail)


@pytest.mark.usefixtures("defect")
def test_a_defect_is_one_line_without_a_traceback(run: Run) -> None:
    """An unexpected exception is exit code 1 and `internal error`."""
    ran = run("connections", "-v")
    assert 1 == ran.code
    assert "internal error: ZeroDivisionError: a long story" == ran.err.splitlines()[0]
    assert "Traceback" not in ran.err


@pytest.mark.usefixtures("defect")
@pytest.mark.parametrize("flags", [("-v", "-v"), ("-vv",), ("--verbose", "-v")])
def test_a_defect_shows_its_traceback_where_that_is_asked_for(
    run: Run, flags: tuple[str, ...]
) -> None:
    """`-v -v` shows where a defect is."""
    assert "Traceback" in run("connections", *flags).err


def test_every_error_has_an_exit_code_of_the_contract() -> None:
    """Whatever reaches a user ends with one of the documented codes."""

    def descend(kind: type[AuditorError]) -> set[int]:
        return {kind.exit_code}.union(*(descend(one) for one in kind.__subclasses__()))

    assert {1, 2, 3, 5} == descend(AuditorError)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_a_signal_ends_the_command_quietly(tmp_path: Path, number: int, code: int) -> None:
    """Ctrl-C is exit code 130, a termination 143; neither shows a traceback or leaves files."""
    with subprocess.Popen(
        [*COMMAND, "audit", "-f", "-", "-o", str(tmp_path / "out"), "-v"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # More than a pipe holds: the write returns once the command is reading.
        process.stdin.write("# nothing\n" * 20_000)
        process.stdin.flush()
        time.sleep(0.5)  # until it has read all of that and waits for more
        process.send_signal(number)
        try:
            assert code == process.wait(timeout=20)
        finally:
            process.kill()
        error = process.stderr.read()
    assert "Traceback" not in error
    assert [] == list(tmp_path.iterdir())


def test_a_reader_that_leaves_early_is_no_error(cluster: FindCluster) -> None:
    """Output into a closed pipe ends the command without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*COMMAND, "connections", "-q", "-f", cluster("two-namespaces", "no-policy")],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (BROKEN_PIPE, b"") == (ran.returncode, ran.stderr)


def test_a_full_disk_behind_standard_output_is_an_error(cluster: FindCluster) -> None:
    """Data that could not be written is exit code 1 and one line, never a success."""
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [*COMMAND, "connections", "-q", "-f", cluster("two-namespaces", "no-policy")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert 1 == ran.returncode
    assert ran.stderr.startswith("error: standard output cannot be written: No space left")
    assert "Traceback" not in ran.stderr


def test_standard_output_that_is_closed_is_an_error(cluster: FindCluster) -> None:
    """Without a standard output, data has nowhere to go."""
    shop = cluster("two-namespaces", "no-policy")
    line = f'exec "$0" -c "$1" connections -q -f {shop} >&-'
    ran = subprocess.run(
        ["bash", "-c", line, *COMMAND[::2]], capture_output=True, text=True, check=False
    )
    assert (1, "error: standard output is closed") == (ran.returncode, ran.stderr.splitlines()[0])
