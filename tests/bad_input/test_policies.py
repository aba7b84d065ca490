"""Policies that an API server would refuse, and objects that stand twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bad_input.conftest import Say

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: a}
spec: {containers: [{name: c, image: i}]}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np, namespace: a}
spec:
"""
DENY = f"{POLICY}  podSelector: {{}}\n"
INVALID = {
    "ingress: [{ports: [{port: 90, endPort: 80}]}]": "spec.ingress[0].ports[0].endPort",
    "ingress: [{ports: [{port: http, endPort: 80}]}]": "spec.ingress[0].ports[0].endPort",
    "ingress: [{ports: [{port: 0}]}]": "spec.ingress[0].ports[0].port",
    "ingress: [{ports: [{port: 65536}]}]": "spec.ingress[0].ports[0].port",
    "ingress: [{ports: [{protocol: ICMP}]}]": "spec.ingress[0].ports[0].protocol",
    "ingress: [{from: [{}]}]": "spec.ingress[0].from[0]",
    "egress: [{to: [{ipBlock: {}}]}]": "spec.egress[0].to[0].ipBlock.cidr",
    "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/33}}]}]": "spec.egress[0].to[0].ipBlock.cidr",
    "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]": (
        "spec.egress[0].to[0].ipBlock.except[0]"
    ),
    "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]": (
        "spec.egress[0].to[0].ipBlock.except[0]"
    ),
    "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]": "spec.egress[0].to[0]",
    "policyTypes: [Both]": "spec.policyTypes[0]",
    "podSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]}": (
        "spec.podSelector.matchExpressions[0].operator"
    ),
    "podSelector: {matchExpressions: [{key: a, operator: In}]}": (
        "spec.podSelector.matchExpressions[0].values"
    ),
    "podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}": (
        "spec.podSelector.matchExpressions[0].values"
    ),
    "podSelector: {matchLabels: {a b: c}}": "spec.podSelector.matchLabels[a b]",
    "podSelector: []": "spec.podSelector",
}


def _connections(say: Say, folder: Path) -> dict[str, Any]:
    said = say("connections", "-f", folder, "-o", "json")
    assert (0, "") == (said.exit_code, said.complaint)
    answer: dict[str, Any] = json.loads(said.output)
    return answer


@pytest.mark.parametrize("spec", INVALID)
def test_an_invalid_policy_is_left_out_and_named(spec: str, say: Say, tmp_path: Path) -> None:
    """Its file, document and field are told, and it isolates nothing, as if never applied."""
    file = tmp_path / "a.yaml"
    file.write_text(f"{POD}---\n{POLICY}  {spec}\n")
    answer = _connections(say, tmp_path)
    (gap,) = answer["gaps"]
    place = {"file": str(file), "document": "document 2, line 6", "field": INVALID[spec]}
    assert place == gap["source"]
    assert ("NetworkPolicy", "a", "np") == (gap["kind"], gap["namespace"], gap["name"])
    assert gap["effect"]
    assert ["all"] * 4 == [one["ports"] for one in answer["connections"]]


def test_an_unknown_field_is_a_gap_and_the_policy_counts(say: Say, tmp_path: Path) -> None:
    """The API server drops it: `ingres` opens nothing, and the policy denies."""
    (tmp_path / "a.yaml").write_text(f"{POD}---\n{DENY}  ingres: [{{}}]\n")
    answer = _connections(say, tmp_path)
    (gap,) = answer["gaps"]
    assert "spec.ingres" == gap["source"]["field"]
    assert all("addresses" not in one["source"] for one in answer["connections"])


@pytest.mark.parametrize("order", [(DENY, f"{DENY}  ingress: [{{}}]\n"), ("", DENY)])
def test_of_duplicates_the_last_counts(order: tuple[str, str], say: Say, tmp_path: Path) -> None:
    """Across files and within one, with a gap that names both places."""
    first, last = order
    (tmp_path / "a.yaml").write_text(f"{POD}---\n{first or f'{DENY}  ingress: [{{}}]'}\n")
    (tmp_path / "b.yaml").write_text(last)
    answer = _connections(say, tmp_path)
    (gap,) = answer["gaps"]
    assert str(tmp_path / "b.yaml") == gap["source"]["file"]
    assert f"{tmp_path / 'a.yaml'}, document 2, line 6" in gap["reason"]
    from_outside = [one for one in answer["connections"] if "addresses" in one["source"]]
    assert bool(from_outside) is ("ingress" in last)
