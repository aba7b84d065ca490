"""The control plane as a fixture, one per test module, and the programs it needs."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.apiserver.binaries import Binaries, BinariesMissingError, find_binaries, find_helm
from tests.apiserver.control_plane import ControlPlane


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """Find the control plane's programs, or skip; with REQUIRE_APISERVER=1, fail instead."""
    try:
        return find_binaries()
    except BinariesMissingError as error:
        _do_without(error)


@pytest.fixture(scope="session")
def helm() -> Path:
    """Find helm, or skip; with REQUIRE_APISERVER=1, fail instead."""
    try:
        return find_helm()
    except BinariesMissingError as error:
        _do_without(error)


def _do_without(error: BinariesMissingError) -> NoReturn:
    if os.environ.get("REQUIRE_APISERVER") == "1":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))


@pytest.fixture(scope="module")
def control_plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """Run a control plane of the module's own.

    Without controllers a deleted namespace stays Terminating, so a clean slate is a new one; it
    takes three seconds.
    """
    with ControlPlane(binaries) as running:
        yield running
