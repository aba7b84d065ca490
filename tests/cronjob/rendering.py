"""What kustomize and helm make of `cronjob/`."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import yaml

from tests.apiserver.client import JsonObject

CRONJOB = Path(__file__).parents[2] / "cronjob"
BASE = CRONJOB / "kustomize" / "base"
COMPONENTS = CRONJOB / "kustomize" / "components"
OVERLAYS = CRONJOB / "kustomize" / "overlays"
CHART = CRONJOB / "chart"
COREDNS = Path(__file__).with_name("coredns.yaml")
"""A cluster's own part: what the policies name of kube-system."""

CHOICES = ("postgresql", "sqlite-pvc", "weekly-mail")
"""The overlays; the chart has a file of values for each."""

NAMESPACE = "netpol-auditor"


def read_objects(text: str) -> list[JsonObject]:
    """Parse manifests: every document is an object."""
    return [one for one in yaml.safe_load_all(text) if one is not None]


def render_kustomization(kubectl: Path, folder: Path) -> list[JsonObject]:
    """Build a kustomization with the kustomize in kubectl.

    Raises:
        subprocess.CalledProcessError: kustomize refused it.

    """
    command: list[str | Path] = [kubectl, "kustomize", folder]
    return read_objects(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def template(helm: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """Render the chart as the release `netpol-auditor`; the exit code tells whether it could be."""
    command = [helm, "template", "netpol-auditor", CHART, "--namespace", NAMESPACE, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def render_chart(helm: Path, values: Path, *options: str) -> list[JsonObject]:
    """Render the chart with a file of values and further options of helm's."""
    rendered = template(helm, "--values", values, *options)
    assert not rendered.returncode, rendered.stderr
    return read_objects(rendered.stdout)


def write_objects(path: Path, objects: Iterable[JsonObject]) -> Path:
    """Write objects as one file of manifests, which JSON documents are, too."""
    path.write_text("---\n".join(f"{json.dumps(one)}\n" for one in objects))
    return path


def find(objects: Iterable[JsonObject], kind: str, name: str | None = None) -> JsonObject:
    """The one object of a kind (and of a name, if given)."""
    (found,) = (
        one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"])
    )
    return found
