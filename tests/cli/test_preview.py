"""`preview`: what a change would open and close; warnings, formats, exit codes."""

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import FindCluster

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: prod}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
OPEN = DENY.replace("policyTypes: [Ingress]", "ingress: [{}], policyTypes: [Ingress]")


@pytest.fixture
def source(cluster: FindCluster, tmp_path: Path) -> Path:
    """Two namespaces, of which prod's ingress is closed."""
    folder = tmp_path / "source"
    shutil.copytree(cluster("two-namespaces", "no-policy"), folder)
    (folder / "deny.yaml").write_text(DENY, encoding="utf-8")
    (tmp_path / "open.yaml").write_text(OPEN, encoding="utf-8")
    refused = OPEN.replace("[{}]", "[{ports: [{port: 90, endPort: 80}]}]")
    (tmp_path / "refused.yaml").write_text(refused, encoding="utf-8")
    return folder


def test_a_preview_is_the_difference_to_the_changed_manifests(
    run: Run, source: Path, tmp_path: Path
) -> None:
    """As `diff` would say it, had the file been replaced."""
    after = tmp_path / "after"
    shutil.copytree(source, after)
    (after / "deny.yaml").write_text(OPEN, encoding="utf-8")
    previewed = run("preview", "open.yaml", "-f", source, "-o", "json").json
    made = run("diff", source, after, "-o", "json").json
    assert previewed["connections"]["totals"]["opened"]
    for part in ("policies", "connections", "findings", "scope"):
        assert made[part] == previewed[part]


def test_a_deletion_is_previewed(run: Run, source: Path) -> None:
    """By kubectl's names of kinds; what is not there is refused with what is near."""
    drift = run("preview", "--delete", "netpol/prod/default-deny", "-f", source, "-o", "json").json
    assert ["prod/NetworkPolicy/default-deny"] == drift["policies"]["removed"]
    ran = run("preview", "--delete", "netpol/prod/default-den", "-f", source)
    assert 2 == ran.code
    assert "default-deny" in ran.err


@pytest.mark.parametrize(
    ("change", "flags", "code"),
    [
        ("open.yaml", (), 0),
        ("open.yaml", ("--fail-on-opened",), 10),
        ("open.yaml", ("--fail-on", "high"), 10),
        ("open.yaml", ("--fail-on", "critical"), 0),
        ("source/deny.yaml", ("--fail-on-opened", "--fail-on", "info"), 0),
    ],
)
@pytest.mark.usefixtures("source")
def test_what_opens_or_appears_fails_where_that_is_asked_for(
    run: Run, change: str, flags: tuple[str, ...], code: int
) -> None:
    """Findings that were there before are not the change's."""
    assert code == run("preview", change, "-f", "source", *flags).code


def test_what_an_apply_would_keep_is_warned_of(run: Run, source: Path, tmp_path: Path) -> None:
    """Replacing closes what applying would leave open."""
    (source / "deny.yaml").write_text(OPEN, encoding="utf-8")
    assert 0 == run("snapshot", "-q", "-f", source, "-o", "before.snapshot").code
    (tmp_path / "close.yaml").write_text(DENY, encoding="utf-8")
    ran = run("preview", "close.yaml", "-f", "before.snapshot")
    assert 0 == ran.code
    assert "ingress" in ran.out.decode().partition("connections")[0]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "nothing is to be changed"),
        (("-", "-f", "-"), "CHANGE and -f both read standard input"),
        (("nowhere.yaml", "-f", "source"), "nowhere.yaml"),
        (("", "-f", "source"), "CHANGE is empty"),
        (("--delete", "default-deny", "-f", "source"), "default-deny"),
        (
            ("refused.yaml", "-f", "source"),
            "change cannot be previewed: NetworkPolicy prod/default-deny: ",
        ),
    ],
)
@pytest.mark.usefixtures("source")
def test_what_cannot_be_previewed_is_said(run: Run, arguments: tuple[str, ...], error: str) -> None:
    """In one line, with a hint, and nothing on standard output."""
    ran = run("preview", *arguments)
    assert ran.code in {2, 3}
    assert b"" == ran.out
    assert error in ran.err
    assert "hint: " in ran.err
