"""What all tests share: an environment without the developer's own settings, and the scenarios."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import is_hypothesis_test, settings

if TYPE_CHECKING:
    from tests.delivery.servers import Authority

CLUSTERS = Path(__file__).parent / "clusters"
RENDERERS = ("reports.html.render_html", "reports.pdf.render_pdf")
"""Where the two renderers are looked up that take seconds."""

# A slow or shared machine makes examples slow, not wrong; a failure prints how to repeat it.
settings.register_profile("netpol-auditor", deadline=None, print_blob=True)
settings.load_profile("netpol-auditor")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage of random examples and of slow tests.

    Tracing doubles the time that they take, and a line that only chance or sheer size leads to
    counts as one that no test is about.
    """
    for item in items:
        slow = item.get_closest_marker("slow") is not None
        if slow or is_hypothesis_test(getattr(item, "function", None)):
            item.add_marker(pytest.mark.no_cover)


class FindCluster(Protocol):
    """The folder of a scenario's variant, which must exist."""

    def __call__(self, scenario: str, variant: str = "main") -> Path:
        """Return ``tests/clusters/<scenario>/<variant>``."""


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the command reads from the environment: tests set what they are about."""
    for name in os.environ:
        if name.startswith("NETPOL_AUDITOR_"):
            monkeypatch.delenv(name)
    for name in ("KUBERNETES_SERVICE_HOST", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM"):
        monkeypatch.delenv(name, raising=False)
    # Without it the developer's own cluster is the default source.
    monkeypatch.setenv("KUBECONFIG", str(CLUSTERS / "no-kubeconfig"))


@contextmanager
def spare_renderers() -> Iterator[None]:
    """Spare the slow renderers where a test is not about them: their files name the run alone."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in RENDERERS:
            monkeypatch.setattr(name, lambda audit: f"rendered {audit.report.run.id}".encode())
        yield


@pytest.fixture
def fast() -> Iterator[None]:
    """Spare the slow renderers in the whole test."""
    with spare_renderers():
        yield


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> "Authority":
    """Make an authority that signs for the servers of the tests."""
    from tests.delivery.servers import Authority

    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def cluster() -> FindCluster:
    """Find a scenario's manifests; a misspelt name is an error here, not an empty cluster later."""

    def find(scenario: str, variant: str = "main") -> Path:
        folder = CLUSTERS / scenario / variant
        if not folder.is_dir():
            message = f"scenario {scenario}/{variant} does not exist"
            raise FileNotFoundError(message)
        return folder

    return find
