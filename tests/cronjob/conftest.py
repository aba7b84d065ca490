"""The programs of the control plane, and what kustomize and helm render of `cronjob/`."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.apiserver.binaries import Binaries
from tests.apiserver.client import JsonObject
from tests.apiserver.conftest import binaries, control_plane, helm
from tests.cronjob.rendering import CHART, CHOICES, OVERLAYS, render_chart, render_kustomization

__all__ = ["binaries", "control_plane", "helm"]

Objects = list[JsonObject]
Render = Callable[..., Objects]


@pytest.fixture(scope="session")
def overlays(binaries: Binaries) -> Mapping[str, Objects]:
    """The objects of each overlay, by its name."""
    return {name: render_kustomization(binaries.kubectl, OVERLAYS / name) for name in CHOICES}


@pytest.fixture(scope="session")
def charts(helm: Path) -> Mapping[str, Objects]:
    """The objects of the chart with the values that stand for each overlay, by its name."""
    return {name: render_chart(helm, CHART / "ci" / f"{name}-values.yaml") for name in CHOICES}
