"""Completion scripts, and what they complete."""

import subprocess
import sys

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(run: Run, shell: str) -> None:
    """The script names the command and how it asks for completions."""
    ran = run("completion", shell)
    assert (0, "") == (ran.code, ran.err)
    assert b"netpol-auditor" in ran.out
    assert f"_NETPOL_AUDITOR_COMPLETE={shell}_complete".encode() in ran.out


def test_the_script_of_bash_is_bash(run: Run) -> None:
    """Bash parses the script."""
    script = run("completion", "bash").out
    parsed = subprocess.run(["bash", "-n"], input=script, capture_output=True, check=False)
    assert (0, b"") == (parsed.returncode, parsed.stderr)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "netpol-auditor ",
            {
                "audit",
                "snapshot",
                "connections",
                "explain",
                "diff",
                "preview",
                "history",
                "deliver",
                "watch",
                "verify",
                "waivers",
                "rules",
                "completion",
            },
        ),
        ("netpol-auditor conn", {"connections"}),
        ("netpol-auditor rules ", {"list", "show"}),
        ("netpol-auditor connections --exc", {"--exclude-namespace"}),
        ("netpol-auditor connections -o ", {"table", "json", "csv", "dot"}),
    ],
)
def test_verbs_flags_and_formats_are_completed(
    monkeypatch: pytest.MonkeyPatch, words: str, expected: set[str]
) -> None:
    """The command answers the shell's question."""
    monkeypatch.setenv("_NETPOL_AUDITOR_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    code = "from auditor.cli import entrypoint; entrypoint()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert expected == {line.rpartition(",")[2] for line in ran.stdout.splitlines()}
