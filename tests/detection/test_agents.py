"""Each CNI, from the manifests of its agents to what is recognised (agents.yaml)."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from auditor.detection.loading import load_data
from auditor.detection.recognize import recognize, retention
from auditor.model.recognition import Cni, Feature
from auditor.settings import DetectionSettings
from auditor.sources.manifests import collect


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The agents of a CNI, and what is recognised of it."""

    name: str
    manifests: tuple[dict[str, Any], ...]
    cni: str | None
    enforces: bool | None
    capabilities: frozenset[Feature] = frozenset()
    denied: frozenset[Feature] = frozenset()

    def __str__(self) -> str:
        """Give the name."""
        return self.name

    def recognize(self) -> Cni:
        """What is recognised, from the manifests on."""
        text = yaml.safe_dump_all(self.manifests).encode()
        snapshot = collect(["-"], retention=retention(), now="now", stdin=BytesIO(text))
        assert () == snapshot.gaps
        return recognize(snapshot).cni


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``agents.yaml``."""

    objects: dict[str, Any]
    cases: tuple[Case, ...]


CASES = msgspec.convert(
    yaml.safe_load((Path(__file__).parent / "agents.yaml").read_text(encoding="utf-8")), File
).cases

every_case = pytest.mark.parametrize("case", CASES, ids=str)


@every_case
def test_agents_show_which_cni_runs_and_whether_it_enforces(case: Case) -> None:
    """The name and the verdict are the case's, and a verdict comes with evidence."""
    found = case.recognize()
    assert (case.cni, case.enforces) == (found.name, found.enforces)
    assert (case.enforces is None) or found.evidence


@every_case
def test_agents_show_what_of_policies_is_enforced(case: Case) -> None:
    """Every feature is known to be enforced, known not to be, or not known: each with evidence."""
    found = case.recognize()
    enforced = frozenset(one.feature for one in found.capabilities if one.enforced)
    denied = frozenset(one.feature for one in found.capabilities if one.enforced is False)
    assert (case.capabilities, case.denied) == (enforced, denied)
    assert all(one.evidence for one in found.capabilities)
    wanted = list(Feature) if case.enforces else []
    assert wanted == [one.feature for one in found.capabilities]


@every_case
def test_what_is_not_enforced_comes_with_a_remedy(case: Case) -> None:
    """What to change is said for a CNI that enforces nothing, and for a feature that it lacks."""
    found = case.recognize()
    assert bool(found.remedies) == (case.enforces is False)
    assert case.denied == {one.feature for one in found.capabilities if one.remedy}


def test_every_cni_of_the_data_has_a_case() -> None:
    """No CNI is only a line of data; Multus is never the cluster's own, and stands beside one."""
    data = load_data(DetectionSettings())
    names = {one.name for one in data.cnis} | {one.name for one in data.in_process}
    assert names - {"Multus"} == {one.cni for one in CASES if one.cni}


@pytest.mark.parametrize("name", ["Cilium", "kube-router", "Weave Net", "Flannel", "kindnet"])
def test_cni_with_a_switch_has_a_case_for_either_side(name: str) -> None:
    """Where a switch decides, it is shown to turn enforcement on, and off."""
    assert {True, False} == {one.enforces for one in CASES if one.cni == name}
