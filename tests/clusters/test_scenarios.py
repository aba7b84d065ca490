"""Every scenario gives exactly the connections and the findings of its expected.yaml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clusters.expectation import load

CLUSTERS = Path(__file__).parent
FOLDERS = sorted(path.parent for path in CLUSTERS.glob("*/*/expected.yaml"))


def name_folder(folder: Path) -> str:
    """Name a scenario's folder as scenario/variant."""
    return folder.relative_to(CLUSTERS).as_posix()


every_scenario = pytest.mark.parametrize("folder", FOLDERS, ids=name_folder)


def test_every_folder_of_manifests_states_what_it_expects() -> None:
    """No scenario drops out of these tests for want of an expected.yaml."""
    folders = {path.parent for path in CLUSTERS.glob("*/*/namespaces.yaml")}
    assert folders == set(FOLDERS)
    assert folders


@every_scenario
def test_connections_are_the_expected_ones(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`connections -o json` allows what expected.yaml lists, and nothing else."""
    from auditor.cli import main

    exit_code = main(["connections", "-f", str(folder), "-o", "json"])
    output = capfdbinary.readouterr().out
    assert exit_code == 0
    assert load(folder / "expected.yaml").compare_connections(json.loads(output)) == []


@pytest.mark.usefixtures("fast")
@every_scenario
def test_findings_are_the_expected_ones(folder: Path, tmp_path: Path) -> None:
    """`audit` finds what expected.yaml lists, and nothing else."""
    from auditor.cli import main

    exit_code = main(["audit", "-f", str(folder), "-o", str(tmp_path)])
    assert exit_code == 0
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert load(folder / "expected.yaml").compare_findings(report["findings"]) == []
