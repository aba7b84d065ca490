"""`rules`: the list, and a rule's page."""

from pathlib import Path

import pytest

from auditor.rules import RULES
from auditor.rules._rule import HEADINGS
from tests.cli.conftest import Run


def test_every_rule_is_listed(run: Run) -> None:
    """A line per rule, in the order of reports, with its severity."""
    lines = run("rules", "list").out.decode().splitlines()
    expected = [[one.severity.value, one.id] for one in RULES]
    assert expected == [line.split()[:2] for line in lines[1:]]


def test_the_list_is_a_document_too(run: Run) -> None:
    """`-o json` lists id, severity and title."""
    expected = [
        {"id": one.id, "severity": one.severity.value, "title": one.page.title} for one in RULES
    ]
    assert expected == run("rules", "list", "-o", "json").json


def test_the_list_is_a_book_too(run: Run) -> None:
    """`-o markdown` holds every page: a heading by the rule's id, and all its sections."""
    lines = run("rules", "list", "-o", "markdown").out.decode().splitlines()
    assert [f"## {one.id}" for one in RULES] == [one for one in lines if one.startswith("## ")]
    for heading in HEADINGS:
        assert len(RULES) == lines.count(f"**{heading}**")


@pytest.mark.parametrize("rule", [one.id for one in RULES])
def test_every_rule_has_a_page(run: Run, rule: str) -> None:
    """The page has its sections in order, in text and as a document."""
    lines = run("rules", "show", rule).out.decode().splitlines()
    assert lines[0].startswith(f"{rule} (")
    assert [f"{one}:" for one in HEADINGS] == [line for line in lines if line[:-1] in HEADINGS]
    assert all(len(line) <= 100 for line in lines)
    document = run("rules", "show", rule, "-o", "json").json
    assert list(HEADINGS) == [one["heading"] for one in document["sections"]]
    assert rule == document["id"]


def test_rules_need_no_source(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list asks neither a cluster nor the environment."""
    monkeypatch.setenv("NETPOL_AUDITOR_NONSENSE", "1")
    assert 0 == run("rules", "list").code


SHOP = """
{apiVersion: v1, kind: List, items: [
  {apiVersion: v1, kind: Namespace, metadata: {name: shop-prod}},
  {apiVersion: v1, kind: Pod, metadata: {name: "db", namespace: shop-prod},
   spec: {containers: [{name: a, image: "mysql:8"}]}}]}
"""


def test_a_source_shows_what_a_rule_rests_on(run: Run, tmp_path: Path) -> None:
    """After the page: databases with their evidence, and what was not found is said too."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    alone = run("rules", "show", "database-open-to-all-pods").out.decode()
    ran = run("rules", "show", "database-open-to-all-pods", "-f", "shop.yaml")
    assert 0 == ran.code
    shown = ran.out.decode()
    assert shown.startswith(alone)
    assert (
        "Recognised: Databases\n"
        "  shop-prod/Pod/db: MySQL\n"
        "    - image mysql:8 (container a)\n"
        "\n"
        "Recognised: System namespaces\n"
        "  none\n"
    ) in shown


def test_a_rule_that_rests_on_nothing_says_so(run: Run, tmp_path: Path) -> None:
    """Policies alone decide: silence would look like a failure."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    shown = run("rules", "show", "policy-kinds-not-evaluated", "-f", "shop.yaml").out.decode()
    assert shown.endswith("Recognised: the rule rests on nothing that has to be recognised\n")


def test_a_source_adds_to_the_document(run: Run, tmp_path: Path) -> None:
    """`-o json` has the same under `recognised`, and without a source no such key."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "netpol-auditor.yaml").write_text("detection: {environments: {shop-*: dev}}")
    rule = ("rules", "show", "environments-can-talk", "-o", "json")
    assert "recognised" not in run(*rule).json
    environments = run(*rule, "-f", "shop.yaml").json["recognised"][0]
    assert {
        "aspect": "environments",
        "items": [{"subject": "shop-prod", "taken_for": "dev", "evidence": ["settings"]}],
    } == environments


def test_names_of_a_source_are_shown_harmless(run: Run, tmp_path: Path) -> None:
    """What a tenant wrote into a pod cannot steer a terminal."""
    (tmp_path / "shop.yaml").write_text(SHOP.replace("mysql:8", r"mysql:\e[31m8"))
    shown = run("rules", "show", "database-open-to-all-pods", "-f", "shop.yaml").out
    assert b"\x1b" not in shown
    assert rb"mysql:\x1b[31m8" in shown


@pytest.mark.parametrize("flag", ["--cluster", "--context=none"])
def test_the_cluster_is_asked_only_where_that_is_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    """Neither settings nor a kubeconfig make the page ask anyone, and the flag does."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    (tmp_path / "netpol-auditor.yaml").write_text("files: []\ncontext: elsewhere\n")
    assert 0 == run("rules", "show", "environments-can-talk").code
    ran = run("rules", "show", "environments-can-talk", flag)
    assert (2, b"") == (ran.code, ran.out)
    assert "kubeconfig" in ran.err


def test_the_cluster_is_no_file(run: Run) -> None:
    """Two sources are one too many."""
    ran = run("rules", "show", "environments-can-talk", "--cluster", "-f", "shop.yaml")
    assert 2 == ran.code
    assert "error: --cluster and -f contradict each other" in ran.err


def test_an_unknown_rule_is_said_before_a_source_is_read(run: Run) -> None:
    """A typing error costs no collection."""
    ran = run("rules", "show", "environment-can-talk", "-f", "none.yaml")
    assert 2 == ran.code
    assert "did you mean environments-can-talk" in ran.err
