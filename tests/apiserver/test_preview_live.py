"""A preview is what the API server gives: each remediation is previewed, made, and compared."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.cli import main
from tests.apiserver.binaries import Binaries
from tests.apiserver.control_plane import ControlPlane

pytestmark = [pytest.mark.apiserver, pytest.mark.slow]

SHOP = Path(__file__).parents[1] / "clusters" / "shop" / "main"

JsonObject = dict[str, Any]
Print = Callable[..., JsonObject]


@pytest.fixture(scope="module")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """Run the shop, its pods on nodes, with addresses and owners."""
    with ControlPlane(binaries) as running:
        running.apply(SHOP)
        running.create_pods_of_controllers()
        yield running


@pytest.fixture
def show(capfdbinary: pytest.CaptureFixture[bytes]) -> Print:
    """Run a verb that prints JSON."""

    def run(*arguments: str | Path) -> JsonObject:
        capfdbinary.readouterr()
        assert 0 == main([str(one) for one in arguments])
        printed: JsonObject = json.loads(capfdbinary.readouterr().out)
        return printed

    return run


def _changes(drift: JsonObject) -> JsonObject:
    """What a drift says, without when, where and by whom."""
    policies = drift["policies"]
    return {
        "added": policies["added"],
        "removed": policies["removed"],
        "changed": [(one["key"], one["fields"]) for one in policies["changed"]],
        "connections": drift["connections"],
        "findings": drift["findings"],
        "scope": drift["scope"],
    }


def _exists(control_plane: ControlPlane, one: JsonObject) -> str:
    """The object as it is, as JSON; empty where there is none."""
    metadata = one["metadata"]
    return control_plane.kubectl(
        "get",
        one["kind"],
        metadata["name"],
        f"--namespace={metadata['namespace']}",
        "--ignore-not-found",
        "--output=json",
    )


def _as_written(stored: str) -> str:
    """An object as a file would hold it: without what the API server wrote."""
    found: JsonObject = json.loads(stored)
    metadata = found["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
    return json.dumps({**found, "metadata": kept})


def test_each_remediation_does_what_its_preview_shows(
    control_plane: ControlPlane, show: Print, tmp_path: Path
) -> None:
    """`kubectl replace`, or `create` where there is no such object: nothing else changes."""
    kubeconfig = control_plane.kubeconfig(tmp_path / "kubeconfig")
    before = tmp_path / "before.snapshot"
    assert 0 == main(["snapshot", "-q", "-o", str(before), "--kubeconfig", str(kubeconfig)])
    report = show("audit", "-f", before, "--no-store", "-q", "-o", tmp_path, "--print", "json")
    manifests = sorted(
        {one["remediation"]["manifest"] for one in report["findings"] if one["remediation"]}
        - {None}
    )
    assert len(manifests) > 10
    replaced = 0
    for number, manifest in enumerate(manifests):
        change, after = tmp_path / f"{number}.yaml", tmp_path / f"{number}.snapshot"
        change.write_text(manifest)
        previewed = show("preview", change, "-f", before, "-o", "json")
        objects = list(yaml.safe_load_all(manifest))
        former = [_exists(control_plane, one) for one in objects]
        for one, was in zip(objects, former, strict=True):
            verb = "replace" if was else "create"
            control_plane.kubectl(verb, "--filename=-", stdin=json.dumps(one))
            replaced += bool(was)
        assert 0 == main(["snapshot", "-q", "-o", str(after), "--kubeconfig", str(kubeconfig)])
        made = show("diff", before, after, "-o", "json")
        assert _changes(made) == _changes(previewed), manifest
        assert [*made["policies"]["added"], *made["policies"]["changed"]]
        for one, was in zip(objects, former, strict=True):
            if was:
                control_plane.kubectl("replace", "--filename=-", stdin=_as_written(was))
            else:
                control_plane.kubectl("delete", "--filename=-", stdin=json.dumps(one))
    assert 0 < replaced < len(manifests)
